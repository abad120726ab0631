"""The vocabulary covers the catalogue."""

import re

import pytest
from babel import Locale

from moziweb.demo.catalogue import shipped_movies
from moziweb.demo.vocabulary import (
    COUNTRIES,
    LANGUAGES,
    UnknownWordError,
    country_codes,
    hungarian_genre,
    language_codes,
)
from moziweb.movies.genres import GENRES
from moziweb.movies.slugs import slug_of
from moziweb.site.formatting import Formatter

WORDING = {locale: Formatter(locale, str) for locale in ("hu", "en")}


def test_no_word_of_the_catalogue_is_missing() -> None:
    movies = shipped_movies()
    assert {name for movie in movies for name in movie.genres} <= GENRES.keys()
    assert {name for movie in movies for name in movie.countries} <= COUNTRIES.keys()
    assert {name for movie in movies for name in movie.languages} <= LANGUAGES.keys()
    for movie in movies:
        assert country_codes(movie.countries)
        assert language_codes(movie.languages)


@pytest.mark.parametrize("locale", ["hu", "en"])
def test_every_code_has_a_name_in_both_languages(locale: str) -> None:
    wording = WORDING[locale]
    for code in COUNTRIES.values():
        assert wording.country_name(code) != code
    for code in LANGUAGES.values():
        assert wording.language_name(code) != code


def test_country_codes_are_those_of_their_names() -> None:
    territories = Locale("en").territories
    renamed = {"Czech Republic", "Hong Kong", "Palestine", "People's Republic of China"}
    for name, code in COUNTRIES.items():
        if name not in renamed | {"Turkey", "Wales"}:
            assert territories[code] == name


def test_genres_have_unique_slugs() -> None:
    slugs = [slug_of(name) for name in GENRES.values()]
    assert len(set(slugs)) == len(GENRES)
    assert all(re.fullmatch("[a-z-]{1,40}", slug) for slug in slugs)


def test_codes_are_unique() -> None:
    assert language_codes(["Mandarin", "English", "Putonghua"]) == ("zh", "en")


def test_unknown_word_is_in_the_error() -> None:
    for translate in (hungarian_genre, lambda word: country_codes([word])):
        with pytest.raises(UnknownWordError, match="Atlantis"):
            translate("Atlantis")
