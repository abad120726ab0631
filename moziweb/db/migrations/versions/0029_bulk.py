"""Bulk actions of the manager.

Revision: 0029, after 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def _words(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=20)


def upgrade() -> None:
    actions = _words(
        "bulkaction",
        *("publish", "unpublish", "distributor", "rating", "move", "poster", "delete", "undo"),
    )
    states = _words("bulkstate", "asking", "counting", "counted", "running", "done")
    op.create_table(
        "manager_bulk_job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("action", actions, nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("state", states, nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("pages", sa.JSON(), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("user_name", sa.String(60), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim", sa.String(32), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["manager_user.id"],
            name=op.f("fk_manager_bulk_job_user_id_manager_user"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manager_bulk_job")),
    )
    for column in ("user_id", "created_at"):
        op.create_index(op.f(f"ix_manager_bulk_job_{column}"), "manager_bulk_job", [column])
    op.create_table(
        "manager_bulk_item",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("row_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("outcome", _words("outcome", "changed", "same", "refused"), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reason_names", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["manager_bulk_job.id"],
            name=op.f("fk_manager_bulk_item_job_id_manager_bulk_job"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_manager_bulk_item")),
    )
    columns = ["job_id", "outcome"]
    op.create_index("ix_manager_bulk_item_job_id_outcome", "manager_bulk_item", columns)


def downgrade() -> None:
    op.drop_table("manager_bulk_item")
    op.drop_table("manager_bulk_job")
