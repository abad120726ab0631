"""The kinds of names, and their models and fields."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from moziweb.movies.models import (
    Credit,
    Distributor,
    Genre,
    Movie,
    MovieGenre,
    Person,
    Premiere,
    StreamingService,
)


class NamedKind(StrEnum):
    """What has a name and movies. The values are subjects of the audit log."""

    PERSON = "person"
    GENRE = "genre"
    DISTRIBUTOR = "distributor"
    SERVICE = "service"


NAME_MODELS: Final[Mapping[NamedKind, Any]] = {
    NamedKind.PERSON: Person,
    NamedKind.GENRE: Genre,
    NamedKind.DISTRIBUTOR: Distributor,
    NamedKind.SERVICE: StreamingService,
}

NAME_FIELDS: Final[Mapping[NamedKind, tuple[str, ...]]] = {
    NamedKind.PERSON: ("name", "imdb_id", "tmdb_id"),
    NamedKind.GENRE: ("name", "name_en", "slug"),
    NamedKind.DISTRIBUTOR: ("name", "website"),
    NamedKind.SERVICE: ("name", "slug", "website"),
}
"""The fields that editors change."""

UNIQUE_FIELDS: Final[Mapping[NamedKind, tuple[str, ...]]] = {
    NamedKind.PERSON: ("imdb_id", "tmdb_id"),
    NamedKind.GENRE: ("slug",),
    NamedKind.DISTRIBUTOR: ("name",),
    NamedKind.SERVICE: ("slug",),
}

USES: Final[Mapping[NamedKind, tuple[Any, Any]]] = {
    NamedKind.PERSON: (Credit.person_id, Credit.movie_id),
    NamedKind.GENRE: (MovieGenre.genre_id, MovieGenre.movie_id),
    NamedKind.DISTRIBUTOR: (Movie.distributor_id, Movie.id),
    NamedKind.SERVICE: (Premiere.service_id, Premiere.movie_id),
}
"""The column that refers to a row, and that of the movie."""

NameValues = Mapping[str, Any]
"""The values of a row by field; an unknown id is None."""


def name_values(kind: NamedKind, row: Any) -> dict[str, Any]:
    """Returns the fields of a row."""
    return {field: getattr(row, field) for field in NAME_FIELDS[kind]}


def value_as_text(value: Any) -> str:
    """A value in the audit log."""
    return "" if value is None else str(value)
