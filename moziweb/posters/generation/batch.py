"""Making the posters of many sources: which ones need it, and several at a time.

Nothing is remembered between runs: what is left to do is asked of the database, page by page along
the ids, so a run that was stopped is simply started again.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final, Protocol

from sqlalchemy import ColumnElement, and_, func, select

from moziweb.db import Database
from moziweb.db.paging import keyset_rows

from ..models import PosterSource, PosterVariant, VariantState
from ..recipes import RECIPES
from .failure_policy import PAUSED
from .result import GenerationResult
from .service import PosterService

log = logging.getLogger(__name__)

PAGE: Final = 500
"""Sources looked up at a time."""

LOOK_EVERY: Final = 1.0
"""Seconds between two looks whether storage may be asked again."""

_HASHES: Final = frozenset(recipe.hash for recipe in RECIPES)


class Need(StrEnum):
    """Which sources a run is about."""

    MISSING = "missing"
    """Some variant of today's recipes is not ready."""
    STALE = "stale"
    """Some variant is still that of an older recipe, or of older content."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The sources of a run: those in need, or with ``movie_id`` all of one movie's."""

    need: Need = Need.MISSING
    movie_id: int | None = None

    def count(self, database: Database) -> int:
        """How many sources there are now."""
        with database.read() as session:
            return session.scalar(select(func.count(PosterSource.id)).where(self._where())) or 0

    def sources(self, database: Database) -> Iterator["DueSource"]:
        """The sources in the order of their ids; no session is open between two pages."""
        query = select(PosterSource.id, PosterSource.movie_id).where(self._where())
        return (DueSource(*row) for row in keyset_rows(database.read, query, PAGE))

    def _where(self) -> ColumnElement[bool]:
        if self.movie_id is not None:
            return PosterSource.movie_id == self.movie_id
        return _is_missing() if self.need is Need.MISSING else _is_stale()


@dataclass(frozen=True, slots=True)
class DueSource:
    """A source to be worked on."""

    id: int
    movie_id: int


@dataclass(frozen=True, slots=True)
class Done:
    """A source that was worked on, how that ended, and how many seconds it took."""

    source: DueSource
    outcome: GenerationResult
    seconds: float


class Pause(Protocol):
    """Tells whether to stand still for a while, and does it."""

    def is_set(self) -> bool:
        """Whether somebody has asked for it."""

    def pause(self) -> None:
        """Return when it is over."""


class NoPause:
    """Never stands still."""

    def is_set(self) -> bool:
        """Never."""
        return False

    def pause(self) -> None:
        """At once."""


def generate(
    service: PosterService,
    sources: Iterable[DueSource],
    jobs: int,
    stop: threading.Event,
    pause: Pause | None = None,
) -> Iterator[Done]:
    """Have the variants of ``sources`` made, ``jobs`` sources at a time, in no certain order.

    Once ``stop`` is set no further source is begun; those that are being made are finished. A
    ``pause`` begins when they are. While storage is left alone none is begun either: all that
    are left would be put off, one after the other.
    """
    pause = pause or NoPause()
    queue = iter(sources)
    with ThreadPoolExecutor(jobs, thread_name_prefix="posters") as pool:
        running: set[Future[Done]] = set()
        was_put_off = False
        while True:
            is_waiting = stop.is_set() or pause.is_set() or was_put_off
            free = 0 if is_waiting else jobs - len(running)
            running |= {pool.submit(_make, service, source) for source in islice(queue, free)}
            if not running and not stop.is_set() and (pause.is_set() or was_put_off):
                _stand_still(service, stop, pause)
                was_put_off = False
                continue
            if not running:
                return
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for done in (future.result() for future in finished):
                was_put_off |= done.outcome.code == PAUSED
                yield done


def _stand_still(service: PosterService, stop: threading.Event, pause: Pause) -> None:
    """Wait for whoever has asked for it, or for storage."""
    if pause.is_set():
        pause.pause()
    elif service.storage_rests():
        log.warning("storage has failed too often: waiting until it may be asked again")
        while service.storage_rests() and not pause.is_set() and not stop.wait(LOOK_EVERY):
            pass


def _make(service: PosterService, source: DueSource) -> Done:
    begun = time.monotonic()
    outcome = service.ensure_variants(source.id)
    return Done(source, outcome, time.monotonic() - begun)


def _ready() -> ColumnElement[bool]:
    return and_(
        PosterVariant.source_id == PosterSource.id, PosterVariant.state == VariantState.READY
    )


def _is_current() -> ColumnElement[bool]:
    return and_(
        PosterVariant.source_sha256 == PosterSource.sha256, PosterVariant.recipe_hash.in_(_HASHES)
    )


def _is_missing() -> ColumnElement[bool]:
    count = select(func.count(PosterVariant.id)).where(_ready(), _is_current())
    return count.correlate(PosterSource).scalar_subquery() < len(_HASHES)


def _is_stale() -> ColumnElement[bool]:
    return select(PosterVariant.id).where(_ready(), ~_is_current()).correlate(PosterSource).exists()
