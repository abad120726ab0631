"""What an operator wants of the list of films: a search, a filter, an order, a place in it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import aliased

from moziweb.movies.calendar import week_of
from moziweb.movies.models import DatePrecision, FieldProvenance, Movie, Premiere
from moziweb.movies.queries import MAX_ID
from moziweb.movies.search import folded
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
class Wish:
    """What is asked for. ``after`` and ``before`` are cursors of rows, "" for neither."""

    text: str = ""
    filter: Filter = Filter.ALL
    sort: Sort = Sort.CHANGED
    after: str = ""
    before: str = ""

    @classmethod
    def of(cls, query: Any) -> "Wish":
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
class Bounds:
    """What the filters mean by now: the day in Hungary, and since when an import is fresh."""

    today: date
    fresh_since: datetime

    @classmethod
    def of(cls, today: date, now: datetime, stale_days: int) -> "Bounds":
        """The bounds of a moment."""
        return cls(today, now - timedelta(days=stale_days))


def conditions(wish: Wish, bounds: Bounds) -> list[ColumnElement[bool]]:
    """What a film has to be, to be in the list."""
    found = [_FILTERS[wish.filter](bounds)] if wish.filter else []
    return found + _search(wish.text)


def _search(text: str) -> list[ColumnElement[bool]]:
    """Every word is somewhere in the titles; a number is an id, too, and ``tt…`` one of IMDb's."""
    words = folded(text).split()
    if len(words) == 1 and words[0].startswith("tt") and words[0][2:].isdecimal():
        return [Movie.imdb_id == words[0]]
    named = and_(True, *(Movie.search_text.contains(word, autoescape=True) for word in words))
    if len(words) == 1 and words[0].isascii() and words[0].isdecimal():
        number = int(words[0])
        return [or_(named, Movie.id == number)] if 0 < number <= MAX_ID else [named]
    return [named] if words else []


def _this_week(bounds: Bounds) -> ColumnElement[bool]:
    week = week_of(bounds.today)
    return Movie.id.in_(
        select(Premiere.movie_id).where(
            Premiere.date.between(week.start, week.end), Premiere.precision == DatePrecision.DAY
        )
    )


def _without_poster(bounds: Bounds) -> ColumnElement[bool]:
    chosen = exists().where(PosterSource.movie_id == Movie.id, PosterSource.chosen)
    return ~chosen.correlate(Movie)


def _without_date(bounds: Bounds) -> ColumnElement[bool]:
    dated = aliased(Premiere)  # the list may be joined to another one
    has_day = exists().where(dated.movie_id == Movie.id, dated.precision == DatePrecision.DAY)
    return ~has_day.correlate(Movie)


def _failing(bounds: Bounds) -> ColumnElement[bool]:
    return Movie.id.in_(
        select(PosterSource.movie_id).where(PosterSource.chosen, PosterSource.state.in_(FAILING))
    )


def _stale(bounds: Bounds) -> ColumnElement[bool]:
    return Movie.id.in_(
        select(FieldProvenance.movie_id).where(
            FieldProvenance.source.in_(("tmdb", "csv")),
            FieldProvenance.fetched_at < bounds.fresh_since,
        )
    )


def _unpublished(bounds: Bounds) -> ColumnElement[bool]:
    return ~Movie.published


_FILTERS: Final = {
    Filter.THIS_WEEK: _this_week,
    Filter.NO_POSTER: _without_poster,
    Filter.NO_DATE: _without_date,
    Filter.FAILED: _failing,
    Filter.STALE: _stale,
    Filter.UNPUBLISHED: _unpublished,
}


def _word(kind: type[Word], value: str, default: Word) -> Word:
    try:
        return kind(value)
    except ValueError:
        return default
