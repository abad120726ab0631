"""Typesetting: font faces, line breaks and masks.

Text is rendered as a mask (mode L), which is then printed in a colour, so effects on a title are
independent of typesetting. Faces are opened on first use.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import combinations
from typing import Final
from unicodedata import normalize

from PIL import Image, ImageDraw, ImageFont

from moziweb.demo.errors import DemoFontsMissing

REFERENCE: Final = 200
"""The size in pixels at which texts are measured."""

_ABSENT: Final = "\U000e1234"
"""A code point without a glyph in any face; it is drawn as the face's missing glyph."""


@dataclass(frozen=True)
class Face:
    """A font file of an installed package, with a weight if it is a variable font."""

    package: str
    file: str
    weight: int = 0


ABRIL: Final = Face("fontpkg_abril_fatface", "AbrilFatface-Regular.ttf")
ALFA: Final = Face("fontpkg_alfa_slab_one", "AlfaSlabOne-Regular.ttf")
ALUMNI_BOLD: Final = Face("fontpkg_alumni_sans", "AlumniSans[wght].ttf", 800)
ANTON: Final = Face("fontpkg_anton", "Anton-Regular.ttf")
BEBAS: Final = Face("fontpkg_bebas_neue", "BebasNeue-Regular.ttf")
CINZEL: Final = Face("fontpkg_cinzel", "Cinzel[wght].ttf", 600)
CORMORANT: Final = Face("fontpkg_cormorant_garamond", "CormorantGaramond[wght].ttf", 500)
JOSEFIN: Final = Face("fontpkg_josefin_sans", "JosefinSans[wght].ttf", 300)
JOST: Final = Face("fontpkg_jost", "Jost[wght].ttf", 500)
JOST_BLACK: Final = Face("fontpkg_jost", "Jost[wght].ttf", 800)
JOST_THIN: Final = Face("fontpkg_jost", "Jost[wght].ttf", 250)
OSWALD: Final = Face("fontpkg_oswald", "Oswald[wght].ttf", 500)
OSWALD_LIGHT: Final = Face("fontpkg_oswald", "Oswald[wght].ttf", 250)
PACIFICO: Final = Face("fontpkg_pacifico", "Pacifico-Regular.ttf")
PLAYFAIR: Final = Face("fontpkg_playfair_display", "PlayfairDisplay[wght].ttf", 600)
PLAYFAIR_BLACK: Final = Face("fontpkg_playfair_display", "PlayfairDisplay[wght].ttf", 900)
RIGHTEOUS: Final = Face("fontpkg_righteous", "Righteous-Regular.ttf")
TITAN: Final = Face("fontpkg_titan_one", "TitanOne-Regular.ttf")
UNBOUNDED: Final = Face("fontpkg_unbounded", "Unbounded[wght].ttf", 300)
VIBES: Final = Face("fontpkg_great_vibes", "GreatVibes-Regular.ttf")


@lru_cache(maxsize=96)
def font(face: Face, size: int) -> ImageFont.FreeTypeFont:
    """The face at `size` pixels; raises DemoFontsMissing if its package is not installed."""
    package = face.package.replace("_", "-")
    try:
        path = resources.files(face.package) / "files" / face.file
    except ModuleNotFoundError as error:
        raise DemoFontsMissing(package) from error
    try:
        opened = ImageFont.truetype(str(path), size)
    except OSError as error:
        raise DemoFontsMissing(package) from error
    if face.weight:
        opened.set_variation_by_axes([face.weight])
    return opened


@lru_cache(maxsize=1024)
def spelled(face: Face, text: str) -> str:
    """`text` without the accents of letters that are missing in the face."""
    return "".join(letter if _has(face, letter) else _bare(letter) for letter in text)


def width(face: Face, text: str, tracking: float = 0.0) -> float:
    """The width of a line at size 1, with `tracking` ems between letters."""
    return _width(face, text) + tracking * max(0, len(text) - 1)


@lru_cache(maxsize=64)
def capital(face: Face) -> float:
    """The height of a capital at size 1."""
    box = font(face, REFERENCE).getbbox("H")
    return (box[3] - box[1]) / REFERENCE


def line_mask(face: Face, size: int, text: str, tracking: float = 0.0) -> Image.Image:
    """One line as a mask, cropped horizontally to the letters.

    The mask is 1.6 em high and the baseline is at 1.1 em from the top, so all lines of one size
    have the same height, with room for Ő above and g below.
    """
    opened = font(face, size)
    pad = round(size * 0.4)
    room = round(width(face, text, tracking) * size) + 2 * pad
    mask = Image.new("L", (max(1, room), round(size * 1.6)), 0)
    draw = ImageDraw.Draw(mask)
    if tracking:
        _spread(draw, opened, pad, round(size * 1.1), text, tracking * size)
    else:
        draw.text((pad, round(size * 1.1)), text, fill=255, font=opened, anchor="ls")
    box = mask.getbbox()
    return mask.crop((box[0], 0, box[2], mask.height)) if box else mask


def broken(face: Face, text: str, lines: int, tracking: float = 0.0) -> list[str]:
    """Break `text` into `lines` lines (at most one per word); the longest line is minimal."""
    words = _grouped(text.split())
    count = min(lines, len(words))
    candidates = (
        [" ".join(words[a:b]) for a, b in zip((0, *cut), (*cut, len(words)), strict=True)]
        for cut in combinations(range(1, len(words)), count - 1)
    )
    return min(candidates, key=lambda rows: _raggedness(face, rows, tracking))


def _grouped(words: list[str], maximum: int = 12) -> list[str]:
    """Join the shortest adjacent words until there are at most `maximum`."""
    while len(words) > maximum:
        place = min(range(len(words) - 1), key=lambda i: len(words[i]) + len(words[i + 1]))
        words = [*words[:place], f"{words[place]} {words[place + 1]}", *words[place + 2 :]]
    return words


def _raggedness(face: Face, rows: list[str], tracking: float) -> float:
    widths = [width(face, row, tracking) for row in rows]
    return max(widths) + 0.15 * (max(widths) - min(widths))


@lru_cache(maxsize=4096)
def _width(face: Face, text: str) -> float:
    return font(face, REFERENCE).getlength(text) / REFERENCE


@lru_cache(maxsize=4096)
def _has(face: Face, letter: str) -> bool:
    opened = font(face, 40)
    return letter.isspace() or bytes(opened.getmask(letter)) != bytes(opened.getmask(_ABSENT))


def _bare(letter: str) -> str:
    return normalize("NFKD", letter)[0]


def _spread(
    draw: ImageDraw.ImageDraw,
    opened: ImageFont.FreeTypeFont,
    left: float,
    baseline: float,
    text: str,
    gap: float,
) -> None:
    """Draw letter by letter with kerning."""
    for letter, following in zip(text, [*text[1:], ""], strict=True):
        draw.text((left, baseline), letter, fill=255, font=opened, anchor="ls")
        left += opened.getlength(letter + following) - opened.getlength(following) + gap
