"""A process that makes posters and is killed at a options step.

``python -m tests.posters.dying`` reads lines of JSON: a step of ``STEPS`` and the id of a source.
For each it forks a process that makes the source's variants as a worker does and kills itself with
SIGKILL at that step; the answer is the number of the signal that ended it. A fork has all imports
done: starting a process for each step would take most of the test's time.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.orm import Session

from moziweb.db import Database, create_engine
from moziweb.posters.generation.leases import NotAcquiredReason, SourceLease, SourceLeases
from moziweb.posters.generation.readers import SourceBytes, SourceLocation, UploadReader
from moziweb.posters.generation.service import PosterService
from moziweb.posters.imaging.values import Limits, VariantSet
from moziweb.posters.imaging.variants import make_variants
from moziweb.posters.models import PosterVariant, SourceKind
from moziweb.posters.recipes import RECIPES, Recipe
from moziweb.storage import Storage, StoredObject
from moziweb.storage.s3 import S3Settings, S3Storage

UPLOADED: Final = tuple(f"uploaded {number}" for number in range(1, len(RECIPES) + 1))

STEPS: Final = (
    "acquiring",
    "acquired",
    "fetched",
    "decoded",
    *UPLOADED,
    "finished",
    "recorded",
    "published",
)
"""Each process is killed right after its step. ``acquiring`` is before the commit of the lease;
``finished`` and ``recorded`` are in the transaction that publishes, before and after its rows.
"""


@dataclass(frozen=True)
class Deadly:
    """Kills this process at its step."""

    step: str

    def __call__(self, step: str) -> None:
        if step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


class DyingLeases(SourceLeases):
    """Dies after acquiring or ending a lease."""

    at: Callable[[str], None]

    def try_acquire(
        self, source_id: int, wanted: frozenset[str]
    ) -> SourceLease | NotAcquiredReason:
        lease = super().try_acquire(source_id, wanted)
        self.at("acquired")
        return lease

    def finish(self, session: Session, lease: SourceLease, **columns: object) -> None:
        super().finish(session, lease, **columns)
        self.at("finished")


@dataclass
class DyingReader:
    """Dies after reading an upload."""

    reader: UploadReader
    at: Callable[[str], None]

    def read(self, source: SourceLocation) -> SourceBytes:
        found = self.reader.read(source)
        self.at("fetched")
        return found


@dataclass
class DyingStorage:
    """Dies after uploading an object."""

    storage: Storage
    at: Callable[[str], None]
    puts: int = 0

    def put(self, key: str, body: bytes, **headers: Any) -> StoredObject:
        stored = self.storage.put(key, body, **headers)
        self.puts += 1
        self.at(f"uploaded {self.puts}")
        return stored


def make_and_die(step: str, source_id: int, options: dict[str, Any]) -> None:
    """Make a source's variants and die at the step."""
    at, now = Deadly(step), datetime.fromisoformat(options["now"])
    engine = create_engine({"sqlalchemy.url": options["database_url"], "sqlalchemy.pool_size": 2})
    storage = S3Storage(S3Settings(**options["storage"]))
    leases = DyingLeases(Database(engine), lambda: now, timedelta(seconds=options["lease"]))
    leases.at = at

    def make(data: bytes, recipes: list[Recipe], limits: Limits, _on_wait: object) -> VariantSet:
        made = make_variants(data, recipes, limits)
        at("decoded")
        return made

    @event.listens_for(engine, "commit")
    def committing(_connection: object) -> None:
        at("acquiring")

    @event.listens_for(Session, "after_flush")
    def flushed(session: Session, _context: object) -> None:
        if any(isinstance(row, PosterVariant) for row in session.new):
            at("recorded")

    reader = DyingReader(UploadReader(storage), at)
    service = PosterService(
        Database(engine),
        DyingStorage(storage, at),  # type: ignore[arg-type]
        {SourceKind.UPLOAD: reader},
        leases,
        lambda: now,
        maker=make,  # type: ignore[arg-type]
    )
    service.ensure_variants(source_id)
    at("published")


def main() -> None:
    """Serve steps until standard input ends."""
    options = json.loads(sys.stdin.readline())
    for line in sys.stdin:
        step, source_id = json.loads(line)
        child = os.fork()
        if not child:
            with suppress(BaseException):
                make_and_die(step, source_id, options)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
