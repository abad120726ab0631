"""JSON-LD by the vocabulary of schema.org: a movie, a list of movies, the way to a page."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from markupsafe import Markup

from moziweb.i18n import _
from moziweb.movies.models import Credit, DatePrecision, Movie, Premiere, VideoSite
from moziweb.movies.tags import movie_names_tag

from ..context import PageContext
from ..formatting import iso_runtime
from ..view_models import Link, PosterImage
from .movie_facts import (
    cast_of,
    directors_of,
    imdb_url,
    player_url,
    synopsis_of,
    thumbnail_url,
    trailer_url,
)
from .movie_list import localized_titles

# "<", ">" and "&" could end the script element or start a comment in it. U+2028 and U+2029 are
# valid in JSON strings but are line breaks in JavaScript before ES2019.
_ESCAPES: Final = {code: f"\\u{code:04x}" for code in (*b"<>&", 0x2028, 0x2029)}


_CONTEXT: Final = "https://schema.org"


def movie_json_ld(context: PageContext, movie: Movie, poster: PosterImage) -> Markup:
    """The data block of a movie's page. Unknown values are omitted: schema.org has no null.

    Lists and the description are always present, even if empty.
    """
    values = _movie(context, movie, poster)
    return script_json({key: value for key, value in values.items() if value is not None})


def breadcrumbs_json_ld(context: PageContext, links: Iterable[Link]) -> Markup:
    """The way from the front page to a page; the last of ``links`` is the page itself."""
    home = Link(context.urls.path("index"), context.formatter.translate(_("Premieres")))
    items = [
        {
            "@type": "ListItem",
            "position": position,
            "name": link.text,
            "item": context.urls.absolute(link.href),
        }
        for position, link in enumerate((home, *links), 1)
    ]
    return script_json({"@context": _CONTEXT, "@type": "BreadcrumbList", "itemListElement": items})


def top_page_json_ld(context: PageContext, route: str, title: str) -> Markup:
    """The breadcrumbs of a page directly below the front page."""
    return breadcrumbs_json_ld(context, [Link(context.urls.path(route), title)])


def links_json_ld(context: PageContext, links: Iterable[Link]) -> Markup:
    """The pages that a list page links, in their order."""
    items = [
        {
            "@type": "ListItem",
            "position": position,
            "name": link.text,
            "url": context.urls.absolute(link.href),
        }
        for position, link in enumerate(links, 1)
    ]
    return script_json({"@context": _CONTEXT, "@type": "ItemList", "itemListElement": items})


def movies_json_ld(context: PageContext, movies: Iterable[Movie]) -> Markup:
    """The movies of a list page in their order, each once."""
    listed = {movie.id: movie for movie in movies}
    context.depend(*map(movie_names_tag, listed))
    items = [
        {
            "@type": "ListItem",
            "position": position,
            "url": context.urls.absolute(context.urls.movie(movie)),
        }
        for position, movie in enumerate(listed.values(), 1)
    ]
    return script_json({"@context": _CONTEXT, "@type": "ItemList", "itemListElement": items})


def script_json(data: Mapping[str, Any]) -> Markup:
    """``data`` as JSON that is safe inside a script element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.translate(_ESCAPES))  # noqa: S704 - escaped


def _movie(context: PageContext, movie: Movie, poster: PosterImage) -> dict[str, Any]:
    formatter, urls = context.formatter, context.urls
    title, subtitle = localized_titles(context, movie)
    synopsis, _language = synopsis_of(movie, formatter.locale)
    genres = [link.genre for link in movie.genre_links]
    return {
        "@context": _CONTEXT,
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
        "trailer": list(_trailers(movie, title)) or None,
        "releasedEvent": list(_release_events(context, movie, title)) or None,
        "sameAs": imdb_url(movie) or None,
    }


def _trailers(movie: Movie, title: str) -> Iterator[dict[str, str]]:
    for each in movie.trailers:
        video = {"@type": "VideoObject", "name": each.name or title, "url": trailer_url(each)}
        if each.site is VideoSite.YOUTUBE:
            video["embedUrl"] = player_url(each).partition("?")[0]
            video["thumbnailUrl"] = thumbnail_url(each)
        if each.published_at:
            video["uploadDate"] = each.published_at.isoformat()
        if each.language:
            video["inLanguage"] = each.language
        yield video


def _release_events(context: PageContext, movie: Movie, title: str) -> Iterator[dict[str, Any]]:
    """The premieres in Hungary of which the day is known."""
    place = {"@type": "Country", "name": context.formatter.country_name("HU")}
    for each in movie.premieres:
        if each.precision is not DatePrecision.DAY:
            continue
        kind = context.formatter.kind_text(each.kind)
        name = f"{title} – {kind}: {each.service.name}" if each.service else f"{title} – {kind}"
        yield {
            "@type": "PublicationEvent",
            "name": name,
            "startDate": each.date.isoformat(),
            "location": place,
            **_event_status(each),
        }


def _event_status(premiere: Premiere) -> dict[str, str]:
    days = [each.old_date for each in premiere.changes if each.old_precision is DatePrecision.DAY]
    if premiere.cancelled_at is not None:
        return {"eventStatus": "https://schema.org/EventCancelled"}
    if not days:
        return {"eventStatus": "https://schema.org/EventScheduled"}
    status = "https://schema.org/EventRescheduled"
    return {"eventStatus": status, "previousStartDate": days[-1].isoformat()}


def _people(credits_: Iterable[Credit]) -> list[dict[str, str]]:
    return [{"@type": "Person", "name": each.person.name} for each in credits_]


def _first_date(movie: Movie) -> str | None:
    dates = (each for each in movie.premieres if each.cancelled_at is None)
    first = next(dates, None)
    return first.precision.iso_text(first.date) if first else None
