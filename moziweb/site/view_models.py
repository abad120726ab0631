"""View models: the values that templates show, formatted in the language of the page.

A date is text in its precision, always with the year. The field with the suffix ``_iso`` is the
same date as ``2026-08-20``, ``2026-08`` or ``2026``. An unknown text is "". ``href`` and ``src``
are paths; a field with ``url`` in its name is an absolute URL.
"""

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Link:
    """A link. ``iso`` is its week, month or day; ``current`` is true for a link to the page."""

    href: str
    text: str
    iso: str = ""
    current: bool = False


@dataclass(frozen=True, slots=True)
class GenreLink:
    """A genre with its name in the language of the page."""

    name: str
    href: str


@dataclass(frozen=True, slots=True)
class PosterImage:
    """A poster in all its sizes; ``width`` and ``height`` are of the largest variant, in pixels.

    ``tone`` is a class of tones.css: the dominant colour. ``parts`` are the colours of the
    placeholder as ``rgb``, three in a row; only the movie's page has them. The preview is the
    square image that other sites show for a link to the page. ``src``, ``href_full`` (the poster,
    which clients read) and ``href_full_size`` (the largest variant) are absolute. A missing poster
    has a size and a tone, and no URL. ``is_cold`` is true if its variants are not ready, so that
    requests for them may take long. ``backdrop_src`` is the small variant if it is ready: the
    movie's page blurs it.
    """

    alt: str
    width: int
    height: int
    tone: str
    parts: tuple[str, ...] = ()
    href_full: str | None = None
    href_full_size: str | None = None
    src: str = ""
    srcset_avif: str = ""
    srcset_webp: str = ""
    backdrop_src: str | None = None
    preview_url: str | None = None
    preview_size: tuple[int, int] | None = None
    is_missing: bool = False
    is_cold: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """A movie in a list, with the premiere that it is listed for; None in ``rating`` is pending.

    ``subtitle`` is the title in the other language, if it differs. ``subtitle_lang`` is "" if that
    language is not known. ``directors`` are at most two.
    """

    movie_id: int
    href: str
    title: str
    subtitle: str
    subtitle_lang: str
    premiere: "PremiereView"
    rating: str | None
    rating_text: str
    runtime_text: str
    genres: tuple[GenreLink, ...]
    directors: tuple[Link, ...]
    poster: PosterImage


@dataclass(frozen=True, slots=True)
class PeriodNav:
    """Navigation of a week, month or year.

    ``*_filled`` are the nearest periods with premieres; ``year`` is the year around the period,
    ``month_here`` the month of a week or month (``2026-08``).
    """

    title: str
    range_text: str
    previous: Link | None
    next: Link | None
    previous_filled: Link | None
    next_filled: Link | None
    months: tuple[Link, ...]
    year: Link
    jump_value: str
    month_here: str = ""


@dataclass(frozen=True, slots=True)
class FilterOption:
    """A value of a filter."""

    value: str
    text: str
    selected: bool = False


@dataclass(frozen=True, slots=True)
class FilterField:
    """A filter by one property; ``name`` is the parameter of the URL.

    ``links`` lead to the page with each option; none if one is set, or as many filters as allowed.
    """

    name: str
    label: str
    options: tuple[FilterOption, ...]
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class FilterForm:
    """The filters of a page. ``active`` are links that remove the filters that are set.

    ``calendar_href`` is the path of the page that offers a calendar with the same filters.
    """

    path: str
    fields: tuple[FilterField, ...]
    active: tuple[Link, ...]
    calendar_href: str


@dataclass(frozen=True, slots=True)
class SharePreview:
    """The picture that other sites show for a link to a page; its size is in pixels."""

    url: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PageHead:
    """The head of every page. ``alternates`` are (language, URL), including ``x-default``.

    ``preview`` is the picture of links to the page. ``preview_slot`` is in its place on a page
    whose preview is a fragment. Without both, it is the picture of the site. ``json_ld`` are data
    blocks that are safe inside a script element.
    """

    locale: str
    title: str
    other_language: Link
    description: str = ""
    canonical_url: str = ""
    alternates: tuple[tuple[str, str], ...] = ()
    robots: str = "noindex"
    preview: SharePreview | None = None
    preview_slot: Markup | None = None
    json_ld: tuple[Markup, ...] = ()


@dataclass(frozen=True, slots=True)
class DateChange:
    """A former date of a premiere, the day of the change, and the reason.

    The premiere is marked as moved while ``is_new``.
    """

    old_date_text: str
    changed_on_text: str
    reason: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class PremiereView:
    """One premiere of a movie, or by default none.

    ``note`` and the reasons in ``history`` are in Hungarian; the oldest change is the first.
    ``moved_from`` is the former date of a premiere that was moved lately. Only the movie's page has
    ``service_href``, and ``versions``: its formats and language versions, with the premieres of the
    same month or year in them.
    """

    date_text: str = ""
    date_iso: str = ""
    weekday_text: str = ""
    off_thursday: bool = False
    kind: str = ""
    kind_text: str = ""
    service: str = ""
    service_href: str = ""
    formats: tuple[str, ...] = ()
    audio_text: str = ""
    versions: tuple[Link, ...] = ()
    rerelease: bool = False
    cancelled: bool = False
    note: str = ""
    history: tuple[DateChange, ...] = ()
    moved_from: str = ""


@dataclass(frozen=True, slots=True)
class TrailerLink:
    """A video on ``site``. ``name`` is in the language ``lang``, which is "" if unknown.

    ``player`` is the URL of the player to embed, "" if the video can only be linked.
    """

    video_id: str
    href: str
    player: str
    name: str
    lang: str
    site: str


@dataclass(frozen=True, slots=True)
class WhereLink:
    """A service or distributor: its website if ``is_outside``, or else its page on this site."""

    href: str
    text: str
    is_outside: bool


@dataclass(frozen=True, slots=True)
class MoviePage:
    """All values of a movie's page.

    ``synopsis_text`` is the whole synopsis in ``synopsis_lang``, with an empty line between its
    paragraphs. ``rating_href`` is the month's premieres of the rating, "" without a date or rating.
    ``cast`` has people with their characters.
    ``lead_premiere`` is the premiere that the page shows at the top. ``json_ld`` is safe inside a
    script element.
    """

    movie_id: int
    title: str
    original_title: str
    subtitle: str
    synopsis: str
    synopsis_lang: str
    synopsis_text: str
    distributor: Link | None
    where: tuple[WhereLink, ...]
    directors: tuple[Link, ...]
    cast: tuple[tuple[Link, str], ...]
    genres: tuple[GenreLink, ...]
    runtime_text: str
    rating: str | None
    rating_text: str
    rating_href: str
    countries: tuple[str, ...]
    languages: tuple[str, ...]
    premieres: tuple[PremiereView, ...]
    lead_premiere: PremiereView | None
    trailers: tuple[TrailerLink, ...]
    imdb_url: str
    tmdb_url: str
    poster: PosterImage
    json_ld: Markup
    week_link: Link | None
    calendar_href: str
    news_href: str
    sources: tuple[str, ...]
