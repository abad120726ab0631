"""The journal of invalidations.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cache_journal",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("created", sa.Float(53), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("published", sa.Float(53), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cache_journal")),
    )
    unpublished = sa.text("published IS NULL")
    op.create_index(
        "ix_cache_journal_unpublished",
        "cache_journal",
        ["created"],
        sqlite_where=unpublished,
        postgresql_where=unpublished,
    )


def downgrade() -> None:
    op.drop_table("cache_journal")
