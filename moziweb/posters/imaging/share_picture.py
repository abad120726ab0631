"""Draws the picture that other sites show for a link: posters on a colour, a title and two lines.

The font is that of the site (``static/fonts/README.md``). It is read on the first call: the decoder
child draws once before it sets its limits.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image, ImageColor, ImageDraw, ImageFilter, ImageFont, ImageOps

from ..recipes import JPEG, Box
from .encoding import encode
from .values import MAX_POSTERS, NIGHT, SHARE_BOX, ShareText

_LIGHT: Final = "#ffffff"
_PALE: Final = "#d9cfdf"
_LAMP: Final = "#ffbf3c"

_FONT: Final = Path(__file__).parents[2] / "static" / "fonts" / "archivo-1.woff2"
_MARGIN: Final = 56
_POSTER: Final = Box(460, 510)
_IN_COLLAGE: Final = Box(208, 312)
_GAP: Final = 12
_MAX_LUMINANCE: Final = 0.045
"""White text on it has a contrast of 11 to 1."""

_TITLE_SIZES: Final = range(88, 43, -4)
_NO_LETTER: Final = "\uffff"
_ELLIPSIS: Final = "…"
_SPACES: Final = re.compile(r"[^\S\u00a0]+")  # all but the no-break space

_Rgb = tuple[int, int, int]


def draw_share_picture(posters: Sequence[bytes], text: ShareText) -> bytes:
    """The picture as a JPEG of `SHARE_BOX`. ``posters`` are JPEG files, at most `MAX_POSTERS`.

    One poster is beside the text; several are in a row above it.
    """
    canvas = _background(text.colour)
    opened = [_opened(data) for data in posters[:MAX_POSTERS]]
    if len(opened) > 1:
        _place_row(canvas, opened)
        _write(canvas, text, left=_MARGIN, top=_MARGIN + _IN_COLLAGE.height + 14, lines=1)
    else:
        left = _MARGIN
        for poster in opened:
            left += _place_beside(canvas, poster) + _MARGIN
        _write(canvas, text, left=left, top=_MARGIN, lines=4)
    return encode(canvas, JPEG(quality=88))


def _opened(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data), formats=["JPEG"]) as image:
        return image.convert("RGB")


def _background(colour: str) -> Image.Image:
    """A gradient from the colour, darkened for white text, to a darker shade of it."""
    top = _darkened(_rgb(colour))
    bottom = _mixed(top, _rgb(NIGHT), 0.65)
    shade = Image.linear_gradient("L").resize(SHARE_BOX)
    return ImageOps.colorize(shade, top, bottom)


def _rgb(colour: str) -> _Rgb:
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return red, green, blue


def _mixed(colour: _Rgb, other: _Rgb, share: float) -> _Rgb:
    """``colour`` with a ``share`` of ``other``."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def _darkened(colour: _Rgb) -> _Rgb:
    dark = colour
    for step in range(20):
        dark = _mixed(colour, _rgb(NIGHT), step / 20)
        if _luminance(dark) <= _MAX_LUMINANCE:
            break
    return dark


def _luminance(colour: _Rgb) -> float:
    """The relative luminance of WCAG, with a gamma of 2.2."""
    red, green, blue = ((value / 255) ** 2.2 for value in colour)
    luminance: float = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return luminance


def _place_beside(canvas: Image.Image, poster: Image.Image) -> int:
    """Paste a poster at the left; returns its width."""
    scaled = ImageOps.contain(poster, _POSTER)
    _paste(canvas, scaled, _MARGIN, (canvas.height - scaled.height) // 2)
    return scaled.width


def _place_row(canvas: Image.Image, posters: Sequence[Image.Image]) -> None:
    width = len(posters) * (_IN_COLLAGE.width + _GAP) - _GAP
    left = (canvas.width - width) // 2 if len(posters) == MAX_POSTERS else _MARGIN
    for poster in posters:
        _paste(canvas, ImageOps.fit(poster, _IN_COLLAGE), left, _MARGIN - 8)
        left += _IN_COLLAGE.width + _GAP


def _paste(canvas: Image.Image, poster: Image.Image, left: int, top: int) -> None:
    """Paste a poster with a soft shadow."""
    blur = 14
    shadow = Image.new("L", (poster.width + 4 * blur, poster.height + 4 * blur), 0)
    shadow.paste(150, (2 * blur, 2 * blur, 2 * blur + poster.width, 2 * blur + poster.height))
    shadow = shadow.filter(ImageFilter.GaussianBlur(blur))
    canvas.paste("#000000", (left - 2 * blur, top - 2 * blur + 6), shadow)
    canvas.paste(poster, (left, top))


def _write(canvas: Image.Image, text: ShareText, left: int, top: int, lines: int) -> None:
    """Write the texts from ``left`` to the right margin, in the middle of the height that is left.

    The name of the site is at the bottom right.
    """
    draw = ImageDraw.Draw(canvas)
    width = canvas.width - _MARGIN - left
    mark = _wordmark(draw, canvas.width - _MARGIN, canvas.height - 44)
    note_width = width if lines > 1 else mark - 32 - left
    kicker = _shortened(text.kicker, _face(28, 600), width)
    note = _shortened(text.note, _face(38, 700), note_width)
    face, title = _fitted(_drawable(text.titles), width, lines)
    leading = round(face.size * 1.08)
    height = (46 if kicker else 0) + leading * len(title) + (70 if note else 0)
    bottom = canvas.height - (_MARGIN + 40 if lines > 1 else 44)
    y = top + max(0, (bottom - top - height) // 2)
    if kicker:
        draw.text((left, y), kicker, _PALE, _face(28, 600))
        y += 46
    for line in title:
        draw.text((left, y), line, _LIGHT, face)
        y += leading
    if note:
        draw.text((left, y + 18), note, _LAMP, _face(38, 700))


def _wordmark(draw: ImageDraw.ImageDraw, right: int, baseline: int) -> int:
    """Write the name of the site up to ``right``; returns its left edge."""
    face = _face(34, 800)
    left = right - round(face.getlength("moziweb"))
    draw.text((left, baseline), "moz\u0131web", _LIGHT, face, anchor="ls")
    middle = left + face.getlength("moz") + face.getlength("\u0131") / 2
    draw.circle((middle, baseline - 27), 4, _LAMP)
    return left


@lru_cache(maxsize=32)
def _face(size: int, weight: int) -> ImageFont.FreeTypeFont:
    face = ImageFont.truetype(BytesIO(_font_data()), size)
    face.set_variation_by_axes([weight, 100])
    return face


@lru_cache(maxsize=1)
def _font_data() -> bytes:
    return _FONT.read_bytes()


def _drawable(titles: Sequence[str]) -> str:
    """The first title that the font has all letters of; "" if there is none."""
    composed = (_SPACES.sub(" ", unicodedata.normalize("NFC", title)).strip() for title in titles)
    return next((title for title in composed if _has_letters(title)), "")


def _has_letters(text: str) -> bool:
    return all(_has_letter(letter) for letter in set(text) - {" ", "\u00a0"})


@lru_cache(maxsize=1024)
def _has_letter(letter: str) -> bool:
    face = _face(28, 600)
    return bytes(face.getmask(letter)) != bytes(face.getmask(_NO_LETTER))


def _shortened(text: str, face: ImageFont.FreeTypeFont, width: int) -> str:
    """``text`` on one line, cut to ``width`` pixels; "" if the font lacks a letter."""
    text = _drawable((text,))
    if face.getlength(text) <= width:
        return text
    while text and face.getlength(text + _ELLIPSIS) > width:
        text = text[:-1]
    return text.rstrip(" ,.;:–-") + _ELLIPSIS


def _fitted(title: str, width: int, lines: int) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    """The largest face in which the title takes at most ``lines`` lines, and its lines."""
    for size in _TITLE_SIZES if lines > 1 else range(60, 39, -4):
        face = _face(size, 800)
        wrapped = _wrapped(title, face, width)
        if len(wrapped) <= lines and all(face.getlength(line) <= width for line in wrapped):
            return face, wrapped
    rest = " ".join(wrapped[lines - 1 :])
    return face, [*wrapped[: lines - 1], _shortened(rest, face, width)]


def _wrapped(text: str, face: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """The lines of ``text``. A word that is wider than a line is cut."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and face.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
            continue
        piece = word
        while face.getlength(piece) > width and face is _face(_TITLE_SIZES[-1], 800):
            cut = len(piece)
            while cut > 1 and face.getlength(piece[:cut]) > width:
                cut -= 1
            lines.append(piece[:cut])
            piece = piece[cut:]
        lines.append(piece)
    return lines
