"""Limits on sign-in attempts, counted in the database: restarts and processes share them.

An attempt is counted as failed, in a serialised transaction, before its password is checked. So
concurrent attempts cannot exceed a limit. A refused attempt writes nothing: a flood costs a few
short queries each.

The narrow limit is per name and address, so that an attacker cannot lock the owner out of an
account. The wide limits bound attempts on one name from many addresses and on many names from one
address. They do not apply to a name and an address that signed in together within
``RECOGNISED_FOR``.
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

RECOGNISED_FOR: Final = timedelta(days=30)
"""How long the address of a successful sign-in counts as the user's own."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``count`` failures within ``window``; then wait until the first is older than it."""

    count: int
    window: timedelta


PER_NAME_AND_ADDRESS: Final = Limit(5, SHORT)
PER_ADDRESS: Final = Limit(25, SHORT)
PER_NAME: Final = Limit(60, LONG)

_LOCK_ID: Final = 0x6D6F7A69
"""Key of the advisory lock: an arbitrary number, used nowhere else."""

_FAILURES_KEPT: Final = max(each.window for each in (PER_NAME_AND_ADDRESS, PER_ADDRESS, PER_NAME))


@dataclass(frozen=True, slots=True)
class Attempt:
    """A counted attempt if ``wait`` is zero; otherwise refused for ``wait``, with an id of 0."""

    id: int
    wait: timedelta


class LoginThrottle:
    """Counts attempts to sign in. ``now`` returns aware datetimes."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def begin(self, name: str, address: str) -> Attempt:
        """Records an attempt, or refuses it: then ``wait`` is the time until the next one."""
        name, network, now = name[:60], network_of(address), self._now()
        with self._database.read() as session:
            wait = _wait(session, name, network, now)
        if wait:  # refused without the lock
            return Attempt(0, wait)
        with self._database.write() as session:
            _serialise(session)
            wait = _wait(session, name, network, now)
            if wait:
                return Attempt(0, wait)
            _prune(session, now)
            row = SignInAttempt(name=name, address=network, at=now)
            session.add(row)
            session.flush()
            return Attempt(row.id, wait)

    def succeeded(self, attempt: Attempt) -> None:
        """Deletes the failures of the name from the address, and recognises the address."""
        with self._database.write() as session:
            row = session.get(SignInAttempt, attempt.id)
            if row is None:  # deleted by `forget_failures`
                return
            session.execute(
                delete(SignInAttempt).where(
                    SignInAttempt.name == row.name,
                    SignInAttempt.address == row.address,
                    SignInAttempt.id != row.id,
                )
            )
            row.outcome = AttemptOutcome.SUCCEEDED

    def recognise(self, name: str, address: str) -> None:
        """Recognises the address after a sign-in without a counted attempt (a passkey).

        Deletes the failures of the name from the address, as ``succeeded`` does.
        """
        network = network_of(address)
        with self._database.write() as session:
            session.execute(
                delete(SignInAttempt).where(
                    SignInAttempt.name == name, SignInAttempt.address == network
                )
            )
            outcome = AttemptOutcome.SUCCEEDED
            row = SignInAttempt(name=name, address=network, at=self._now(), outcome=outcome)
            session.add(row)

    def withdraw(self, attempt: Attempt) -> None:
        """Does not count an attempt: the password was right, and a second step decides.

        The failures of the name from the address stay.
        """
        with self._database.write() as session:
            session.execute(delete(SignInAttempt).where(SignInAttempt.id == attempt.id))


def forget_failures(session: Session, name: str | None = None) -> int:
    """Deletes failures of ``name``, or of all names, which ends the wait; returns how many."""
    which = [SignInAttempt.outcome != AttemptOutcome.SUCCEEDED]
    if name is not None:
        which.append(SignInAttempt.name == name)
    forgotten = session.execute(delete(SignInAttempt).where(*which))
    count: int = forgotten.rowcount  # type: ignore[attr-defined]  # a DELETE's result has it
    return count


def _prune(session: Session, now: datetime) -> None:
    failed = SignInAttempt.outcome != AttemptOutcome.SUCCEEDED
    old = or_(
        SignInAttempt.at < now - RECOGNISED_FOR,
        and_(failed, SignInAttempt.at < now - _FAILURES_KEPT),
    )
    session.execute(delete(SignInAttempt).where(old))


def _serialise(session: Session) -> None:
    """Serialises counting until the transaction ends. SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_LOCK_ID)))


def _wait(session: Session, name: str, network: str, now: datetime) -> timedelta:
    by_name, by_network = SignInAttempt.name == name, SignInAttempt.address == network
    narrow = _wait_for_limit(session, PER_NAME_AND_ADDRESS, now, by_name, by_network)
    if narrow or is_recognised(session, name, network, now):
        return narrow
    return max(
        _wait_for_limit(session, PER_ADDRESS, now, by_network),
        _wait_for_limit(session, PER_NAME, now, by_name),
    )


def is_recognised(session: Session, name: str, network: str, now: datetime) -> bool:
    """Whether the name has signed in from the network (``network_of``) not long ago."""
    signed_in = exists().where(
        SignInAttempt.name == name,
        SignInAttempt.address == network,
        SignInAttempt.outcome == AttemptOutcome.SUCCEEDED,
        SignInAttempt.at > now - RECOGNISED_FOR,
    )
    return bool(session.scalar(select(signed_in)))


def _wait_for_limit(
    session: Session, limit: Limit, now: datetime, *which: ColumnElement[bool]
) -> timedelta:
    """Returns the time until the first failure leaves the window; zero below the limit."""
    count, first = session.execute(
        select(func.count(), func.min(SignInAttempt.at)).where(
            *which,
            SignInAttempt.outcome == AttemptOutcome.FAILED,
            SignInAttempt.at > now - limit.window,
        )
    ).one()
    return first + limit.window - now if count >= limit.count else timedelta()


def network_of(address: str) -> str:
    """Returns what an address is counted as: itself, or the /64 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:60]
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
