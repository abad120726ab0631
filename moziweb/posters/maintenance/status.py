"""Status of all posters (states, failures by code and host), and retrying failed sources."""

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeAlias, TypeVar

from sqlalchemy import Row, Select, String, delete, func, literal, select, type_coerce, union_all
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.db.paging import keyset_pages

from ..generation.host_breaker import STORAGE, host_of
from ..generation.leases import update_sources
from ..models import BACKGROUND_ONLY, PosterHost, PosterSource, PosterVariant, SourceState

_FAILING: Final = (SourceState.RETRY_WAIT, SourceState.FAILED)
_WAITING: Final = (SourceState.PENDING, SourceState.GENERATING, SourceState.RETRY_WAIT)
_SOURCE_STATE: Final = type_coerce(PosterSource.state, String)
_VARIANT_STATE: Final = type_coerce(PosterVariant.state, String)
STATUS_ROWS_PER_QUERY: Final = 1_000

IDS_PER_COUNT: Final = 200_000
"""The ids of variants that one query of a command counts, so that it can report progress."""

COUNTED_BY_REQUESTS: Final = 20_000
"""The greatest id of the rows to count up to which a request counts them itself."""

COUNT_AGE: Final = 60.0
"""Seconds until a large site is counted again."""

COUNTING_SHARE: Final = 0.02
"""The most of a process's time that it counts."""

log: Final = logging.getLogger(__name__)

_Counts = TypeVar("_Counts")

_Counted: TypeAlias = type[PosterSource] | type[PosterVariant]


@dataclass(frozen=True, slots=True)
class PosterStatus:
    """The number of failures by code and host, and of what waits.

    The host of a source without one is "". ``waiting`` is the number of sources that background
    workers have yet to make or to retry; it excludes drawn ones, which wait for a visitor.
    """

    failures: dict[tuple[str, str], int]
    hosts: Sequence[PosterHost]
    oldest_pending: datetime | None
    waiting: int


def poster_status(session: Session) -> PosterStatus:
    """The status now. Three queries."""
    is_pending = PosterSource.state == SourceState.PENDING
    pending = select(func.min(PosterSource.created_at)).where(is_pending)
    is_waiting = PosterSource.state.in_(_WAITING)
    waiting = select(func.count(PosterSource.id)).where(is_waiting, BACKGROUND_ONLY)
    oldest, count = session.execute(
        select(pending.scalar_subquery(), waiting.scalar_subquery())
    ).one()
    return PosterStatus(
        failures=dict(Counter(_failures(session)).most_common()),
        hosts=session.scalars(select(PosterHost).order_by(PosterHost.name)).all(),
        oldest_pending=oldest,
        waiting=count,
    )


@dataclass(frozen=True, slots=True)
class PosterCounts:
    """The numbers of sources and of variants by state, and when they were counted."""

    at: datetime
    sources: dict[str, int]
    variants: dict[str, int]

    @classmethod
    def of(cls, session: Session, now: datetime) -> "PosterCounts":
        """Counts. One query, so of one moment; it reads all sources and all variants."""
        by_state: dict[str, dict[str, int]] = {"sources": {}, "variants": {}}
        parts = (
            select(literal(name), state, func.count()).group_by(state)
            for name, state in (("sources", _SOURCE_STATE), ("variants", _VARIANT_STATE))
        )
        for name, state, count in sorted(session.execute(union_all(*parts))):
            by_state[name][state] = count
        return cls(now, **by_state)

    @classmethod
    def reported(
        cls, session: Session, now: datetime, progress: Callable[[int], None]
    ) -> "PosterCounts":
        """As ``of``, in many queries; ``progress`` gets the number counted after each of them."""
        states = select(_SOURCE_STATE, func.count()).group_by(_SOURCE_STATE)
        sources: dict[str, int] = dict(session.execute(states).all())
        variants = Counter[str]()
        progress(sum(sources.values()))
        states = select(_VARIANT_STATE, func.count()).group_by(_VARIANT_STATE)
        greatest = session.scalar(select(func.max(PosterVariant.id))) or 0
        for last in range(0, greatest, IDS_PER_COUNT):
            is_next = PosterVariant.id.between(last + 1, last + IDS_PER_COUNT)
            variants.update(dict(session.execute(states.where(is_next)).all()))
            progress(sum(sources.values()) + variants.total())
        return cls(now, dict(sorted(sources.items())), dict(sorted(variants.items())))


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """The number of sources by state, and how long the oldest has waited for a background worker.

    ``age`` is in seconds, when they were counted, since the creation of the oldest source that no
    attempt was made for; 0 if there is none.
    """

    by_state: dict[SourceState, int]
    age: float

    @classmethod
    def of(cls, session: Session, now: datetime) -> "SourceCounts":
        """Counts. Two queries; they read all sources and no variant."""
        states = select(PosterSource.state, func.count()).group_by(PosterSource.state)
        is_waiting = PosterSource.state == SourceState.PENDING
        query = select(func.min(PosterSource.created_at)).where(is_waiting, BACKGROUND_ONLY)
        oldest = session.scalar(query)
        age = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
        return cls(dict(session.execute(states).all()), age)


def estimate_count(session: Session) -> int:
    """About how many sources and variants there are: the greatest ids, which cost nothing."""
    return sum(_greatest_id(session, [each]) for each in (PosterSource, PosterVariant))


class PosterCounter(Generic[_Counts]):
    """Counts posters for a dashboard: on a large site in a thread, not in a request.

    Nothing is added up, so no writer and no crash can make a count wrong. One per process and kind
    of counts; threads share it. ``count`` counts, at a time, the rows of ``models``; ``clock`` is
    monotonic. ``has_failed`` is whether the last attempt to count failed.
    """

    def __init__(
        self,
        database: Database,
        count: Callable[[Session, datetime], _Counts],
        clock: Callable[[], float] = time.monotonic,
        models: Sequence[_Counted] = (PosterSource, PosterVariant),
    ) -> None:
        self.has_failed = False
        self._models = models
        self._database = database
        self._count = count
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: _Counts | None = None
        self._next = -math.inf

    def latest(self, session: Session, now: datetime) -> _Counts | None:
        """The counts: those of now on a small site; None before a large one is counted.

        Those of a large site are older than ``COUNT_AGE`` only until the thread has counted again,
        or if counting takes more than ``COUNTING_SHARE`` of that. One query; two on a small site.
        """
        if _greatest_id(session, self._models) <= COUNTED_BY_REQUESTS:
            return self._count(session, now)
        with self._lock:
            if self._clock() >= self._next:
                self._next = math.inf
                self._start(now)
            return self._kept

    def _start(self, now: datetime) -> None:
        name = "poster-counts"
        try:
            threading.Thread(target=self._count_now, args=(now,), name=name, daemon=True).start()
        except RuntimeError as error:  # no more threads
            log.warning("posters are not counted: %s", error)
            self.has_failed = True
            self._next = self._clock() + COUNT_AGE

    def _count_now(self, now: datetime) -> None:
        began = self._clock()
        found = None
        try:
            with self._database.read() as session:
                found = self._count(session, now)
        except SQLAlchemyError as error:
            log.warning("posters are not counted: %s", str(error).partition("\n")[0])
        finally:
            ended = self._clock()
            with self._lock:
                self._kept = found or self._kept
                self.has_failed = found is None
                self._next = ended + max(COUNT_AGE, (ended - began) / COUNTING_SHARE)


def _greatest_id(session: Session, models: Sequence[_Counted]) -> int:
    greatest = (select(func.max(each.id)).scalar_subquery() for each in models)
    return max(each or 0 for each in session.execute(select(*greatest)).one())


def _failures(session: Session) -> Iterator[tuple[str, str]]:
    """Code and host of each failed source."""
    query = select(PosterSource.error_code, PosterSource.url).where(
        PosterSource.state.in_(_FAILING)
    )
    for code, url in session.execute(query.execution_options(yield_per=STATUS_ROWS_PER_QUERY)):
        yield code or "", host_of(url) or ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Which failed sources to retry: all, or those of a code, a host or a movie."""

    code: str | None = None
    host: str | None = None
    movie_id: int | None = None


def retry(
    database: Database, what: Retry, on_retried: Callable[[Session, int], None] | None = None
) -> int:
    """Make failed sources pending, as if they had never failed; returns how many.

    ``on_retried`` is called with the number of sources of each transaction, in it.
    The circuit breakers of their hosts are reset, and that of storage unless ``what`` has a host.
    """
    retried = 0
    for page in keyset_pages(database.read, _failed_sources(what), STATUS_ROWS_PER_QUERY):
        with database.write() as session:
            count = len(_retry_page(session, what, page))
            if count and on_retried is not None:
                on_retried(session, count)
            retried += count
    return retried


def retry_in(session: Session, what: Retry) -> list[int]:
    """As `retry`, in the caller's transaction; returns the ids of the sources."""
    pages = keyset_pages(lambda: nullcontext(session), _failed_sources(what), STATUS_ROWS_PER_QUERY)
    return [source_id for page in pages for source_id in _retry_page(session, what, page)]


def _failed_sources(what: Retry) -> Select[int, str | None]:
    query = select(PosterSource.id, PosterSource.url).where(PosterSource.state.in_(_FAILING))
    if what.code is not None:
        query = query.where(PosterSource.error_code == what.code)
    if what.movie_id is not None:
        query = query.where(PosterSource.movie_id == what.movie_id)
    return query


def _retry_page(session: Session, what: Retry, page: Sequence[Row[int, str | None]]) -> list[int]:
    selected = [(source_id, url) for source_id, url in page if what.host in (None, host_of(url))]
    _reset_breakers(session, {host_of(url) for _, url in selected}, storage=what.host is None)
    is_selected = PosterSource.id.in_([source_id for source_id, _ in selected])
    where = is_selected & PosterSource.state.in_(_FAILING)
    return update_sources(
        session, where, state=SourceState.PENDING, attempts=0, next_attempt_at=None, error_code=None
    )


def _reset_breakers(session: Session, hosts: set[str | None], *, storage: bool) -> None:
    names = (hosts - {None}) | ({STORAGE} if storage else set())
    session.execute(delete(PosterHost).where(PosterHost.name.in_(names)))
