"""A first look at a picture: what it is, and whether it may be decoded at all."""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from types import MappingProxyType
from typing import Final

from PIL import ExifTags, Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from .errors import ImageRejected, RejectCode
from .header import Header, parse_header

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


def estimate_memory(header: Header, data: bytes, most_pixels: int) -> int:
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


_MEGAPIXEL: Final = 1_000_000

# The plugins are called by name: `Image.open` would try its other forty on hostile bytes, answer
# MPO for some JPEGs, and warn where this module rejects.
_READERS: Final[Mapping[str, type[ImageFile.ImageFile]]] = MappingProxyType(
    {
        "jpeg": JpegImageFile,
        "png": PngImageFile,
        "webp": WebPImageFile,
        "gif": GifImageFile,
        "avif": AvifImageFile,
    }
)

FORMATS: Final = frozenset(_READERS)
"""What a picture may be, in the words of `SourceImage.format`."""

_SIDEWAYS: Final = frozenset({5, 6, 7, 8})
"""The EXIF orientations whose width is the upright picture's height."""


@dataclass(frozen=True)
class Limits:
    """What a source may be at most. Pixels go by format, since decoders differ in appetite."""

    bytes: int = 15_000_000
    side: int = 10_000
    pixels: int = 24 * _MEGAPIXEL
    pixels_by_format: Mapping[str, int] = field(
        default_factory=lambda: MappingProxyType({"avif": 16 * _MEGAPIXEL, "webp": 12 * _MEGAPIXEL})
    )
    scans: int = 64

    def pixels_of(self, format_: str) -> int:
        """The most pixels that a picture of a format may have."""
        return self.pixels_by_format.get(format_, self.pixels)


LIMITS: Final = Limits()


@dataclass(frozen=True)
class SourceImage:
    """A picture that keeps the limits, as its header tells it.

    ``width`` and ``height`` are in pixels and upright, that is, after the EXIF ``orientation``
    (1 to 8).
    """

    format: str
    mime: str
    width: int
    height: int
    orientation: int


def probe(data: bytes, limits: Limits = LIMITS) -> SourceImage:
    """Identify a picture and hold it against ``limits``, from its header, without decoding it.

    ImageRejected with the reason.
    """
    source, image = open_checked(data, limits)
    image.close()
    return source


def open_checked(data: bytes, limits: Limits) -> tuple[SourceImage, ImageFile.ImageFile]:
    """As `probe`, with the picture opened and not yet loaded, at its first frame."""
    format_ = check_header(data, limits).format
    image = _open(format_, data)
    _check_size(format_, image.size, limits)
    return _describe(format_, image), image


def check_header(data: bytes, limits: Limits = LIMITS) -> Header:
    """The header of a picture, if it keeps the limits. No decoder is asked.

    ImageRejected with the reason. A header can lie; `open_checked` looks again at what a decoder
    makes of it.
    """
    if len(data) > limits.bytes:
        raise ImageRejected(RejectCode.TOO_MANY_BYTES, f"{len(data)} bytes")
    header = parse_header(data, limits.scans)
    if header.size:
        _check_size(header.format, header.size, limits)
    if header.scans > limits.scans:
        raise ImageRejected(RejectCode.TOO_MANY_SCANS, f"more than {limits.scans}")
    return header


def expected_memory(data: bytes, limits: Limits = LIMITS) -> int:
    """Bytes that making variants takes at its height, by the header; ImageRejected by `limits`.

    An estimate on the safe side: weigh it before decoding several pictures at once.
    """
    header = check_header(data, limits)
    return estimate_memory(header, data, limits.pixels_of(header.format))


def _check_size(format_: str, size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if max(size) > limits.side:
        raise ImageRejected(RejectCode.TOO_LARGE_SIDE, f"{width}x{height}")
    if width * height > limits.pixels_of(format_):
        raise ImageRejected(RejectCode.TOO_MANY_PIXELS, f"{width}x{height} {format_}")


def _open(format_: str, data: bytes) -> ImageFile.ImageFile:
    try:
        return _READERS[format_](BytesIO(data))
    except MemoryError as error:
        raise ImageRejected(RejectCode.OUT_OF_MEMORY, str(error)) from error
    except (SyntaxError, OSError, ValueError, RuntimeError) as error:
        # libwebp allocates its canvas here, and has one word for damage and for a lack of memory.
        code = RejectCode.DECODER_FAILED if format_ == "webp" else RejectCode.DAMAGED
        raise ImageRejected(code, f"{format_}: {error}") from error


def _describe(format_: str, image: ImageFile.ImageFile) -> SourceImage:
    width, height = image.size
    orientation = _orientation(image)
    if orientation in _SIDEWAYS:
        width, height = height, width
    return SourceImage(format_, f"image/{format_}", width, height, orientation)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) where there is none or none that makes sense."""
    try:
        # Not the plugin's own `getexif`: for PNG that one decodes the picture, to look behind it.
        told = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except (KeyError, OSError, SyntaxError, TypeError, ValueError, struct.error):
        return 1
    return told if isinstance(told, int) and 1 <= told <= 8 else 1
