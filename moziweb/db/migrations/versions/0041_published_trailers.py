"""When the video of a trailer was uploaded.

Revision: 0041, after 0040
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("trailer", sa.Column("published_at", moment, nullable=True))


def downgrade() -> None:
    op.drop_column("trailer", "published_at")
