"""Second factors of the manager's users.

Revision: 0035, after 0034
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_user_id_manager_user")
    return sa.ForeignKeyConstraint(["user_id"], ["manager_user.id"], name=name, ondelete="CASCADE")


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("manager_session", sa.Column("confirmed_at", moment, nullable=True))
    op.add_column("manager_session", sa.Column("totp_secret", sa.String(64), nullable=True))
    op.create_table(
        "manager_totp",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("last_counter", sa.BigInteger(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        _of_user("manager_totp"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_manager_totp")),
    )
    op.create_table(
        "manager_recovery_code",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        _of_user("manager_recovery_code"),
        sa.PrimaryKeyConstraint("user_id", "code_hash", name=op.f("pk_manager_recovery_code")),
    )
    op.create_table(
        "manager_passkey",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=True),
        _of_user("manager_passkey"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manager_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_manager_passkey_credential_id")),
    )
    op.create_index(op.f("ix_manager_passkey_user_id"), "manager_passkey", ["user_id"])
    op.create_table(
        "manager_challenge",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("address", sa.String(60), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        _of_user("manager_challenge"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_manager_challenge")),
    )
    columns = ["address", "created_at"]
    op.create_index("ix_manager_challenge_address_created_at", "manager_challenge", columns)


def downgrade() -> None:
    for table in ("challenge", "passkey", "recovery_code", "totp"):
        op.drop_table(f"manager_{table}")
    op.drop_column("manager_session", "totp_secret")
    op.drop_column("manager_session", "confirmed_at")
