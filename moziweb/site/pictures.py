"""Posters as templates show them: every address, size and colour of one picture."""

from typing import Final

from moziweb.i18n import _
from moziweb.posters.colours import TONE_NONE, tone_class
from moziweb.posters.links import PosterLinks
from moziweb.posters.recipes import BLUR, POSTER, SMALL, THUMB, find_recipe
from moziweb.posters.tags import link_tags

from .cards import Picture
from .visit import Visit

_SRCSET: Final = (SMALL, THUMB, POSTER)


def picture_of(visit: Visit, title: str, links: PosterLinks | None) -> Picture:
    """The picture of the movie called ``title``; without links, the box that it would stand in."""
    wording = visit.wording
    alt = wording.say(_("Poster of ${title}", mapping={"title": title}))
    if links is None:
        return _missing(wording.say(_("No poster of ${title}", mapping={"title": title})))
    visit.depend(*link_tags(links))
    width, height = links.size(POSTER, "jpg")
    return Picture(
        alt=alt,
        width=width,
        height=height,
        tone=tone_class(links.dominant_colour),
        href_full=links.url(POSTER, "jpg"),
        src=links.url(THUMB, "jpg"),
        srcset_webp=_srcset(links, "webp"),
        srcset_jpg=_srcset(links, "jpg"),
        blur_src=links.url(BLUR, "jpg"),
    )


def _srcset(links: PosterLinks, extension: str) -> str:
    return ", ".join(
        f"{links.url(name, extension)} {links.size(name, extension)[0]}w" for name in _SRCSET
    )


def _missing(alt: str) -> Picture:
    recipe = find_recipe(POSTER, "jpg")
    width, height = recipe.box if recipe else (2, 3)
    return Picture(alt=alt, width=width, height=height, tone=TONE_NONE, is_missing=True)
