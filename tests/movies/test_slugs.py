"""Slugs of movies."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.movies.slugs import MAX_SLUG_LENGTH, NAMELESS, slug_of


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Az ötödik elem", "az-otodik-elem"),
        ("Árvíztűrő tükörfúrógép", "arvizturo-tukorfurogep"),
        ("I'm Still Here", "im-still-here"),
        ("WALL·E", "wall-e"),
        ("Москва", "moskva"),
        ("Die große Stille", "die-grosse-stille"),
        ("  2012  ", "2012"),
        ("???", NAMELESS),
        ("", NAMELESS),
    ],
)
def test_title_becomes_slug(title: str, slug: str) -> None:
    assert slug_of(title) == slug


def test_long_title_is_cut_between_words() -> None:
    assert slug_of("nagyon " * 40) == "-".join(["nagyon"] * 14)


@given(st.text(max_size=400))
def test_every_slug_is_url_safe(title: str) -> None:
    slug = slug_of(title)
    assert re.fullmatch(r"[a-z0-9-]+", slug)
    assert len(slug) <= MAX_SLUG_LENGTH
    assert slug_of(slug) == slug
