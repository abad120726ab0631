"""Parses texts of sources into values of the model. Pure.

Each function raises ``InvalidValue``; its text is shown after "row 12, runtime:".
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Final
from urllib.parse import parse_qs, urlsplit

from babel import Locale

from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.movies.genres import GENRES
from moziweb.movies.models import DatePrecision, PremiereKind, Rating, ScreenFormat
from moziweb.movies.slugs import slug_of
from moziweb.movies.text_folding import nfc

from .candidate import GenreFact, TrailerFact
from .problems import InvalidValue

MAX_RUNTIME: Final = 1000
"""In minutes; the longest films shown in cinemas are shorter."""

_IMDB_ID: Final = re.compile(r"tt[0-9]{7,10}")
_VIDEO_ID: Final = {
    "YouTube": re.compile(r"[A-Za-z0-9_-]{6,20}"),
    "Vimeo": re.compile(r"[0-9]{6,12}"),
}

_KINDS: Final = {
    "cinema": PremiereKind.CINEMA, "theatrical": PremiereKind.CINEMA, "mozi": PremiereKind.CINEMA,
    "3": PremiereKind.CINEMA, "limited": PremiereKind.LIMITED, "2": PremiereKind.LIMITED,
    "festival": PremiereKind.FESTIVAL, "fesztivál": PremiereKind.FESTIVAL,
    "1": PremiereKind.FESTIVAL, "streaming": PremiereKind.STREAMING,
    "digital": PremiereKind.STREAMING, "4": PremiereKind.STREAMING,
}  # fmt: skip

_OTHER_GENRES: Final = {
    "science fiction": "Sci-Fi",
    "sci-fi & fantasy": "Sci-Fi",
    "bűnügyi": "Crime",
    "rejtély": "Mystery",
    "zene": "Music",
    "dokumentum": "Documentary",
}


def text(value: str, limit: int) -> str:
    """Return ``value`` in NFC, trimmed, without control characters and surrogates.

    Keeps line breaks.
    """
    kept = _clean(value)
    if len(kept) > limit:
        raise InvalidValue(_("longer than ${most} characters"), most=limit)
    return kept


def line(value: str, limit: int) -> str:
    """Return ``value`` on one line."""
    return text(" ".join(value.split()), limit)


def clipped_line(value: str, limit: int) -> str:
    """Return ``value`` on one line, without the characters after ``limit``."""
    return _clean(" ".join(value.split()))[:limit].rstrip()


def _clean(value: str) -> str:
    return "".join(
        character
        for character in nfc(value)
        if character == "\n" or unicodedata.category(character) not in {"Cc", "Cs"}
    ).strip()


def runtime(value: str) -> int:
    """Return a runtime in minutes; a spreadsheet may write it as 155.0."""
    if not re.fullmatch(r"[0-9]{1,10}(?:\.0)?", value):
        raise InvalidValue(_("not a whole number: ${value}"), value=_quoted(value))
    minutes = int(value.removesuffix(".0"))
    if not 1 <= minutes <= MAX_RUNTIME:
        text = _("not between 1 and ${most}: ${value}")
        raise InvalidValue(text, most=MAX_RUNTIME, value=minutes)
    return minutes


def tmdb_id(value: str) -> int:
    """Return a TMDB id; a spreadsheet may write it as 550.0."""
    found = parse_id(value.removesuffix(".0"))
    if found is None:
        raise InvalidValue(_("not a TMDB id such as 438631: ${value}"), value=_quoted(value))
    return found


def imdb_id(value: str) -> str:
    """Return the IMDb id of ``tt0137523`` or of a URL at IMDb."""
    found = _IMDB_ID.fullmatch(value) or re.search(r"imdb\.com/title/(tt[0-9]{7,10})\b", value)
    if found is None:
        raise InvalidValue(_("not an IMDb id such as tt0137523: ${value}"), value=_quoted(value))
    return found[found.lastindex or 0]


def rating(value: str) -> str | None:
    """Return a Hungarian age rating; None for NR (not yet rated)."""
    word = value.upper().removesuffix("+").strip()
    if word in {"NR", "N/A", "-"}:
        return None
    try:
        return Rating(word).value
    except ValueError:
        raise _not_one_of([*Rating, "NR"], value) from None


def kind(value: str) -> PremiereKind:
    """Return the kind of a release."""
    try:
        return _KINDS[value.lower()]
    except KeyError:
        raise _not_one_of(PremiereKind, value) from None


def precision(value: str) -> DatePrecision:
    """Return the precision of a date."""
    try:
        return DatePrecision(value.lower())
    except ValueError:
        raise _not_one_of(DatePrecision, value) from None


def formats(words: Iterable[str]) -> tuple[str, ...]:
    """Return the screen formats without duplicates."""
    known = {each.value.lower(): each.value for each in ScreenFormat}
    words = tuple(words)
    if unknown := [word for word in words if word.lower() not in known]:
        raise _not_one_of(ScreenFormat, unknown[0])
    return tuple(dict.fromkeys(known[word.lower()] for word in words))


def languages(words: Iterable[str]) -> tuple[str, ...]:
    """Return language codes, from codes or from Hungarian or English names."""
    return tuple(dict.fromkeys(_language(word) for word in words))


def _language(word: str) -> str:
    low = word.lower()
    code = low if low in _names("en").values() else _names("hu").get(low) or _names("en").get(low)
    if code is None:
        raise InvalidValue(_("unknown language: ${value}"), value=_quoted(word))
    return code


@cache
def _names(locale: str) -> dict[str, str]:
    """Return the codes of languages by name in lower case."""
    listed = Locale.parse(locale).languages.items()
    return {name.lower(): code for code, name in listed if re.fullmatch(r"[a-z]{2,3}", code)}


def genre(name: str) -> GenreFact:
    """Return a genre by its English or Hungarian name. An unknown name is used for both."""
    word = line(name, 60)
    english = _OTHER_GENRES.get(word.lower()) or _english_genres().get(slug_of(word))
    return GenreFact(GENRES[english], english) if english else GenreFact(word, word)


@cache
def _english_genres() -> dict[str, str]:
    return {slug_of(name): english for english, hu in GENRES.items() for name in (english, hu)}


def trailer(url: str) -> TrailerFact:
    """Return the video of a URL at YouTube or Vimeo."""
    text = _("neither YouTube nor Vimeo: ${value}")
    try:
        parts = urlsplit(url if "//" in url else f"https://{url}")
    except ValueError:
        raise InvalidValue(text, value=_quoted(url)) from None
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    last = parts.path.rstrip("/").rpartition("/")[2]
    if host in {"youtube.com", "youtube-nocookie.com"}:
        return video("YouTube", parse_qs(parts.query).get("v", [last])[0])
    if host == "youtu.be":
        return video("YouTube", last)
    if host in {"vimeo.com", "player.vimeo.com"}:
        return video("Vimeo", last)
    raise InvalidValue(text, value=_quoted(url))


def video(site: str, video_id: str, name: str = "", language: str = "") -> TrailerFact:
    """Return a video by its id at YouTube or Vimeo."""
    shape = _VIDEO_ID.get(site)
    if shape is None or not shape.fullmatch(video_id):
        text = _("not a video id of ${site}: ${value}")
        raise InvalidValue(text, site=_quoted(site), value=_quoted(video_id))
    return TrailerFact(site, video_id, name, language)


def _not_one_of(known: Iterable[str], value: str) -> InvalidValue:
    text = _("not one of ${known}: ${value}")
    return InvalidValue(text, known=", ".join(known), value=_quoted(value))


def _quoted(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:60] + "…")
