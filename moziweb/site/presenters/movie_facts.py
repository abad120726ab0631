"""Values of a loaded movie that its page, its JSON payload and its JSON-LD share."""

from typing import Final
from urllib.parse import quote

from moziweb.movies.models import Credit, CreditRole, Movie, Trailer, VideoSite
from moziweb.ops.headers import PLAYER_ORIGIN

# URL of a trailer by the site that hosts it.
_VIDEO_URLS: Final = {
    VideoSite.YOUTUBE: "https://www.youtube.com/watch?v={}",
    VideoSite.VIMEO: "https://vimeo.com/{}",
}


def synopsis_of(movie: Movie, locale: str) -> tuple[str, str]:
    """The synopsis in ``locale``, or else in the other language; and the language it is in."""
    texts = {"hu": movie.synopsis, "en": movie.synopsis_en}
    other = "en" if locale == "hu" else "hu"
    language = locale if texts[locale] or not texts[other] else other
    return texts[language], language


def directors_of(movie: Movie) -> list[Credit]:
    """The credits of directors, in billing order."""
    return _credits_of(movie, CreditRole.DIRECTOR)


def cast_of(movie: Movie) -> list[Credit]:
    """The credits of actors, in billing order."""
    return _credits_of(movie, CreditRole.CAST)


def imdb_url(movie: Movie) -> str:
    """The URL of the movie at IMDb, or ""."""
    return f"https://www.imdb.com/title/{movie.imdb_id}/" if movie.imdb_id else ""


def trailer_url(trailer: Trailer) -> str:
    """The URL of the video on the site that hosts it."""
    return _VIDEO_URLS[trailer.site].format(quote(trailer.video_id, safe=""))


def player_url(trailer: Trailer) -> str:
    """The URL of a player for a frame, which plays at once; "" of videos that are only linked.

    Visitors get no cookies of YouTube at this host before they play something.
    """
    if trailer.site is not VideoSite.YOUTUBE:
        return ""
    return f"{PLAYER_ORIGIN}/embed/{quote(trailer.video_id, safe='')}?autoplay=1"


def thumbnail_url(trailer: Trailer) -> str:
    """The URL of a picture of a video on YouTube."""
    return f"https://i.ytimg.com/vi/{quote(trailer.video_id, safe='')}/hqdefault.jpg"


def _credits_of(movie: Movie, role: CreditRole) -> list[Credit]:
    return [each for each in movie.credits if each.role is role]
