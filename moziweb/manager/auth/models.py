"""Users, their sessions, sign-in attempts and links that set a password."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from moziweb.clock import utc_now
from moziweb.db.meta import Base, enum_column
from moziweb.i18n import _

from ..audit.log import USER, Subject


class Role(StrEnum):
    """Editors change movies and posters; administrators also manage users, cache and settings."""

    EDITOR = "editor"
    ADMIN = "admin"


ROLE_NAMES: Final = {Role.EDITOR: _("editor"), Role.ADMIN: _("administrator")}


class User(Base):
    """An account. ``name`` is stored normalised: trimmed and case-folded.

    An ``invited`` user has not set a password yet.
    """

    __tablename__ = "manager_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(enum_column(Role))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    disabled_at: Mapped[datetime | None]
    invited: Mapped[bool] = mapped_column(default=False, server_default=false())

    @property
    def audit_subject(self) -> Subject:
        """The user as the subject of an audit entry."""
        return Subject(USER, self.name, self.id)


class PasswordLink(Base):
    """The open link by which a user sets a password; at most one per user.

    ``token_hash`` is the SHA-256 of the token in the link.
    """

    __tablename__ = "manager_password_link"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("manager_user.id", ondelete="CASCADE"), unique=True
    )
    expires_at: Mapped[datetime]


class UserSession(Base):
    """A signed-in session of one browser.

    ``token_hash`` is the SHA-256 of the browser's token, so the table's rows cannot be used to
    sign in. ``confirmed_at`` is when the user last entered the password again; ``totp_secret`` is
    that of an authenticator app that is being set up.
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
    confirmed_at: Mapped[datetime | None]
    totp_secret: Mapped[str | None] = mapped_column(String(64))

    user: Mapped[User] = relationship(lazy="raise_on_sql")


class AttemptOutcome(StrEnum):
    """Outcome of a sign-in attempt; an attempt in progress counts as failed."""

    FAILED = "failed"
    SUCCEEDED = "succeeded"


class SignInAttempt(Base):
    """A sign-in attempt. Attempts are in the database, so a restart does not reset limits."""

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
