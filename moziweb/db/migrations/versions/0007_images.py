"""Where the redirects of an external picture led: its validators belong to that address.

Revision: 0007, after 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("poster_source", sa.Column("final_url", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("poster_source", "final_url")
