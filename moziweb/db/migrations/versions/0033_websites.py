"""Websites of distributors and streaming services.

Revision: 0033, after 0032
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

TABLES = ("distributor", "streaming_service")


def upgrade() -> None:
    for table in TABLES:
        website = sa.Column("website", sa.String(300), nullable=False, server_default="")
        op.add_column(table, website)


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "website")
