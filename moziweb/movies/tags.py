"""The tags of movies: how they are spelled, and which rows bear them.

Cards and pages record the tags of what they show (``moziweb.site``); the declarations here say
which of them a write concerns. A page of a period, a genre or the undated carries the tag of that
list, which tells what stands in it and in which order; what a film's card shows there is a matter
of the film. So a change of a premiere's audio concerns its film, and only one of its date, its kind
or its cancellation concerns lists.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import Any, Final

from pyramid.config import Configurator
from sqlalchemy import Connection, event, select
from sqlalchemy.orm import object_session

from moziweb.cache import tag
from moziweb.caching import DECLARATIONS

from . import edit_version
from .calendar import Period, Week, month_of, week_of
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
    StreamingService,
    Trailer,
)
from .week_range_tags import spans_of

PUBLISHED_LIST: Final = tag("list", "movies")
"""Which films there are: for whoever is told that there is no such film."""

PREMIERES_LIST: Final = tag("list", "premieres")
"""All premieres there are, wherever they stand: for what lists every one of them."""

UNDATED_LIST: Final = tag("list", "undated")
"""The films without a date."""

GENRES_LIST: Final = tag("list", "genres")
"""Which genres there are, by the names that stand for them in addresses."""

NEWS_LIST: Final = tag("list", "news")
"""What was told of premieres, and when, besides their dates: for calendars and feeds."""

_LISTS: Final = "lists"
_GENRES_OF: Final = "genres-of"


DECLARATIONS.declare_tag_kinds(
    "dated", "distributor", "genre", "list", "month", "moved", "movie", "person", "premiere",
    "service", "span", "week",
)  # fmt: skip


def movie_tag(movie_id: int) -> str:
    """What a film's card shows, wherever it stands, and its page too."""
    return tag("movie", movie_id)


def movie_ids_tag(movie_id: int) -> str:
    """How others know a film, and who brings it: for its page, and for lists of data."""
    return tag("movie", movie_id, "ids")


def movie_page_tag(movie_id: int) -> str:
    """What only a film's own page shows."""
    return tag("movie", movie_id, "page")


def period_tag(period: Period) -> str:
    """Which premieres a week or a month has."""
    return tag("week" if isinstance(period, Week) else "month", period.name)


def premiere_tag(premiere_id: int) -> str:
    """What is said of a premiere wherever it stands."""
    return tag("premiere", premiere_id)


def moved_tag(premiere_id: int) -> str:
    """Which date a premiere had before."""
    return tag("moved", premiere_id)


def moved_page_tag(premiere_id: int) -> str:
    """When and why it moved, which only its film's page tells."""
    return tag("moved", premiere_id, "page")


def dated_tag(movie_id: int) -> str:
    """Whether a film has a date, and which: for the lists of those that have none."""
    return tag("dated", movie_id)


def genre_tag(genre_id: int) -> str:
    """A genre's names."""
    return tag("genre", genre_id)


def genre_slug_tag(genre_id: int) -> str:
    """What stands for a genre in addresses."""
    return tag("genre", genre_id, "slug")


def genre_list_tag(genre_id: int) -> str:
    """Which premieres of which films a genre has."""
    return tag("list", "genre", genre_id)


def person_tag(person_id: int) -> str:
    """A person's name."""
    return tag("person", person_id)


def distributor_tag(distributor_id: int) -> str:
    """A distributor's name."""
    return tag("distributor", distributor_id)


def service_tag(service_id: int) -> str:
    """A streaming service's name."""
    return tag("service", service_id)


def _places(day: date, precision: DatePrecision) -> tuple[str, ...]:
    """The periods that list a premiere of this date, and the spans that it fills."""
    month = period_tag(month_of(day))
    match precision:
        case DatePrecision.DAY:
            return period_tag(week_of(day)), month, *spans_of(day)
        case DatePrecision.MONTH:
            return month, *spans_of(day), UNDATED_LIST
        case DatePrecision.YEAR:
            return (UNDATED_LIST,)


def _listed_tags(row: Any) -> tuple[str, ...]:
    """Every list that a premiere enters, leaves or moves in."""
    movie = dated_tag(row.movie_id), tag(_GENRES_OF, row.movie_id)
    return *movie, *_places(row.date, row.precision), PREMIERES_LIST


DECLARATIONS.declare(
    Movie,
    columns=("title", "original_title", "slug", "runtime", "rating", "published"),
    keys=("id",),
    tags=lambda row: (movie_tag(row.id),),
)
DECLARATIONS.declare(
    Movie,
    columns=("imdb_id", "tmdb_id", "distributor_id"),
    keys=("id",),
    tags=lambda row: (movie_ids_tag(row.id),),
    changes_only=True,
)
DECLARATIONS.declare(
    Movie,
    columns=("synopsis", "synopsis_en", "countries", "languages"),
    keys=("id",),
    tags=lambda row: (movie_page_tag(row.id),),
    changes_only=True,
)
DECLARATIONS.declare(  # films of one day are listed in the order of their slugs
    Movie,
    columns=("published", "slug"),
    keys=("id",),
    tags=lambda row: (tag(_LISTS, row.id), PUBLISHED_LIST),
    changes_only=True,
)
DECLARATIONS.declare(
    Premiere,
    columns=(
        "movie_id", "kind", "service_id", "date", "precision", "formats", "audio", "rerelease",
        "cancelled_at",
    ),
    keys=("id", "movie_id"),
    tags=lambda row: (premiere_tag(row.id), movie_page_tag(row.movie_id)),
)  # fmt: skip
DECLARATIONS.declare(
    Premiere,
    columns=("note",),
    keys=("movie_id",),
    tags=lambda row: (movie_page_tag(row.movie_id),),
    changes_only=True,
)
DECLARATIONS.declare(
    Premiere,
    columns=("movie_id", "kind", "date", "precision", "cancelled_at"),
    keys=("movie_id", "date", "precision"),
    tags=_listed_tags,
)
DECLARATIONS.declare(  # the film that loses it may have no other
    Premiere,
    columns=("movie_id",),
    keys=(),
    tags=lambda _row: (UNDATED_LIST,),
    changes_only=True,
)
DECLARATIONS.declare(
    Premiere,
    columns=("announced_at",),
    keys=(),
    tags=lambda _row: (NEWS_LIST,),
    changes_only=True,
)
DECLARATIONS.declare(
    PremiereChange,
    columns=("premiere_id", "changed_at", "old_date", "old_precision"),
    keys=(),
    tags=lambda _row: (NEWS_LIST,),
)
DECLARATIONS.declare(
    PremiereChange,
    columns=("premiere_id", "old_date", "old_precision"),
    keys=("premiere_id",),
    tags=lambda row: (moved_tag(row.premiere_id),),
)
DECLARATIONS.declare(
    PremiereChange,
    columns=("changed_at", "reason"),
    keys=("premiere_id",),
    tags=lambda row: (moved_page_tag(row.premiere_id),),
    changes_only=True,
)
DECLARATIONS.declare(
    Credit,
    columns=("movie_id", "person_id", "role", "position", "character"),
    keys=("movie_id",),
    tags=lambda row: (movie_page_tag(row.movie_id),),
)
DECLARATIONS.declare(
    Trailer,
    columns=("movie_id", "site", "video_id", "name", "language", "position"),
    keys=("movie_id",),
    tags=lambda row: (movie_page_tag(row.movie_id),),
)
DECLARATIONS.declare(
    MovieGenre,
    columns=("movie_id", "genre_id", "position"),
    keys=("movie_id", "genre_id"),
    tags=lambda row: (movie_tag(row.movie_id), genre_list_tag(row.genre_id)),
)
DECLARATIONS.declare(
    FieldProvenance,
    columns=("source",),
    keys=("movie_id",),
    tags=lambda row: (movie_page_tag(row.movie_id),),
)
DECLARATIONS.declare(
    Genre,
    columns=("name", "name_en"),
    keys=("id",),
    tags=lambda row: (genre_tag(row.id),),
)
DECLARATIONS.declare(
    Genre,
    columns=("slug",),
    keys=("id",),
    tags=lambda row: (genre_slug_tag(row.id), GENRES_LIST),
)
DECLARATIONS.declare(
    Person,
    columns=("name", "imdb_id"),
    keys=("id",),
    tags=lambda row: (person_tag(row.id),),
)
DECLARATIONS.declare(
    Distributor,
    columns=("name",),
    keys=("id",),
    tags=lambda row: (distributor_tag(row.id),),
)
DECLARATIONS.declare(
    StreamingService,
    columns=("name",),
    keys=("id",),
    tags=lambda row: (service_tag(row.id),),
)


def _lists_of(connection: Connection, tags: Collection[str]) -> Iterator[str]:
    """Every list that films stand in, now that they are published, withdrawn or renamed."""
    movie_ids = _ids(tags)
    dates = select(Premiere.movie_id, Premiere.date, Premiere.precision)
    dated = set()
    for row in connection.execute(dates.where(Premiere.movie_id.in_(movie_ids))):
        yield from _places(row.date, row.precision)
        if row.precision is DatePrecision.DAY:
            dated.add(row.movie_id)
    if dated != movie_ids:
        yield UNDATED_LIST
    yield from _genre_lists_of(connection, tags)


def _genre_lists_of(connection: Connection, tags: Collection[str]) -> Iterator[str]:
    """The lists of all genres that films are of."""
    genres = select(MovieGenre.genre_id).where(MovieGenre.movie_id.in_(_ids(tags))).distinct()
    yield from map(genre_list_tag, connection.scalars(genres))


def _ids(tags: Iterable[str]) -> set[int]:
    return {int(each.partition(":")[2]) for each in tags}


DECLARATIONS.expansions.add(_LISTS, _lists_of)
DECLARATIONS.expansions.add(_GENRES_OF, _genre_lists_of)


def _movie_appears_or_goes(mapper: object, connection: object, row: object) -> None:
    """A new film has no date yet; one that is deleted may have had none."""
    _gather(row, UNDATED_LIST, PUBLISHED_LIST)


def _premiere_goes(mapper: object, connection: object, row: object) -> None:
    """Its film may have no date any more."""
    _gather(row, UNDATED_LIST)


def _gather(row: object, *names: str) -> None:
    session = object_session(row)
    if session is not None:
        DECLARATIONS.gathered(session).update(names)


event.listen(Movie, "before_insert", _movie_appears_or_goes)
event.listen(Movie, "before_delete", _movie_appears_or_goes)
event.listen(Premiere, "before_delete", _premiere_goes)


def includeme(config: Configurator) -> None:
    """Nothing is left to do: what importing this module declared holds for every application.

    So it is with ``edit_version``, whose listeners are on the same models.
    """
    config.registry["movie_versions"] = edit_version
