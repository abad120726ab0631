"""Tags of what a movie's page links to: its neighbours in the week, a genre's movies in the month.

The page of a movie has ``beside:42`` for the places next to it, and ``place:43:2026-W34`` for each
neighbour that it links. A movie that leaves a place in the order of a week invalidates the pages
that link it there, by the second tag. A movie that comes to a place invalidates the pages of the
movies on both sides, by the first one.

The movies on both sides are looked up after the commit (``beside-place:43:2026-08-20:…``), when the
writes of others are visible. Another write may have moved the movie again by then, so that its
place is not known any more. Movies that were separated by it for a moment may not have been found
by their own writes. So all pages of the week are invalidated, which is rare.
"""

from bisect import bisect
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, select

from moziweb.cache import tag
from moziweb.caching import DECLARATIONS

from .calendar import Week, month_of, week_of
from .models import DatePrecision, Movie, MovieGenre, Premiere
from .queries import DAYS, published_premieres
from .tags import beside_tag, genre_month_tag, place_tag

ORDER_OF: Final = "order-of"
"""The kind of the tags of movies whose title has another place in the order."""

_DATE_OF: Final = "date-of"
_GENRE_OF: Final = "genre-of"
_BESIDE_PLACE: Final = "beside-place"

_WEEKS_PER_QUERY: Final = 200


def date_tags(movie_id: int, day: date, precision: DatePrecision) -> tuple[str, ...]:
    """A movie gets or loses a premiere of this date."""
    return (tag(_DATE_OF, movie_id, day.isoformat()),) if precision in DAYS else ()


def genre_of_tag(movie_id: int, genre_id: int) -> str:
    """A movie gets or loses a genre."""
    return tag(_GENRE_OF, movie_id, genre_id)


@dataclass(slots=True)
class _Changes:
    """The dates and genres that movies get or lose, and movies with another place by their titles.

    ``others`` are all other tags.
    """

    dates: dict[int, set[date]] = field(default_factory=lambda: defaultdict(set))
    genres: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    retitled: set[int] = field(default_factory=set)
    others: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        kind, *rest = name.split(":")
        if kind == _DATE_OF:
            self.dates[int(rest[0])].add(date.fromisoformat(rest[1]))
        elif kind == _GENRE_OF:
            self.genres[int(rest[0])].add(int(rest[1]))
        else:
            self.others.append(name)
            if kind == ORDER_OF:
                self.retitled.add(int(rest[0]))


@dataclass(slots=True)
class _Listed:
    """The days of a movie's premieres. ``key`` sorts it; None if it is not published."""

    key: str | None
    days: set[date] = field(default_factory=set)


def with_related(
    connection: Connection, tags: Iterable[str], appearing: Collection[int]
) -> Iterator[str]:
    """Replace the tags of dates and genres, in the transaction that changes them.

    ``appearing`` are the movies that it publishes, withdraws or deletes. The rows of all these
    movies are locked by their changes. Two queries, if there are any.
    """
    changes = _Changes()
    for each in tags:
        changes.add(each)
    yield from changes.others
    moved = {*appearing, *changes.dates}
    listed = _listed(connection, {*moved, *changes.genres, *changes.retitled})
    genres = _genres(connection, moved)
    for movie_id in appearing:
        changes.dates[movie_id] |= listed[movie_id].days
    yield from _related_lists(changes, listed, genres)
    for movie_id in changes.retitled:
        changes.dates[movie_id] |= listed[movie_id].days
    yield from _new_places(changes, listed)


def places_of(connection: Connection, movie_ids: Collection[int]) -> Iterator[str]:
    """The tags of pages that link these movies at their places of now. Two queries."""
    listed = _listed(connection, movie_ids)
    dates = defaultdict(set, {each: listed[each].days for each in movie_ids})
    return _related_lists(_Changes(dates), listed, _genres(connection, movie_ids))


def _related_lists(
    changes: _Changes, listed: Mapping[int, _Listed], genres: Mapping[int, set[int]]
) -> Iterator[str]:
    """The places and the lists of genres that movies may leave."""
    for movie_id, days in changes.dates.items():
        yield from (place_tag(movie_id, week_of(day)) for day in days)
        yield from _genre_months(genres[movie_id] | changes.genres[movie_id], days)
    for movie_id, genre_ids in changes.genres.items():
        yield from _genre_months(genre_ids, listed[movie_id].days)


def _genre_months(genre_ids: Iterable[int], days: Iterable[date]) -> Iterator[str]:
    months = set(map(month_of, days))
    return (genre_month_tag(genre_id, month) for genre_id in genre_ids for month in months)


def _new_places(changes: _Changes, listed: Mapping[int, _Listed]) -> Iterator[str]:
    for movie_id, days in changes.dates.items():
        key = listed[movie_id].key
        if key is not None:
            for day in listed[movie_id].days.intersection(days):
                yield tag(_BESIDE_PLACE, movie_id, day.isoformat(), _digest(key))


def _digest(sort_key: str) -> str:
    """A sort key is longer than a tag."""
    return sha256(sort_key.encode()).hexdigest()[:16]


def _listed(connection: Connection, movie_ids: Collection[int]) -> Mapping[int, _Listed]:
    found: dict[int, _Listed] = defaultdict(lambda: _Listed(None))
    if movie_ids:
        columns = Movie.id, Movie.sort_key, Movie.published, Premiere.date
        premieres = select(*columns).join(Premiere, Premiere.movie_id == Movie.id)
        dated = premieres.where(Movie.id.in_(movie_ids), Premiere.precision.in_(DAYS))
        for movie_id, key, published, day in connection.execute(dated):
            found[movie_id].key = key if published else None
            found[movie_id].days.add(day)
    return found


def _genres(connection: Connection, movie_ids: Collection[int]) -> Mapping[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    if movie_ids:
        links = select(MovieGenre.movie_id, MovieGenre.genre_id)
        for row in connection.execute(links.where(MovieGenre.movie_id.in_(movie_ids))):
            found[row.movie_id].add(row.genre_id)
    return found


def _beside(connection: Connection, tags: Collection[str]) -> Iterator[str]:
    """The movies on both sides of the places of the tags; all of the week if one is not found."""
    wanted: dict[Week, list[tuple[int, date, str]]] = defaultdict(list)
    for each in tags:
        _kind, movie_id, day, digest = each.split(":")
        place = int(movie_id), date.fromisoformat(day), digest
        wanted[week_of(place[1])].append(place)
    for week, order in _orders(connection, list(wanted)):
        for place in wanted[week]:
            yield from map(beside_tag, _both_sides(order, *place))


_Order = list[tuple[date, str, int]]
"""The dates, sort keys and ids of movies in the order of a week."""


def _orders(connection: Connection, weeks: list[Week]) -> Iterator[tuple[Week, _Order]]:
    for first in range(0, len(weeks), _WEEKS_PER_QUERY):
        orders: dict[Week, _Order] = {each: [] for each in weeks[first : first + _WEEKS_PER_QUERY]}
        days = [week.start + timedelta(days=day) for week in orders for day in range(7)]
        query = published_premieres(Premiere.date, Movie.sort_key, Movie.id).where(
            Premiere.date.in_(days), Premiere.precision.in_(DAYS)
        )
        for day, key, movie_id in connection.execute(query):
            orders[week_of(day)].append((day, key, movie_id))
        yield from ((week, sorted(order)) for week, order in orders.items())


def _both_sides(order: _Order, movie_id: int, day: date, digest: str) -> Iterable[int]:
    """The movies next to this one; all if it is at another place now."""
    here = next((each for each in order if each[0] == day and each[2] == movie_id), None)
    if here is None or _digest(here[1]) != digest:
        return {each[2] for each in order}
    others = [each for each in order if each[2] != movie_id]
    at = bisect(others, here)
    return {each[2] for each in others[max(0, at - 1) : at + 1]}


DECLARATIONS.expansions.add(_BESIDE_PLACE, _beside)
