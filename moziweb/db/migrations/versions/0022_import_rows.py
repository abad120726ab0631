"""How many rows of a list each movie of an import comes from.

Revision: 0022, after 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    row_count = sa.Column("row_count", sa.Integer(), nullable=False, server_default="1")
    op.add_column("import_item", row_count)


def downgrade() -> None:
    op.drop_column("import_item", "row_count")
