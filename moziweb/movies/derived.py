"""Columns that are computed from the titles of a movie or the name of a person."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from .collation import sort_key
from .spelling import short_title
from .text_folding import fold, search_text

_OF_MOVIE: Final[Mapping[str, Callable[[str, str], str | None]]] = {
    "search_text": search_text,
    "sort_key": lambda title, _original_title: sort_key(title),
    "short_title": lambda title, _original_title: short_title(title),
    "short_original_title": lambda _title, original_title: short_title(original_title),
}


def of_movie(title: str, original_title: str) -> Mapping[str, str | None]:
    """The derived columns of ``Movie``."""
    return {column: derive(title, original_title) for column, derive in _OF_MOVIE.items()}


_OF_PERSON: Final[Mapping[str, Callable[[str], str]]] = {"search_text": fold, "sort_key": sort_key}


def of_person(name: str) -> Mapping[str, str]:
    """The derived columns of ``Person``."""
    return {column: derive(name) for column, derive in _OF_PERSON.items()}


def movie_default(column: str) -> Callable[[Any], str | None]:
    """The default of a derived column of ``Movie``, for ORM and bulk inserts."""
    derive = _OF_MOVIE[column]

    def default(context: Any) -> str | None:
        row = context.get_current_parameters()
        return derive(row["title"], row["original_title"])

    return default


def person_default(column: str) -> Callable[[Any], str]:
    """The default of a derived column of ``Person``, for ORM and bulk inserts."""
    derive = _OF_PERSON[column]

    def default(context: Any) -> str:
        return derive(context.get_current_parameters()["name"])

    return default
