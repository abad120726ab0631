"""Tags of filtered lists: of the values by which filters find a premiere, in its periods.

Kind, service, language versions and formats are of the premiere, so a change of its row names them.
Rating and genres are of the movie: a change of a date names the movie,
``listed-on:42:2026-08-20:day``, and a change of a value the value, ``filtered:42:rating:16``. These
are replaced in the transaction, whose rows are locked. If it changes both, every value is combined
with every date.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, select

from moziweb.cache import tag

from .filters import Dimension, filtered_audios
from .list_tags import filtered_lists, periods_of
from .models import DatePrecision, Movie, MovieGenre, Premiere
from .tags import filtered_list_tag

_LISTED_ON: Final = "listed-on"
_FILTERED: Final = "filtered"

FilterValue = tuple[Dimension, str | int]


def listed_on_tag(movie_id: int, day: date, precision: DatePrecision) -> str:
    """A movie gets or loses a premiere of this date, or its premiere is listed in another way."""
    return tag(_LISTED_ON, movie_id, day.isoformat(), precision)


def filtered_tag(movie_id: int, dimension: Dimension, value: str | int) -> str:
    """A movie gets or loses a value."""
    return tag(_FILTERED, movie_id, dimension, value)


def premiere_lists(row: Any) -> Iterator[str]:
    """The filtered lists that a premiere is in by its own values."""
    return _lists(_premiere_values(row), row.date, row.precision)


def with_filtered(connection: Connection, tags: Iterable[str]) -> Iterator[str]:
    """Replace the tags of this module. Three queries, if there are any."""
    days: dict[int, set[tuple[date, DatePrecision]]] = defaultdict(set)
    changed: dict[int, set[FilterValue]] = defaultdict(set)
    for each in tags:
        kind, *rest = each.split(":")
        if kind == _LISTED_ON:
            days[int(rest[0])].add((date.fromisoformat(rest[1]), DatePrecision(rest[2])))
        elif kind == _FILTERED:
            changed[int(rest[0])].add((Dimension(rest[1]), rest[2]))
        else:
            yield each
    values = _movie_values(connection, days)
    for movie_id, found in days.items():
        for day, precision in found:
            yield from _lists(values[movie_id] | changed[movie_id], day, precision)
    for row in _premieres(connection, changed):
        for dimension, value in changed[row.movie_id]:
            yield from filtered_lists(row, dimension, [value])


def lists_of_movies(connection: Connection, movie_ids: Collection[int]) -> Iterator[str]:
    """The filtered lists that the premieres of movies are in. Three queries."""
    values = _movie_values(connection, movie_ids)
    for row in _premieres(connection, movie_ids):
        of_row = {*_premiere_values(row), *values[row.movie_id]}
        yield from _lists(of_row, row.date, row.precision)


def _lists(values: Iterable[FilterValue], day: date, precision: DatePrecision) -> Iterator[str]:
    periods = periods_of(day, precision)
    return (filtered_list_tag(*value, period) for value in values for period in periods)


def _premiere_values(row: Any) -> Iterator[FilterValue]:
    yield Dimension.KIND, row.kind
    if row.service_id is not None:
        yield Dimension.SERVICE, row.service_id
    yield from ((Dimension.AUDIO, each) for each in filtered_audios(row.audio))
    yield from ((Dimension.FORMAT, each) for each in row.formats or ())


def _movie_values(
    connection: Connection, movie_ids: Collection[int]
) -> Mapping[int, set[FilterValue]]:
    found: dict[int, set[FilterValue]] = defaultdict(set)
    if movie_ids:
        rated = select(Movie.id, Movie.rating).where(Movie.rating.is_not(None))
        for row in connection.execute(rated.where(Movie.id.in_(movie_ids))):
            found[row.id].add((Dimension.RATING, row.rating))
        links = select(MovieGenre.movie_id, MovieGenre.genre_id)
        for link in connection.execute(links.where(MovieGenre.movie_id.in_(movie_ids))):
            found[link.movie_id].add((Dimension.GENRE, link.genre_id))
    return found


def _premieres(connection: Connection, movie_ids: Collection[int]) -> Iterable[Any]:
    if not movie_ids:
        return ()
    of_list = Premiere.movie_id, Premiere.date, Premiere.precision
    of_filters = Premiere.kind, Premiere.service_id, Premiere.audio, Premiere.formats
    query = select(*of_list, *of_filters).where(Premiere.movie_id.in_(movie_ids))
    return connection.execute(query)
