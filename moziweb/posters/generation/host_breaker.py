"""Circuit breaker per image host. Its state is in the database, so all processes share it.

Five temporary failures in a row, of any sources, open the breaker for a minute, then for two, up to
an hour. Then one worker makes a trial request; if the host answers, its failures are
deleted. While the breaker is open, only the failure of a trial counts: attempts that began before
it opened fail for the same outage.

Storage has a breaker, too: while it is down, sources are postponed and not failed. It is open for
seconds only, because every poster waits for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moziweb.db import Database

from ..models import PosterHost

STORAGE: Final = ":storage"
"""Storage's name among the hosts; it is no valid host name."""

THRESHOLD: Final = 5
"""Failures in a row that open the breaker."""


class BreakerPauses(NamedTuple):
    """How long the breaker is open: ``shortest`` at first, doubled by each trial that fails.

    A trial request keeps it open for the other workers for ``trial``.
    """

    shortest: timedelta
    longest: timedelta
    trial: timedelta

    def after(self, failures: int, retry_after: float | None) -> timedelta | None:
        """How long it is open after ``failures`` in a row; None if it stays closed."""
        requested = timedelta(seconds=min(retry_after or 0, self.longest.total_seconds()))
        if failures < THRESHOLD:
            return requested or None
        doubled = self.shortest * 2.0 ** min(failures - THRESHOLD, 10)
        return max(requested, min(doubled, self.longest))


HOST_PAUSES: Final = BreakerPauses(
    shortest=timedelta(minutes=1), longest=timedelta(hours=1), trial=timedelta(minutes=2)
)
STORAGE_PAUSES: Final = BreakerPauses(
    shortest=timedelta(seconds=5), longest=timedelta(seconds=30), trial=timedelta(seconds=15)
)


def pauses_of(host: str) -> BreakerPauses:
    """The pauses of a host, or of storage."""
    return STORAGE_PAUSES if host == STORAGE else HOST_PAUSES


def host_of(url: str | None) -> str | None:
    """The host of an external source's URL; None for other sources."""
    if url is None or not url.startswith(("http://", "https://")):
        return None
    try:
        return (urlsplit(url).hostname or "")[:255] or None
    except ValueError:
        return None


def is_open(session: Session, host: str, now: datetime) -> bool:
    """Whether the breaker of a host is open at ``now``; does not take the trial request."""
    until = session.scalar(select(PosterHost.open_until).where(PosterHost.name == host))
    return until is not None and until > now


@dataclass(frozen=True, slots=True)
class BreakerDecision:
    """Whether hosts may be requested: not before ``until``, or now if that is None.

    ``failures`` counts the failures in a row of those of them that have failed lately.
    """

    until: datetime | None = None
    failures: Mapping[str, int] = field(default_factory=dict)


class HostCircuitBreaker:
    """Counts the failures of hosts in the database. ``clock`` returns aware datetimes."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def ask(self, *hosts: str) -> BreakerDecision:
        """Whether all of ``hosts`` may be requested. One query while none is failing."""
        now = self._clock()
        with self._database.read() as session:
            rows = session.scalars(select(PosterHost).where(PosterHost.name.in_(hosts))).all()
        pauses = [row.open_until for row in rows if row.open_until and row.open_until > now]
        if pauses:
            return BreakerDecision(until=max(pauses))
        to_try = [row for row in rows if row.open_until]
        if to_try and not self._take_trials(to_try, now):
            return BreakerDecision(until=max(now + pauses_of(row.name).trial for row in to_try))
        return BreakerDecision(failures={row.name: row.failures for row in rows})

    def is_open(self, host: str) -> bool:
        """Return whether the breaker of ``host`` is open; opens a session."""
        with self._database.read() as session:
            return is_open(session, host, self._clock())

    def record_failure(
        self, host: str, code: str, retry_after: float | None = None, *, seen: int = 0
    ) -> None:
        """Count a failure. ``retry_after``, in seconds, opens the breaker at the first one.

        ``seen`` is the number of failures when the attempt began, as ``ask`` returned it.
        """
        try:
            self._count(host, code, retry_after, seen)
        except IntegrityError:  # another worker inserted the row at the same moment
            self._count(host, code, retry_after, seen)

    def _count(self, host: str, code: str, retry_after: float | None, seen: int) -> None:
        with self._database.write() as session:
            row = session.get(PosterHost, host, with_for_update=True)
            if row is None:
                row = PosterHost(name=host, failures=0)
                session.add(row)
            elif row.open_until is not None and row.failures != seen:
                # It has opened since the attempt began, so this is not the failure of a trial.
                _extend(row, self._clock(), retry_after)
                return
            row.failures, row.error_code = row.failures + 1, code
            pause = pauses_of(host).after(row.failures, retry_after)
            row.open_until = self._clock() + pause if pause else None

    def record_success(self, host: str) -> None:
        """Delete the failures of a host."""
        with self._database.write() as session:
            session.execute(delete(PosterHost).where(PosterHost.name == host))

    def return_trial(self, host: str) -> None:
        """Let another attempt have the trial request of a host, which this one has not made."""
        with self._database.write() as session:
            is_open = PosterHost.name == host, PosterHost.open_until.is_not(None)
            session.execute(update(PosterHost).where(*is_open).values(open_until=self._clock()))

    def _take_trials(self, rows: Sequence[PosterHost], now: datetime) -> bool:
        """Take the trial requests of all these hosts, or of none: conditional UPDATEs decide."""
        with self._database.write() as session:
            for row in sorted(rows, key=lambda row: row.name):  # one order, so no deadlock
                trial = (
                    update(PosterHost)
                    .where(PosterHost.name == row.name, PosterHost.open_until == row.open_until)
                    .values(open_until=now + pauses_of(row.name).trial)
                    .returning(PosterHost.name)
                )
                if session.execute(trial).first() is None:
                    session.rollback()
                    return False
        return True


def _extend(row: PosterHost, now: datetime, retry_after: float | None) -> None:
    """Keep an open breaker open for as long as the host asks."""
    if retry_after and row.open_until is not None:
        longest = pauses_of(row.name).longest.total_seconds()
        row.open_until = max(row.open_until, now + timedelta(seconds=min(retry_after, longest)))
