"""Originals that were looked at and perhaps never saved, so that they can be removed.

Revision: 0012, after 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "poster_looked_at",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_poster_looked_at")),
    )
    op.create_index(op.f("ix_poster_looked_at_at"), "poster_looked_at", ["at"])


def downgrade() -> None:
    op.drop_table("poster_looked_at")
