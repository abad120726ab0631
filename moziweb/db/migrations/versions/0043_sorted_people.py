"""The column of the sort keys of people; the next migration fills it.

Revision: 0043, after 0042
"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.String(160).with_variant(sa.String(160, collation="C"), "postgresql")
    op.add_column("person", sa.Column("sort_key", key, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("person", "sort_key")
