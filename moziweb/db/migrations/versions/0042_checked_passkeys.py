"""Passkeys that need the password until their user has checked them.

Revision: 0042, after 0041
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("needs_password", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("manager_passkey", column)


def downgrade() -> None:
    op.drop_column("manager_passkey", "needs_password")
