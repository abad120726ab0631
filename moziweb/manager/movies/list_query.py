"""What an operator wants of the list of films: a search, a filter, an order, a place in it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
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

Word = TypeVar("Word", bound=StrEnum)


class Filter(StrEnum):
    """Which films; ``""`` is all."""

    ALL = ""
    THIS_WEEK = "this-week"
    NO_POSTER = "no-poster"
    NO_DATE = "no-date"
    FAILED = "failed"
    STALE = "stale"
    UNPUBLISHED = "unpublished"


class Sort(StrEnum):
    """In which order: latest change first, latest premiere first (those without last), by title."""

    CHANGED = "changed"
    DATE = "date"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What is asked for. ``after`` and ``before`` are cursors of rows, "" for neither."""

    text: str = ""
    filter: Filter = Filter.ALL
    sort: Sort = Sort.CHANGED
    after: str = ""
    before: str = ""

    @classmethod
    def of(cls, query: Any) -> "ListQuery":
        """The wish of a query string; what it does not know is left out."""
        return cls(
            text=" ".join(query.get("q", "").split())[:100],
            filter=_word(Filter, query.get("show", ""), Filter.ALL),
            sort=_word(Sort, query.get("sort", ""), Sort.CHANGED),
            after=query.get("after", "")[:200],
            before=query.get("before", "")[:200],
        )

    def query(self, **changes: str) -> dict[str, str]:
        """The query string of this wish with some of it changed, at its beginning."""
        values = {"q": self.text, "show": self.filter.value, "sort": self.sort.value, **changes}
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class FilterContext:
    """What the filters mean by now: the day in Hungary, and since when an import is fresh."""

    today: date
    fresh_since: datetime

    @classmethod
    def of(cls, today: date, now: datetime, stale_days: int) -> "FilterContext":
        """The bounds of a moment."""
        return cls(today, now - timedelta(days=stale_days))


MovieIdColumn: TypeAlias = SQLColumnExpression[int]
"""An expression that is a film's id."""


def conditions(
    wish: ListQuery, bounds: FilterContext, movie: MovieIdColumn
) -> list[ColumnElement[bool]]:
    """What has to be of the id ``film``, for the film to be in the list.

    Each is "one of these", which are found in small indexes: a film itself is read when it is
    shown, not to find out that it is not.
    """
    if wish.text and wish.filter not in _LACKING:
        titled = aliased(Movie)
        found = select(titled.id).where(*_search(wish.text, titled))
        if wish.filter:
            # SQLite would read each film of the filter for its titles.
            found = found.where(NoIndex(titled.id).in_(movie_ids(wish.filter, bounds)))
        return [movie.in_(found)]
    return [movie.in_(movie_ids(wish.filter, bounds, wish.text))] if wish.filter else []


def movie_ids(which: Filter, bounds: FilterContext, text: str = "") -> Select[int]:
    """The ids of the films of a filter, some perhaps more than once.

    ``text`` spares the work of those that are not searched for, where that is much.
    """
    if which in _LACKING:
        return lacking(_LACKING[which], text)
    return _FILTERS[which](bounds)


def has(part: Any, movie: MovieIdColumn, *wanted: SQLColumnExpression[bool]) -> Exists:
    """Whether a film has such a part. Of an index, no more than the id is read."""
    return exists(part.movie_id).where(part.movie_id == movie, *wanted)


def lacking(what: Callable[[MovieIdColumn], Exists], text: str = "") -> Select[int]:
    """The ids of the films, of those that are searched for, of which something does not exist."""
    movie = aliased(Movie)
    return select(movie.id).where(*_search(text, movie), ~what(movie.id).correlate(movie))


def _search(text: str, movie: Any) -> list[ColumnElement[bool]]:
    """Every word is somewhere in the titles; a number is an id, too, and ``tt…`` one of IMDb's."""
    words = fold(text).split()
    if len(words) == 1 and words[0].startswith("tt") and words[0][2:].isdecimal():
        return [movie.imdb_id == words[0]]
    named = and_(True, *(movie.search_text.contains(word, autoescape=True) for word in words))
    movie_id = parse_id(words[0]) if len(words) == 1 else None
    if movie_id is not None:
        return [or_(named, movie.id == movie_id)]
    return [named] if words else []


def _this_week(bounds: FilterContext) -> Select[int]:
    week = week_of(bounds.today)
    return select(Premiere.movie_id).where(
        Premiere.date.between(week.start, week.end), Premiere.precision == DatePrecision.DAY
    )


def _failing(bounds: FilterContext) -> Select[int]:
    return select(PosterSource.movie_id).where(PosterSource.chosen, PosterSource.state.in_(FAILING))


def _stale(bounds: FilterContext) -> Select[int]:
    return select(FieldProvenance.movie_id).where(
        FieldProvenance.source.in_(("tmdb", "csv")),
        FieldProvenance.fetched_at < bounds.fresh_since,
    )


def _unpublished(bounds: FilterContext) -> Select[int]:
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
