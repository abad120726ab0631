"""External pictures that were ready before they were looked at again get a time for it.

The column ``thumbhash`` goes: a colour stands in a picture's place, and nobody ever filled it.

Revision: 0013, after 0012
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

HOURS = 7 * 24
"""They are spread over a week, so that their servers are not asked all at once."""


def upgrade() -> None:
    source = sa.table(
        "poster_source",
        sa.column("id", sa.Integer),
        sa.column("kind", sa.String),
        sa.column("state", sa.String),
        sa.column("next_attempt_at", sa.DateTime(timezone=True)),
    )
    now = datetime.now(UTC)
    never = (
        (source.c.kind == "url")
        & (source.c.state == "ready")
        & source.c.next_attempt_at.is_(None)
    )
    ids = op.get_bind().scalars(sa.select(source.c.id).where(never)).all()
    for hour in range(HOURS):
        some = [source_id for source_id in ids if source_id % HOURS == hour]
        for start in range(0, len(some), 500):
            op.execute(
                sa.update(source)
                .where(source.c.id.in_(some[start : start + 500]))
                .values(next_attempt_at=now + timedelta(hours=hour))
            )
    op.drop_column("poster_source", "thumbhash")


def downgrade() -> None:
    op.add_column("poster_source", sa.Column("thumbhash", sa.String(length=60), nullable=True))
