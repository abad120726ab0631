"""Times of people, distributors, genres and services, and movies that are no longer shown.

Revision: 0026, after 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TABLES = ("distributor", "genre", "person", "streaming_service")
UNKNOWN = "2026-11-30 00:00:00+00:00"
"""The times of rows that are older than the columns. A constant, so no row is rewritten."""


def upgrade() -> None:
    for table in TABLES:
        for name in ("created_at", "updated_at"):
            time = sa.DateTime(timezone=True)
            op.add_column(table, sa.Column(name, time, nullable=False, server_default=UNKNOWN))
    op.create_table(
        "removed_movie",
        sa.Column("movie_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("movie_id", name=op.f("pk_removed_movie")),
    )
    op.create_index(op.f("ix_removed_movie_removed_at"), "removed_movie", ["removed_at"])


def downgrade() -> None:
    op.drop_table("removed_movie")
    for table in TABLES:
        for name in ("updated_at", "created_at"):
            op.drop_column(table, name)
