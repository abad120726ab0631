"""Makes the variants of many sources: selects the sources, and works on several at a time.

A run keeps no state. The sources that are left are read from the database page by page, so a run
that was stopped continues when it is started again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from sqlalchemy import ColumnElement, and_, func, select

from moziweb.bounded_map import bounded_map
from moziweb.db import Database
from moziweb.db.paging import keyset_rows

from ..models import PosterSource, PosterVariant, VariantState
from ..recipes import RECIPES
from .error_codes import ServiceCode
from .result import GenerationResult

if TYPE_CHECKING:
    from .service import PosterService

log = logging.getLogger(__name__)

SOURCES_PER_QUERY: Final = 500
"""Sources in one query."""

STORAGE_POLL_SECONDS: Final = 1.0
"""How often a waiting run asks whether storage's circuit breaker has closed."""

_HASHES: Final = frozenset(recipe.hash for recipe in RECIPES)


class SourceFilter(StrEnum):
    """Which sources a run selects."""

    MISSING = "missing"
    """A variant of today's recipes is not ready."""
    STALE = "stale"
    """A ready variant is of an older recipe, or of older content."""


@dataclass(frozen=True, slots=True)
class SourceQuery:
    """The sources of a run: those that match ``filter``, or with ``movie_id`` all of a movie's."""

    filter: SourceFilter = SourceFilter.MISSING
    movie_id: int | None = None

    def count(self, database: Database) -> int:
        """The number of sources now."""
        with database.read() as session:
            return session.scalar(select(func.count(PosterSource.id)).where(self._where())) or 0

    def sources(self, database: Database) -> Iterator[DueSource]:
        """The sources in the order of their ids; no session is open between two pages."""
        query = select(PosterSource.id, PosterSource.movie_id).where(self._where())
        return (DueSource(*row) for row in keyset_rows(database.read, query, SOURCES_PER_QUERY))

    def _where(self) -> ColumnElement[bool]:
        if self.movie_id is not None:
            return PosterSource.movie_id == self.movie_id
        return _is_missing() if self.filter is SourceFilter.MISSING else _is_stale()


@dataclass(frozen=True, slots=True)
class DueSource:
    """A source to work on."""

    id: int
    movie_id: int


@dataclass(frozen=True, slots=True)
class SourceResult:
    """The result of one source, and how many seconds it took."""

    source: DueSource
    result: GenerationResult
    seconds: float


class Pause(Protocol):
    """A request to pause the run, such as Ctrl-Z."""

    def is_set(self) -> bool:
        """Whether a pause is requested."""

    def pause(self) -> None:
        """Pause; returns when the run may continue."""


def generate(
    service: PosterService,
    sources: Iterable[DueSource],
    jobs: int,
    stop: threading.Event,
    pause: Pause | None = None,
) -> Iterator[SourceResult]:
    """Make the variants of ``sources``, ``jobs`` sources at a time, in no certain order.

    Once ``stop`` is set no source is started; those that are being made are finished first, as they
    are before a ``pause``. While storage's circuit breaker is open none is started either: all that
    are left would be postponed, one after the other.
    """
    condition = _BatchPauseCondition(service, stop, pause)
    return bounded_map(partial(_make, service, condition), sources, jobs, stop, condition)


class _BatchPauseCondition:
    """Pauses a run on request, and while storage's circuit breaker is open."""

    def __init__(self, service: PosterService, stop: threading.Event, pause: Pause | None) -> None:
        self._service = service
        self._stop = stop
        self._pause = pause
        self._has_postponed = False

    def record(self, result: GenerationResult) -> None:
        if result.code == ServiceCode.HOST_PAUSED:
            self._has_postponed = True

    def is_paused(self) -> bool:
        return self._has_postponed or self._is_pausing()

    def wait(self) -> None:
        if self._pause is not None and self._pause.is_set():
            self._pause.pause()
        elif self._service.is_storage_paused():
            log.warning("storage has failed too often: waiting until its circuit breaker closes")
            while self._service.is_storage_paused() and not self._is_pausing():
                if self._stop.wait(STORAGE_POLL_SECONDS):
                    break
        self._has_postponed = False

    def _is_pausing(self) -> bool:
        return self._pause is not None and self._pause.is_set()


def _make(service: PosterService, pauses: _BatchPauseCondition, source: DueSource) -> SourceResult:
    started = time.monotonic()
    result = service.ensure_variants(source.id)
    pauses.record(result)
    return SourceResult(source, result, time.monotonic() - started)


def _ready() -> ColumnElement[bool]:
    is_of_source = PosterVariant.source_id == PosterSource.id
    return and_(is_of_source, PosterVariant.state == VariantState.READY)


def _is_current() -> ColumnElement[bool]:
    is_same_content = PosterVariant.source_sha256 == PosterSource.sha256
    return and_(is_same_content, PosterVariant.recipe_hash.in_(_HASHES))


def _is_missing() -> ColumnElement[bool]:
    count = select(func.count(PosterVariant.id)).where(_ready(), _is_current())
    return count.correlate(PosterSource).scalar_subquery() < len(_HASHES)


def _is_stale() -> ColumnElement[bool]:
    return select(PosterVariant.id).where(_ready(), ~_is_current()).correlate(PosterSource).exists()
