"""The keys of share pictures are found in the order of storage.

Revision: 0038, after 0037
"""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_poster_share_key"), "poster_share", ["key"])


def downgrade() -> None:
    op.drop_index(op.f("ix_poster_share_key"), "poster_share")
