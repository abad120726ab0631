"""Trailers of known sites only; readable slugs; premieres inside the calendar.

Trailers elsewhere are deleted: the pages of their films could not be shown. A slug or a date that
is not fit stops the migration, since only a person can tell what was meant.

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import conv

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SITES = ("YouTube", "Vimeo")
NEW = {
    "trailer": ("ck_trailer_videosite", "site IN ('YouTube', 'Vimeo')"),
    "movie": (
        "ck_movie_slug",
        "slug <> '' AND trim(slug, 'abcdefghijklmnopqrstuvwxyz0123456789-') = ''",
    ),
    "premiere": ("ck_premiere_date", "date BETWEEN '1895-01-01' AND '2200-12-31'"),
}
# What SQLite forgets of a table that it makes anew, unless it is told again.
OLD = {
    "trailer": (),
    "movie": (("ck_movie_rating", "rating IN ('KN', '6', '12', '16', '18', 'X')"),),
    "premiere": (
        ("ck_premiere_premierekind", "kind IN ('cinema', 'limited', 'festival', 'streaming')"),
        ("ck_premiere_dateprecision", "precision IN ('day', 'month', 'year')"),
        ("ck_premiere_audio", "audio IN ('dubbed', 'subtitled', 'both', 'original')"),
    ),
}


def upgrade() -> None:
    trailer = sa.table("trailer", sa.column("site", sa.String))
    for site in SITES:
        same = sa.func.lower(trailer.c.site) == site.lower()
        op.execute(sa.update(trailer).where(same).values(site=site))
    op.execute(sa.delete(trailer).where(trailer.c.site.not_in(SITES)))
    for table, (name, text) in NEW.items():
        with op.batch_alter_table(table, table_args=checks(OLD[table])) as batch_op:
            batch_op.create_check_constraint(conv(name), text)


def downgrade() -> None:
    for table, check in NEW.items():
        with op.batch_alter_table(table, table_args=checks((*OLD[table], check))) as batch_op:
            batch_op.drop_constraint(conv(check[0]), type_="check")


def checks(wanted: tuple[tuple[str, str], ...]) -> tuple[sa.CheckConstraint, ...]:
    return tuple(sa.CheckConstraint(text, name=conv(name)) for name, text in wanted)
