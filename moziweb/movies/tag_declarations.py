"""Which writes invalidate which cache tags of movies (``tags.py``).

A change of a premiere's audio invalidates its movie, and only a change of its date, kind or
cancellation invalidates lists.

Lists show published movies only. Tags that are collected under this condition, and those that
stand for others, are in ``conditional_tags.py``.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from pyramid.config import Configurator
from sqlalchemy import Connection, event, inspect, select
from sqlalchemy.orm import object_session

from moziweb.caching import DECLARATIONS

# Their listeners derive columns before the tags of these are collected.
from . import edit_version, premiere_revision, removals  # noqa: F401
from .conditional_tags import (
    facets_tag,
    if_premiere_shown,
    if_shown,
    name_of_tag,
    order_tag,
    visibility_tag,
)
from .filtered_tags import filtered_tag, listed_on_tag, premiere_lists
from .filters import Dimension, filtered_audios
from .list_tags import date_lists, distributor_lists, filtered_lists, person_lists
from .models import (
    Credit,
    CreditRole,
    Distributor,
    FieldProvenance,
    FormerAddress,
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
from .related_tags import date_tags, genre_of_tag
from .search_tags import MISSPELT, PART, bounded_text_tags, name_tags, title_tags
from .tags import (
    CHANGES_LIST,
    GENRES_LIST,
    NEWS_LIST,
    PREMIERES_LIST,
    REVISIONS_LIST,
    SERVICES_LIST,
    SLUGS_LIST,
    UNDATED_LIST,
    announced_tag,
    dated_tag,
    distributor_tag,
    distributor_times_tag,
    distributor_website_tag,
    genre_list_tag,
    genre_slug_tag,
    genre_tag,
    genre_times_tag,
    moved_page_tag,
    moved_tag,
    movie_directors_tag,
    movie_distributor_tag,
    movie_ids_tag,
    movie_names_tag,
    movie_page_tag,
    movie_synopsis_tag,
    movie_tag,
    movie_updated_tag,
    person_name_tag,
    person_tag,
    person_times_tag,
    premiere_service_tag,
    premiere_tag,
    premiere_times_tag,
    purged_with,
    service_list_tag,
    service_slug_tag,
    service_tag,
    service_times_tag,
    service_website_tag,
)
from .week_range_tags import SpanKind

DECLARATIONS.declare_tag_kinds(
    "beside", "dated", "distributor", MISSPELT, "filter", "filtered-list", "genre", "genre-month",
    "ids", "list", "month", "moved", "movie", PART, "person", "place", "premiere", "service",
    "week", "year", *SpanKind,
)  # fmt: skip
DECLARATIONS.purge_with(purged_with)


def _listed_tags(row: Any) -> tuple[str, ...]:
    """The lists of the calendar that contain a premiere."""
    lists = *date_lists(row.date, row.precision), PREMIERES_LIST
    return dated_tag(row.movie_id), *if_shown(row.movie_id, *lists)


def _filtered_list_tags(row: Any) -> Iterator[str]:
    """The filtered lists that contain a premiere."""
    of_movie = listed_on_tag(row.movie_id, row.date, row.precision)
    return if_shown(row.movie_id, of_movie, *premiere_lists(row))


def _premiere_filter_tags(
    row: Any, dimension: Dimension, values: Callable[[Any], Iterable[str | int]]
) -> Iterator[str]:
    return if_shown(row.movie_id, *filtered_lists(row, dimension, values(row)))


def _page_tags(row: Any) -> tuple[str, ...]:
    return (movie_page_tag(row.movie_id),)


def _columns(model: type[Any]) -> list[str]:
    """All columns of a model but its primary key."""
    attributes = inspect(model).column_attrs
    return [each.key for each in attributes if not each.columns[0].primary_key]


def _updated_tags(movie_id: int) -> tuple[str, ...]:
    """What shows the time of a movie's last change (``edit_version.py``)."""
    return movie_updated_tag(movie_id), *if_shown(movie_id, CHANGES_LIST)


def _former_address_tags(row: Any) -> tuple[str, ...]:
    """What the public address of a former id or slug shows: a redirect, or "not found"."""
    number = row.key.removeprefix("#")
    match row.table_name:
        case "person":
            return (person_tag(int(number)),)
        case "distributor":
            return (distributor_tag(int(number)),)
        case "genre":
            return (GENRES_LIST,)
        case _:
            return (SERVICES_LIST,)


def _row_tags(row: Any, row_tag: Callable[[int], str]) -> tuple[str, ...]:
    return (row_tag(row.id),)


declare = DECLARATIONS.declare
declare(
    Movie,
    columns=("title", "original_title", "slug", "runtime", "rating", "published"),
    keys=("id",),
    tags=lambda row: (movie_tag(row.id),),
)
declare(
    Movie,
    columns=("imdb_id", "tmdb_id"),
    keys=("id",),
    tags=lambda row: (movie_ids_tag(row.id),),
    changes_only=True,
)
declare(
    Movie,
    columns=("distributor_id",),
    keys=("id",),
    tags=lambda row: (movie_distributor_tag(row.id),),
    changes_only=True,
)
declare(
    Movie,
    columns=("distributor_id",),
    keys=("id", "distributor_id"),
    tags=lambda row: (
        if_shown(
            row.id,
            *distributor_lists(row.distributor_id),
            name_of_tag(Distributor, row.distributor_id),
        )
        if row.distributor_id
        else ()
    ),
)
declare(
    Movie,
    columns=("title", "original_title"),
    keys=("id", "title", "original_title"),
    tags=lambda row: if_shown(
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
    tags=lambda row: (visibility_tag(row.id),) if row.published else (),
)
declare(
    Movie,
    columns=("slug",),
    keys=("id",),
    tags=lambda row: if_shown(row.id, SLUGS_LIST),
    changes_only=True,
)
declare(
    Movie,
    columns=("sort_key",),
    keys=("id",),
    tags=lambda row: if_shown(row.id, order_tag(row.id)),
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
    Premiere,
    columns=("movie_id", "kind", "date", "precision", "cancelled_at"),
    keys=("movie_id", "kind", "date", "precision", "service_id", "audio", "formats"),
    tags=_filtered_list_tags,
)
declare(
    Movie,
    columns=("rating",),
    keys=("id", "rating"),
    tags=lambda row: (
        if_shown(row.id, filtered_tag(row.id, Dimension.RATING, row.rating)) if row.rating else ()
    ),
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
    tags=lambda row: if_shown(row.movie_id, facets_tag(row.movie_id)),
)
declare(
    Premiere,
    columns=("movie_id", "date", "precision"),
    keys=("movie_id", "date", "precision"),
    tags=lambda row: if_shown(row.movie_id, *date_tags(row.movie_id, row.date, row.precision)),
)
declare(
    Premiere,
    columns=("movie_id", "service_id", "date", "precision"),
    keys=("movie_id", "service_id"),
    tags=lambda row: (
        if_shown(row.movie_id, service_list_tag(row.service_id)) if row.service_id else ()
    ),
)
declare(  # the former movie may have no other premiere
    Premiere,
    columns=("movie_id",),
    keys=("movie_id",),
    tags=lambda row: if_shown(row.movie_id, UNDATED_LIST),
    changes_only=True,
)
declare(
    Premiere,
    columns=("announced_at",),
    keys=("movie_id",),
    tags=lambda row: if_shown(row.movie_id, NEWS_LIST),
    changes_only=True,
)
declare(
    Premiere,
    columns=("announced_at", "revision", "revised_at"),
    keys=("movie_id",),
    tags=lambda row: (announced_tag(row.movie_id), *if_shown(row.movie_id, REVISIONS_LIST)),
    changes_only=True,
)
declare(
    Premiere,
    columns=("service_id",),
    keys=("id",),
    tags=lambda row: (premiere_service_tag(row.id),),
    changes_only=True,
)
declare(
    PremiereChange,
    columns=("premiere_id", "changed_at", "old_date", "old_precision"),
    keys=("premiere_id",),
    tags=lambda row: (if_premiere_shown(row.premiere_id, NEWS_LIST),),
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
    columns=("movie_id", "person_id", "role", "position"),
    keys=("movie_id", "role"),
    tags=lambda row: (
        (movie_directors_tag(row.movie_id),) if row.role == CreditRole.DIRECTOR else ()
    ),
)
declare(
    Credit,
    columns=("movie_id", "person_id", "role"),
    keys=("movie_id", "person_id"),
    tags=lambda row: if_shown(row.movie_id, *person_lists(row.person_id)),
)
declare(
    Credit,
    columns=("movie_id", "person_id"),
    keys=("movie_id", "person_id"),
    tags=lambda row: if_shown(row.movie_id, name_of_tag(Person, row.person_id)),
)
declare(
    Trailer,
    columns=("movie_id", "site", "video_id", "name", "language", "position", "published_at"),
    keys=("movie_id",),
    tags=_page_tags,
)
declare(
    MovieGenre,
    columns=("movie_id", "genre_id", "position"),
    keys=("movie_id", "genre_id"),
    tags=lambda row: (
        movie_tag(row.movie_id),
        *if_shown(row.movie_id, genre_list_tag(row.genre_id)),
        *if_shown(row.movie_id, filtered_tag(row.movie_id, Dimension.GENRE, row.genre_id)),
    ),
)
declare(
    MovieGenre,
    columns=("movie_id", "genre_id"),
    keys=("movie_id", "genre_id"),
    tags=lambda row: if_shown(row.movie_id, genre_of_tag(row.movie_id, row.genre_id)),
)
declare(FieldProvenance, columns=("source",), keys=("movie_id",), tags=_page_tags)
declare(Genre, columns=("name", "name_en"), keys=("id",), tags=lambda row: (genre_tag(row.id),))
declare(
    Genre, columns=("slug",), keys=("id",), tags=lambda row: (genre_slug_tag(row.id), GENRES_LIST)
)
declare(Person, columns=("name", "imdb_id"), keys=("id",), tags=lambda row: (person_tag(row.id),))
declare(
    Person,
    columns=("name",),
    keys=("id",),
    tags=lambda row: (person_name_tag(row.id),),
    changes_only=True,
)
declare(Distributor, columns=("name",), keys=("id",), tags=lambda row: (distributor_tag(row.id),))
for _named in (Person, Distributor):  # a search finds them by their published movies
    declare(
        _named,
        columns=("name",),
        keys=("name",),
        tags=lambda row: name_tags(row.name),
        changes_only=True,
    )
for _linked, _website_tag in (
    (Distributor, distributor_website_tag),
    (StreamingService, service_website_tag),
):
    declare(
        _linked,
        columns=("website",),
        keys=("id",),
        tags=partial(_row_tags, row_tag=_website_tag),
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
        tags=partial(_row_tags, row_tag=_times_tag),
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
    FormerAddress,
    columns=("row_id",),
    keys=("table_name", "key"),
    tags=_former_address_tags,
)
declare(
    RemovedMovie,
    columns=("removed_at",),
    keys=("movie_id",),
    tags=lambda row: (CHANGES_LIST,),
)


def _movie_deleted(mapper: object, connection: Connection, movie: Movie) -> None:
    """A published movie was in lists; it may have been published since the row was loaded."""
    published = select(Movie.published).where(Movie.id == movie.id).with_for_update()
    if connection.scalar(published):
        _invalidate(movie, visibility_tag(movie.id))
        _invalidate(movie, *bounded_text_tags(title_tags(movie.title, movie.original_title)))


def _name_deleted(mapper: object, connection: object, row: Person | Distributor) -> None:
    """After the commit there is no row to read the name from."""
    _invalidate(row, *name_tags(row.name))


def _premiere_deleted(mapper: object, connection: object, premiere: Premiere) -> None:
    """The movie may have no other date."""
    _invalidate(premiere, *if_shown(premiere.movie_id, UNDATED_LIST))


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
