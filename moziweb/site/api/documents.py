"""The JSON documents of the API. ``schemas.py`` describes them.

Each function records the cache tags of what it returns.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moziweb.i18n import LOCALES
from moziweb.movies import tags
from moziweb.movies.block_queries import MovieChange, RoleRow
from moziweb.movies.models import (
    Credit,
    Distributor,
    Genre,
    Movie,
    Person,
    Premiere,
    PremiereChange,
    StreamingService,
)
from moziweb.movies.queries import Listing
from moziweb.posters.urls import PosterLinks

from ..context import PageContext
from ..presenters.json_api import poster_payload, trailer_payload
from ..presenters.movie import depend_on_movie
from ..presenters.movie_facts import cast_of, directors_of
from ..presenters.movie_list import CardBuilder
from ..urls import named_segment, segment_of
from .endpoints import MOVIE_ENDPOINT, PERSON_ENDPOINT

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DocumentBuilder:
    """Builds documents with the URLs of a request, and records their cache tags."""

    context: PageContext

    def premiere(
        self,
        builder: CardBuilder,
        listing: Listing,
        services: Mapping[int, StreamingService],
    ) -> Document:
        """An item of the list of premieres. Raises ``ValueError`` without a premiere."""
        premiere = listing.premiere
        if premiere is None:
            raise ValueError("not a premiere")
        self.context.depend(tags.premiere_times_tag(premiere.id))
        service = services.get(premiere.service_id) if premiere.service_id else None
        movie = self._brief(builder, listing.movie)
        return {**self._premiere(premiere, service), "movie": movie}

    def listed_movie(self, builder: CardBuilder, movie: Movie) -> Document:
        """An item of the list of movies."""
        self.context.depend(tags.movie_updated_tag(movie.id))
        return {**self._brief(builder, movie), **_times(movie)}

    def movie(self, movie: Movie, links: PosterLinks | None) -> Document:
        """All data of a movie that ``published_movie`` has loaded."""
        depend_on_movie(self.context, movie)
        self.context.depend(tags.movie_updated_tag(movie.id))
        self.context.depend(*(tags.premiere_times_tag(each.id) for each in movie.premieres))
        genres = [link.genre for link in movie.genre_links]
        distributor = movie.distributor
        return {
            **self._movie(movie, genres, links),
            **_times(movie),
            "synopsis": movie.synopsis,
            "synopsis_en": movie.synopsis_en,
            "distributor": self._distributor(distributor) if distributor else None,
            "countries": list(movie.countries),
            "languages": list(movie.languages),
            "directors": [self._credited(each) for each in directors_of(movie)],
            "cast": [
                {**self._credited(each), "character": each.character} for each in cast_of(movie)
            ],
            "premieres": [
                {
                    **self._premiere(each, each.service),
                    "former_dates": [_former_date(change) for change in each.changes],
                }
                for each in movie.premieres
            ],
            "trailers": [trailer_payload(each) for each in movie.trailers],
        }

    def listed_person(self, person: Person) -> Document:
        """An item of the list of people."""
        self.context.depend(tags.person_tag(person.id), tags.person_times_tag(person.id))
        return {**self._person(person), **_times(person)}

    def person(self, person: Person, roles: Iterable[RoleRow]) -> Document:
        """A person with the roles that ``credits_of`` has loaded."""
        return {**self.listed_person(person), "credits": [self._role(row) for row in roles]}

    def distributor(self, distributor: Distributor) -> Document:
        """An item of the list of distributors."""
        self.context.depend(
            tags.distributor_tag(distributor.id), tags.distributor_times_tag(distributor.id)
        )
        return {**self._distributor(distributor), **_times(distributor)}

    def genre(self, genre: Genre) -> Document:
        """An item of the list of genres."""
        self.context.depend(tags.genre_times_tag(genre.id))
        return {
            **self._genre(genre),
            "urls": self._urls("genre", genre=genre.slug),
            **_times(genre),
        }

    def service(self, service: StreamingService) -> Document:
        """An item of the list of streaming services."""
        self.context.depend(tags.service_times_tag(service.id))
        urls = self._urls("service", service=service.slug)
        return {**self._service(service), "urls": urls, **_times(service)}

    def change(self, change: MovieChange) -> Document:
        """An item of the list of changes; without a URL if the movie was removed."""
        url = self.context.urls.url(MOVIE_ENDPOINT.route, id=str(change.movie_id))
        return {
            "movie_id": change.movie_id,
            "time": _time_text(change.time),
            "removed": change.is_removal,
            "api_url": None if change.is_removal else url,
        }

    def _brief(self, builder: CardBuilder, movie: Movie) -> Document:
        self.context.depend(tags.movie_tag(movie.id), tags.movie_ids_tag(movie.id))
        genres = builder.genres.get(movie.id, ())
        return self._movie(movie, genres, builder.posters.get(movie.id))

    def _movie(self, movie: Movie, genres: Sequence[Genre], links: PosterLinks | None) -> Document:
        return {
            "id": movie.id,
            "title": movie.title,
            "original_title": movie.original_title,
            "imdb_id": movie.imdb_id,
            "tmdb_id": movie.tmdb_id,
            "runtime": movie.runtime,
            "rating": movie.rating,
            "genres": [self._genre(genre) for genre in genres],
            "poster": poster_payload(self.context, links),
            **self._movie_urls(movie.id, movie.slug),
        }

    def _movie_urls(self, movie_id: int, slug: str) -> Document:
        return {
            "urls": self._urls("movie", movie=segment_of(movie_id, slug)),
            "api_url": self.context.urls.url(MOVIE_ENDPOINT.route, id=str(movie_id)),
        }

    def _genre(self, genre: Genre) -> Document:
        self.context.depend(tags.genre_tag(genre.id), tags.genre_slug_tag(genre.id))
        return {"id": genre.id, "slug": genre.slug, "name": genre.name, "name_en": genre.name_en}

    def _service(self, service: StreamingService) -> Document:
        self.context.depend(tags.service_tag(service.id), tags.service_slug_tag(service.id))
        return {"id": service.id, "slug": service.slug, "name": service.name}

    def _distributor(self, distributor: Distributor) -> Document:
        urls = self._urls("distributor", distributor=named_segment(distributor))
        return {"id": distributor.id, "name": distributor.name, "urls": urls}

    def _person(self, person: Person) -> Document:
        return {
            "id": person.id,
            "name": person.name,
            "imdb_id": person.imdb_id,
            "urls": self._urls("person", person=named_segment(person)),
            "api_url": self.context.urls.url(PERSON_ENDPOINT.route, id=str(person.id)),
        }

    def _credited(self, credit: Credit) -> Document:
        return self._person(credit.person)

    def _role(self, row: RoleRow) -> Document:
        self.context.depend(tags.movie_names_tag(row.id))
        movie = {"id": row.id, "title": row.title, "original_title": row.original_title}
        return {"role": row.role, "movie": {**movie, **self._movie_urls(row.id, row.slug)}}

    def _premiere(self, premiere: Premiere, service: StreamingService | None) -> Document:
        self.context.depend(tags.premiere_tag(premiere.id))
        return {
            "id": premiere.id,
            "kind": premiere.kind,
            "service": self._service(service) if service else None,
            "date": premiere.precision.iso_text(premiere.date),
            "precision": premiere.precision,
            "formats": list(premiere.formats),
            "audio": premiere.audio,
            "rerelease": premiere.rerelease,
            "cancelled": premiere.cancelled_at is not None,
            "created": _time_text(premiere.announced_at),
            "updated": _time_text(premiere.revised_at or premiere.announced_at),
        }

    def _urls(self, route: str, **values: str) -> Document:
        urls = self.context.urls
        return {each: urls.base_url + urls.in_locale(each, route, **values) for each in LOCALES}


def _former_date(change: PremiereChange) -> Document:
    return {
        "date": change.old_precision.iso_text(change.old_date),
        "precision": change.old_precision,
        "changed": _time_text(change.changed_at),
        "reason": change.reason,
    }


def _times(row: Movie | Person | Distributor | Genre | StreamingService) -> Document:
    return {"created": _time_text(row.created_at), "updated": _time_text(row.updated_at)}


def _time_text(time: datetime) -> str:
    """``2026-08-20T10:00:00Z``."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
