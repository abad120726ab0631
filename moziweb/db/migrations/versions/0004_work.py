"""Background work: the queue, hosts that are left alone, sources that wait to be chosen.

The queue is Procrastinate's, made of the schema that its installed version brings, in a schema of
its own; setup.py holds that version still, and the next one comes with a migration of ours that
applies theirs. Its functions name their tables without a schema, so each is told where to look:
then they work in any session of ours.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import context, op
from procrastinate.schema import SchemaManager

from moziweb.db.meta import UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FLAGS = ("remake", "choose_when_ready")

_LOOK_AT_HOME = """
DO $$
DECLARE
    function regprocedure;
BEGIN
    FOR function IN
        SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'procrastinate'::regnamespace
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = procrastinate, pg_temp', function);
    END LOOP;
END $$
"""


def upgrade() -> None:
    for flag in _FLAGS:
        op.add_column(
            "poster_source",
            sa.Column(flag, sa.Boolean(), server_default=sa.false(), nullable=False),
        )
    op.create_table(
        "poster_host",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("open_until", UTCDateTime(), nullable=True),
        sa.Column("error_code", sa.String(40), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_poster_host")),
    )
    if _is_postgresql():
        op.alter_column("poster_variant", "key", type_=sa.Text(collation="C"))
        _make_queue()
    op.create_index("ix_poster_variant_key", "poster_variant", ["key"])
    op.create_index(
        "ix_poster_variant_state_superseded_at", "poster_variant", ["state", "superseded_at"]
    )


def downgrade() -> None:
    op.drop_index("ix_poster_variant_state_superseded_at", "poster_variant")
    op.drop_index("ix_poster_variant_key", "poster_variant")
    if _is_postgresql():
        op.execute("DROP SCHEMA procrastinate CASCADE")
        op.execute('ALTER TABLE poster_variant ALTER COLUMN key TYPE text COLLATE "default"')
    op.drop_table("poster_host")
    for flag in _FLAGS:
        op.drop_column("poster_source", flag)


def _is_postgresql() -> bool:
    return context.get_context().dialect.name == "postgresql"


def _make_queue() -> None:
    connection = op.get_bind()
    before = connection.scalar(sa.text("SELECT current_setting('search_path')"))
    set_path = sa.text("SELECT set_config('search_path', :path, true)")
    connection.execute(sa.text("CREATE SCHEMA procrastinate"))
    connection.execute(set_path, {"path": "procrastinate"})
    # Many statements with per cent signs: they must reach the driver without parameters.
    connection.exec_driver_sql(
        SchemaManager.get_schema(), execution_options={"no_parameters": True}
    )
    connection.execute(set_path, {"path": before})
    connection.exec_driver_sql(_LOOK_AT_HOME, execution_options={"no_parameters": True})
