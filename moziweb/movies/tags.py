"""The tags of movies: how they are spelled, and which rows bear them.

Cards and pages record the tags of what they show (``moziweb.site``); the declarations here say
which of them a write concerns. A list carries the tags of its period, and ``list:…`` for what can
appear in it or vanish from it without a tag of a row that it shows.
"""

from datetime import date
from typing import Any, Final

from pyramid.config import Configurator
from sqlalchemy import Connection, event, inspect, select
from sqlalchemy.orm import object_session

from moziweb.cache import tag
from moziweb.freshness import DECLARATIONS

from . import versions
from .calendar import Month, Period, Week, month_of, week_of
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

PUBLISHED_LIST: Final = tag("list", "movies")
"""Every list: a film that is published or withdrawn may belong to any of them."""

PREMIERES_LIST: Final = tag("list", "premieres")
"""What depends on premieres anywhere: the way out of an empty week, a genre's page."""

UNDATED_LIST: Final = tag("list", "undated")
"""The films without a date."""


def movie_tag(movie_id: int) -> str:
    """A film's own facts."""
    return tag("movie", movie_id)


def period_tag(period: Period) -> str:
    """Which premieres a week or a month has."""
    return tag("week" if isinstance(period, Week) else "month", period.name)


def premiere_tag(premiere_id: int) -> str:
    """How a premiere's date has moved."""
    return tag("premiere", premiere_id)


def dated_tag(movie_id: int) -> str:
    """Whether a film has a date, and which: for the lists of those that have none."""
    return tag("dated", movie_id)


def genre_tag(genre_id: int) -> str:
    """A genre's names, and which films are of it."""
    return tag("genre", genre_id)


def person_tag(person_id: int) -> str:
    """A person's name."""
    return tag("person", person_id)


def distributor_tag(distributor_id: int) -> str:
    """A distributor's name."""
    return tag("distributor", distributor_id)


def service_tag(service_id: int) -> str:
    """A streaming service's name."""
    return tag("service", service_id)


def _periods(day: date) -> tuple[str, str]:
    week: Week = week_of(day)
    month: Month = month_of(day)
    return period_tag(week), period_tag(month)


def _premiere_tags(row: Any) -> tuple[str, ...]:
    undated = () if row.precision is DatePrecision.DAY else (UNDATED_LIST,)
    films = movie_tag(row.movie_id), dated_tag(row.movie_id)
    return *films, *_periods(row.date), PREMIERES_LIST, *undated


DECLARATIONS.tagged(
    Movie,
    columns=(
        "title", "original_title", "slug", "synopsis", "synopsis_en", "runtime", "rating",
        "countries", "languages", "imdb_id", "tmdb_id", "distributor_id", "published",
    ),
    keys=("id",),
    tags=lambda row: (movie_tag(row.id),),
)  # fmt: skip
DECLARATIONS.tagged(
    Premiere,
    columns=(
        "movie_id", "kind", "service_id", "date", "precision", "formats", "audio", "rerelease",
        "note", "cancelled_at",
    ),
    keys=("movie_id", "date", "precision"),
    tags=_premiere_tags,
)  # fmt: skip
DECLARATIONS.tagged(
    PremiereChange,
    columns=("premiere_id", "changed_at", "old_date", "old_precision", "reason"),
    keys=("premiere_id",),
    tags=lambda row: (premiere_tag(row.premiere_id),),
)
DECLARATIONS.tagged(
    Credit,
    columns=("movie_id", "person_id", "role", "position", "character"),
    keys=("movie_id",),
    tags=lambda row: (movie_tag(row.movie_id),),
)
DECLARATIONS.tagged(
    Trailer,
    columns=("movie_id", "site", "video_id", "name", "language", "position"),
    keys=("movie_id",),
    tags=lambda row: (movie_tag(row.movie_id),),
)
DECLARATIONS.tagged(
    MovieGenre,
    columns=("movie_id", "genre_id", "position"),
    keys=("movie_id", "genre_id"),
    tags=lambda row: (movie_tag(row.movie_id), genre_tag(row.genre_id)),
)
DECLARATIONS.tagged(
    FieldProvenance,
    columns=("source",),
    keys=("movie_id",),
    tags=lambda row: (movie_tag(row.movie_id),),
)
DECLARATIONS.tagged(
    Genre,
    columns=("slug", "name", "name_en"),
    keys=("id",),
    tags=lambda row: (genre_tag(row.id),),
)
DECLARATIONS.tagged(
    Person,
    columns=("name", "imdb_id"),
    keys=("id",),
    tags=lambda row: (person_tag(row.id),),
)
DECLARATIONS.tagged(
    Distributor,
    columns=("name",),
    keys=("id",),
    tags=lambda row: (distributor_tag(row.id),),
)
DECLARATIONS.tagged(
    StreamingService,
    columns=("name",),
    keys=("id",),
    tags=lambda row: (service_tag(row.id),),
)


def _appears_undated(mapper: object, connection: object, row: object) -> None:
    """A new film has no date yet, one whose premiere is deleted may have none any more; one that is
    deleted itself may have had none.
    """
    _gather(row, UNDATED_LIST)


def _lists_change(mapper: object, connection: Connection, row: Movie) -> None:
    """A film that is published or withdrawn concerns every list; one with another slug those of its
    own days, since the films of a day are listed in the order of their slugs.
    """
    attributes = inspect(row, raiseerr=True).attrs
    if attributes["published"].history.has_changes():
        _gather(row, PUBLISHED_LIST)
    if attributes["slug"].history.has_changes():
        for day in connection.scalars(select(Premiere.date).where(Premiere.movie_id == row.id)):
            for name in _periods(day):
                _gather(row, name)


def _appears(mapper: object, connection: object, row: object) -> None:
    _gather(row, PUBLISHED_LIST)


def _gather(row: object, name: str) -> None:
    session = object_session(row)
    if session is not None:
        DECLARATIONS.gathered(session).add(name)


event.listen(Movie, "before_insert", _appears_undated)
event.listen(Movie, "before_insert", _appears)
event.listen(Premiere, "before_delete", _appears_undated)
event.listen(Movie, "before_delete", _appears_undated)
event.listen(Movie, "before_update", _lists_change)


def includeme(config: Configurator) -> None:
    """Nothing is left to do: what importing this module declared holds for every application.

    So it is with ``versions``, whose listeners are on the same models.
    """
    config.registry["movie_versions"] = versions
