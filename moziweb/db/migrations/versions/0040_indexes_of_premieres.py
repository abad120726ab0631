"""Indexes of premieres: those of a service by date, those without a day, the numbers of years.

Revision: 0040, after 0039

Creating an index blocks writes, not reads: under a second with 100,000 movies. The indexes that
others replace are dropped last, because that blocks reads until the end of the transaction.
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

TABLE = "premiere"
ADDED = {
    "ix_premiere_service_id_premiere_date": ["service_id", "date"],
    "ix_premiere_cancelled_at_premiere_kind_premiere_date": ["cancelled_at", "kind", "date"],
}
WITHOUT_DAY = "ix_premiere_without_day_date"
REPLACED = {
    "ix_premiere_service_id": ["service_id"],
    "ix_premiere_cancelled_at": ["cancelled_at"],
}


def upgrade() -> None:
    where = sa.text("precision <> 'day'")
    op.create_index(WITHOUT_DAY, TABLE, ["date"], sqlite_where=where, postgresql_where=where)
    _replace(ADDED, REPLACED)


def downgrade() -> None:
    _replace(REPLACED, ADDED)
    op.drop_index(WITHOUT_DAY, TABLE)


def _replace(added: dict[str, list[str]], removed: dict[str, list[str]]) -> None:
    for name, columns in added.items():
        op.create_index(name, TABLE, columns)
    for name in removed:
        op.drop_index(name, TABLE)
