"""Single flight: one worker at a time for each source, across threads, processes and machines.

Inside a process a set of source ids keeps threads apart without asking anybody. Between processes
one conditional UPDATE takes the source's lease, and it is committed before any work begins: no
transaction is open while a picture is fetched, decoded or uploaded. Whoever dies with a lease loses
it when it runs out; whoever lost it finds its token gone and publishes nothing.

A lease stands beside the state and not in it: whoever removes objects of a source holds its lease
too (``cleaning``), so that nothing is made and removed at the same time.
"""

import random
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, case, or_, select, update
from sqlalchemy.orm import Session

from moziweb.cache import TAGS_OPTION
from moziweb.db import Database
from moziweb.movies.models import Movie

from ..cache_tags import source_tag
from ..models import PosterSource, PosterVariant, SourceKind, SourceState, VariantState
from ..recipes import Point
from .selection import choose_if_awaited

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=24)
LOOK_AGAIN = timedelta(days=7)
"""After how long an external picture that is ready is asked for again, if it has changed."""

PERMANENT_FAILURE_DELAY = timedelta(days=7)
"""How long a source with a permanent error is left alone, unless it changes."""

_UNTIMED = (SourceState.PENDING, SourceState.READY, SourceState.GENERATING)
_WAITING = (SourceState.RETRY_WAIT, SourceState.FAILED)


class NotClaimedReason(StrEnum):
    """Why a source could not be claimed."""

    COMPLETE = "complete"
    """Every variant that was wanted is ready."""
    BUSY = "busy"
    """Somebody else works on it."""
    BACKING_OFF = "held"
    """It failed, and the time to try again has not come."""
    UNKNOWN = "unknown"
    """There is no such source."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What the server of an external picture gave with it; ``final_url`` is what they belong to."""

    etag: str | None
    last_modified: str | None
    final_url: str | None


@dataclass(frozen=True, slots=True)
class SourceLease:
    """A source whose lease this process holds, with what it takes to make its variants.

    ``sha256`` is the content that was known when the claim was taken; ``ready`` holds the recipe
    hashes of the variants that are ready for it, none when all are to be made anew; ``until`` is
    when the lease runs out. With ``validators`` nothing is missing: the picture is only to be made
    again if it has changed.
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
    validators: Validators | None = None


def retry_delay(attempts: int, jitter: float, wished: float | None = None) -> timedelta:
    """How long to wait after a failure that may pass.

    ``attempts`` earlier ones failed too: 1 minute x 2^attempts, at most a day. ``jitter``, from 0
    to 1, spreads it by a quarter either way, so that what failed together is not tried together.
    ``wished`` is what the other side asked for, in seconds; it can only lengthen the wait.
    """
    delay = FIRST_WAIT * float(2 ** min(attempts, 11)) * (0.75 + jitter / 2)
    return min(max(delay, timedelta(seconds=min(wished or 0, 86_400))), LONGEST_WAIT)


class SourceLeases:
    """Takes, renews and ends leases. One per process; threads share it.

    ``clock`` gives aware moments; ``lease`` is how long a claim holds without being renewed;
    ``jitter`` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        lease: timedelta,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._clock = clock
        self._lease = lease
        self._jitter = jitter
        self._here: set[int] = set()
        self._guard = threading.Lock()

    @contextmanager
    def only_in_process(self, source_id: int) -> Iterator[bool]:
        """Whether the caller is the only thread of this process at this source, for a block."""
        with self._guard:
            alone = source_id not in self._here
            if alone:
                self._here.add(source_id)
        try:
            yield alone
        finally:
            if alone:
                with self._guard:
                    self._here.discard(source_id)

    def try_acquire(self, source_id: int, wanted: frozenset[str]) -> SourceLease | NotClaimedReason:
        """Claim a source to make the recipes ``wanted`` (their hashes), or tell why not."""
        now = self._clock()
        with self._database.read() as session:
            refusal = _not_claimed_reason(session, source_id, wanted, now)
        if refusal:
            return refusal
        with self._database.write() as session:
            return self._claim(session, source_id, wanted, now)

    def _claim(
        self, session: Session, source_id: int, wanted: frozenset[str], now: datetime
    ) -> SourceLease | NotClaimedReason:
        token, until = secrets.token_hex(16), now + self._lease
        taken = _change(
            session,
            and_(PosterSource.id == source_id, claimable(now)),
            state=SourceState.GENERATING,
            lease_token=token,
            lease_until=until,
        )
        if not taken:
            return NotClaimedReason.BUSY
        source = session.get_one(PosterSource, source_id)
        ready = _ready_recipes(session, source)
        is_complete = wanted <= ready
        if is_complete and not _is_to_be_looked_at(source, now):
            # Somebody published between our look and our claim.
            _rest(session, source, self._next_look(source.kind))
            return NotClaimedReason.COMPLETE
        movie = session.get_one(Movie, source.movie_id)
        claim = _claim_of(source, movie, ready, token, until)
        return replace(claim, validators=_validators(source)) if is_complete else claim

    def _next_look(self, kind: SourceKind) -> datetime | None:
        """When to look again whether an external picture has changed: spread over half a week."""
        if kind is not SourceKind.URL:
            return None
        return self._clock() + LOOK_AGAIN * (0.75 + self._jitter() / 2)

    def renew(self, claim: SourceLease) -> SourceLease | None:
        """The claim with enough of its lease left for another step; None when it was lost.

        Renewed once a third is gone: most sources are made before that, and cost no write.
        """
        now = self._clock()
        if claim.until - now > self._lease * 2 / 3:
            return claim
        until = now + self._lease
        with self._database.write() as session:
            kept = _change(session, held(claim), lease_until=until)
        return replace(claim, until=until) if kept else None

    def release(self, claim: SourceLease) -> None:
        """Give the source back as if it had never been claimed."""
        with self._database.write() as session:
            _change(session, held(claim), state=SourceState.PENDING, **_NO_LEASE)

    def release_replaced(self, claim: SourceLease) -> None:
        """Give back the lease of a source that was replaced meanwhile, if it is still ours."""
        with self._database.write() as session:
            ours = and_(PosterSource.id == claim.source_id, PosterSource.lease_token == claim.token)
            left = case(
                (PosterSource.state == SourceState.GENERATING, SourceState.PENDING),
                else_=PosterSource.state,
            )
            _change(session, ours, state=left, **_NO_LEASE)

    def postpone(self, claim: SourceLease, until: datetime, code: str) -> None:
        """Give the source back, to be tried at ``until`` or a little later: no failure of its own.

        ``code`` tells why it waits. The tries are spread over a minute.
        """
        with self._database.write() as session:
            _change(
                session,
                held(claim),
                state=SourceState.RETRY_WAIT,
                next_attempt_at=until + FIRST_WAIT * self._jitter(),
                error_code=code,
                **_NO_LEASE,
            )

    def fail(
        self, claim: SourceLease, code: str, *, permanent: bool, retry_after: float | None = None
    ) -> bool:
        """End the claim with an error of stable ``code``; False when the lease was lost before.

        A permanent one is held for a week, another for ``retry_delay``.
        """
        delay = (
            PERMANENT_FAILURE_DELAY
            if permanent
            else retry_delay(claim.attempts, self._jitter(), retry_after)
        )
        with self._database.write() as session:
            return _change(
                session,
                held(claim),
                state=SourceState.FAILED if permanent else SourceState.RETRY_WAIT,
                attempts=claim.attempts + 1,
                next_attempt_at=self._clock() + delay,
                error_code=code,
                **_NO_LEASE,
            )

    def finish_unchanged(self, claim: SourceLease, **facts: object) -> bool:
        """End a claim whose picture has not changed; False when the lease was lost before.

        ``facts`` are columns of the source that no page shows.
        """
        with self._database.write() as session:
            return _change(
                session,
                held(claim),
                state=SourceState.READY,
                attempts=0,
                next_attempt_at=self._next_look(claim.kind),
                error_code=None,
                **_NO_LEASE,
                **facts,
            )

    def finish(self, session: Session, claim: SourceLease, **facts: object) -> bool:
        """End the claim with success, inside the transaction that publishes; False when lost.

        ``facts`` are columns of the source. The row stays locked until the transaction ends, so
        nobody claims the source between this and its variants. A source that waited to be its
        movie's poster is chosen now.
        """
        finished = _change(
            session,
            held(claim),
            source_tag(claim.source_id),
            state=SourceState.READY,
            attempts=0,
            next_attempt_at=self._next_look(claim.kind),
            error_code=None,
            regenerate_requested=False,
            **_NO_LEASE,
            **facts,
        )
        if finished:
            choose_if_awaited(session, session.get_one(PosterSource, claim.source_id))
        return finished


_NO_LEASE: dict[str, None] = {"lease_token": None, "lease_until": None}


def held(claim: SourceLease) -> ColumnElement[bool]:
    """The condition that the claim still holds: its token, and the content it was taken for."""
    return and_(
        PosterSource.id == claim.source_id,
        PosterSource.lease_token == claim.token,
        PosterSource.sha256.is_not_distinct_from(claim.sha256),
        PosterSource.url.is_not_distinct_from(claim.url),
        PosterSource.key.is_not_distinct_from(claim.key),
    )


def claimable(now: datetime) -> ColumnElement[bool]:
    """The condition that nobody works on a source, and that its time to be tried has come."""
    waited = or_(PosterSource.next_attempt_at.is_(None), PosterSource.next_attempt_at <= now)
    due = or_(PosterSource.state.in_(_UNTIMED), and_(PosterSource.state.in_(_WAITING), waited))
    return and_(unleased(now), due)


def unleased(now: datetime) -> ColumnElement[bool]:
    """The condition that nobody holds a lease on a source."""
    return or_(PosterSource.lease_until.is_(None), PosterSource.lease_until <= now)


def _change(session: Session, where: ColumnElement[bool], *tags: str, **values: Any) -> bool:
    """Whether the conditional UPDATE found its row; it decides between processes.

    ``tags`` are what it concerns: states and leases concern no page.
    """
    statement = update(PosterSource).where(where).values(**values).returning(PosterSource.id)
    options: dict[str, Any] = {"synchronize_session": False, TAGS_OPTION: tags}
    changed = session.execute(statement, execution_options=options)
    return changed.first() is not None


def _not_claimed_reason(
    session: Session, source_id: int, wanted: frozenset[str], now: datetime
) -> NotClaimedReason | None:
    source = session.get(PosterSource, source_id)
    if source is None:
        return NotClaimedReason.UNKNOWN
    is_leased = source.lease_until is not None and source.lease_until > now
    if source.state is SourceState.GENERATING:
        return NotClaimedReason.BUSY if is_leased else None
    if (
        source.state is not SourceState.PENDING
        and wanted <= _ready_recipes(session, source)
        and not _is_to_be_looked_at(source, now)
    ):
        return NotClaimedReason.COMPLETE
    if is_leased:
        return NotClaimedReason.BUSY
    if source.state in _WAITING and source.next_attempt_at and source.next_attempt_at > now:
        return NotClaimedReason.BACKING_OFF
    return None


def _is_to_be_looked_at(source: PosterSource, now: datetime) -> bool:
    """Whether it is time to see if an external picture has changed."""
    return (
        source.kind is SourceKind.URL
        and source.next_attempt_at is not None
        and source.next_attempt_at <= now
    )


def _validators(source: PosterSource) -> Validators:
    return Validators(source.etag, source.last_modified, source.final_url)


def _ready_recipes(session: Session, source: PosterSource) -> frozenset[str]:
    if source.regenerate_requested:
        return frozenset()
    hashes = select(PosterVariant.recipe_hash).where(
        PosterVariant.source_id == source.id,
        PosterVariant.source_sha256 == source.sha256,
        PosterVariant.state == VariantState.READY,
    )
    return frozenset(session.scalars(hashes))


def _rest(session: Session, source: PosterSource, next_look: datetime | None) -> None:
    source.state, source.attempts = SourceState.READY, 0
    source.next_attempt_at, source.error_code = next_look, None
    source.lease_token = source.lease_until = None
    choose_if_awaited(session, source)


def _claim_of(
    source: PosterSource, movie: Movie, ready: frozenset[str], token: str, until: datetime
) -> SourceLease:
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
    )
