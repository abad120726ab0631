"""Reports failed sign-ins: a warning in the log and an entry in the audit log, both bounded.

An unknown name is not reported, because people also type passwords into the field of the name. The
work is the same whether the name is known or not, so that its time does not show that.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..audit.log import USER, Actor, Subject, record
from ..audit.models import AuditEntry
from .models import User

log = logging.getLogger(__name__)

MAX_WARNINGS: Final = 10
WARNINGS_SECONDS: Final = 60.0
"""A process logs ``MAX_WARNINGS`` in this time; the next warning counts those in between."""

MAX_FAILED_ENTRIES: Final = 200
ENTRIES_PERIOD: Final = timedelta(hours=1)
"""The audit log has at most ``MAX_FAILED_ENTRIES`` in this time."""

SIGN_IN_FAILED: Final = "user.sign_in_failed"
UNKNOWN_NAME: Final = "user.unknown_name"
WRONG_PASSWORD: Final = "user.wrong_password"  # noqa: S105 - an action
WRONG_CODE: Final = "user.wrong_code"
"""Actions of the audit log. ``WRONG_PASSWORD`` is a wrong present password of a signed-in user,
``WRONG_CODE`` a wrong code after the right password."""


class RateLimit(logging.Filter):
    """Lets ``count`` records pass in ``seconds``; the next one says how many did not."""

    def __init__(
        self, count: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._count = count
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._begun = -math.inf
        self._passed = self._dropped = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        with self._lock:
            now = self._clock()
            if now - self._begun >= self._seconds:
                self._begun, self._passed = now, 0
            if self._passed >= self._count:
                self._dropped += 1
                return False
            self._passed += 1
            dropped, self._dropped = self._dropped, 0
        if dropped:
            record.msg = f"{record.msg} (and {dropped} warnings like this one before)"
        return True


log.addFilter(RateLimit(MAX_WARNINGS, WARNINGS_SECONDS))


def report_failed(session: Session, user: User | None, address: str, now: datetime) -> None:
    """Reports a sign-in with a wrong name or password; ``user`` is None for an unknown name."""
    who = repr(user.name) if user else "an unknown name"
    log.warning("sign-in of %s from %s failed", who, address)
    subject = user.audit_subject if user else Subject(USER)
    _record(
        session, Actor(None, address[:60]), SIGN_IN_FAILED if user else UNKNOWN_NAME, subject, now
    )


def report_wrong_password(session: Session, user: User, address: str, now: datetime) -> None:
    """Reports a wrong present password of a user who is signed in."""
    log.warning("wrong present password of %r from %s", user.name, address)
    _record(session, Actor(user.id, user.name), WRONG_PASSWORD, user.audit_subject, now)


def report_wrong_code(session: Session, user: User, address: str, now: datetime) -> None:
    """Reports a wrong code after the right password: another person may know the password."""
    log.warning("wrong code of %r from %s", user.name, address)
    _record(session, Actor(None, address[:60]), WRONG_CODE, user.audit_subject, now)


def report_failed_passkey(address: str) -> None:
    """Reports a passkey that was not accepted. No user is known, so there is no audit entry."""
    log.warning("sign-in with a passkey from %s failed", address)


def report_refused(address: str) -> None:
    """Reports an attempt beyond the limits. It is not in the audit log: a flood writes nothing."""
    log.warning("sign-in from %s refused: too many failed attempts", address)


def _record(session: Session, by: Actor, action: str, subject: Subject, now: datetime) -> None:
    recent = session.scalar(
        select(func.count()).where(
            AuditEntry.at > now - ENTRIES_PERIOD,
            AuditEntry.action.in_((SIGN_IN_FAILED, UNKNOWN_NAME, WRONG_PASSWORD, WRONG_CODE)),
        )
    )
    if (recent or 0) < MAX_FAILED_ENTRIES:
        record(session, by, action, subject, now)
