"""A movie as plain values, field by field, to compare, show and write.

Field names are those of ``FieldProvenance.field`` and of the importers.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Final

from moziweb.movies.models import (
    Audio,
    Credit,
    CreditRole,
    DatePrecision,
    Movie,
    Premiere,
    PremiereKind,
    Rating,
    Trailer,
    VideoSite,
)


@dataclass(frozen=True, slots=True)
class PersonLine:
    """A credit. ``person_id`` is None for a typed name."""

    name: str
    character: str = ""
    person_id: int | None = None


@dataclass(frozen=True, slots=True)
class PremiereLine:
    """A premiere. ``id`` is None for a new one; ``service`` is a streaming service's name."""

    date: date
    kind: PremiereKind = PremiereKind.CINEMA
    precision: DatePrecision = DatePrecision.DAY
    service: str = ""
    formats: tuple[str, ...] = ()
    audio: Audio | None = None
    rerelease: bool = False
    note: str = ""
    cancelled: bool = False
    id: int | None = None


@dataclass(frozen=True, slots=True)
class TrailerLine:
    """A trailer; ``id`` is None for a new one."""

    video_id: str
    site: VideoSite = VideoSite.YOUTUBE
    name: str = ""
    language: str = ""
    id: int | None = None


@dataclass(frozen=True, slots=True)
class MovieValues:
    """All fields that the form can change; unknown is "", None or ()."""

    title: str = ""
    original_title: str = ""
    synopsis: str = ""
    synopsis_en: str = ""
    runtime: int | None = None
    rating: Rating | None = None
    genres: tuple[int, ...] = ()
    countries: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    distributor: str = ""
    directors: tuple[PersonLine, ...] = ()
    cast: tuple[PersonLine, ...] = ()
    premieres: tuple[PremiereLine, ...] = ()
    trailers: tuple[TrailerLine, ...] = ()
    imdb_id: str | None = None
    tmdb_id: int | None = None

    def by_field(self) -> dict[str, Any]:
        """Returns the values by the names of their fields."""
        return {name: getattr(self, name) for name in EDITED_FIELDS}

    def changed_from(self, other: "MovieValues") -> tuple[str, ...]:
        """Returns the fields that differ from ``other``."""
        return tuple(name for name in EDITED_FIELDS if getattr(self, name) != getattr(other, name))


EDITED_FIELDS: Final = tuple(field.name for field in fields(MovieValues))


def values_of(movie: Movie) -> MovieValues:
    """Returns the values of a movie loaded by ``queries.editable_movie``."""
    return MovieValues(
        title=movie.title,
        original_title=movie.original_title,
        synopsis=movie.synopsis,
        synopsis_en=movie.synopsis_en,
        runtime=movie.runtime,
        rating=movie.rating,
        genres=tuple(link.genre_id for link in movie.genre_links),
        countries=movie.countries,
        languages=movie.languages,
        distributor=movie.distributor.name if movie.distributor else "",
        directors=_people(movie.credits, CreditRole.DIRECTOR),
        cast=_people(movie.credits, CreditRole.CAST),
        premieres=tuple(map(_premiere, movie.premieres)),
        trailers=tuple(map(_trailer, movie.trailers)),
        imdb_id=movie.imdb_id,
        tmdb_id=movie.tmdb_id,
    )


def as_copy(values: MovieValues) -> MovieValues:
    """Returns values for a new movie: without ids of rows and of other databases."""
    return replace(
        values,
        premieres=tuple(replace(each, id=None) for each in values.premieres),
        trailers=tuple(replace(each, id=None) for each in values.trailers),
        imdb_id=None,
        tmdb_id=None,
    )


def _people(credits: Iterable[Credit], role: CreditRole) -> tuple[PersonLine, ...]:  # noqa: A002
    return tuple(
        PersonLine(credit.person.name, credit.character, credit.person_id)
        for credit in credits
        if credit.role is role
    )


def _premiere(row: Premiere) -> PremiereLine:
    return PremiereLine(
        date=row.date,
        kind=row.kind,
        precision=row.precision,
        service=row.service.name if row.service else "",
        formats=row.formats,
        audio=row.audio,
        rerelease=row.rerelease,
        note=row.note,
        cancelled=row.cancelled_at is not None,
        id=row.id,
    )


def _trailer(row: Trailer) -> TrailerLine:
    return TrailerLine(
        video_id=row.video_id, site=row.site, name=row.name, language=row.language, id=row.id
    )
