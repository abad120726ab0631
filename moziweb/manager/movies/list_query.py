"""Query of the movie list: search text, filter, sort order and cursor."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Exists, Select, SQLColumnExpression, and_, exists, or_, select
from sqlalchemy.orm import aliased

from moziweb.db.planner_hints import NoIndex
from moziweb.db.types import parse_id
from moziweb.movies.calendar import week_of
from moziweb.movies.models import DatePrecision, FieldProvenance, Movie, Premiere
from moziweb.movies.text_folding import fold
from moziweb.posters.models import PosterSource, SourceState

FAILING: Final = (SourceState.FAILED, SourceState.RETRY_WAIT)

_IMDB_ID: Final = re.compile(r"tt[0-9]+")

Word = TypeVar("Word", bound=StrEnum)


class Filter(StrEnum):
    """Which movies to list; ``""`` is all."""

    ALL = ""
    THIS_WEEK = "this-week"
    NO_POSTER = "no-poster"
    NO_DATE = "no-date"
    FAILED = "failed"
    STALE = "stale"
    UNPUBLISHED = "unpublished"


class Sort(StrEnum):
    """Sort order: latest change first, latest premiere first (no date: last), or by title."""

    CHANGED = "changed"
    DATE = "date"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A query of the list. ``after`` and ``before`` are cursors, "" for none."""

    text: str = ""
    filter: Filter = Filter.ALL
    sort: Sort = Sort.CHANGED
    after: str = ""
    before: str = ""

    @classmethod
    def of(cls, query: Any) -> "ListQuery":
        """Parses a query string; unknown values are ignored."""
        return cls(
            text=" ".join(query.get("q", "").split())[:100],
            filter=_word(Filter, query.get("show", ""), Filter.ALL),
            sort=_word(Sort, query.get("sort", ""), Sort.CHANGED),
            after=query.get("after", "")[:200],
            before=query.get("before", "")[:200],
        )

    def params(self, **changes: str) -> dict[str, str]:
        """Returns the query string of the first page with some values changed."""
        values = {"q": self.text, "show": self.filter.value, "sort": self.sort.value, **changes}
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class FilterContext:
    """What the filters depend on: the day in Hungary, and since when an import is fresh."""

    today: date
    fresh_since: datetime


MovieIdColumn: TypeAlias = SQLColumnExpression[int]
"""An expression that is a movie's id."""


def conditions(
    query: ListQuery, context: FilterContext, movie: MovieIdColumn
) -> list[ColumnElement[bool]]:
    """Returns the conditions on ``movie``, a column with movie ids.

    Each is an ``IN`` over small indexes, so rows of ``movie`` are only read for display.
    """
    if query.text and query.filter not in _LACKING:
        titled = aliased(Movie)
        found = select(titled.id).where(*_search(query.text, titled))
        if query.filter:
            # Otherwise SQLite reads the titles of each movie of the filter.
            found = found.where(NoIndex(titled.id).in_(movie_ids(query.filter, context)))
        return [movie.in_(found)]
    return [movie.in_(movie_ids(query.filter, context, query.text))] if query.filter else []


def movie_ids(which: Filter, context: FilterContext, text: str = "") -> Select[int]:
    """Returns the ids of a filter's movies, perhaps with duplicates.

    ``text`` limits expensive filters to the movies that match the search.
    """
    if which in _LACKING:
        return lacking(_LACKING[which], text)
    return _FILTERS[which](context)


def has(part: Any, movie: MovieIdColumn, *wanted: SQLColumnExpression[bool]) -> Exists:
    """Whether a movie has a row of ``part``; reads an index only."""
    return exists(part.movie_id).where(part.movie_id == movie, *wanted)


def lacking(what: Callable[[MovieIdColumn], Exists], text: str = "") -> Select[int]:
    """Returns the ids of the movies matching ``text`` for which ``what`` does not exist."""
    movie = aliased(Movie)
    return select(movie.id).where(*_search(text, movie), ~what(movie.id).correlate(movie))


def _search(text: str, movie: Any) -> list[ColumnElement[bool]]:
    """Every word is in the titles; a number may be an id, and ``tt…`` an IMDb id."""
    words = fold(text).split()
    if len(words) == 1 and _IMDB_ID.fullmatch(words[0]):
        return [movie.imdb_id == words[0]]
    named = and_(True, *(movie.search_text.contains(word, autoescape=True) for word in words))
    movie_id = parse_id(words[0]) if len(words) == 1 else None
    if movie_id is not None:
        return [or_(named, movie.id == movie_id)]
    return [named] if words else []


def _this_week(context: FilterContext) -> Select[int]:
    week = week_of(context.today)
    return select(Premiere.movie_id).where(
        Premiere.date.between(week.start, week.end), Premiere.precision == DatePrecision.DAY
    )


def _failing(context: FilterContext) -> Select[int]:
    return select(PosterSource.movie_id).where(PosterSource.chosen, PosterSource.state.in_(FAILING))


def _stale(context: FilterContext) -> Select[int]:
    return select(FieldProvenance.movie_id).where(
        FieldProvenance.source.in_(("tmdb", "csv")),
        FieldProvenance.fetched_at < context.fresh_since,
    )


def _unpublished(context: FilterContext) -> Select[int]:
    movie = aliased(Movie)
    return select(movie.id).where(~movie.published)


_FILTERS: Final = {
    Filter.THIS_WEEK: _this_week,
    Filter.FAILED: _failing,
    Filter.STALE: _stale,
    Filter.UNPUBLISHED: _unpublished,
}
_LACKING: Final[dict[Filter, Callable[[MovieIdColumn], Exists]]] = {
    Filter.NO_POSTER: lambda movie: has(PosterSource, movie, PosterSource.chosen),
    Filter.NO_DATE: lambda movie: has(Premiere, movie, Premiere.precision == DatePrecision.DAY),
}


def _word(kind: type[Word], value: str, default: Word) -> Word:
    try:
        return kind(value)
    except ValueError:
        return default
