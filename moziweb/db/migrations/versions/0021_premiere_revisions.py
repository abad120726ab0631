"""The revision of a premiere, which only grows, and the time of its latest change.

Revision: 0021, after 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TIMES = (
    "cancelled_at",
    "(SELECT max(changed_at) FROM premiere_change WHERE premiere_id = premiere.id)",
    "(SELECT updated_at FROM movie WHERE movie.id = premiere.movie_id)",
)
"""Times of changes; the latest one is not before any time that calendars were sent."""


def upgrade() -> None:
    count = sa.Column("revision", sa.Integer(), nullable=False, server_default="0")
    op.add_column("premiere", count)
    op.add_column("premiere", sa.Column("revised_at", sa.DateTime(timezone=True), nullable=True))
    # Until now SEQUENCE was the number of changes, and one more while cancelled: it was never more
    # than this one, also for premieres that are not cancelled any more.
    changes = "SELECT count(*) FROM premiere_change WHERE premiere_id = premiere.id"
    op.execute(f"UPDATE premiere SET revision = 1 + ({changes})")
    op.execute("UPDATE premiere SET revised_at = announced_at")
    for time in TIMES:
        op.execute(f"UPDATE premiere SET revised_at = {time} WHERE {time} > revised_at")


def downgrade() -> None:
    op.drop_column("premiere", "revised_at")
    op.drop_column("premiere", "revision")
