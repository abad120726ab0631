"""Second factors of users, and the challenges of open sign-ins."""

from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, false
from sqlalchemy.orm import Mapped, mapped_column

from moziweb.db.meta import Base

MAX_PASSKEY_NAME: Final = 60


class Totp(Base):
    """The authenticator app of a user: the shared secret in Base32.

    ``last_counter`` is the time step of the last accepted code; earlier ones are refused.
    """

    __tablename__ = "manager_totp"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("manager_user.id", ondelete="CASCADE"), primary_key=True
    )
    secret: Mapped[str] = mapped_column(String(64))
    last_counter: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]


class RecoveryCode(Base):
    """An unused recovery code; ``code_hash`` is the SHA-256 of its 80 random bits."""

    __tablename__ = "manager_recovery_code"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("manager_user.id", ondelete="CASCADE"), primary_key=True
    )
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)


class Passkey(Base):
    """A WebAuthn credential. ``sign_count`` is the authenticator's counter at its last use.

    ``needs_password``: the password was changed, and the user has not said since that the passkey
    is their own; until then it is a second factor only.
    """

    __tablename__ = "manager_passkey"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("manager_user.id", ondelete="CASCADE"), index=True
    )
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(MAX_PASSKEY_NAME))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    needs_password: Mapped[bool] = mapped_column(default=False, server_default=false())


class Challenge(Base):
    """A random value that a browser must return once (``challenges.py``)."""

    __tablename__ = "manager_challenge"
    __table_args__ = (Index("ix_manager_challenge_address_created_at", "address", "created_at"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("manager_user.id", ondelete="CASCADE"))
    address: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime]
