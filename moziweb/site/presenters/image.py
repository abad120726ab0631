"""Posters as templates show them: every address, size and colour of one picture."""

from typing import Final

from moziweb.i18n import _
from moziweb.posters.imaging.palette_css import TONE_NONE
from moziweb.posters.recipes import BLUR, POSTER, SMALL, SQUARE, THUMB, find_recipe
from moziweb.posters.urls import PosterLinks

from ..context import PageContext
from ..view_models import Picture

_SRCSET: Final = (SMALL, THUMB, POSTER)


def picture_of(
    visit: PageContext, title: str, links: PosterLinks | None, *, blurred: bool = False
) -> Picture:
    """The picture of the movie called ``title``; without links, the box that it would stand in.

    ``blurred``: the page is the movie's own, with the blurred picture, the preview, and the sketch
    that stands there until the picture has come.
    """
    wording = visit.wording
    alt = wording.say(_("Poster of ${title}", mapping={"title": title}))
    if links is None:
        return _missing(wording.say(_("No poster of ${title}", mapping={"title": title})))
    links = links.shown_by(visit.depend)
    width, height = links.size(POSTER, "jpg")
    return Picture(
        alt=alt,
        width=width,
        height=height,
        tone=links.tone,
        parts=links.parts if blurred else (),
        href_full=links.url(POSTER, "jpg"),
        src=links.url(THUMB, "jpg"),
        srcset_avif=_srcset(links, "avif"),
        srcset_webp=_srcset(links, "webp"),
        srcset_jpg=_srcset(links, "jpg"),
        blur_src=blur_of(visit, links) if blurred else None,
        preview_url=visit.paths.absolute(links.url(SQUARE, "jpg")) if blurred else None,
        preview_size=links.size(SQUARE, "jpg") if blurred else None,
    )


def blur_of(visit: PageContext, links: PosterLinks) -> str:
    """Where the blurred poster is, for the backdrop of a page."""
    return links.shown_by(visit.depend).url(BLUR, "jpg")


def _srcset(links: PosterLinks, extension: str) -> str:
    return ", ".join(
        f"{links.url(name, extension)} {links.size(name, extension)[0]}w" for name in _SRCSET
    )


def _missing(alt: str) -> Picture:
    recipe = find_recipe(POSTER, "jpg")
    width, height = recipe.box if recipe else (2, 3)
    return Picture(alt=alt, width=width, height=height, tone=TONE_NONE, is_missing=True)
