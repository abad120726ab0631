"""A host that fails again and again is left alone for a while, by every process.

Five failures in a row that a later try may not meet, of whichever sources, and the host is not
asked for a minute, then for two, up to an hour. When that is over one worker tries, alone; if the
host answers it, all is forgotten. Storage is such a host, too: while it is away no source is
marked as failed for that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moziweb.db import Database

from ..models import PosterHost

STORAGE: Final = ":storage"
"""The storage's name among the hosts; no host can be called so."""

THRESHOLD: Final = 5
"""Failures in a row that open the breaker."""

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
TRIAL: Final = timedelta(minutes=2)
"""How long the one worker that tries keeps the others away."""


def host_of(url: str | None) -> str | None:
    """The host that an external source is fetched from; None for any other."""
    if url is None or not url.startswith(("http://", "https://")):
        return None
    try:
        return (urlsplit(url).hostname or "")[:255] or None
    except ValueError:
        return None


def is_open(session: Session, name: str, now: datetime) -> bool:
    """Whether a host is left alone at ``now``; asking takes no trial."""
    until = session.scalar(select(PosterHost.open_until).where(PosterHost.name == name))
    return until is not None and until > now


@dataclass(frozen=True, slots=True)
class BreakerDecision:
    """Whether hosts may be asked: not before ``until``, or now when that is None.

    ``ailing`` are the hosts among them that have failed lately.
    """

    until: datetime | None = None
    failing_hosts: frozenset[str] = frozenset()


class HostCircuitBreaker:
    """Counts the failures of hosts, in the database. ``clock`` gives aware moments."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def ask(self, *names: str) -> BreakerDecision:
        """Whether all of ``names`` may be asked. Costs one query while they are well."""
        now = self._clock()
        with self._database.read() as session:
            rows = session.scalars(select(PosterHost).where(PosterHost.name.in_(names))).all()
        waits = [row.open_until for row in rows if row.open_until and row.open_until > now]
        if waits:
            return BreakerDecision(until=max(waits))
        resting = [row for row in rows if row.open_until]
        if resting and not self._are_ours_to_try(resting, now):
            return BreakerDecision(until=now + TRIAL)
        return BreakerDecision(failing_hosts=frozenset(row.name for row in rows))

    def is_open(self, name: str) -> bool:
        """Whether a host is left alone now, in a session of its own."""
        with self._database.read() as session:
            return is_open(session, name, self._clock())

    def failed(self, name: str, code: str, retry_after: float | None = None) -> None:
        """Count a failure. A wish of the host's own, in seconds, is granted at the first."""
        try:
            self._count(name, code, retry_after)
        except IntegrityError:  # another worker met the first failure at the same moment
            self._count(name, code, retry_after)

    def _count(self, name: str, code: str, retry_after: float | None) -> None:
        with self._database.write() as session:
            row = session.get(PosterHost, name, with_for_update=True)
            if row is None:
                row = PosterHost(name=name, failures=0)
                session.add(row)
            row.failures, row.error_code = row.failures + 1, code
            pause = _pause(row.failures, retry_after)
            row.open_until = self._clock() + pause if pause else None

    def succeeded(self, name: str) -> None:
        """Forget what was counted."""
        with self._database.write() as session:
            session.execute(delete(PosterHost).where(PosterHost.name == name))

    def _are_ours_to_try(self, rows: Sequence[PosterHost], now: datetime) -> bool:
        """One worker of all takes the trials, all of them or none: conditional UPDATEs decide."""
        with self._database.write() as session:
            for row in sorted(rows, key=lambda row: row.name):  # one order, so no deadlock
                trial = (
                    update(PosterHost)
                    .where(PosterHost.name == row.name, PosterHost.open_until == row.open_until)
                    .values(open_until=now + TRIAL)
                    .returning(PosterHost.name)
                )
                if session.execute(trial).first() is None:
                    session.rollback()
                    return False
        return True


def _pause(failures: int, wished: float | None) -> timedelta | None:
    wish = timedelta(seconds=min(wished or 0, LONGEST_PAUSE.total_seconds()))
    if failures < THRESHOLD:
        return wish or None
    return max(wish, min(FIRST_PAUSE * 2.0 ** min(failures - THRESHOLD, 10), LONGEST_PAUSE))
