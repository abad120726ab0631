"""JSON-LD of a movie (https://schema.org/Movie), for search engines and scrapers."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from markupsafe import Markup

from moziweb.movies.models import Credit, Movie

from ..context import PageContext
from ..formatting import iso_runtime
from ..view_models import PosterImage
from .movie_facts import cast_of, directors_of, imdb_url, synopsis_of, trailer_url
from .movie_list import localized_titles

# "<", ">" and "&" could end the script element or start a comment in it. U+2028 and U+2029 are
# valid in JSON strings but are line breaks in JavaScript before ES2019.
_ESCAPES: Final = {code: f"\\u{code:04x}" for code in (*b"<>&", 0x2028, 0x2029)}


def movie_json_ld(context: PageContext, movie: Movie, poster: PosterImage) -> Markup:
    """The data block of a movie's page. Unknown values are omitted: schema.org has no null.

    Lists and the description are always present, even if empty.
    """
    values = _movie(context, movie, poster)
    return script_json({key: value for key, value in values.items() if value is not None})


def script_json(data: Mapping[str, Any]) -> Markup:
    """``data`` as JSON that is safe inside a script element."""
    return Markup(json.dumps(data, ensure_ascii=False).translate(_ESCAPES))  # noqa: S704 - escaped


def _movie(context: PageContext, movie: Movie, poster: PosterImage) -> dict[str, Any]:
    formatter, urls = context.formatter, context.urls
    title, subtitle = localized_titles(context, movie)
    synopsis, _language = synopsis_of(movie, formatter.locale)
    genres = [link.genre for link in movie.genre_links]
    return {
        "@context": "https://schema.org",
        "@type": "Movie",
        "url": urls.base_url + urls.movie(movie),
        "name": title,
        "alternateName": subtitle or None,
        "description": " ".join(synopsis.split()),
        "inLanguage": list(movie.languages) or None,
        "image": urls.absolute(poster.href_full) if poster.href_full else None,
        "genre": [formatter.choose(genre.name, genre.name_en) for genre in genres],
        "duration": iso_runtime(movie.runtime) or None,
        "contentRating": movie.rating,
        "datePublished": _first_date(movie),
        "countryOfOrigin": [
            {"@type": "Country", "name": formatter.country_name(code)} for code in movie.countries
        ],
        "director": _people(directors_of(movie)),
        "actor": _people(cast_of(movie)),
        "trailer": _trailer(movie, title) or None,
        "sameAs": imdb_url(movie) or None,
    }


def _trailer(movie: Movie, title: str) -> list[dict[str, str]]:
    return [
        {"@type": "VideoObject", "name": each.name or title, "url": trailer_url(each)}
        for each in movie.trailers
    ]


def _people(credits_: Iterable[Credit]) -> list[dict[str, str]]:
    return [{"@type": "Person", "name": each.person.name} for each in credits_]


def _first_date(movie: Movie) -> str | None:
    dates = (each for each in movie.premieres if each.cancelled_at is None)
    first = next(dates, None)
    return first.precision.iso_text(first.date) if first else None
