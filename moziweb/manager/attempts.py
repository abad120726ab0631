"""How often somebody may try to sign in, counted in the database: restarts and processes share it.

An attempt is written down as failed before its password is looked at, in a transaction of its own,
and counted after: of any number of attempts at once, none sees fewer than there are.

Three limits, each over the same quarter of an hour. The narrow one is on a name from an address, so
that a stranger who guesses does not lock the owner of the name out; the wide ones bound guessing
from many addresses, and guessing at many names from one.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select, update

from moziweb.db import Database

from .models import Outcome, SignInAttempt

WINDOW: Final = timedelta(minutes=15)
KEPT: Final = timedelta(days=30)

PER_NAME_AND_ADDRESS: Final = 5
PER_ADDRESS: Final = 25
PER_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that is allowed to go on when ``wait`` is zero."""

    id: int
    wait: timedelta


class Attempts:
    """Counts attempts to sign in. ``now`` gives aware moments."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def begin(self, name: str, address: str) -> Attempt:
        """Write an attempt down; its ``wait`` tells whether it is one too many, and until when."""
        now, place = self._now(), network_of(address)
        with self._database.write() as session:
            row = SignInAttempt(name=name[:60], address=place, at=now)
            session.add(row)
            session.execute(delete(SignInAttempt).where(SignInAttempt.at < now - KEPT))
            session.flush()
            number = row.id
        wait = self._wait(name[:60], place, now)
        if wait:
            self._end(number, Outcome.REFUSED)
        return Attempt(number, wait)

    def succeeded(self, attempt: Attempt) -> None:
        """Forget the failures of this name from this address."""
        with self._database.write() as session:
            row = session.get_one(SignInAttempt, attempt.id)
            row.outcome = Outcome.SUCCEEDED
            session.flush()
            session.execute(
                delete(SignInAttempt).where(
                    SignInAttempt.name == row.name,
                    SignInAttempt.address == row.address,
                    SignInAttempt.outcome != Outcome.SUCCEEDED,
                )
            )

    def _end(self, number: int, outcome: Outcome) -> None:
        with self._database.write() as session:
            session.execute(
                update(SignInAttempt).where(SignInAttempt.id == number).values(outcome=outcome)
            )

    def _wait(self, name: str, place: str, now: datetime) -> timedelta:
        named, placed = SignInAttempt.name == name, SignInAttempt.address == place
        limits = (
            (PER_NAME_AND_ADDRESS, (named, placed)),
            (PER_ADDRESS, (placed,)),
            (PER_NAME, (named,)),
        )
        return max(self._wait_of(limit, conditions, now) for limit, conditions in limits)

    def _wait_of(
        self, limit: int, conditions: tuple[ColumnElement[bool], ...], now: datetime
    ) -> timedelta:
        """Until the attempt ``limit`` before the latest leaves the window; none when under it."""
        failed = (
            *conditions,
            SignInAttempt.outcome == Outcome.FAILED,
            SignInAttempt.at > now - WINDOW,
        )
        with self._database.read() as session:
            count, oldest = session.execute(
                select(func.count(), func.min(SignInAttempt.at)).where(*failed)
            ).one()
        return oldest + WINDOW - now if count > limit else timedelta()


def network_of(address: str) -> str:
    """What an address is counted as: itself, or for IPv6 the /64 that one subscriber has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:60]
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
