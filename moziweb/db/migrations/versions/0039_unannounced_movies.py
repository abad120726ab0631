"""The movies without premieres, kept by triggers, so that finding them reads no other movie.

Revision: 0039, after 0038

The triggers work for the release before, too. Creating them blocks writes, not reads.
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

TABLE = "unannounced_movie"

# A movie stays in the table if it loses one of several premieres: of two transactions that delete
# the last two, each would see the other's. Queries look for premieres again.
IGNORE = " ON CONFLICT DO NOTHING"
ADD = f"INSERT INTO {TABLE} SELECT id FROM movie WHERE id = OLD.movie_id{IGNORE}"
REMOVE = f"DELETE FROM {TABLE} WHERE movie_id = NEW.movie_id"
TRIGGERS = {
    "movie_insert": ("INSERT ON movie", f"INSERT INTO {TABLE} VALUES (NEW.id){IGNORE}"),
    "premiere_insert": ("INSERT ON premiere", REMOVE),
    "premiere_update": ("UPDATE OF movie_id ON premiere", f"{ADD}; {REMOVE}"),
    "premiere_delete": ("DELETE ON premiere", ADD),
}


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["movie_id"], ["movie.id"], name=op.f("fk_unannounced_movie_movie_id_movie"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("movie_id", name=op.f("pk_unannounced_movie")),
    )  # fmt: skip
    for name, (event, body) in TRIGGERS.items():
        name = f"{TABLE}_{name}"
        if op.get_bind().dialect.name == "sqlite":
            op.execute(f"CREATE TRIGGER {name} AFTER {event} BEGIN {body}; END")
            continue
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
            f" AS $$ BEGIN {body}; RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event} FOR EACH ROW EXECUTE FUNCTION {name}()"
        )
    op.execute(
        f"INSERT INTO {TABLE} SELECT id FROM movie"
        " WHERE NOT EXISTS (SELECT 1 FROM premiere WHERE premiere.movie_id = movie.id)"
    )


def downgrade() -> None:
    for name, (event, _body) in TRIGGERS.items():
        name = f"{TABLE}_{name}"
        if op.get_bind().dialect.name == "sqlite":
            op.execute(f"DROP TRIGGER {name}")
        else:
            op.execute(f"DROP TRIGGER {name} ON {event.rpartition(' ')[2]}")
            op.execute(f"DROP FUNCTION {name}")
    op.drop_table(TABLE)
