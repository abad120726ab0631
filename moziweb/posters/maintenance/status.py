"""Status of all posters (states, failures by code and host), and retrying failed sources."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Row, Select, delete, func, select
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.db.paging import keyset_pages

from ..generation.host_breaker import STORAGE, host_of
from ..generation.leases import update_sources
from ..models import BACKGROUND_ONLY, PosterHost, PosterSource, PosterVariant, SourceState

_FAILING: Final = (SourceState.RETRY_WAIT, SourceState.FAILED)
_WAITING: Final = (SourceState.PENDING, SourceState.GENERATING, SourceState.RETRY_WAIT)
STATUS_ROWS_PER_QUERY: Final = 1_000

SLOW_VARIANT_COUNT: Final = 0.02
"""Seconds; faster counts are not kept."""

VARIANT_COUNT_AGE: Final = 60.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class PosterStatus:
    """The number of sources by state, and of failures by code and host.

    The host of a source without one is "". ``waiting`` is the number of sources that background
    workers have yet to make or to retry; it excludes drawn ones, which wait for a visitor.
    """

    sources: dict[str, int]
    failures: dict[tuple[str, str], int]
    hosts: Sequence[PosterHost]
    oldest_pending: datetime | None
    waiting: int


def poster_status(session: Session) -> PosterStatus:
    """The status now. Five queries."""
    is_pending = PosterSource.state == SourceState.PENDING
    pending = select(func.min(PosterSource.created_at)).where(is_pending)
    is_waiting = PosterSource.state.in_(_WAITING)
    waiting = select(func.count(PosterSource.id)).where(is_waiting, BACKGROUND_ONLY)
    return PosterStatus(
        sources=_counts(session, PosterSource),
        failures=dict(Counter(_failures(session)).most_common()),
        hosts=session.scalars(select(PosterHost).order_by(PosterHost.name)).all(),
        oldest_pending=session.scalar(pending),
        waiting=session.scalar(waiting) or 0,
    )


def variants_by_state(session: Session) -> dict[str, int]:
    """The number of variants by state. Reads all of them."""
    return _counts(session, PosterVariant)


class VariantCounts:
    """The number of variants by state; kept for a minute if counting is slow, on a large site.

    One per process; threads share it. ``clock`` is monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, int] = {}
        self._until = -math.inf

    def by_state(self, session: Session) -> dict[str, int]:
        """The counts, at most ``VARIANT_COUNT_AGE`` seconds old. One query."""
        began = self._clock()
        if began < self._until:
            return self._kept
        found = variants_by_state(session)
        ended = self._clock()
        if ended - began > SLOW_VARIANT_COUNT:
            self._kept, self._until = found, ended + VARIANT_COUNT_AGE
        return found


def _counts(session: Session, model: type[PosterSource] | type[PosterVariant]) -> dict[str, int]:
    rows = session.execute(select(model.state, func.count(model.id)).group_by(model.state))
    return {state.value: count for state, count in sorted(rows)}


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
