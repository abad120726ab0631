"""Leases on sources: one worker at a time for each source, in all threads, processes and machines.

Within a process a set of source ids keeps threads apart without a query. Between processes one
conditional UPDATE takes the lease (`SourceLeases.try_acquire`), and it is committed before the work
begins: no transaction is open while an image is fetched, decoded or uploaded. The lease of a worker
that dies expires; a worker that has lost its lease no longer finds its token and publishes nothing.

The lease is separate from the state: code that removes a source's objects takes its lease, too
(``maintenance.movie_locks``), so that nothing is made and removed at the same time.
"""

import random
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, case, or_, select, update
from sqlalchemy.orm import Session

from moziweb.cache import TAGS_OPTION
from moziweb.db import Database
from moziweb.movies.models import Movie

from ..cache_tags import source_tag
from ..fetching.errors import Validators
from ..models import PosterSource, PosterVariant, SourceKind, SourceState, VariantState
from ..recipes import Point
from .selection import OnChosen, choose_if_awaited

MIN_RETRY_DELAY = timedelta(minutes=1)
MAX_RETRY_DELAY = timedelta(hours=24)

REVALIDATION_INTERVAL = timedelta(days=7)
"""How long after it was made an external image is revalidated at its server."""

PERMANENT_FAILURE_DELAY = timedelta(days=7)
"""How long a source with a permanent error is not retried, unless it changes."""

_UNTIMED = (SourceState.PENDING, SourceState.READY, SourceState.GENERATING)
_WAITING = (SourceState.RETRY_WAIT, SourceState.FAILED)


class LeaseLostError(Exception):
    """The lease expired and another worker took it, or the source was replaced."""


class NotAcquiredReason(StrEnum):
    """Why the lease of a source was not acquired."""

    COMPLETE = "complete"
    """Every requested variant is ready."""
    BUSY = "busy"
    """Another worker holds the lease."""
    BACKING_OFF = "held"
    """It failed, and its next attempt is not due yet."""
    UNKNOWN = "unknown"
    """There is no such source."""


@dataclass(slots=True)
class SourceLease:
    """A lease that this process holds, with the columns that making the variants needs.

    ``sha256`` is the source's content when the lease was acquired. ``ready`` holds the recipe
    hashes of the variants that are ready for it; it is empty when all are to be made again.
    ``until`` is when the lease expires; `SourceLeases.renew` moves it. With ``validators`` no
    variant is missing: they are made again only if the image has changed.
    """

    source_id: int
    movie_id: int
    slug: str
    kind: SourceKind
    url: str | None
    key: str | None
    sha256: str | None
    focal: Point
    attempts: int
    ready: frozenset[str]
    token: str
    until: datetime
    validators: Validators | None


def retry_delay(attempts: int, jitter: float, retry_after: float | None = None) -> timedelta:
    """The delay after a temporary failure: 1 minute x 2^``attempts``, at most a day.

    ``attempts`` counts the earlier failures. ``jitter``, from 0 to 1, changes the delay by up to a
    quarter, so that sources that failed together are not retried together. ``retry_after``, in
    seconds, comes from the server and can only lengthen the delay.
    """
    delay = MIN_RETRY_DELAY * float(2 ** min(attempts, 11)) * (0.75 + jitter / 2)
    return min(max(delay, timedelta(seconds=min(retry_after or 0, 86_400))), MAX_RETRY_DELAY)


class SourceLeases:
    """Acquires, renews and ends leases. One per process; threads share it.

    ``clock`` returns aware datetimes; ``duration`` is how long a lease holds without renewal;
    ``jitter`` returns numbers from 0 to 1. ``on_chosen`` is called with the session and the source
    if a source becomes its movie's poster, in the transaction of that.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        duration: timedelta,
        jitter: Callable[[], float] = random.random,
        on_chosen: OnChosen | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._duration = duration
        self._jitter = jitter
        self._on_chosen = on_chosen
        self._in_process: set[int] = set()
        self._lock = threading.Lock()

    @contextmanager
    def only_in_process(self, source_id: int) -> Iterator[bool]:
        """Whether the caller is the only thread of this process on this source, for a block."""
        with self._lock:
            is_alone = source_id not in self._in_process
            if is_alone:
                self._in_process.add(source_id)
        try:
            yield is_alone
        finally:
            if is_alone:
                with self._lock:
                    self._in_process.discard(source_id)

    def try_acquire(
        self, source_id: int, recipe_hashes: frozenset[str]
    ) -> SourceLease | NotAcquiredReason:
        """Acquire the lease of a source to make these recipes, or return why not."""
        now = self._clock()
        with self._database.read() as session:
            reason = _not_acquired_reason(session, source_id, recipe_hashes, now)
        if reason:
            return reason
        with self._database.write() as session:
            return self._acquire(session, source_id, recipe_hashes, now)

    def _acquire(
        self, session: Session, source_id: int, recipe_hashes: frozenset[str], now: datetime
    ) -> SourceLease | NotAcquiredReason:
        token, until = secrets.token_hex(16), now + self._duration
        is_acquired = update_sources(
            session,
            and_(PosterSource.id == source_id, is_acquirable(now)),
            state=SourceState.GENERATING,
            lease_token=token,
            lease_until=until,
        )
        if not is_acquired:
            return NotAcquiredReason.BUSY
        source = session.get_one(PosterSource, source_id)
        ready = _ready_recipes(session, source)
        is_complete = recipe_hashes <= ready
        if is_complete and not _is_revalidation_due(source, now):
            # Another worker published between the SELECT and the UPDATE.
            is_source = PosterSource.id == source_id
            update_sources(session, is_source, **self._ready_columns(source.kind), **NO_LEASE)
            self._choose_if_awaited(session, source)
            return NotAcquiredReason.COMPLETE
        movie = session.get_one(Movie, source.movie_id)
        validators = Validators(source.etag, source.last_modified, source.final_url)
        return SourceLease(
            source_id=source.id,
            movie_id=movie.id,
            slug=movie.slug,
            kind=source.kind,
            url=source.url,
            key=source.key,
            sha256=source.sha256,
            focal=(source.focal_x, source.focal_y),
            attempts=source.attempts,
            ready=ready,
            token=token,
            until=until,
            validators=validators if is_complete else None,
        )

    def _next_revalidation(self, kind: SourceKind) -> datetime | None:
        """When to revalidate an external image: spread over half a week."""
        if kind is not SourceKind.URL:
            return None
        return self._clock() + REVALIDATION_INTERVAL * (0.75 + self._jitter() / 2)

    def renew(self, lease: SourceLease) -> None:
        """Extend the lease once a third of it is gone; raises ``LeaseLostError``.

        Most sources are made before that and cost no write.
        """
        now = self._clock()
        if lease.until - now > self._duration * 2 / 3:
            return
        until = now + self._duration
        with self._database.write() as session:
            if not update_sources(session, is_held(lease), lease_until=until):
                raise LeaseLostError
        lease.until = until

    def release(self, lease: SourceLease) -> None:
        """Release the lease, if it is still ours, as if it had never been acquired."""
        ours = and_(PosterSource.id == lease.source_id, PosterSource.lease_token == lease.token)
        with self._database.write() as session:
            update_sources(session, ours, **RELEASED)

    def postpone(self, lease: SourceLease, until: datetime, code: str) -> None:
        """End the lease without counting a failure; the next attempt is due at ``until``.

        ``code`` is the reason. The attempts are spread over as much time again, at most a minute.
        Raises ``LeaseLostError``.
        """
        spread = min(max(until - self._clock(), timedelta(0)), MIN_RETRY_DELAY)
        self._end(
            lease,
            state=SourceState.RETRY_WAIT,
            next_attempt_at=until + spread * self._jitter(),
            error_code=code,
        )

    def fail(
        self, lease: SourceLease, code: str, *, permanent: bool, retry_after: float | None = None
    ) -> None:
        """End the lease with an error of stable ``code``; raises ``LeaseLostError``.

        The next attempt is due in a week after a permanent error, else after `retry_delay`.
        """
        delay = PERMANENT_FAILURE_DELAY
        if not permanent:
            delay = retry_delay(lease.attempts, self._jitter(), retry_after)
        self._end(
            lease,
            state=SourceState.FAILED if permanent else SourceState.RETRY_WAIT,
            attempts=lease.attempts + 1,
            next_attempt_at=self._clock() + delay,
            error_code=code,
        )

    def finish_unchanged(self, lease: SourceLease, **columns: object) -> None:
        """End the lease of a source whose image has not changed; raises ``LeaseLostError``.

        ``columns`` are values of the source that no page shows.
        """
        self._end(lease, **self._ready_columns(lease.kind), **columns)

    def finish(self, session: Session, lease: SourceLease, **columns: object) -> None:
        """End the lease in the transaction that publishes; raises ``LeaseLostError``.

        ``columns`` are values of the source. The row stays locked until the transaction ends, so
        the source cannot be leased before its variants are visible. A source with
        ``choose_when_ready`` is chosen now.
        """
        is_finished = update_sources(
            session,
            is_held(lease),
            source_tag(lease.source_id),
            **self._ready_columns(lease.kind),
            regenerate_requested=False,
            **NO_LEASE,
            **columns,
        )
        if not is_finished:
            raise LeaseLostError
        self._choose_if_awaited(session, session.get_one(PosterSource, lease.source_id))

    def _choose_if_awaited(self, session: Session, source: PosterSource) -> None:
        if choose_if_awaited(session, source) and self._on_chosen is not None:
            self._on_chosen(session, source)

    def _ready_columns(self, kind: SourceKind) -> dict[str, object]:
        return {
            "state": SourceState.READY,
            "attempts": 0,
            "next_attempt_at": self._next_revalidation(kind),
            "error_code": None,
        }

    def _end(self, lease: SourceLease, **columns: object) -> None:
        with self._database.write() as session:
            if not update_sources(session, is_held(lease), **columns, **NO_LEASE):
                raise LeaseLostError


NO_LEASE: dict[str, None] = {"lease_token": None, "lease_until": None}

_NOT_GENERATING = case(
    (PosterSource.state == SourceState.GENERATING, SourceState.PENDING), else_=PosterSource.state
)
RELEASED = {"state": _NOT_GENERATING, **NO_LEASE}
"""The columns of a source whose lease ends before it is made; it may have been replaced since."""


def is_held(lease: SourceLease) -> ColumnElement[bool]:
    """SQL condition: the source has the lease's token, and the content it was acquired for."""
    return and_(
        PosterSource.id == lease.source_id,
        PosterSource.lease_token == lease.token,
        PosterSource.sha256.is_not_distinct_from(lease.sha256),
        PosterSource.url.is_not_distinct_from(lease.url),
        PosterSource.key.is_not_distinct_from(lease.key),
    )


def is_acquirable(now: datetime) -> ColumnElement[bool]:
    """SQL condition: the source is not leased, and its next attempt is due."""
    is_due = or_(PosterSource.next_attempt_at.is_(None), PosterSource.next_attempt_at <= now)
    return and_(
        is_unleased(now),
        or_(PosterSource.state.in_(_UNTIMED), and_(PosterSource.state.in_(_WAITING), is_due)),
    )


def is_unleased(now: datetime) -> ColumnElement[bool]:
    """SQL condition: the source has no lease, or an expired one."""
    return or_(PosterSource.lease_until.is_(None), PosterSource.lease_until <= now)


def update_sources(
    session: Session, where: ColumnElement[bool], *tags: str, **values: Any
) -> list[int]:
    """Update sources by SQL and return their ids; a conditional UPDATE decides between processes.

    ``tags`` are invalidated; there are none for states and leases, which no page shows.
    """
    statement = update(PosterSource).where(where).values(**values).returning(PosterSource.id)
    options: dict[str, Any] = {"synchronize_session": False, TAGS_OPTION: tags}
    return list(session.scalars(statement, execution_options=options))


def _not_acquired_reason(
    session: Session, source_id: int, recipe_hashes: frozenset[str], now: datetime
) -> NotAcquiredReason | None:
    source = session.get(PosterSource, source_id)
    if source is None:
        return NotAcquiredReason.UNKNOWN
    is_leased = source.lease_until is not None and source.lease_until > now
    if source.state is SourceState.GENERATING:
        return NotAcquiredReason.BUSY if is_leased else None
    if (
        source.state is not SourceState.PENDING
        and recipe_hashes <= _ready_recipes(session, source)
        and not _is_revalidation_due(source, now)
    ):
        return NotAcquiredReason.COMPLETE
    if is_leased:
        return NotAcquiredReason.BUSY
    if source.state in _WAITING and source.next_attempt_at and source.next_attempt_at > now:
        return NotAcquiredReason.BACKING_OFF
    return None


def _is_revalidation_due(source: PosterSource, now: datetime) -> bool:
    return (
        source.kind is SourceKind.URL
        and source.next_attempt_at is not None
        and source.next_attempt_at <= now
    )


def _ready_recipes(session: Session, source: PosterSource) -> frozenset[str]:
    if source.regenerate_requested:
        return frozenset()
    hashes = select(PosterVariant.recipe_hash).where(
        PosterVariant.source_id == source.id,
        PosterVariant.source_sha256 == source.sha256,
        PosterVariant.state == VariantState.READY,
    )
    return frozenset(session.scalars(hashes))
