"""Which second factors a user has, and their reset."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ...audit.log import Actor, record
from ..accounts import end_sessions, lock_user
from ..models import User
from .models import Passkey, RecoveryCode, Totp
from .recovery_codes import count_codes, delete_codes


@dataclass(frozen=True, slots=True)
class FactorState:
    """The second factors of a user. Recovery codes are not one: they replace one that is lost."""

    totp_since: datetime | None
    passkeys: Sequence[Passkey]
    recovery_codes: int

    @property
    def is_required(self) -> bool:
        """Whether the password alone does not sign in."""
        return self.totp_since is not None or bool(self.passkeys)

    @property
    def is_unchecked(self) -> bool:
        """Whether passkeys need the password until the user has checked them."""
        return any(each.needs_password for each in self.passkeys)


def factors_of(session: Session, user_id: int) -> FactorState:
    """Returns the second factors of a user. Three queries."""
    totp = session.get(Totp, user_id)
    passkeys = select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)
    return FactorState(
        totp_since=totp.created_at if totp is not None else None,
        passkeys=session.scalars(passkeys).all(),
        recovery_codes=count_codes(session, user_id),
    )


def users_with_factors(session: Session) -> set[int]:
    """Returns the ids of the users who have a second factor. One query."""
    ids = select(Totp.user_id).union(select(Passkey.user_id))
    return set(session.scalars(ids))


def reset_factors(session: Session, user: User, *, by: Actor, now: datetime) -> None:
    """Removes all second factors of a user and ends the sessions."""
    lock_user(session, user)
    for model in (Totp, RecoveryCode, Passkey):
        session.execute(delete(model).where(model.user_id == user.id))
    end_sessions(session, user)
    record(session, by, "user.second_factor_reset", user.audit_subject, now)


def drop_needless_codes(session: Session, user: User) -> None:
    """Deletes the recovery codes if there is no second factor left to replace."""
    state = factors_of(session, user.id)
    if state.recovery_codes and not state.is_required:
        delete_codes(session, user)
