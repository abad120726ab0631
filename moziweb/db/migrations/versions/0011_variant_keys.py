"""A variant that moves to another key leaves a row behind, so that its old object is known.

Revision: 0011, after 0010
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import conv

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLE = "poster_variant"
OLD = "uq_poster_variant_source_id_name_recipe_hash_source_sha256"
NEW = f"{OLD}_key"
COLUMNS = ["source_id", "name", "recipe_hash", "source_sha256"]
# What SQLite forgets of a table that it makes anew, unless it is told again.
STATES = "state IN ('pending', 'ready', 'superseded', 'deleted')"


def upgrade() -> None:
    replace_unique(OLD, NEW, [*COLUMNS, "key"])


def downgrade() -> None:
    """Of several rows the one that is shown stays, or the newest."""
    variant = sa.table(TABLE, *(sa.column(name) for name in ("id", "state", *COLUMNS)))
    rank = sa.func.row_number().over(
        partition_by=[variant.c[name] for name in COLUMNS],
        order_by=[sa.case((variant.c.state == "ready", 0), else_=1), variant.c.id.desc()],
    )
    ranked = sa.select(variant.c.id, rank.label("rank")).subquery()
    beyond = sa.select(ranked.c.id).where(ranked.c.rank > 1)
    op.execute(sa.delete(variant).where(variant.c.id.in_(beyond)))
    replace_unique(NEW, OLD, COLUMNS)


def replace_unique(old: str, new: str, columns: list[str]) -> None:
    checks = [sa.CheckConstraint(STATES, name=conv("ck_poster_variant_variantstate"))]
    with op.batch_alter_table(TABLE, table_args=checks) as batch_op:
        batch_op.drop_constraint(conv(old), type_="unique")
        batch_op.create_unique_constraint(conv(new), columns)
