"""Payloads of the JSON API. Keys are added, never removed; null, "" and [] mean "not known".

A **premiere** has ``kind`` (cinema, limited, festival, streaming), ``service`` (the name of the
streaming service or ""), ``date`` (``2026-08-20``, ``2026-08`` or ``2026``) with its ``precision``
(day, month, year), ``formats``, ``audio``, ``rerelease``, ``cancelled``.

A **poster** has the absolute JPEG URLs ``full``, ``thumb``, ``small``, ``blur``, and ``webp`` with
the same four keys. It is null for a movie without a poster.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from moziweb.movies.models import Credit, Genre, Movie, Premiere, Trailer
from moziweb.movies.queries import Listing
from moziweb.movies.tags import (
    distributor_tag,
    genre_slug_tag,
    movie_distributor_tag,
    movie_ids_tag,
    movie_synopsis_tag,
)
from moziweb.posters.recipes import BLUR, POSTER, SMALL, THUMB
from moziweb.posters.urls import PosterLinks

from ..context import PageContext
from .index import IndexSection
from .movie_facts import cast_of, directors_of, trailer_url
from .movie_list import CardBuilder

_POSTER_NAMES: Final = {"full": POSTER, "thumb": THUMB, "small": SMALL, "blur": BLUR}


def main_payload(
    builder: CardBuilder, sections: Sequence[IndexSection], synopses: Mapping[int, str]
) -> dict[str, Any]:
    """``/api/main/``: the premieres of the index.

    ``{"date": "2026-08-20", "premieres": [{"section": "this-week", "movie": {…}, "premiere":
    {…} | null}]}``. The sections are this-week, next-week, streaming-this-week,
    streaming-next-week, still-in-cinemas and undated. A movie has the keys of ``_movie_brief``.

    ``data.on_show`` has each movie once, with the keys that clients of other sites read
    (``_on_show``). ``synopses`` are by movie id.
    """
    listings = {
        each.movie.id: each for section in reversed(sections) for each in reversed(section.listings)
    }
    return {
        "date": builder.context.today.isoformat(),
        "premieres": [
            {"section": section.key, **_listing(builder, listing)}
            for section in sections
            for listing in section.listings
        ],
        "data": {
            "on_show": [
                _on_show(builder, each, synopses.get(each.movie.id, ""))
                for each in reversed(listings.values())
            ]
        },
    }


def movie_payload(context: PageContext, movie: Movie, links: PosterLinks | None) -> dict[str, Any]:
    """``/api/movie/{id}``: all data of a movie in both languages; people have name and IMDb id."""
    genres = [link.genre for link in movie.genre_links]
    return {
        **_movie_brief(context, movie, genres, links),
        "synopsis": movie.synopsis,
        "synopsis_en": movie.synopsis_en,
        "distributor": movie.distributor.name if movie.distributor else "",
        "countries": list(movie.countries),
        "languages": list(movie.languages),
        "directors": [_person(each) for each in directors_of(movie)],
        "actors": [{**_person(each), "character": each.character} for each in cast_of(movie)],
        "premieres": [
            _premiere(each, each.service.name if each.service else "") for each in movie.premieres
        ],
        "trailers": [trailer_payload(each) for each in movie.trailers],
    }


def _listing(builder: CardBuilder, listing: Listing) -> dict[str, Any]:
    movie = listing.movie
    genres, links = builder.genres.get(movie.id, ()), builder.posters.get(movie.id)
    brief = _movie_brief(builder.context, movie, genres, links)
    builder.depend(listing)
    builder.context.depend(movie_ids_tag(movie.id), movie_distributor_tag(movie.id))
    builder.context.depend(*(genre_slug_tag(each.id) for each in genres))
    if movie.distributor_id is not None:
        builder.context.depend(distributor_tag(movie.distributor_id))
    return {
        "movie": {**brief, "distributor": listing.distributor},
        "premiere": _premiere(listing.premiere, listing.service) if listing.premiere else None,
    }


def _on_show(builder: CardBuilder, listing: Listing, synopsis: str) -> dict[str, Any]:
    """A movie with Hungarian texts; ``hu_release`` is the date that the index lists it under."""
    movie, premiere = listing.movie, listing.premiere
    builder.context.depend(movie_synopsis_tag(movie.id))
    poster = poster_payload(builder.context, builder.posters.get(movie.id))
    return {
        "id": movie.id,
        "hu_title": movie.title,
        "original_title": movie.original_title,
        "raw_genres": [genre.name for genre in builder.genres.get(movie.id, ())],
        "poster_thumb": poster["thumb"] if poster else None,
        "hu_release": premiere.precision.iso_text(premiere.date) if premiere else None,
        "hu_plot": synopsis,
        "imdb_id": movie.imdb_id,
    }


def _movie_brief(
    context: PageContext, movie: Movie, genres: Iterable[Genre], links: PosterLinks | None
) -> dict[str, Any]:
    urls = context.urls
    return {
        "id": movie.id,
        "url": urls.base_url + urls.movie(movie),
        "api_url": urls.url("api_movie", movie=str(movie.id)),
        "title": movie.title,
        "original_title": movie.original_title,
        "slug": movie.slug,
        "imdb_id": movie.imdb_id,
        "tmdb_id": movie.tmdb_id,
        "runtime": movie.runtime,
        "rating": movie.rating,
        "genres": [{"slug": it.slug, "name": it.name, "name_en": it.name_en} for it in genres],
        "poster": poster_payload(context, links),
    }


def poster_payload(context: PageContext, links: PosterLinks | None) -> dict[str, Any] | None:
    """A poster's URLs, None without a poster."""
    if links is None:
        return None
    shown, absolute = links.with_recorder(context.depend), context.urls.absolute

    def urls(extension: str) -> dict[str, str]:
        return {key: absolute(shown.url(name, extension)) for key, name in _POSTER_NAMES.items()}

    return {**urls("jpg"), "webp": urls("webp")}


def _premiere(premiere: Premiere, service: str) -> dict[str, Any]:
    return {
        "kind": premiere.kind,
        "service": service,
        "date": premiere.precision.iso_text(premiere.date),
        "precision": premiere.precision,
        "formats": list(premiere.formats),
        "audio": premiere.audio,
        "rerelease": premiere.rerelease,
        "cancelled": premiere.cancelled_at is not None,
    }


def _person(credit: Credit) -> dict[str, str | None]:
    return {"name": credit.person.name, "imdb_id": credit.person.imdb_id}


def trailer_payload(trailer: Trailer) -> dict[str, str]:
    """A trailer with its URL."""
    return {
        "site": trailer.site,
        "video_id": trailer.video_id,
        "name": trailer.name,
        "language": trailer.language,
        "url": trailer_url(trailer),
    }
