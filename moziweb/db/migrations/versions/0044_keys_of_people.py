"""The sort keys of people, and their index.

Revision: 0044, after 0043

Blocks writes of people, not reads. The index is created first: the migration then has the lock that
writers need, and no deadlock with them is possible.
"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

BATCH = 1000


def upgrade() -> None:
    # The first form of 0043, which no release had, created the index, too.
    op.create_index(op.f("ix_person_sort_key"), "person", ["sort_key"], if_not_exists=True)
    person = sa.table("person", *map(sa.column, ("id", "name", "sort_key")))
    query = sa.select(person.c.id, person.c.name).order_by(person.c.id).limit(BATCH)
    here = person.c.id == sa.bindparam("row_id")
    written = sa.update(person).where(here).values(sort_key=sa.bindparam("key"))
    connection, last = op.get_bind(), 0
    while rows := connection.execute(query.where(person.c.id > last)).all():
        values = [{"row_id": row.id, "key": sort_key(row.name)} for row in rows]
        connection.execute(written, values)
        last = rows[-1].id


def downgrade() -> None:
    op.drop_index(op.f("ix_person_sort_key"), "person")


# What the application computes, as of this revision.

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


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def decomposed(text: str) -> str:
    lower = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFKD", lower).translate(LETTERS)


def plain(text: str) -> str:
    return "".join(each for each in text if not unicodedata.combining(each))


def sort_key(text: str) -> str:
    letters = decomposed(text).translate(str.maketrans("{|", "  "))
    marked = plain(re.sub("(?<=[ou])[\u0308\u030b]", "{", letters))
    words = re.sub(r"[^\w{]+", " ", marked).split()
    primary = "!".join(
        CONTRACTION.sub(lambda match: CONTRACTIONS[match[0]], word) for word in words
    )
    accents = " ".join(re.sub(r"[^\w{]+", " ", nfc(letters)).split())
    return f"{primary[:100]} {accents}"[:160]
