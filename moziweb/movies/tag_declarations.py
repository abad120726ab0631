"""Which writes invalidate which cache tags of movies (``tags.py``).

A change of a premiere's audio invalidates its movie, and only a change of its date, kind or
cancellation invalidates lists.

A movie that is not published is in no list, so its changes invalidate none. They collect
conditional tags, ``if-shown:42:week:2026-W34``, which ``_resolved`` replaces before the commit: by
``week:2026-W34`` if the movie is published, or was until this transaction. This cannot change until
the commit, because each flush of a movie or a part of it locks the row of the movie (it increments
its version). A transaction that publishes a movie, or withdraws it, collects ``visibility:42``: it
invalidates the lists that the movie is in before the commit, and those that it is in after it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import chain
from typing import Any, Final

from pyramid.config import Configurator
from sqlalchemy import Connection, event, inspect, select
from sqlalchemy.orm import object_session

from moziweb.cache import kind_of, tag
from moziweb.caching import DECLARATIONS

# Their listeners derive columns before the tags of these are collected.
from . import edit_version, premiere_revision, removals  # noqa: F401
from .calendar import Period, month_of, week_of, year_of
from .filters import Dimension, filter_tags, filtered_audios
from .models import (
    Credit,
    DatePrecision,
    Distributor,
    FieldProvenance,
    Genre,
    Movie,
    MovieGenre,
    Person,
    Premiere,
    PremiereChange,
    RemovedMovie,
    StreamingService,
    Trailer,
)
from .search_tags import MISSPELT, PART, TEXTS_LIST, bounded_text_tags, name_tags, title_tags
from .tags import (
    CHANGES_LIST,
    DISTRIBUTORS_LIST,
    GENRES_LIST,
    NEWS_LIST,
    PEOPLE_LIST,
    PREMIERES_LIST,
    PUBLISHED_LIST,
    SERVICES_LIST,
    SLUGS_LIST,
    UNDATED_LIST,
    announced_tag,
    dated_tag,
    distributor_list_tag,
    distributor_tag,
    distributor_times_tag,
    genre_list_tag,
    genre_slug_tag,
    genre_tag,
    genre_times_tag,
    moved_page_tag,
    moved_tag,
    movie_group_tag,
    movie_ids_tag,
    movie_names_tag,
    movie_page_tag,
    movie_synopsis_tag,
    movie_tag,
    movie_updated_tag,
    period_tag,
    person_group_tag,
    person_list_tag,
    person_tag,
    person_times_tag,
    premiere_tag,
    premiere_times_tag,
    service_list_tag,
    service_slug_tag,
    service_tag,
    service_times_tag,
    year_number_tag,
)
from .week_range_tags import SpanKind, week_range_tags_of

_LISTS: Final = "lists"
_FACETS_OF: Final = "facets-of"
_FILTERED: Final = "filtered"
_ORDER_OF: Final = "order-of"
_NAME_OF: Final = "name-of"
_VISIBILITY: Final = "visibility"
_IF_SHOWN: Final = "if-shown"
_IF_PREMIERE_SHOWN: Final = "if-premiere-shown"

_MANY_TEXTS: Final = 50
"""Movies, or names, that would have more than ``MAX_TEXT_TAGS`` tags."""


DECLARATIONS.declare_tag_kinds(
    "dated", "distributor", MISSPELT, "filter", "genre", "ids", "list", "month", "moved", "movie",
    PART, "person", "premiere", "service", "week", "year", *SpanKind,
)  # fmt: skip


def _if_shown(movie_id: int, *tags: str) -> Iterator[str]:
    """``tags``, if the movie is published."""
    return (f"{_IF_SHOWN}:{movie_id}:{each}" for each in tags)


def _visibility_tag(movie_id: int) -> str:
    """The movie appears, or is no longer shown."""
    return tag(_VISIBILITY, movie_id)


def _name_tag(model: type[Person | Distributor], row_id: int) -> str:
    """The name of a person or distributor appears, or is no longer shown, with a movie of it."""
    return tag(_NAME_OF, model.__tablename__, row_id)


def _periods(day: date, precision: DatePrecision) -> tuple[Period, ...]:
    """The periods whose pages list a premiere of this date."""
    month, year = month_of(day), year_of(day)
    match precision:
        case DatePrecision.DAY:
            return week_of(day), month, year
        case DatePrecision.MONTH:
            return month, year
        case DatePrecision.YEAR:
            return (year,)


def _period_tags(day: date, precision: DatePrecision) -> tuple[str, ...]:
    """The lists that sort a premiere of this date among others."""
    return tuple(map(period_tag, _periods(day, precision)))


def _filter_tags(row: Any, dimension: Dimension, values: Iterable[str | int]) -> Iterator[str]:
    """The filtered lists that a premiere is in, for the values that it has in ``dimension``."""
    periods = _periods(row.date, row.precision)
    for value in values:
        yield from filter_tags(dimension, value, ())
        yield from filter_tags(dimension, value, periods)


def _dated_lists(day: date, precision: DatePrecision) -> tuple[str, ...]:
    """The periods that contain a premiere of this date, its year's number, its ranges of weeks."""
    kind = SpanKind.YEAR_ONLY if precision is DatePrecision.YEAR else SpanKind.DATED
    spans = week_range_tags_of(day, kind)
    return *_period_tags(day, precision), year_number_tag(year_of(day)), *spans


def _date_tags(day: date, precision: DatePrecision) -> tuple[str, ...]:
    """The lists that a premiere of this date may be in."""
    undated = () if precision is DatePrecision.DAY else (UNDATED_LIST,)
    return *_dated_lists(day, precision), *undated


def _listed_tags(row: Any) -> tuple[str, ...]:
    """The lists of the calendar that contain a premiere."""
    lists = *_date_tags(row.date, row.precision), PREMIERES_LIST
    return dated_tag(row.movie_id), *_if_shown(row.movie_id, *lists)


def _premiere_filter_tags(
    row: Any, dimension: Dimension, values: Callable[[Any], Iterable[str | int]]
) -> Iterator[str]:
    return _if_shown(row.movie_id, *_filter_tags(row, dimension, values(row)))


def _page_tags(row: Any) -> tuple[str, ...]:
    return (movie_page_tag(row.movie_id),)


def _columns(model: type[Any]) -> list[str]:
    """All columns of a model but its primary key."""
    attributes = inspect(model).column_attrs
    return [each.key for each in attributes if not each.columns[0].primary_key]


def _updated_tags(movie_id: int) -> tuple[str, ...]:
    """What shows the time of a movie's last change (``edit_version.py``)."""
    return movie_updated_tag(movie_id), *_if_shown(movie_id, CHANGES_LIST)


def _people_lists(person_id: int) -> tuple[str, ...]:
    """The lists of people that a person is in."""
    return person_group_tag(person_id), PEOPLE_LIST


def _distributor_lists(distributor_id: int) -> tuple[str, ...]:
    return distributor_list_tag(distributor_id), DISTRIBUTORS_LIST


def _person_lists(person_id: int) -> tuple[str, ...]:
    return person_list_tag(person_id), *_people_lists(person_id)


def _times_tags(row: Any, times_tag: Callable[[int], str]) -> tuple[str, ...]:
    return (times_tag(row.id),)


declare = DECLARATIONS.declare
declare(
    Movie,
    columns=("title", "original_title", "slug", "runtime", "rating", "published"),
    keys=("id",),
    tags=lambda row: (movie_tag(row.id),),
)
declare(
    Movie,
    columns=("imdb_id", "tmdb_id", "distributor_id"),
    keys=("id",),
    tags=lambda row: (movie_ids_tag(row.id),),
    changes_only=True,
)
declare(
    Movie,
    columns=("distributor_id",),
    keys=("id", "distributor_id"),
    tags=lambda row: (
        _if_shown(
            row.id,
            *_distributor_lists(row.distributor_id),
            _name_tag(Distributor, row.distributor_id),
        )
        if row.distributor_id
        else ()
    ),
)
declare(
    Movie,
    columns=("title", "original_title"),
    keys=("id", "title", "original_title"),
    tags=lambda row: _if_shown(
        row.id, *bounded_text_tags(title_tags(row.title, row.original_title))
    ),
    changes_only=True,
)
declare(
    Movie,
    columns=("synopsis", "synopsis_en"),
    keys=("id",),
    tags=lambda row: (movie_synopsis_tag(row.id),),
    changes_only=True,
)
declare(
    Movie,
    columns=("countries", "languages"),
    keys=("id",),
    tags=lambda row: (movie_page_tag(row.id),),
    changes_only=True,
)
declare(
    Movie,
    columns=("published",),
    keys=("id", "published"),
    tags=lambda row: (_visibility_tag(row.id),) if row.published else (),
)
declare(
    Movie,
    columns=("slug",),
    keys=("id",),
    tags=lambda row: _if_shown(row.id, SLUGS_LIST),
    changes_only=True,
)
declare(
    Movie,
    columns=("sort_key",),
    keys=("id",),
    tags=lambda row: _if_shown(row.id, tag(_ORDER_OF, row.id)),
    changes_only=True,
)
declare(
    Premiere,
    columns=(
        "movie_id", "kind", "service_id", "date", "precision", "formats", "audio", "rerelease",
        "cancelled_at",
    ),
    keys=("id", "movie_id"),
    tags=lambda row: (premiere_tag(row.id), movie_page_tag(row.movie_id)),
)  # fmt: skip
declare(Premiere, columns=("note",), keys=("movie_id",), tags=_page_tags, changes_only=True)
declare(
    Premiere,
    columns=("movie_id", "kind", "date", "precision", "cancelled_at"),
    keys=("movie_id", "date", "precision"),
    tags=_listed_tags,
)
declare(
    Movie,
    columns=("rating",),
    keys=("id", "rating"),
    tags=lambda row: (
        _if_shown(row.id, tag(_FILTERED, row.id, Dimension.RATING, row.rating))
        if row.rating
        else ()
    ),
    changes_only=True,
)
for _column, _dimension, _values in (
    ("service_id", Dimension.SERVICE, lambda row: [row.service_id] if row.service_id else []),
    ("audio", Dimension.AUDIO, lambda row: filtered_audios(row.audio)),
    ("formats", Dimension.FORMAT, lambda row: row.formats or ()),
):
    declare(
        Premiere,
        columns=(_column,),
        keys=("movie_id", "date", "precision", _column),
        tags=partial(_premiere_filter_tags, dimension=_dimension, values=_values),
        changes_only=True,
    )
declare(
    Premiere,
    columns=("movie_id", "date", "precision"),
    keys=("movie_id",),
    tags=lambda row: _if_shown(row.movie_id, tag(_FACETS_OF, row.movie_id)),
)
declare(
    Premiere,
    columns=("movie_id", "service_id", "date", "precision"),
    keys=("movie_id", "service_id"),
    tags=lambda row: (
        _if_shown(row.movie_id, service_list_tag(row.service_id)) if row.service_id else ()
    ),
)
declare(  # the former movie may have no other premiere
    Premiere,
    columns=("movie_id",),
    keys=("movie_id",),
    tags=lambda row: _if_shown(row.movie_id, UNDATED_LIST),
    changes_only=True,
)
declare(
    Premiere,
    columns=("announced_at", "revision", "revised_at"),
    keys=("movie_id",),
    tags=lambda row: (announced_tag(row.movie_id), *_if_shown(row.movie_id, NEWS_LIST)),
    changes_only=True,
)
declare(
    PremiereChange,
    columns=("premiere_id", "changed_at", "old_date", "old_precision"),
    keys=("premiere_id",),
    tags=lambda row: (f"{_IF_PREMIERE_SHOWN}:{row.premiere_id}:{NEWS_LIST}",),
)
declare(
    PremiereChange,
    columns=("premiere_id", "old_date", "old_precision", "changed_at"),
    keys=("premiere_id",),
    tags=lambda row: (moved_tag(row.premiere_id),),
)
declare(
    PremiereChange,
    columns=("reason",),
    keys=("premiere_id",),
    tags=lambda row: (moved_page_tag(row.premiere_id),),
    changes_only=True,
)
declare(
    Credit,
    columns=("movie_id", "person_id", "role", "position", "character"),
    keys=("movie_id",),
    tags=_page_tags,
)
declare(
    Credit,
    columns=("movie_id", "person_id", "role"),
    keys=("movie_id", "person_id"),
    tags=lambda row: _if_shown(row.movie_id, *_person_lists(row.person_id)),
)
declare(
    Credit,
    columns=("movie_id", "person_id"),
    keys=("movie_id", "person_id"),
    tags=lambda row: _if_shown(row.movie_id, _name_tag(Person, row.person_id)),
)
declare(
    Trailer,
    columns=("movie_id", "site", "video_id", "name", "language", "position"),
    keys=("movie_id",),
    tags=_page_tags,
)
declare(
    MovieGenre,
    columns=("movie_id", "genre_id", "position"),
    keys=("movie_id", "genre_id"),
    tags=lambda row: (
        movie_tag(row.movie_id),
        *_if_shown(row.movie_id, genre_list_tag(row.genre_id)),
        *_if_shown(row.movie_id, tag(_FILTERED, row.movie_id, Dimension.GENRE, row.genre_id)),
    ),
)
declare(FieldProvenance, columns=("source",), keys=("movie_id",), tags=_page_tags)
declare(Genre, columns=("name", "name_en"), keys=("id",), tags=lambda row: (genre_tag(row.id),))
declare(
    Genre, columns=("slug",), keys=("id",), tags=lambda row: (genre_slug_tag(row.id), GENRES_LIST)
)
declare(Person, columns=("name", "imdb_id"), keys=("id",), tags=lambda row: (person_tag(row.id),))
declare(Distributor, columns=("name",), keys=("id",), tags=lambda row: (distributor_tag(row.id),))
for _named in (Person, Distributor):  # a search finds them by their published movies
    declare(
        _named,
        columns=("name",),
        keys=("name",),
        tags=lambda row: name_tags(row.name),
        changes_only=True,
    )
declare(
    StreamingService,
    columns=("name", "slug"),
    keys=("name",),
    tags=lambda row: name_tags(row.name),
)
declare(StreamingService, columns=("name",), keys=("id",), tags=lambda row: (service_tag(row.id),))
declare(
    StreamingService,
    columns=("slug",),
    keys=("id",),
    tags=lambda row: (service_slug_tag(row.id), SERVICES_LIST),
)


declare(
    Premiere,
    columns=("announced_at", "revised_at"),
    keys=("id",),
    tags=lambda row: (premiere_times_tag(row.id),),
    changes_only=True,
)
for _model, _times_tag in (
    (Distributor, distributor_times_tag),
    (Genre, genre_times_tag),
    (Person, person_times_tag),
    (StreamingService, service_times_tag),
):
    # Any change of the row changes ``updated_at``.
    declare(
        _model,
        columns=_columns(_model),
        keys=("id",),
        tags=partial(_times_tags, times_tag=_times_tag),
        changes_only=True,
    )
declare(
    Movie,
    columns=("title", "original_title", "slug"),
    keys=("id",),
    tags=lambda row: (movie_names_tag(row.id),),
    changes_only=True,
)
declare(
    Movie,
    columns=_columns(Movie),
    keys=("id",),
    tags=lambda row: _updated_tags(row.id),
    changes_only=True,
)
for _part in (Credit, MovieGenre, Premiere, Trailer):
    declare(
        _part,
        columns=_columns(_part),
        keys=("movie_id",),
        tags=lambda row: _updated_tags(row.movie_id),
    )
declare(
    RemovedMovie,
    columns=("removed_at",),
    keys=("movie_id",),
    tags=lambda row: (CHANGES_LIST,),
)


def _resolved(connection: Connection, tags: Collection[str]) -> Iterator[str]:
    """Replace the conditional tags of a transaction by those whose movies are, or were, shown."""
    plain, conditional, changed = _sorted_out(connection, tags)
    shown = changed | _published(connection, conditional.keys() - changed)
    of_shown = (conditional[each] for each in conditional.keys() & shown)
    resolved = {*plain, *chain.from_iterable(of_shown)}
    texts = {each for each in resolved if kind_of(each) in {PART, MISSPELT}}
    yield from resolved - texts
    yield from bounded_text_tags(texts)
    if changed:
        lists = [tag(_LISTS, movie_id) for movie_id in changed]
        yield from (PUBLISHED_LIST, CHANGES_LIST, *lists, *_lists_of(connection, lists))
        yield from map(movie_group_tag, changed)


def _sorted_out(
    connection: Connection, tags: Iterable[str]
) -> tuple[list[str], dict[int, set[str]], set[int]]:
    """The plain tags, the conditional ones by movie, and the movies whose visibility changes."""
    plain: list[str] = []
    by_movie: dict[int, set[str]] = defaultdict(set)
    by_premiere: dict[int, set[str]] = defaultdict(set)
    changed: set[int] = set()
    for each in tags:
        kind, _, rest = each.partition(":")
        number, _, name = rest.partition(":")
        if kind == _VISIBILITY:
            changed.add(int(number))
        elif kind == _IF_SHOWN:
            by_movie[int(number)].add(name)
        elif kind == _IF_PREMIERE_SHOWN:
            by_premiere[int(number)].add(name)
        else:
            plain.append(each)
    if by_premiere:  # the tags of a deleted premiere invalidate the same lists
        owners = select(Premiere.id, Premiere.movie_id).where(Premiere.id.in_(by_premiere))
        for row in connection.execute(owners):
            by_movie[row.movie_id] |= by_premiere[row.id]
    return plain, by_movie, changed


def _published(connection: Connection, movie_ids: Collection[int]) -> set[int]:
    """Those of the movies that are published; their rows are locked until the commit."""
    if not movie_ids:
        return set()
    # Rows of unpublished movies are locked too. In the order of ids, so that no two transactions
    # wait for each other.
    rows = select(Movie.id, Movie.published).where(Movie.id.in_(movie_ids)).order_by(Movie.id)
    locked = connection.execute(rows.with_for_update(read=True))
    return {row.id for row in locked if row.published}


def _lists_of(connection: Connection, tags: Collection[str]) -> Iterator[str]:
    """Every list that contains the movies of the tags."""
    movie_ids = _ids(tags)
    dates = select(Premiere.movie_id, Premiere.date, Premiere.precision, Premiere.service_id)
    dated = set()
    for row in connection.execute(dates.where(Premiere.movie_id.in_(movie_ids))):
        yield from _dated_lists(row.date, row.precision)
        if row.service_id is not None:
            yield service_list_tag(row.service_id)
        if row.precision is DatePrecision.DAY:
            dated.add(row.movie_id)
    if dated != movie_ids:
        yield UNDATED_LIST
    for facet_id, facet in _facets_of(connection, tags):
        yield facet.list_tag(facet_id)
        yield from facet.members(facet_id)
    yield from _texts_of(connection, movie_ids)


def _order_of(connection: Connection, tags: Collection[str]) -> Iterator[str]:
    """The lists that sort the published movies of the tags among others."""
    shown = Premiere.movie_id.in_(_ids(tags)), Movie.id == Premiere.movie_id, Movie.published
    for row in connection.execute(select(Premiere.date, Premiere.precision).where(*shown)):
        yield from _period_tags(row.date, row.precision)


def _facet_lists_of(connection: Connection, tags: Collection[str]) -> Iterator[str]:
    """The lists of all genres, people and distributors of the movies of the tags."""
    return (facet.list_tag(facet_id) for facet_id, facet in _facets_of(connection, tags))


def _facets_of(
    connection: Connection, tags: Collection[str]
) -> Iterator[tuple[int, "_SharedFacet"]]:
    """The genres, people and distributors of the movies of the tags, by their ids."""
    movie_ids = _ids(tags)
    for facet in _FACETS:
        is_of_movies = facet.movie_id.in_(movie_ids), facet.column.is_not(None)
        for facet_id in connection.scalars(select(facet.column).where(*is_of_movies).distinct()):
            yield facet_id, facet


@dataclass(frozen=True, slots=True)
class _SharedFacet:
    """The column of a facet, that of the movie's id, and the tag of the facet's list.

    ``members`` are the tags of the lists of all those that have a published movie.
    """

    column: Any
    movie_id: Any
    list_tag: Callable[[int], str]
    members: Callable[[int], tuple[str, ...]] = lambda _facet_id: ()


_FACETS: Final = (
    _SharedFacet(MovieGenre.genre_id, MovieGenre.movie_id, genre_list_tag),
    _SharedFacet(Credit.person_id, Credit.movie_id, person_list_tag, _people_lists),
    _SharedFacet(
        Movie.distributor_id, Movie.id, distributor_list_tag, lambda _: (DISTRIBUTORS_LIST,)
    ),
)
"""Without services: a service lists premieres, not all premieres of their movies."""


def _filtered_lists_of(connection: Connection, tags: Collection[str]) -> Iterator[str]:
    """The filtered lists of the movies of the tags, by the values that the tags name."""
    values: dict[int, list[tuple[Dimension, str]]] = defaultdict(list)
    for each in tags:
        _kind, movie_id, dimension, value = each.split(":")
        values[int(movie_id)].append((Dimension(dimension), value))
    dates = select(Premiere.movie_id, Premiere.date, Premiere.precision)
    for row in connection.execute(dates.where(Premiere.movie_id.in_(values))):
        for dimension, value in values[row.movie_id]:
            yield from _filter_tags(row, dimension, [value])


def _texts_of(connection: Connection, movie_ids: Collection[int]) -> Collection[str]:
    """The tags of the titles of movies, and of the names of their people and distributors."""
    if len(movie_ids) > _MANY_TEXTS:
        return {TEXTS_LIST}
    found: set[str] = set()
    titles = select(Movie.title, Movie.original_title).where(Movie.id.in_(movie_ids))
    for row in connection.execute(titles):
        found |= title_tags(*row)
    people = select(Person.name).join(Credit, Credit.person_id == Person.id)
    distributors = select(Distributor.name).join(Movie, Movie.distributor_id == Distributor.id)
    for name in connection.scalars(
        people.where(Credit.movie_id.in_(movie_ids)).union(
            distributors.where(Movie.id.in_(movie_ids))
        )
    ):
        found |= name_tags(name)
    return bounded_text_tags(found)


def _names_of(connection: Connection, tags: Collection[str]) -> Collection[str]:
    """The tags of the names of the people and distributors of the tags."""
    if len(tags) > _MANY_TEXTS:
        return {TEXTS_LIST}
    ids: dict[str, list[int]] = defaultdict(list)
    for each in tags:
        _kind, table, row_id = each.split(":")
        ids[table].append(int(row_id))
    found: set[str] = set()
    for model in (Person, Distributor):
        named = select(model.name).where(model.id.in_(ids[model.__tablename__]))
        for name in connection.scalars(named):
            found |= name_tags(name)
    return bounded_text_tags(found)


def _ids(tags: Iterable[str]) -> set[int]:
    return {int(each.partition(":")[2]) for each in tags}


DECLARATIONS.expansions.add(_LISTS, _lists_of)
DECLARATIONS.expansions.add(_ORDER_OF, _order_of)
DECLARATIONS.expansions.add(_FACETS_OF, _facet_lists_of)
DECLARATIONS.expansions.add(_FILTERED, _filtered_lists_of)
DECLARATIONS.expansions.add(_NAME_OF, _names_of)


DECLARATIONS.resolve_with(_resolved)


def _movie_deleted(mapper: object, connection: Connection, movie: Movie) -> None:
    """A published movie was in lists; it may have been published since the row was loaded."""
    published = select(Movie.published).where(Movie.id == movie.id).with_for_update()
    if connection.scalar(published):
        _invalidate(movie, _visibility_tag(movie.id))
        _invalidate(movie, *bounded_text_tags(title_tags(movie.title, movie.original_title)))


def _name_deleted(mapper: object, connection: object, row: Person | Distributor) -> None:
    """After the commit there is no row to read the name from."""
    _invalidate(row, *name_tags(row.name))


def _premiere_deleted(mapper: object, connection: object, premiere: Premiere) -> None:
    """The movie may have no other date."""
    _invalidate(premiere, *_if_shown(premiere.movie_id, UNDATED_LIST))


def _invalidate(row: object, *tags: str) -> None:
    session = object_session(row)
    if session is not None:
        DECLARATIONS.flushed_tags(session).update(tags)


event.listen(Movie, "before_delete", _movie_deleted)
event.listen(Person, "before_delete", _name_deleted)
event.listen(Distributor, "before_delete", _name_deleted)
event.listen(Premiere, "before_delete", _premiere_deleted)


def includeme(config: Configurator) -> None:
    """Do nothing: importing this module registers declarations and listeners on the models."""
