"""Builds the view model of a poster: its URLs, sizes and colours."""

from typing import Final

from moziweb.i18n import _
from moziweb.posters.imaging.palette_css import TONE_NONE
from moziweb.posters.recipes import (
    BLUR,
    FULL_SIZE,
    MEDIUM,
    POSTER,
    SMALL,
    SQUARE,
    THUMB,
    find_recipe,
)
from moziweb.posters.urls import PosterLinks

from ..context import PageContext
from ..view_models import PosterImage

_SRCSET: Final = (SMALL, THUMB, MEDIUM, POSTER)


def poster_image(
    context: PageContext, title: str, links: PosterLinks | None, *, blurred: bool = False
) -> PosterImage:
    """The poster of the movie ``title``. Without ``links``, its size and a fallback text.

    All URLs but those of ``srcset`` are absolute, for clients that do not resolve relative URLs.
    JPEG has one size, ``src``: browsers that read the style sheets read WebP.

    ``blurred`` is for the movie's own page: it adds the backdrop, the preview, and the
    placeholder that is visible until the image has loaded.
    """
    formatter = context.formatter
    alt = formatter.translate(_("Poster of ${title}", mapping={"title": title}))
    if links is None:
        return _missing(formatter.translate(_("No poster of ${title}", mapping={"title": title})))
    links = links.with_recorder(context.depend)
    width, height = links.size(POSTER, "jpg")
    return PosterImage(
        alt=alt,
        width=width,
        height=height,
        tone=links.tone,
        parts=links.parts if blurred else (),
        href_full=context.urls.absolute(links.url(POSTER, "webp")),
        href_full_size=context.urls.absolute(_full_size_url(links)) if blurred else None,
        src=context.urls.absolute(links.url(THUMB, "jpg")),
        srcset_avif=_srcset(links, "avif"),
        srcset_webp=_srcset(links, "webp"),
        backdrop_src=_ready_url(context, links, SMALL, "jpg") if blurred else None,
        preview_url=context.urls.absolute(links.url(SQUARE, "jpg")) if blurred else None,
        preview_size=links.size(SQUARE, "jpg") if blurred else None,
        is_cold=not links.is_ready(THUMB, "jpg"),
    )


def backdrop_url(context: PageContext, links: PosterLinks) -> str:
    """The absolute URL of the blurred poster, the backdrop of a list."""
    return context.urls.absolute(links.with_recorder(context.depend).url(BLUR, "jpg"))


def _ready_url(context: PageContext, links: PosterLinks, name: str, extension: str) -> str | None:
    if not links.is_ready(name, extension):
        return None
    return context.urls.absolute(links.url(name, extension))


def _full_size_url(links: PosterLinks) -> str:
    is_older = links.is_ready(POSTER, "webp") and not links.is_ready(FULL_SIZE, "webp")
    return links.url(POSTER if is_older else FULL_SIZE, "webp")


def _srcset(links: PosterLinks, extension: str) -> str:
    """The variants in this format, each width once: variants of a small source have equal sizes.

    A source that is ready but for the variants of newer recipes is shown without these.
    """
    names = [name for name in _SRCSET if find_recipe(name, extension)]
    ready = [name for name in names if links.is_ready(name, extension)]
    files: dict[int, str] = {}
    for name in ready or names:
        files.setdefault(links.size(name, extension)[0], links.url(name, extension))
    return ", ".join(f"{url} {width}w" for width, url in files.items())


def _missing(alt: str) -> PosterImage:
    recipe = find_recipe(POSTER, "jpg")
    width, height = recipe.box if recipe else (2, 3)
    return PosterImage(alt=alt, width=width, height=height, tone=TONE_NONE, is_missing=True)
