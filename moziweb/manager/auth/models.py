"""Users, their sessions and their sign-in attempts."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from moziweb.clock import utc_now
from moziweb.db.meta import Base, enum_column


class Role(StrEnum):
    """What somebody may do: an editor films, an administrator people and the machinery, too."""

    EDITOR = "editor"
    ADMIN = "admin"


class User(Base):
    """Somebody who may sign in. ``name`` is kept as it is compared: trimmed and case-folded."""

    __tablename__ = "manager_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(enum_column(Role))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    disabled_at: Mapped[datetime | None]


class UserSession(Base):
    """Somebody who is signed in, in one browser.

    ``token_hash`` is the SHA-256 of what the browser holds: whoever reads the table can still not
    sign in with it.
    """

    __tablename__ = "manager_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    csrf_token: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[int] = mapped_column(
        ForeignKey("manager_user.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(String(60), default="")
    agent: Mapped[str] = mapped_column(String(200), default="")

    user: Mapped[User] = relationship(lazy="raise_on_sql")


class AttemptOutcome(StrEnum):
    """How an attempt to sign in ended. One that is not over yet counts as failed."""

    FAILED = "failed"
    SUCCEEDED = "succeeded"


class SignInAttempt(Base):
    """An attempt to sign in; in the database, so that a restart forgets none."""

    __tablename__ = "manager_sign_in_attempt"
    __table_args__ = (
        Index("ix_manager_sign_in_attempt_name_at", "name", "at"),
        Index("ix_manager_sign_in_attempt_address_at", "address", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    address: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime]
    outcome: Mapped[AttemptOutcome] = mapped_column(
        enum_column(AttemptOutcome, "outcome"), default=AttemptOutcome.FAILED
    )
