"""Submitted forms of the manager, which are recognised when they are submitted again.

Revision: 0024, after 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "manager_submission",
        sa.Column("token", sa.String(22), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("path", sa.String(300), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["manager_user.id"],
            name=op.f("fk_manager_submission_user_id_manager_user"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token", "user_id", name=op.f("pk_manager_submission")),
    )
    op.create_index(
        op.f("ix_manager_submission_created_at"), "manager_submission", ["created_at"]
    )


def downgrade() -> None:
    op.drop_table("manager_submission")
