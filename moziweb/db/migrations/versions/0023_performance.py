"""The performance of web processes, minute by minute.

Revision: 0023, after 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

PARTS = ("queue", "cache", "database", "storage", "images", "render")


def upgrade() -> None:
    op.create_table(
        "performance_minute",
        sa.Column("minute", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("process", sa.String(80), nullable=False),
        sa.Column("release", sa.String(40), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("satisfied", sa.Integer(), nullable=False),
        sa.Column("tolerated", sa.Integer(), nullable=False),
        sa.Column("queries", sa.Integer(), nullable=False),
        *(sa.Column(part, sa.Double(), nullable=False) for part in PARTS),
        sa.Column("routes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "process", name=op.f("pk_performance_minute")),
    )


def downgrade() -> None:
    op.drop_table("performance_minute")
