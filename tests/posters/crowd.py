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
from moziweb.posters.generation import admission
from moziweb.services import services_of
from tests.posters.site import make_site

THREADS = 8


def main(options: dict[str, Any]) -> None:
    """Request ``path`` from eight threads once every process is ready."""
    admission.MAX_REQUEST_SECONDS = 60.0  # type: ignore[misc]  # a busy machine takes longer
    log = Path(options["log"])

    def logged(event: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def logging_call(*args: Any, **named: Any) -> Any:
            with log.open("a") as lines:
                lines.write(f"{event} {args[0] if event == 'upload' else ''}\n")
            return call(*args, **named)

        return logging_call

    logged_decode = logged("decode", DecoderPool.make)
    setattr(DecoderPool, "make", logged_decode)  # noqa: B010 - mypy knows no such assignment
    app = make_site(options["settings"])
    storage: Any = services_of(app.registry).storage
    storage.put = logged("upload", storage.put)
    barrier = threading.Barrier(THREADS)
    answers: list[tuple[int, str]] = []

    def ask() -> None:
        request = Request.blank(options["path"])
        barrier.wait()
        response = request.get_response(app)
        answers.append((response.status_int, response.headers.get("Cache-Control", "")))

    send("ready")
    sys.stdin.readline()
    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    send(json.dumps(answers))
    os._exit(0)  # pools and S3 clients need no shutdown


def send(line: str) -> None:
    """Write a line for the test."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
