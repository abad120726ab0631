"""Reads of the cache by minute, and the advice that is made of them.

Revision: 0030, after 0029
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cache_read_minute",
        sa.Column("minute", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("process", sa.String(80), nullable=False),
        sa.Column("zero_bits", sa.Integer(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("reads", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "process", name=op.f("pk_cache_read_minute")),
    )
    op.create_table(
        "cache_advice",
        sa.Column("region", sa.String(100), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("advice", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("region", name=op.f("pk_cache_advice")),
    )


def downgrade() -> None:
    op.drop_table("cache_advice")
    op.drop_table("cache_read_minute")
