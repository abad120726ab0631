"""Fewer and smaller indexes of variants: they took more than half of the table.

Revision: 0031, after 0030

The release before still runs: it does not need the unique constraint, because it writes rows under
the lease of their source; it only reads more rows where it looks for keys.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import conv

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

TABLE = "poster_variant"
UNIQUE = "uq_poster_variant_source_id_name_recipe_hash_source_sha256_key"
COLUMNS = ["source_id", "name", "recipe_hash", "source_sha256", "key"]
STATES = "ix_poster_variant_state_superseded_at"
# What SQLite's copy of the table would lose.
CHECK = "state IN ('pending', 'ready', 'superseded', 'deleted')"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":  # copies the table, so without the old indexes
        _drop_indexes()
        _create_indexes(STATES)
        return
    # Creating an index blocks writes alone; dropping one blocks reads until the transaction ends.
    _create_indexes(f"{STATES}_new")
    _drop_indexes()
    op.execute(f"ALTER INDEX {STATES}_new RENAME TO {STATES}")


def _create_indexes(states: str) -> None:
    op.create_index("ix_poster_variant_source_id", TABLE, ["source_id"])
    superseded = sa.text("superseded_at IS NOT NULL")
    columns = ["state", "superseded_at"]
    op.create_index(states, TABLE, columns, sqlite_where=superseded, postgresql_where=superseded)


def _drop_indexes() -> None:
    with _altered() as batch_op:
        batch_op.drop_constraint(conv(UNIQUE), type_="unique")
    op.drop_index("ix_poster_variant_key", TABLE)
    op.drop_index(STATES, TABLE)


def downgrade() -> None:
    with _altered() as batch_op:
        batch_op.create_unique_constraint(conv(UNIQUE), COLUMNS)
    op.drop_index(STATES, TABLE)
    op.create_index(STATES, TABLE, ["state", "superseded_at"])
    op.create_index("ix_poster_variant_key", TABLE, ["key"])
    op.drop_index("ix_poster_variant_source_id", TABLE)


def _altered():
    checks = [sa.CheckConstraint(CHECK, name=conv("ck_poster_variant_variantstate"))]
    return op.batch_alter_table(TABLE, table_args=checks)
