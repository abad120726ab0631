"""Filters of lists of premieres: by kind, service, genre, age rating, language version, format.

A filtered list is stale when a premiere enters or leaves it. ``PremiereFilter.tags`` cover the
values that premieres get or lose, but the kind. ``PremiereFilter.list_tags`` also cover the dates,
kinds, publication and order of the premieres of a period that have one of the values.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, Text, exists, literal, type_coerce

from moziweb.cache import tag

from .calendar import Period
from .models import (
    Audio,
    Genre,
    Movie,
    MovieGenre,
    Premiere,
    PremiereKind,
    Rating,
    ScreenFormat,
    StreamingService,
)
from .tags import filtered_list_tag, filtered_pages_tag, period_tag


class Dimension(StrEnum):
    """A property of premieres or of their movies; also the parameter of the filter in URLs."""

    AUDIO = "audio"
    FORMAT = "format"
    GENRE = "genre"
    KIND = "kind"
    RATING = "rating"
    SERVICE = "service"


MAX_FILTERS: Final = 3
"""Filters at once, so that the number of pages is bounded."""

_AUDIOS: Final = {
    Audio.DUBBED: (Audio.DUBBED, Audio.BOTH),
    Audio.SUBTITLED: (Audio.SUBTITLED, Audio.BOTH),
    Audio.ORIGINAL: (Audio.ORIGINAL,),
}
"""The language versions that each filter finds."""

FILTERED_AUDIOS: Final = tuple(_AUDIOS)


@dataclass(frozen=True, slots=True)
class PremiereFilter:
    """The properties that a premiere must have; None for any."""

    audio: Audio | None = None
    format: ScreenFormat | None = None
    genre: Genre | None = None
    kind: PremiereKind | None = None
    rating: Rating | None = None
    service: StreamingService | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of a URL, in their canonical order."""
        values = {
            Dimension.AUDIO: self.audio,
            Dimension.FORMAT: self.format,
            Dimension.GENRE: self.genre.slug if self.genre else None,
            Dimension.KIND: self.kind,
            Dimension.RATING: self.rating,
            Dimension.SERVICE: self.service.slug if self.service else None,
        }
        return {str(name): str(value) for name, value in values.items() if value is not None}

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """Conditions of a query of movies joined to premieres."""
        found: list[ColumnElement[bool]] = []
        if self.audio is not None:
            found.append(Premiere.audio.in_(_AUDIOS[self.audio]))
        if self.format is not None:
            formats = literal("|") + type_coerce(Premiere.formats, Text) + literal("|")
            found.append(formats.contains(f"|{self.format}|"))
        if self.genre is not None:
            # For each movie: lists begin with the dates, and a genre may have many more movies.
            has_genre = exists().where(MovieGenre.movie_id == Movie.id)
            found.append(has_genre.where(MovieGenre.genre_id == self.genre.id).correlate(Movie))
        if self.kind is not None:
            found.append(Premiere.kind == self.kind)
        if self.rating is not None:
            found.append(Movie.rating == self.rating)
        if self.service is not None:
            found.append(Premiere.service_id == self.service.id)
        return found

    @property
    def _values(self) -> Mapping[Dimension, str | int]:
        """The values in tags, that of the fewest premieres first."""
        values: Mapping[Dimension, str | int | None] = {
            Dimension.SERVICE: self.service.id if self.service else None,
            Dimension.FORMAT: self.format,
            Dimension.GENRE: self.genre.id if self.genre else None,
            Dimension.RATING: self.rating,
            Dimension.AUDIO: self.audio,
            Dimension.KIND: self.kind,
        }
        return {name: value for name, value in values.items() if value is not None}

    def tags(self, *periods: Period) -> Iterator[str]:
        """The tags of this filter in ``periods``; without any, those in all periods.

        Not of the kind: lists of all premieres have a tag that covers it.
        """
        for dimension, value in self._values.items():
            if dimension is not Dimension.KIND:
                yield from filter_tags(dimension, value, periods)

    def list_tags(self, *periods: Period, is_empty: bool = False) -> Iterator[str]:
        """The tags of the lists of the premieres of ``periods`` that this filter finds.

        A premiere in the list has all values of the filter, so the list of one of them suffices. An
        empty list has the tags of the weeks around it (``nearest_premieres``) and of the values in
        all periods: the calendar has thousands of periods, and requests with each filter for each
        of them would fill the stamp store.
        """
        first = next(iter(self._values.items()), None)
        if first is None:
            yield from map(period_tag, periods)
        elif is_empty:
            yield from self.tags()
        else:
            yield from (filtered_list_tag(*first, period) for period in periods)
            yield from (filtered_pages_tag(period_tag(period)) for period in periods)
            yield from self.tags(*periods)


NO_FILTER: Final = PremiereFilter()


def single_filters(
    genres: Iterable[Genre], services: Iterable[StreamingService]
) -> Iterator[PremiereFilter]:
    """Every filter by one property."""
    yield from (PremiereFilter(audio=each) for each in FILTERED_AUDIOS)
    yield from (PremiereFilter(format=each) for each in ScreenFormat)
    yield from (PremiereFilter(genre=each) for each in genres)
    yield from (PremiereFilter(kind=each) for each in PremiereKind)
    yield from (PremiereFilter(rating=each) for each in Rating)
    yield from (PremiereFilter(service=each) for each in services)


def filter_tags(
    dimension: Dimension, value: str | int, periods: Iterable[Period]
) -> tuple[str, ...]:
    """The tags of the premieres in ``periods`` that get or lose a value; in all, without any."""
    named = tuple(tag("filter", dimension, value, period.name) for period in periods)
    return named or (tag("filter", dimension, value),)


def filtered_audios(audio: Audio | None) -> list[Audio]:
    """The filters that find a premiere with these language versions."""
    return [each for each, found in _AUDIOS.items() if audio in found]
