"""What decoding a picture will take, told from its bytes, before any decoder has seen them."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from moziweb.posters.headers import announced_size, jpeg_frame

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

_ALPHA_MARKS: Final[Mapping[str, re.Pattern[bytes]]] = MappingProxyType(
    {
        # Up to the first pixels: a colour type with alpha, or a transparent colour.
        "png": re.compile(rb"(?s).{25}[\x04\x06]|.{33,4096}?tRNS"),
        "webp": re.compile(rb"(?s).{12}(?:VP8L|VP8X[^\xff]{4}[\x10-\x1f\x30-\x3f])"),
        "avif": re.compile(rb"(?s).{,8192}auxiliary:alpha"),
    }
)


def weigh(format_: str, data: bytes, most_pixels: int) -> int:
    """An estimate in bytes, on the safe side, of what making variants of a picture takes at most.

    It is no promise: headers can lie. ``most_pixels`` is assumed where no size can be found.
    ImageRejected when the header is cut short or broken.
    """
    width, height = announced_size(format_, data) or (most_pixels, 1)
    each = _BYTES_PER_PIXEL[format_] + _more(format_, data)
    return _BASE_BYTES + min(width * height, most_pixels) * each


def _more(format_: str, data: bytes) -> int:
    if format_ == "jpeg":
        frame = jpeg_frame(data)
        return _PROGRESSIVE * frame.components if frame and frame.progressive else 0
    mark = _ALPHA_MARKS.get(format_)
    return _TRANSPARENT if mark and mark.match(data) else 0
