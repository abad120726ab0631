"""A process whose threads request one poster from an application at the same moment.

Run by ``test_views`` as ``python -m tests.posters.crowd SETTINGS.json``. Every decode and every
upload is written to a log that all processes share; the answers go to standard output as JSON.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyramid.request import Request

from moziweb.posters.decoder import DecoderPool
from moziweb.services import services_of
from tests.posters.site import make_site

THREADS = 8


def main(told: dict[str, Any]) -> None:
    """Ask for ``path`` from eight threads once every process is ready."""
    log = Path(told["log"])

    def noted(word: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*args: Any, **named: Any) -> Any:
            with log.open("a") as lines:
                lines.write(f"{word} {args[0] if word == 'upload' else ''}\n")
            return call(*args, **named)

        return noting

    noted_decode = noted("decode", DecoderPool.make)
    setattr(DecoderPool, "make", noted_decode)  # noqa: B010 - mypy knows no such assignment
    app = make_site(told["settings"])
    storage: Any = services_of(app.registry).storage
    storage.put = noted("upload", storage.put)
    barrier = threading.Barrier(THREADS)
    answers: list[tuple[int, str]] = []

    def ask() -> None:
        request = Request.blank(told["path"])
        barrier.wait()
        response = request.get_response(app)
        answers.append((response.status_int, response.headers.get("Cache-Control", "")))

    say("ready")
    sys.stdin.readline()
    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say(json.dumps(answers))
    os._exit(0)  # pools and S3 clients need no shutdown


def say(line: str) -> None:
    """Write a line for the test."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
