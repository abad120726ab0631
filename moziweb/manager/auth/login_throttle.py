"""How often somebody may try to sign in, counted in the database: restarts and processes share it.

An attempt is counted and written down as failed in one transaction, one at a time, before its
password is looked at: of any number at once no more go on than may. One that is refused writes
nothing, so a flood of them is a few short queries each.

The narrow limit is on a name from an address, so that a stranger who guesses does not lock the
owner of the name out; the wide ones bound guessing from many addresses, and guessing at many names
from one. They do not count for whoever has come in by that name from that address lately: however
many others guess, the owner at their own desk is let in.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from moziweb.db import Database

from .models import AttemptOutcome, SignInAttempt

SHORT: Final = timedelta(minutes=15)
LONG: Final = timedelta(hours=1)

KNOWN: Final = timedelta(days=30)
"""How long an address from which somebody came in is theirs."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many may fail within ``window``; the next waits until the first of them is that old."""

    count: int
    window: timedelta


PER_NAME_AND_ADDRESS: Final = Limit(5, SHORT)
PER_ADDRESS: Final = Limit(25, SHORT)
PER_NAME: Final = Limit(60, LONG)

_LOCK_ID: Final = 0x6D6F7A69
"""The advisory lock of whoever counts; of no meaning but to be nobody else's."""

_FAILURES_KEPT: Final = max(each.window for each in (PER_NAME_AND_ADDRESS, PER_ADDRESS, PER_NAME))


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that is allowed to go on when ``wait`` is zero; ``id`` is 0 for another."""

    id: int
    wait: timedelta


class LoginThrottle:
    """Counts attempts to sign in. ``now`` gives aware moments."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def begin(self, name: str, address: str) -> Attempt:
        """Write an attempt down; its ``wait`` tells whether it is one too many, and until when."""
        name, place, now = name[:60], network_of(address), self._now()
        with self._database.read() as session:
            wait = _wait(session, name, place, now)
        if wait:  # without standing in line
            return Attempt(0, wait)
        with self._database.write() as session:
            _serialise(session)
            wait = _wait(session, name, place, now)
            if wait:
                return Attempt(0, wait)
            _prune(session, now)
            row = SignInAttempt(name=name, address=place, at=now)
            session.add(row)
            session.flush()
            return Attempt(row.id, wait)

    def succeeded(self, attempt: Attempt) -> None:
        """Forget the failures of this name from this address, and know it from now on."""
        with self._database.write() as session:
            row = session.get(SignInAttempt, attempt.id)
            if row is None:  # somebody had it forgotten meanwhile
                return
            session.execute(
                delete(SignInAttempt).where(
                    SignInAttempt.name == row.name,
                    SignInAttempt.address == row.address,
                    SignInAttempt.id != row.id,
                )
            )
            row.outcome = AttemptOutcome.SUCCEEDED


def forget_failures(session: Session, name: str | None = None) -> int:
    """Let whoever waits try again at once, at a name or at any; returns how many were forgotten."""
    which = [SignInAttempt.outcome != AttemptOutcome.SUCCEEDED]
    if name is not None:
        which.append(SignInAttempt.name == name)
    forgotten = session.execute(delete(SignInAttempt).where(*which))
    count: int = forgotten.rowcount  # type: ignore[attr-defined]  # a DELETE's result has it
    return count


def _prune(session: Session, now: datetime) -> None:
    failed = SignInAttempt.outcome != AttemptOutcome.SUCCEEDED
    old = or_(SignInAttempt.at < now - KNOWN, and_(failed, SignInAttempt.at < now - _FAILURES_KEPT))
    session.execute(delete(SignInAttempt).where(old))


def _serialise(session: Session) -> None:
    """Until the transaction ends, no other counts attempts. SQLite has one writer as it is."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_LOCK_ID)))


def _wait(session: Session, name: str, place: str, now: datetime) -> timedelta:
    named, placed = SignInAttempt.name == name, SignInAttempt.address == place
    narrow = _wait_of(session, PER_NAME_AND_ADDRESS, now, named, placed)
    if narrow or _is_known(session, now, named, placed):
        return narrow
    return max(_wait_of(session, PER_ADDRESS, now, placed), _wait_of(session, PER_NAME, now, named))


def _is_known(session: Session, now: datetime, *which: ColumnElement[bool]) -> bool:
    come_in = exists().where(
        *which, SignInAttempt.outcome == AttemptOutcome.SUCCEEDED, SignInAttempt.at > now - KNOWN
    )
    return bool(session.scalar(select(come_in)))


def _wait_of(
    session: Session, limit: Limit, now: datetime, *which: ColumnElement[bool]
) -> timedelta:
    """Until the first of those that failed leaves the window; none when there is room."""
    count, first = session.execute(
        select(func.count(), func.min(SignInAttempt.at)).where(
            *which,
            SignInAttempt.outcome == AttemptOutcome.FAILED,
            SignInAttempt.at > now - limit.window,
        )
    ).one()
    return first + limit.window - now if count >= limit.count else timedelta()


def network_of(address: str) -> str:
    """What an address is counted as: itself, or for IPv6 the /64 that one subscriber has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:60]
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
