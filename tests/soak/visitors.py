"""Clients of the site during a run; each is a process.

``python -m tests.soak.visitors read|post|write SEED FILE TARGET…``: ``read`` appends a line of JSON
to FILE for each page; ``post`` writes through the site; ``write`` writes to the database as a
command does, with the ini keys in FILE. All run until they are killed.
"""

import contextlib
import http.client
import json
import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from moziweb.services import services_of

VERSION = re.compile(rb"Soak (\d+) version (\d+)\.")
DAY = re.compile(r"DTSTART;VALUE=DATE:(\d{8})")
TIMEOUT = 10.0
UNANSWERED = 0
"""The status of a read that was refused, cut off or timed out."""

FAILURES = (OSError, http.client.HTTPException)

Ask = Callable[[str, str], tuple[int, str, bytes]]


def versions_of(page: bytes) -> dict[int, int]:
    """The versions on a page by movie; the oldest if there are several."""
    shown: dict[int, int] = {}
    for movie, version in VERSION.findall(page):
        known = shown.get(int(movie), sys.maxsize)
        shown[int(movie)] = min(known, int(version))
    return shown


def facts_in(page: bytes) -> dict[int, str]:
    """The date of each premiere of a calendar or of ``/api/main/``, and whether it is cancelled.

    By movie, as ``pages.facts_of`` writes them; empty for other pages.
    """
    if page.startswith(b"BEGIN:VCALENDAR"):
        events = page.replace(b"\r\n ", b"").decode().split("BEGIN:VEVENT")[1:]
        found = [
            (event, date.fromisoformat(DAY.findall(event)[0]), "STATUS:CANCELLED" in event)
            for event in events
        ]
    elif page.startswith(b"{"):
        found = [
            (each["movie"]["title"], each["premiere"]["date"], each["premiere"]["cancelled"])
            for each in json.loads(page).get("premieres", ())
        ]
    else:
        return {}
    return {
        movie: f"{day}{' cancelled' if is_cancelled else ''}"
        for text, day, is_cancelled in found
        for movie in versions_of(text.encode())
    }


def asker(port: int) -> Ask:
    """Requests to a web process, each on a new connection."""

    def ask(method: str, path: str) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        with contextlib.closing(connection):
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.headers.get("X-Cache", ""), response.read()

    return ask


def read(chance: random.Random, file: Path, ports: Sequence[str], *paths: Sequence[str]) -> None:
    """Read pages, and log their time, status, versions and facts.

    Each group of ``paths`` is read as often as another one, so the pages of a small group often at
    the same time as other readers read them.
    """
    askers = {int(port): asker(int(port)) for port in ports}
    with file.open("a", buffering=1) as notes:
        while True:
            path, port = chance.choice(chance.choice(paths)), chance.choice(list(askers))
            began = time.time()
            try:
                status, cache, page = askers[port]("GET", path)
            except FAILURES:
                status, cache, page = UNANSWERED, "", b""
            shown = {str(movie): version for movie, version in versions_of(page).items()}
            note = {"at": began, "path": path, "status": status, "cache": cache, "shown": shown}
            note |= {"took": time.time() - began, "port": port, "facts": facts_in(page)}
            notes.write(json.dumps(note) + "\n")
            time.sleep(chance.random() * 0.01 if status else 0.02)


def post(chance: random.Random, ports: Sequence[str], movies: Sequence[str]) -> None:
    """Write through the site."""
    from tests.soak.states import some_edits  # here, so that readers start fast

    while True:
        with contextlib.suppress(*FAILURES):
            edits = ",".join(some_edits(chance))
            path = f"/soak/{chance.choice(movies)}?edits={edits}"
            asker(int(chance.choice(ports)))("POST", path)
        time.sleep(chance.random() * 0.2)


def write(chance: random.Random, file: Path, movies: Sequence[str]) -> None:
    """Write in transactions of this process, which publishes as every process does."""
    # Imported here, so that readers start fast.
    from sqlalchemy.exc import SQLAlchemyError

    from tests.soak.app import main as make_app
    from tests.soak.states import some_edits
    from tests.soak.states import write as edit

    database = services_of(make_app({}, **json.loads(file.read_text())).registry).database
    while True:
        with contextlib.suppress(SQLAlchemyError), database.write() as session:
            edit(session, int(chance.choice(movies)), some_edits(chance))
        time.sleep(chance.random() * 0.2)


def main() -> None:
    """Run one client."""
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
