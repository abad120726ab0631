"""The twelve colours that stand in a poster's place until it has come.

A source that was made before has none until it is made anew; its one colour stands there till then.

Revision: 0019, after 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("poster_source", sa.Column("sketch", sa.String(36)))


def downgrade() -> None:
    op.drop_column("poster_source", "sketch")
