"""Imports that two never work on, and that say in any language why they ended.

Revision: 0015, after 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLE = "import_job"
INDEX = "ix_import_job_created_at"


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("claim", sa.String(32), nullable=True))
    names = sa.Column("error_names", sa.JSON(), nullable=False, server_default="{}")
    op.add_column(TABLE, names)
    op.create_index(op.f(INDEX), TABLE, ["created_at"])


def downgrade() -> None:
    op.drop_index(op.f(INDEX), TABLE)
    op.drop_column(TABLE, "error_names")
    op.drop_column(TABLE, "claim")
