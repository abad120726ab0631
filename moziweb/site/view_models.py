"""What templates are given: plain values, ready to be shown, in the page's language.

Dates are texts honest to their precision and always with their year; their ``*_iso`` twins are
``2026-08-20``, ``2026-08`` or ``2026``. An unknown text is "". Addresses (``href``, ``src``) are
relative to the site unless a name says ``url``.
"""

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Link:
    """A link; ``iso`` is the week, month or day behind it, ``current`` marks the page itself."""

    href: str
    text: str
    iso: str = ""
    current: bool = False


@dataclass(frozen=True, slots=True)
class GenreLink:
    """A genre, named in the page's language."""

    name: str
    href: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A poster in all its sizes; ``width`` and ``height`` are those of the largest, in pixels.

    ``tone`` is a class of tones.css: the picture's dominant colour; ``parts`` are the colours of
    its parts as ``rgb``, three across, which a page of its own shows. The preview is the square
    that other sites show where they link the page. A missing picture has its box and its tone, and
    no address.
    """

    alt: str
    width: int
    height: int
    tone: str
    parts: tuple[str, ...] = ()
    href_full: str | None = None
    src: str = ""
    srcset_avif: str = ""
    srcset_webp: str = ""
    srcset_jpg: str = ""
    blur_src: str | None = None
    preview_url: str | None = None
    preview_size: tuple[int, int] | None = None
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """A movie in a list, with the premiere it is listed for.

    ``subtitle`` is the title in the other language when it differs; ``subtitle_lang`` is ""
    where that may be any. ``rating`` None is pending.
    """

    movie_id: int
    href: str
    title: str
    subtitle: str
    subtitle_lang: str
    date_text: str
    date_iso: str
    weekday_text: str
    off_thursday: bool
    kind: str
    kind_text: str
    service: str
    rating: str | None
    rating_text: str
    runtime_text: str
    genres: tuple[GenreLink, ...]
    formats: tuple[str, ...]
    audio_text: str
    rerelease: bool
    cancelled: bool
    moved_from_text: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class PeriodNav:
    """The way around a week or month; ``*_filled`` lead out of an empty one."""

    title: str
    span_text: str
    previous: Link | None
    next: Link | None
    previous_filled: Link | None
    next_filled: Link | None
    months: tuple[Link, ...]
    jump_value: str


@dataclass(frozen=True, slots=True)
class Page:
    """What every page has. ``alternates`` are (language, URL) pairs, ``x-default`` among them."""

    locale: str
    title: str
    description: str
    canonical_url: str
    alternates: tuple[tuple[str, str], ...]
    other_language: Link
    robots: str


@dataclass(frozen=True, slots=True)
class DateChange:
    """A date that a premiere had before, when that changed, and why."""

    old_date_text: str
    changed_on_text: str
    reason: str


@dataclass(frozen=True, slots=True)
class PremiereLine:
    """One premiere of a movie. Its note and the reasons of its history are Hungarian."""

    date_text: str
    date_iso: str
    weekday_text: str
    off_thursday: bool
    kind: str
    kind_text: str
    service: str
    formats: tuple[str, ...]
    audio_text: str
    rerelease: bool
    cancelled: bool
    note: str
    history: tuple[DateChange, ...]


@dataclass(frozen=True, slots=True)
class TrailerLink:
    """A video where it is hosted; its ``name`` is in the language ``lang``, "" when unknown."""

    video_id: str
    href: str
    name: str
    lang: str
    site: str


@dataclass(frozen=True, slots=True)
class MoviePage:
    """A movie with all that its page shows.

    ``synopsis_paragraph`` is the whole synopsis on one line, in ``synopsis_lang``. ``opening`` is
    the one of ``premieres`` that the page leads with. ``json_ld`` is safe inside a script element.
    """

    movie_id: int
    title: str
    original_title: str
    subtitle: str
    synopsis: str
    synopsis_lang: str
    synopsis_paragraph: str
    distributor: str
    directors: tuple[str, ...]
    cast: tuple[tuple[str, str], ...]
    genres: tuple[GenreLink, ...]
    runtime_text: str
    runtime_iso: str
    rating: str | None
    rating_text: str
    countries: tuple[str, ...]
    languages: tuple[str, ...]
    premieres: tuple[PremiereLine, ...]
    opening: PremiereLine | None
    trailers: tuple[TrailerLink, ...]
    imdb_url: str
    tmdb_url: str
    picture: Picture
    json_ld: Markup
    week_link: Link | None
    sources: tuple[str, ...]
