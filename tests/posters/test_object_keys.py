"""Variants found by their keys, without an index of keys."""

import random

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.posters.models import PosterSource, PosterVariant, SourceKind, VariantState
from moziweb.posters.object_keys import at_keys, between_keys, movie_of_key
from tests.factories import make_movie

IDS = (1, 2, 9, 10, 11, 12, 19, 99, 100, 101, 119, 120, 121, 1_000, 1_190, 1_199, 12_000)


@pytest.fixture
def keys(dbsession: Session) -> list[str]:
    """Keys of two variants of each movie, in the order of storage."""
    found = []
    for movie_id in IDS:
        make_movie(dbsession, f"Film {movie_id}", id=movie_id)
        source = PosterSource(movie_id=movie_id, kind=SourceKind.DRAWN)
        dbsession.add(source)
        dbsession.flush()
        for name in ("poster", "thumb"):
            key = f"poster/{movie_id}-film-{movie_id}/0-0.{name}.jpg"
            variant = PosterVariant(
                source_id=source.id, name=name, format="jpg", recipe_hash="r", source_sha256="s",
                key=key, state=VariantState.READY,
            )  # fmt: skip
            dbsession.add(variant)
            found.append(key)
    dbsession.flush()
    return sorted(found)


def test_every_range_of_keys_is_found(dbsession: Session, keys: list[str]) -> None:
    generator = random.Random(1)
    ends = ["", "poster/", "poster/1", "poster/12/x", "poster/5-a", "poster/~", *keys]
    for _ in range(150):
        after, until = sorted(generator.sample(ends, 2))
        query = select(PosterVariant.key).where(between_keys(after, until))
        expected = [key for key in keys if after < key <= until]
        assert sorted(filter(None, dbsession.scalars(query))) == expected, (after, until)


def test_keys_are_found_by_their_movies(dbsession: Session, keys: list[str]) -> None:
    for wanted in ([], keys[:1], keys[3:9], [*keys[:2], "poster/7-no/1.jpg", "another/form.jpg"]):
        query = select(PosterVariant.key).where(at_keys(wanted))
        assert sorted(filter(None, dbsession.scalars(query))) == sorted(set(wanted) & set(keys))


@pytest.mark.parametrize(
    ("key", "movie_id"),
    [
        ("poster/12-a-film/0-0.jpg", 12),
        ("poster/12", None),
        ("poster/x-a/0.jpg", None),
        ("upload/12-a/0.jpg", None),
        ("poster/99999999999999999999-a/0.jpg", None),
    ],
)
def test_key_tells_its_movie(key: str, movie_id: int | None) -> None:
    assert movie_of_key(key) == movie_id
