"""Query of the movie list: search text, filter, distributor, sort order and cursor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import (
    ColumnElement,
    Exists,
    Row,
    Select,
    SelectBase,
    SQLColumnExpression,
    exists,
    literal,
    select,
)
from sqlalchemy.orm import aliased

from moziweb.db.planner_hints import NoIndex
from moziweb.db.types import parse_id
from moziweb.movies.calendar import FIRST_YEAR, Week, week_of
from moziweb.movies.models import (
    UNANNOUNCED,
    DatePrecision,
    FieldProvenance,
    Movie,
    Premiere,
)
from moziweb.movies.queries import is_without_day
from moziweb.posters.models import MIN_POSTER_WIDTH, POSTERLESS, PosterSource, SourceState

from .list_search import MAX_SEARCH_LENGTH, Search

FAILING: Final = (SourceState.FAILED, SourceState.RETRY_WAIT)

NO_SEARCH: Final = Search()

Word = TypeVar("Word", bound=StrEnum)


class Filter(StrEnum):
    """Which movies to list; ``""`` is all."""

    ALL = ""
    THIS_WEEK = "this-week"
    NEXT_WEEK = "next-week"
    NO_POSTER = "no-poster"
    SMALL_POSTER = "small-poster"
    NO_DATE = "no-date"
    NO_SYNOPSIS = "no-synopsis"
    NO_RATING = "no-rating"
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
    """A query of the list. ``after`` and ``before`` are cursors, "" for none.

    ``distributor`` is an id, 0 for all; ``named`` are those whose names the text matches.
    """

    text: str = ""
    filter: Filter = Filter.ALL
    sort: Sort = Sort.CHANGED
    after: str = ""
    before: str = ""
    distributor: int = 0
    named: tuple[int, ...] = ()

    @classmethod
    def of(cls, query: Any, distributors: Sequence[Row[int, str]] = ()) -> "ListQuery":
        """Parses a query string; unknown values are ignored.

        ``distributors`` are the ids and names of all, of which the text may name some.
        """
        text = " ".join(query.get("q", "").split())[:MAX_SEARCH_LENGTH]
        return cls(
            text=text,
            named=Search.of(text, distributors).distributors,
            filter=_word(Filter, query.get("show", ""), Filter.ALL),
            sort=_word(Sort, query.get("sort", ""), Sort.CHANGED),
            after=query.get("after", "")[:200],
            before=query.get("before", "")[:200],
            distributor=parse_id(query.get("distributor", "")) or 0,
        )

    @property
    def search(self) -> Search:
        """What the text searches for."""
        return Search(self.text, self.named)

    def params(self, **changes: str) -> dict[str, str]:
        """Returns the query string of the first page with some values changed."""
        values = {
            "q": self.text,
            "show": self.filter.value,
            "distributor": str(self.distributor or ""),
            "sort": self.sort.value,
            **changes,
        }
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
    found = _filtered(query, context, movie)
    if query.distributor:
        theirs = aliased(Movie)
        of_theirs = select(theirs.id).where(theirs.distributor_id == query.distributor)
        found.append(movie.in_(of_theirs))
    return found


def _filtered(
    query: ListQuery, context: FilterContext, movie: MovieIdColumn
) -> list[ColumnElement[bool]]:
    if query.text and query.filter not in _LACKING:
        titled = aliased(Movie)
        found = select(titled.id).where(*query.search.conditions(titled))
        if query.filter:
            # Otherwise SQLite reads the titles of each movie of the filter.
            found = found.where(NoIndex(titled.id).in_(movie_ids(query.filter, context)))
        return [movie.in_(found)]
    return [movie.in_(movie_ids(query.filter, context, query.search))] if query.filter else []


def movie_ids(which: Filter, context: FilterContext, search: Search = NO_SEARCH) -> Select[int]:
    """Returns the ids of a filter's movies, perhaps with duplicates.

    ``search`` limits expensive filters to the movies that match it.
    """
    if which in _LACKING:
        return lacking(*_LACKING[which], search)
    return _FILTERS[which](context)


def has(part: Any, movie: MovieIdColumn, *wanted: SQLColumnExpression[bool]) -> Exists:
    """Whether a movie has a row of ``part``; reads an index only."""
    return exists(part.movie_id).where(part.movie_id == movie, *wanted)


def lacking(
    what: Callable[[MovieIdColumn], Exists], candidates: SelectBase, search: Search = NO_SEARCH
) -> Select[int]:
    """Returns the ids of the movies matching ``search`` for which ``what`` does not exist.

    They are among those of ``candidates``, which are few: only a search reads other movies.
    """
    movie = aliased(Movie)
    matches = search.conditions(movie)
    if matches:
        return select(movie.id).where(*matches, ~what(movie.id).correlate(movie))
    few = candidates.subquery()
    return select(few.c.movie_id.label("id")).where(~what(few.c.movie_id).correlate(few))


def _this_week(context: FilterContext) -> Select[int]:
    return _in_week(week_of(context.today))


def _next_week(context: FilterContext) -> Select[int]:
    return _in_week(week_of(context.today).next)


def _in_week(week: Week) -> Select[int]:
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


def _without_synopsis(context: FilterContext) -> Select[int]:
    movie = aliased(Movie)
    # A literal, so that SQLite sees that the partial index has these rows.
    return select(movie.id).where(movie.synopsis == literal("", literal_execute=True))


def _without_rating(context: FilterContext) -> Select[int]:
    movie = aliased(Movie)
    return select(movie.id).where(movie.rating.is_(None))


def _with_small_poster(context: FilterContext) -> Select[int]:
    is_small = PosterSource.width < MIN_POSTER_WIDTH
    return select(PosterSource.movie_id).where(PosterSource.chosen, is_small)


_FILTERS: Final = {
    Filter.THIS_WEEK: _this_week,
    Filter.NEXT_WEEK: _next_week,
    Filter.SMALL_POSTER: _with_small_poster,
    Filter.NO_SYNOPSIS: _without_synopsis,
    Filter.NO_RATING: _without_rating,
    Filter.FAILED: _failing,
    Filter.STALE: _stale,
    Filter.UNPUBLISHED: _unpublished,
}
WITHOUT_PREMIERE: Final = select(UNANNOUNCED.c.movie_id)
"""The movies without a premiere, and a few others."""

_WITHOUT_DAY: Final = select(Premiere.movie_id).where(
    # All dates: SQLite reads the index of these premieres only for a range of it.
    is_without_day(Premiere), Premiere.date >= date(FIRST_YEAR, 1, 1)
)  # fmt: skip
"""The movies with a premiere in a month or a year."""

_LACKING: Final[dict[Filter, tuple[Callable[[MovieIdColumn], Exists], SelectBase]]] = {
    Filter.NO_POSTER: (
        lambda movie: has(PosterSource, movie, PosterSource.chosen),
        select(POSTERLESS.c.movie_id),
    ),
    Filter.NO_DATE: (
        lambda movie: has(Premiere, movie, Premiere.precision == DatePrecision.DAY),
        WITHOUT_PREMIERE.union_all(_WITHOUT_DAY),
    ),
}


def _word(kind: type[Word], value: str, default: Word) -> Word:
    try:
        return kind(value)
    except ValueError:
        return default
