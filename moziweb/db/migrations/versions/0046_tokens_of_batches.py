"""A token of each import and bulk job, which names its changes in the audit log.

Revision: 0046, after 0045

Jobs without a token, older ones and those of the release before, are named by their ids.
"""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

TABLES = ("import_job", "manager_bulk_job")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("batch_token", sa.String(16)))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "batch_token")
