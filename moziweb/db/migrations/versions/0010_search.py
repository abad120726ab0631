"""What people are found by; on PostgreSQL, indexes for parts of words.

Revision: 0010, after 0009
"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INDEXES = (("ix_movie_search_text_trgm", "movie"), ("ix_person_search_text_trgm", "person"))


def upgrade() -> None:
    op.add_column("person", sa.Column("search_text", sa.Text(), nullable=False, server_default=""))
    fill_search_text()
    if has_trigrams():
        for name, table in INDEXES:
            op.create_index(
                name, table, ["search_text"], postgresql_using="gin",
                postgresql_ops={"search_text": "gin_trgm_ops"},
            )


def has_trigrams() -> bool:
    """Whether the extension is there: it comes with PostgreSQL, and an owner may create it."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return False
    try:
        with connection.begin_nested():
            connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
    except sa.exc.DBAPIError:  # not installed, or not allowed: searches are slower then
        return False
    return True


def folded(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(each for each in apart if not unicodedata.combining(each))
    return " ".join(re.sub(r"[^\w]+", " ", plain).split())


def fill_search_text() -> None:
    connection = op.get_bind()
    person = sa.table("person", sa.column("id"), sa.column("name"), sa.column("search_text"))
    rows = [
        {"number": row.id, "found_by": folded(row.name)}
        for row in connection.execute(sa.select(person.c.id, person.c.name))
    ]
    if rows:
        connection.execute(
            sa.update(person)
            .where(person.c.id == sa.bindparam("number"))
            .values(search_text=sa.bindparam("found_by")),
            rows,
        )


def downgrade() -> None:
    for name, table in INDEXES:
        op.drop_index(name, table, if_exists=True)
    op.drop_column("person", "search_text")
