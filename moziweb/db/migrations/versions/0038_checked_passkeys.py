"""Passkeys that need the password until their user has checked them.

Revision: 0038, after 0037
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("needs_password", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("manager_passkey", column)


def downgrade() -> None:
    op.drop_column("manager_passkey", "needs_password")
