"""Hungarian order, compared with PostgreSQL's ICU collation."""

import random
import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from moziweb.movies.collation import MAX_SORT_KEY_LENGTH, sort_key
from moziweb.movies.models import Movie
from tests.factories import make_movie

ORDERED = (
    "2012",
    "A",
    "Á",
    "A cápa",
    "adag",
    "ág",
    "agg",
    "alma",
    "Az",
    "comb",
    "cukor",
    "csak",
    "csoda",
    "csöpp",
    "dal",
    "Dűne",
    "dzéta",
    "dzsem",
    "ebéd",
    "gomb",
    "gyár",
    "hosszan",
    "hosszú",
    "ló",
    "lyuk",
    "nap",
    "nyár",
    "olaj",
    "orr",
    "óz",
    "öl",
    "örök",
    "őz",
    "pad",
    "só",
    "szép",
    "tölgy",
    "tű",
    "tyúk",
    "un",
    "út",
    "ügy",
    "űr",
    "zár",
    "zseb",
)

WORDS = (
    "cs", "ccs", "csz", "cz", "d", "dz", "dzs", "ddzs", "dy", "g", "gy", "ggy", "gz", "l", "ly",
    "lly", "n", "ny", "nny", "s", "sz", "ssz", "sy", "t", "ty", "tty", "z", "zs", "zzs", "a", "á",
    "e", "é", "i", "í", "o", "ó", "ö", "ő", "u", "ú", "ü", "ű", "q", "w", "x", "y", "b", "r", " ",
)  # fmt: skip

SPELT_OUT = re.compile(r"(cs|dzs|dz|gy|ly|ny|sz|ty|zs)\1")


def words(count: int) -> list[str]:
    """Random words of letters that matter for the order."""
    chance = random.Random(2026)
    made = ("".join(chance.choices(WORDS, k=chance.randint(1, 5))).strip() for _ in range(count))
    # ICU sorts "ccs", a doubled "cs", after "cscs"; the key does not distinguish them.
    return sorted({" ".join(word.split()) for word in made if not SPELT_OUT.search(word)} - {""})


def test_hungarian_order() -> None:
    shuffled = random.Random(1).sample(ORDERED, len(ORDERED))
    assert sorted(shuffled, key=sort_key) == list(ORDERED)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("cz", "cs"), ("csz", "d"), ("gz", "gy"), ("lz", "ly"), ("nz", "ny"), ("sy", "sz"),
        ("tz", "ty"), ("zz", "zs"), ("dz", "dzs"), ("dy", "dz"), ("oz", "ö"), ("uz", "ü"),
        ("ba", "bá"), ("bá", "baa"), ("ö", "ő"), ("kassza", "kaszt"), ("fal szél", "falak"),
        ("rend", "Rendben"), ("Ali", "Ali: a film"),
    ],
)  # fmt: skip
def test_one_is_before_the_other(first: str, second: str) -> None:
    assert sort_key(first) < sort_key(second)


@pytest.mark.parametrize(
    ("text", "other"),
    [("ALMA", "alma"), ("Mr. Bean", "Mr Bean"), ("{cs|", "cs"), ("Søren", "Soren")],
)
def test_case_and_punctuation_are_ignored(text: str, other: str) -> None:
    assert sort_key(text) == sort_key(other)


@given(st.text(max_size=400))
def test_key_is_bounded_and_printable(title: str) -> None:
    key = sort_key(title)
    assert len(key) <= MAX_SORT_KEY_LENGTH
    assert key.isprintable()
    assert key == sort_key(unicodedata.normalize("NFD", title))


def test_databases_sort_keys_as_python_does(dbsession: Session) -> None:
    titles = [*ORDERED, *words(200), "Москва", "𝔐", "???"]
    for title in titles:
        make_movie(dbsession, title)
    dbsession.commit()
    query = dbsession.query(Movie.sort_key).order_by(Movie.sort_key)
    assert [row[0] for row in query] == sorted(map(sort_key, titles))


def test_order_is_that_of_icu(dbsession: Session) -> None:
    engine = dbsession.get_bind()
    if engine.dialect.name != "postgresql":
        return
    query = text(
        'SELECT word FROM unnest(CAST(:words AS text[])) word ORDER BY word COLLATE "hu-x-icu"'
    )
    expected = list(dbsession.scalars(query, {"words": words(4000)}))
    assert [(a, b) for a, b in pairwise(expected) if sort_key(a) > sort_key(b)] == []
