"""When premieres were announced; what feeds look for by time.

Revision: 0009, after 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEXES = (
    ("premiere", "announced_at"),
    ("premiere", "cancelled_at"),
    ("premiere_change", "changed_at"),
)


def upgrade() -> None:
    # With a default first, since SQLite adds no other column to rows that there are.
    moment = sa.DateTime(timezone=True)
    some = sa.text("'1970-01-01 00:00:00'")
    op.add_column("premiere", sa.Column("announced_at", moment, nullable=False, server_default=some))
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("premiere", "announced_at", server_default=None)
    op.execute(
        "UPDATE premiere SET announced_at ="
        " (SELECT created_at FROM movie WHERE movie.id = premiere.movie_id)"
    )
    for table, column in INDEXES:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def downgrade() -> None:
    for table, column in reversed(INDEXES):
        op.drop_index(op.f(f"ix_{table}_{column}"), table)
    op.drop_column("premiere", "announced_at")
