"""Facts of a loaded movie that its page, its JSON and its JSON-LD share."""

from typing import Final
from urllib.parse import quote

from moziweb.movies.models import Credit, CreditRole, Movie, Trailer, VideoSite

# Where a trailer is watched, by the site that hosts it.
_VIDEO_URLS: Final = {
    VideoSite.YOUTUBE: "https://www.youtube.com/watch?v={}",
    VideoSite.VIMEO: "https://vimeo.com/{}",
}


def synopsis_of(movie: Movie, locale: str) -> tuple[str, str]:
    """The synopsis in the page's language, else the other one, and the language it is in."""
    texts = {"hu": movie.synopsis, "en": movie.synopsis_en}
    other = "en" if locale == "hu" else "hu"
    language = locale if texts[locale] or not texts[other] else other
    return texts[language], language


def directors_of(movie: Movie) -> list[Credit]:
    """Who directed it, in billing order."""
    return _credits_of(movie, CreditRole.DIRECTOR)


def cast_of(movie: Movie) -> list[Credit]:
    """Who plays in it, in billing order."""
    return _credits_of(movie, CreditRole.CAST)


def imdb_url(movie: Movie) -> str:
    """The movie at IMDb, or ""."""
    return f"https://www.imdb.com/title/{movie.imdb_id}/" if movie.imdb_id else ""


def trailer_url(trailer: Trailer) -> str:
    """Where the video can be watched."""
    return _VIDEO_URLS[trailer.site].format(quote(trailer.video_id, safe=""))


def _credits_of(movie: Movie, role: CreditRole) -> list[Credit]:
    return [each for each in movie.credits if each.role is role]
