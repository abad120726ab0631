"""Those who use the site while it is maltreated, each a process of its own.

``python -m tests.soak.visitors read|post|write SEED FILE TARGET…``: ``read`` notes each page it was
served as a line of JSON in FILE; ``post`` writes through the site; ``write`` writes as a command
beside the site does, with its ini keys in FILE. All go on until they are killed.
"""

import contextlib
import http.client
import json
import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from moziweb.services import services_of

VERSION = re.compile(rb"Soak (\d+) version (\d+)\.")
TIMEOUT = 10.0
UNANSWERED = 0
"""The status of a read that was refused, broken off, or waited for in vain."""

FAILURES = (OSError, http.client.HTTPException)

Ask = Callable[[str, str], tuple[int, str, bytes]]


def versions_of(page: bytes) -> dict[int, int]:
    """The versions that a page shows, by film: the oldest, where it shows several."""
    shown: dict[int, int] = {}
    for movie, version in VERSION.findall(page):
        known = shown.get(int(movie), sys.maxsize)
        shown[int(movie)] = min(known, int(version))
    return shown


def asker(port: int) -> Ask:
    """Requests to a web process, each on a connection of its own."""

    def ask(method: str, path: str) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        with contextlib.closing(connection):
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.headers.get("X-Cache", ""), response.read()

    return ask


def read(chance: random.Random, file: Path, ports: Sequence[str], paths: Sequence[str]) -> None:
    """Read pages, and note what they showed, when they were asked for, and where there was none."""
    askers = {int(port): asker(int(port)) for port in ports}
    with file.open("a", buffering=1) as notes:
        while True:
            path, port, began = chance.choice(paths), chance.choice(list(askers)), time.time()
            try:
                status, cache, page = askers[port]("GET", path)
            except FAILURES:
                status, cache, page = UNANSWERED, "", b""
            shown = {str(movie): version for movie, version in versions_of(page).items()}
            note = {"at": began, "path": path, "status": status, "cache": cache, "shown": shown}
            note |= {"took": time.time() - began, "port": port}
            notes.write(json.dumps(note) + "\n")
            time.sleep(chance.random() * 0.01 if status else 0.02)


def post(chance: random.Random, ports: Sequence[str], movies: Sequence[str]) -> None:
    """Write through the site."""
    while True:
        with contextlib.suppress(*FAILURES):
            asker(int(chance.choice(ports)))("POST", f"/soak/{chance.choice(movies)}")
        time.sleep(chance.random() * 0.2)


def write(chance: random.Random, file: Path, movies: Sequence[str]) -> None:
    """Write in transactions of one's own, publishing as every process does."""
    # Not above: readers are at work at once without them.
    from sqlalchemy.exc import SQLAlchemyError

    from tests.soak.app import main as make_app
    from tests.soak.app import write as write_version

    database = services_of(make_app({}, **json.loads(file.read_text())).registry).database
    while True:
        with contextlib.suppress(SQLAlchemyError), database.write() as session:
            write_version(session, int(chance.choice(movies)))
        time.sleep(chance.random() * 0.2)


def main() -> None:
    """Be one of them."""
    what, seed, file, *given = sys.argv[1:]
    chance = random.Random(int(seed))
    lists = [each.split(",") for each in given]
    if what == "read":
        read(chance, Path(file), *lists)
    elif what == "post":
        post(chance, *lists)
    else:
        write(chance, Path(file), *lists)


if __name__ == "__main__":
    main()
