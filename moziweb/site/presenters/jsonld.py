"""A movie as JSON-LD (https://schema.org/Movie), for search engines and for scrapers."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from markupsafe import Markup

from moziweb.movies.models import Credit, Movie

from ..context import PageContext
from ..formatting import iso_date, iso_runtime
from ..view_models import Picture
from .movie_facts import cast_of, directors_of, imdb_url, synopsis_of
from .movie_list import titles

# Inside a script element only these could end it, or begin what the HTML parser takes for one; the
# line separators are no line breaks to JSON but are to older JavaScript.
_ESCAPES: Final = {
    ord("<"): "\\u003c",
    ord(">"): "\\u003e",
    ord("&"): "\\u0026",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}


def movie_json_ld(visit: PageContext, movie: Movie, picture: Picture) -> Markup:
    """The data block of a movie's page. What is not known is left out: schema.org has no null.

    Lists and the description are always there, if empty.
    """
    known = {
        key: value for key, value in _movie(visit, movie, picture).items() if value is not None
    }
    return script_json(known)


def script_json(data: Mapping[str, Any]) -> Markup:
    """``data`` as JSON that may stand inside a script element."""
    return Markup(json.dumps(data, ensure_ascii=False).translate(_ESCAPES))  # noqa: S704 - escaped


def _movie(visit: PageContext, movie: Movie, picture: Picture) -> dict[str, Any]:
    wording, paths = visit.wording, visit.paths
    title, subtitle = titles(visit, movie)
    synopsis, synopsis_lang = synopsis_of(movie, wording.locale)
    genres = [link.genre for link in movie.genre_links]
    return {
        "@context": "https://schema.org",
        "@type": "Movie",
        "url": paths.base_url + paths.movie(movie),
        "name": title,
        "alternateName": subtitle or None,
        "description": " ".join(synopsis.split()),
        "inLanguage": synopsis_lang,
        "image": paths.absolute(picture.href_full) if picture.href_full else None,
        "genre": [wording.choose(genre.name, genre.name_en) for genre in genres],
        "duration": iso_runtime(movie.runtime) or None,
        "contentRating": movie.rating,
        "datePublished": _first_date(movie),
        "countryOfOrigin": [
            {"@type": "Country", "name": wording.country_name(code)} for code in movie.countries
        ],
        "director": _people(directors_of(movie)),
        "actor": _people(cast_of(movie)),
        "sameAs": imdb_url(movie) or None,
    }


def _people(credits_: Iterable[Credit]) -> list[dict[str, str]]:
    return [{"@type": "Person", "name": each.person.name} for each in credits_]


def _first_date(movie: Movie) -> str | None:
    dates = (each for each in movie.premieres if each.cancelled_at is None)
    first = next(dates, None)
    return iso_date(first.date, first.precision) if first else None
