from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.demo.errors import InvalidPosterSpec
from moziweb.demo.spec import MAX_SPEC_URL_LENGTH, PosterSpec

TEXT = st.text(min_size=1, max_size=12)
WORDS = TEXT.filter(lambda text: bool(text.strip()))
LISTS = st.lists(TEXT, max_size=3).map(tuple)
SPECS = st.builds(
    PosterSpec,
    seed=WORDS,
    title=WORDS,
    year=st.integers(1, 9999),
    directors=LISTS,
    cast=LISTS,
    genres=LISTS,
    tagline=st.one_of(st.just(""), TEXT),
)


@given(SPECS)
def test_urls_round_trip(spec: PosterSpec) -> None:
    assert PosterSpec.from_url(spec.to_url()) == spec


def test_format_of_the_url() -> None:
    spec = PosterSpec("tt0001", "Őrült nők", 2026, ("Enyedi Ildikó",), genres=("Drama",))
    assert urlsplit(spec.to_url()).scheme == "drawn"
    assert spec.to_url() == (
        "drawn:tt0001?title=%C5%90r%C3%BClt+n%C5%91k&year=2026&by=Enyedi+Ildik%C3%B3&genre=Drama"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/poster.jpg",
        "drawn:tt1",
        "drawn:tt1?title=A",
        "drawn:?title=A&year=2026",
        "drawn:tt1?title=A&title=B&year=2026",
        "drawn:tt1?title=A&year=soon",
        "drawn:tt1?title=A&year=%D9%A1",
        "drawn:tt1?title=A&year=0",
        "drawn:tt1?title=A&year=10000",
        "drawn:tt1?title=+&year=2026",
        "drawn:tt1?year=2026&title=" + "a" * MAX_SPEC_URL_LENGTH,
    ],
)
def test_malformed_urls_are_refused(url: str) -> None:
    with pytest.raises(InvalidPosterSpec):
        PosterSpec.from_url(url)


def test_too_long_url_is_an_error() -> None:
    spec = PosterSpec("tt1", "A", 2026, cast=("Bánsági Ildikó",) * 200)
    with pytest.raises(InvalidPosterSpec, match="name fewer people"):
        spec.to_url()
