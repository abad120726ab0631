"""What decoding a picture will take, told from its bytes, before any decoder has seen them."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from moziweb.posters.headers import Header

_BASE_BYTES: Final = 16 * 1024 * 1024

_BYTES_PER_PIXEL: Final[Mapping[str, int]] = MappingProxyType(
    {"jpeg": 4, "png": 7, "gif": 11, "avif": 10, "webp": 17}
)
"""Peaks of resident memory above the idle process, measured with Pillow 13 at 6 to 24 megapixels.

Large baseline JPEGs stay far below this, being decoded at half the size or less; a GIF may be
transparent, which its header does not tell.
"""

_TRANSPARENT: Final = 4
"""More for a transparent picture, which is held twice."""

_PROGRESSIVE: Final = 2
"""More for each component of a progressive JPEG: libjpeg holds the coefficients of them all."""

_WEBP_WITH_ALPHA: Final = re.compile(rb"(?s).{12}(?:VP8L|VP8X[^\xff]{4}[\x10-\x1f\x30-\x3f])")


def weigh(header: Header, data: bytes, most_pixels: int) -> int:
    """An estimate in bytes, on the safe side, of what making variants of a picture takes at most.

    It is no promise: headers can lie. ``most_pixels`` is assumed where no size was found.
    """
    width, height = header.size or (most_pixels, 1)
    each = _BYTES_PER_PIXEL[header.format] + _more(header, data)
    return _BASE_BYTES + min(width * height, most_pixels) * each


def _more(header: Header, data: bytes) -> int:
    if header.frame:
        return _PROGRESSIVE * header.frame.components if header.frame.progressive else 0
    return _TRANSPARENT if _may_be_transparent(header, data) else 0


def _may_be_transparent(header: Header, data: bytes) -> bool:
    """Looks through all of the file: a profile of any size may stand in front of what tells it."""
    match header.format:
        case "png":  # a colour type with alpha, or a transparent colour
            has_alpha = header.size is None or data[25:26] in (b"\4", b"\6")
            return has_alpha or b"tRNS" in data
        case "webp":
            return _WEBP_WITH_ALPHA.match(data) is not None
        case "avif":
            return b"auxiliary:alpha" in data
        case _:
            return False
