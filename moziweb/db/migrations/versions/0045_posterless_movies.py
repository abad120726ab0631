"""The movies without a chosen poster, kept by triggers, so that finding them reads no other movie.

Revision: 0045, after 0044

The triggers work for the release before, too. Creating them blocks writes, not reads.
"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

TABLE = "posterless_movie"

# A movie has at most one chosen source, by a unique index, so no two transactions that run at once
# change whether it has one. Queries look for the source again, as they do for premieres (0039).
IGNORE = " ON CONFLICT DO NOTHING"
ADD = f"INSERT INTO {TABLE} SELECT id FROM movie WHERE id = OLD.movie_id AND OLD.chosen{IGNORE}"
REMOVE = f"DELETE FROM {TABLE} WHERE movie_id = NEW.movie_id AND NEW.chosen"
TRIGGERS = {
    "movie_insert": ("INSERT ON movie", f"INSERT INTO {TABLE} VALUES (NEW.id){IGNORE}"),
    "source_insert": ("INSERT ON poster_source", REMOVE),
    "source_update": ("UPDATE OF movie_id, chosen ON poster_source", f"{ADD}; {REMOVE}"),
    "source_delete": ("DELETE ON poster_source", ADD),
}


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["movie_id"], ["movie.id"], name=op.f("fk_posterless_movie_movie_id_movie"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("movie_id", name=op.f("pk_posterless_movie")),
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
        f"INSERT INTO {TABLE} SELECT id FROM movie WHERE NOT EXISTS"
        " (SELECT 1 FROM poster_source WHERE poster_source.movie_id = movie.id AND chosen)"
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
