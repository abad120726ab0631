"""Former ids and slugs of people, genres, distributors and services.

Revision: 0037, after 0036
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "former_address",
        sa.Column("table_name", sa.String(20), nullable=False),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("row_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("table_name", "key", name=op.f("pk_former_address")),
    )
    columns = ["table_name", "row_id"]
    name = op.f("ix_former_address_table_name_former_address_row_id")
    op.create_index(name, "former_address", columns)


def downgrade() -> None:
    op.drop_table("former_address")
