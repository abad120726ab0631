"""Links by which users of the manager set their passwords.

Revision: 0034, after 0033
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "manager_user",
        sa.Column("invited", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_table(
        "manager_password_link",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["manager_user.id"],
            name=op.f("fk_manager_password_link_user_id_manager_user"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_manager_password_link")),
        sa.UniqueConstraint("user_id", name=op.f("uq_manager_password_link_user_id")),
    )


def downgrade() -> None:
    op.drop_table("manager_password_link")
    op.drop_column("manager_user", "invited")
