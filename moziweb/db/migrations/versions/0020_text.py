"""Texts in NFC; search texts fold letters such as ø; sort keys and short titles of movies.

Revision: 0020, after 0019
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

COLUMNS = ("sort_key", "short_title", "short_original_title")
BATCH = 1000

STORED = {
    "movie": ("title", "original_title", "synopsis", "synopsis_en"),
    "person": ("name",),
    "credit": ("character",),
    "trailer": ("name",),
    "premiere": ("note",),
    "premiere_change": ("reason",),
    "genre": ("name", "name_en"),
    "streaming_service": ("name",),
}
"""Columns of text that people typed, by table with an id; unique ones are handled apart."""


def upgrade() -> None:
    key = sa.String(160).with_variant(sa.String(160, collation="C"), "postgresql")
    op.add_column("movie", sa.Column("sort_key", key, nullable=False, server_default=""))
    op.add_column("movie", sa.Column("short_title", sa.String(8)))
    op.add_column("movie", sa.Column("short_original_title", sa.String(8)))
    for table, columns in STORED.items():
        rewrite(table, columns, lambda values: {name: nfc(value) for name, value in values.items()})
    merge_distributors()
    rewrite_unique("movie_reference", ("list_name", "ref"))
    rewrite_unique("manager_user", ("name",))
    rewrite("person", ("name",), lambda values: {"search_text": folded(values["name"])})
    rewrite("movie", ("title", "original_title"), derived)
    for column in COLUMNS:
        op.create_index(op.f(f"ix_movie_{column}"), "movie", [column])


def downgrade() -> None:
    for column in reversed(COLUMNS):
        op.drop_index(op.f(f"ix_movie_{column}"), "movie")
        op.drop_column("movie", column)


def rewrite(
    name: str,
    columns: Iterable[str],
    change: Callable[[dict[str, str]], dict[str, str | None]],
) -> None:
    """Write what ``change`` returns for the values of ``columns``, unless it returns the same."""
    table = sa.table(name, sa.column("id", sa.Integer))
    selected = [sa.column(column, sa.Text) for column in columns]
    query = sa.select(table.c.id, *selected).select_from(table).order_by(table.c.id).limit(BATCH)
    connection, last = op.get_bind(), 0
    while rows := connection.execute(query.where(table.c.id > last)).all():
        changed = []
        for row in rows:
            given = {column.name: row[place] for place, column in enumerate(selected, 1)}
            values = change(given)
            if values != given:
                changed.append({"row_id": row.id} | {f"new_{key}": values[key] for key in values})
        if changed:
            targets = {key: sa.bindparam(f"new_{key}") for key in values}
            written = sa.table(name, sa.column("id"), *map(sa.column, targets))
            here = written.c.id == sa.bindparam("row_id")
            connection.execute(sa.update(written).where(here).values(targets), changed)
        last = rows[-1].id


def rewrite_unique(name: str, columns: Sequence[str]) -> None:
    """Write a unique key in NFC, unless it exists in this form."""
    connection = op.get_bind()
    table = sa.table(name, *map(sa.column, columns))
    keys = {tuple(row) for row in connection.execute(sa.select(table))}
    for key in tuple(keys):
        normal = tuple(map(nfc, key))
        if normal not in keys:
            keys.add(normal)
            here = sa.tuple_(*table.c) == sa.tuple_(*key)
            values = dict(zip(columns, normal, strict=True))
            connection.execute(sa.update(table).where(here).values(values))


def merge_distributors() -> None:
    """Of two distributors whose names are equal in NFC, the one with the NFC name stays."""
    rewrite_unique("distributor", ("name",))
    connection = op.get_bind()
    table = sa.table("distributor", sa.column("id"), sa.column("name"))
    movie = sa.table("movie", sa.column("distributor_id"))
    ids = {row.name: row.id for row in connection.execute(sa.select(table.c.name, table.c.id))}
    for name, old in ids.items():
        if nfc(name) != name:
            same = movie.c.distributor_id == old
            connection.execute(sa.update(movie).where(same).values(distributor_id=ids[nfc(name)]))
            connection.execute(sa.delete(table).where(table.c.id == old))


# What the application computes, as of this revision.

NO_WORD = re.compile(r"[^\w]+")
LETTERS = str.maketrans(
    {
        "æ": "ae", "ð": "d", "ø": "o", "þ": "th", "đ": "d", "ħ": "h", "ı": "i", "ĸ": "k",
        "ł": "l", "ŋ": "ng", "œ": "oe", "ŧ": "t", "ə": "e", "\u02bc": "",
    }
)  # fmt: skip
DIGRAPHS = {
    "cs": "c{", "dz": "d{", "dzs": "d|", "gy": "g{", "ly": "l{", "ny": "n{", "sz": "s{",
    "ty": "t{", "zs": "z{",
}  # fmt: skip
CONTRACTIONS = DIGRAPHS | {digraph[0] + digraph: key * 2 for digraph, key in DIGRAPHS.items()}
CONTRACTION = re.compile("|".join(sorted(CONTRACTIONS, key=len, reverse=True)))


def derived(values: dict[str, str]) -> dict[str, str | None]:
    title, original = values["title"], values["original_title"]
    first, second = folded(title), folded(original)
    return {
        "search_text": first if first == second else f"{first} {second}".strip(),
        "sort_key": sort_key(title),
        "short_title": first if 0 < len(first) <= 8 else None,
        "short_original_title": second if 0 < len(second) <= 8 else None,
    }


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def decomposed(text: str) -> str:
    lower = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFKD", lower).translate(LETTERS)


def plain(text: str) -> str:
    return "".join(each for each in text if not unicodedata.combining(each))


def folded(text: str) -> str:
    return " ".join(NO_WORD.sub(" ", plain(decomposed(text))).split())


def sort_key(text: str) -> str:
    letters = decomposed(text).translate(str.maketrans("{|", "  "))
    marked = plain(re.sub("(?<=[ou])[\u0308\u030b]", "{", letters))
    words = re.sub(r"[^\w{]+", " ", marked).split()
    primary = "!".join(
        CONTRACTION.sub(lambda match: CONTRACTIONS[match[0]], word) for word in words
    )
    accents = " ".join(re.sub(r"[^\w{]+", " ", nfc(letters)).split())
    return f"{primary[:100]} {accents}"[:160]
