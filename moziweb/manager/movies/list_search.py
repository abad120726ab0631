"""The search of the movie list: titles, people, distributors, ids and pasted addresses."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, or_, select

from moziweb.db.types import parse_id
from moziweb.movies.models import Credit, Person
from moziweb.movies.search_queries import MAX_WORDS, SearchTerms
from moziweb.movies.text_folding import fold

MAX_SEARCH_LENGTH: Final = 300
"""Characters of a search; the address of a page may be long."""

_REST: Final = r"(?:[-/?#].*)?"
_ADDRESSES: Final = (
    ("imdb_id", re.compile(r"(tt[0-9]{1,10})", re.IGNORECASE)),
    ("imdb_id", re.compile(rf"(?:https?://)?(?:\w+\.)?imdb\.com/(?:\w+/)?title/(tt[0-9]+){_REST}")),
    ("tmdb_id", re.compile(rf"(?:https?://)?(?:www\.)?themoviedb\.org/movie/([0-9]+){_REST}")),
    ("id", re.compile(rf"(?:https?://[^/]+)?/(?:en/)?(?:manager/movies|movie)/([0-9]+){_REST}")),
)
"""Columns of a movie, and the texts that name one."""

_PERSON_ADDRESSES: Final = (
    ("imdb_id", re.compile(r"(nm[0-9]{1,10})", re.IGNORECASE)),
    ("imdb_id", re.compile(rf"(?:https?://)?(?:\w+\.)?imdb\.com/(?:\w+/)?name/(nm[0-9]+){_REST}")),
    ("tmdb_id", re.compile(rf"(?:https?://)?(?:www\.)?themoviedb\.org/person/([0-9]+){_REST}")),
    ("id", re.compile(rf"(?:https?://[^/]+)?/(?:en/)?(?:manager/names/)?person/([0-9]+){_REST}")),
)
"""Columns of a person, and the texts that name one."""


@dataclass(frozen=True, slots=True)
class Search:
    """A text to search for. ``distributors`` are the ids of those whose names it matches."""

    text: str = ""
    distributors: tuple[int, ...] = ()

    @classmethod
    def of(cls, text: str, distributors: Sequence[Row[int, str]]) -> "Search":
        """Returns the search for a text; ``distributors`` are ids and names of all."""
        words = fold(text).split()
        named = (
            number for number, name in distributors if all(word in fold(name) for word in words)
        )
        return cls(text, tuple(named) if words and not _is_address(text) else ())

    def conditions(self, movie: Any) -> list[ColumnElement[bool]]:
        """Returns the conditions on ``movie``, an alias of the movies; none without a text.

        Each word is in the titles or in a name of a person, or the text names a distributor. A
        number may be an id, here or at TMDB.
        """
        if found := _address(self.text):
            column, value = found
            return [getattr(movie, column) == value]
        if found := person_address(self.text):
            column, value = found
            return [_of_person(movie, getattr(Person, column) == value)]
        words = fold(self.text).split()[:MAX_WORDS]
        if not words:
            return []
        ways = [and_(*(_has(movie, word) for word in words))]
        if self.distributors:
            ways.append(movie.distributor_id.in_(self.distributors))
        number = parse_id(words[0]) if len(words) == 1 else None
        if number is not None:
            ways += [movie.id == number, movie.tmdb_id == number]
        return [or_(*ways)]

    @property
    def terms(self) -> SearchTerms | None:
        """The words that may be misspelt; None if the text is empty, a number or an address."""
        is_name = not _is_address(self.text) and parse_id(self.text) is None
        return SearchTerms.of(self.text) if is_name and fold(self.text) else None


def person_address(text: str) -> tuple[str, str | int] | None:
    """Returns the column and the value of a text that names one person, or None."""
    return _column_of(text, _PERSON_ADDRESSES)


def _address(text: str) -> tuple[str, str | int] | None:
    return _column_of(text, _ADDRESSES)


def _is_address(text: str) -> bool:
    return bool(_address(text) or person_address(text))


def _column_of(
    text: str, addresses: Sequence[tuple[str, re.Pattern[str]]]
) -> tuple[str, str | int] | None:
    for column, pattern in addresses:
        if match := pattern.fullmatch(text):
            value = match[1].lower()
            return (column, value) if column == "imdb_id" else (column, parse_id(value) or 0)
    return None


def _has(movie: Any, word: str) -> ColumnElement[bool]:
    """Whether the titles of a movie or the name of a person of it contain a word."""
    named = Person.search_text.contains(word, autoescape=True)
    return or_(movie.search_text.contains(word, autoescape=True), _of_person(movie, named))


def _of_person(movie: Any, which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a movie has a credit of such a person."""
    credits_ = select(Credit.movie_id).join(Person, Person.id == Credit.person_id).where(which)
    found: ColumnElement[bool] = movie.id.in_(credits_)
    return found
