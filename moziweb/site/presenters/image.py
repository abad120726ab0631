"""Builds the view model of a poster: its URLs, sizes and colours."""

from typing import Final

from moziweb.i18n import _
from moziweb.posters.imaging.palette_css import TONE_NONE
from moziweb.posters.recipes import BLUR, POSTER, SMALL, SQUARE, THUMB, find_recipe
from moziweb.posters.urls import PosterLinks

from ..context import PageContext
from ..view_models import PosterImage

_SRCSET: Final = (SMALL, THUMB, POSTER)


def poster_image(
    context: PageContext, title: str, links: PosterLinks | None, *, blurred: bool = False
) -> PosterImage:
    """The poster of the movie ``title``. Without ``links``, its size and a fallback text.

    ``src`` and ``href_full`` are absolute, for clients that do not resolve relative URLs.

    ``blurred`` is for the movie's own page: it adds the blurred image, the preview, and the
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
        src=context.urls.absolute(links.url(THUMB, "jpg")),
        srcset_avif=_srcset(links, "avif"),
        srcset_webp=_srcset(links, "webp"),
        srcset_jpg=_srcset(links, "jpg"),
        blur_src=backdrop_url(context, links) if blurred else None,
        preview_url=context.urls.absolute(links.url(SQUARE, "jpg")) if blurred else None,
        preview_size=links.size(SQUARE, "jpg") if blurred else None,
    )


def backdrop_url(context: PageContext, links: PosterLinks) -> str:
    """The URL of the blurred poster, the backdrop of a page."""
    return links.with_recorder(context.depend).url(BLUR, "jpg")


def _srcset(links: PosterLinks, extension: str) -> str:
    files = ((links.url(name, extension), links.size(name, extension)[0]) for name in _SRCSET)
    return ", ".join(f"{url} {width}w" for url, width in files)


def _missing(alt: str) -> PosterImage:
    recipe = find_recipe(POSTER, "jpg")
    width, height = recipe.box if recipe else (2, 3)
    return PosterImage(alt=alt, width=width, height=height, tone=TONE_NONE, is_missing=True)
