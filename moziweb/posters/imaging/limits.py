"""Checks an image's header against limits, and estimates the memory that decoding takes."""

import struct
from collections.abc import Mapping
from io import BytesIO
from math import ceil
from types import MappingProxyType
from typing import Final, NamedTuple

from PIL import ExifTags, Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from moziweb.posters.imaging.values import LIMITS, Limits, SourceImage

from .colour import avif_profile, embedded_profile, png_profile
from .errors import ImageRejected, RejectCode
from .header import Header, parse_header
from .png import Png, read_png

# The plugins are called by name: `Image.open` would try all others on untrusted bytes, return MPO
# for some JPEGs, and warn where this module rejects.
_READERS: Final[Mapping[str, type[ImageFile.ImageFile]]] = MappingProxyType(
    {
        "jpeg": JpegImageFile,
        "png": PngImageFile,
        "webp": WebPImageFile,
        "gif": GifImageFile,
        "avif": AvifImageFile,
    }
)

_TRANSPOSED: Final = frozenset({5, 6, 7, 8})
"""EXIF orientations that swap width and height."""


class OpenedImage(NamedTuple):
    """An image at its first frame, before it is decoded.

    ``profile`` is its ICC profile, None for sRGB; ``png`` is for PNG; ``unended`` is the file of a
    JPEG without an end marker.
    """

    source: SourceImage
    image: ImageFile.ImageFile
    profile: bytes | None
    png: Png | None = None
    unended: bytes | None = None


def probe(data: bytes, limits: Limits = LIMITS) -> SourceImage:
    """Identify an image and check it against ``limits`` without decoding it.

    Raises ImageRejected.
    """
    opened = open_checked(data, limits)
    opened.image.close()
    return opened.source


def open_checked(data: bytes, limits: Limits) -> OpenedImage:
    """As `probe`; return the opened image."""
    header = _check_header(data, limits)
    png = read_png(data, limits.bytes) if header.format == "png" else None
    image = _open(header.format, png.data if png else data)
    _check_size(header.format, image.size, limits)
    source = _source_image(header.format, image, png)
    profile = _profile(data, image, png)
    return OpenedImage(source, image, profile, png, data if header.lacks_end else None)


def _profile(data: bytes, image: ImageFile.ImageFile, png: Png | None) -> bytes | None:
    if png:
        return png_profile(png.chunks)
    embedded = image.info.get("icc_profile")
    return avif_profile(data, embedded) if image.format == "AVIF" else embedded_profile(embedded)


def _check_header(data: bytes, limits: Limits) -> Header:
    """Parse and check the header; `open_checked` then checks the size that the decoder finds."""
    if len(data) > limits.bytes:
        raise ImageRejected(RejectCode.TOO_MANY_BYTES, f"{len(data)} bytes")
    header = parse_header(data, limits.scans)
    if header.size:
        _check_size(header.format, header.size, limits)
    if header.scans > limits.scans:
        raise ImageRejected(RejectCode.TOO_MANY_SCANS, f"more than {limits.scans}")
    return header


def _check_size(format_: str, size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if max(size) > limits.side:
        raise ImageRejected(RejectCode.TOO_LARGE_SIDE, f"{width}x{height}")
    if width * height > limits.max_pixels(format_):
        raise ImageRejected(RejectCode.TOO_MANY_PIXELS, f"{width}x{height} {format_}")


def _open(format_: str, data: bytes) -> ImageFile.ImageFile:
    try:
        return _READERS[format_](BytesIO(data))
    except MemoryError as error:
        raise ImageRejected(RejectCode.OUT_OF_MEMORY, str(error)) from error
    except (SyntaxError, OSError, ValueError, RuntimeError) as error:
        # libwebp allocates its canvas here, and has one error for damage and for lack of memory.
        code = RejectCode.DECODER_FAILED if format_ == "webp" else RejectCode.DAMAGED
        raise ImageRejected(code, f"{format_}: {error}") from error


def _source_image(format_: str, image: ImageFile.ImageFile, png: Png | None) -> SourceImage:
    width, height = image.size
    orientation = _orientation(png.chunks.get(b"eXIf") if png else image.info.get("exif"))
    if orientation in _TRANSPOSED:
        width, height = height, width
    return SourceImage(format_, f"image/{format_}", width, height, orientation)


def _orientation(data: bytes | None) -> int:
    """The orientation in EXIF data; 1 (upright) if it is missing or invalid.

    Not Pillow's ``getexif``, which also reads XMP and texts of a PNG: browsers do not.
    """
    exif = Image.Exif()
    try:
        exif.load(data or b"")
        value = exif.get(ExifTags.Base.Orientation, 1)
    except (KeyError, OSError, SyntaxError, TypeError, ValueError, struct.error):
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


_BASE_BYTES: Final = 32 * 1024 * 1024

_BYTES_PER_PIXEL: Final[Mapping[str, int]] = MappingProxyType(
    {"jpeg": 4, "png": 7, "gif": 11, "avif": 10, "webp": 13}
)
"""Peaks of resident memory above the idle process, measured with Pillow 13 at 6 to 24 megapixels.

GIF includes transparency, which is not in its header. A WebP takes no more with transparency.
"""

_HALVED_PIXELS: Final = 15_000_000
"""A JPEG with so many pixels is decoded at half the size or smaller: it has more than twice the
width and the height that `variants` asks for."""

_ALPHA_BYTES_PER_PIXEL: Final = 4
"""Added for a transparent image, of which there are two copies."""

_COEFFICIENT_BYTES: Final = 2
"""Added for each sample of a progressive JPEG: libjpeg holds the coefficients of all of them."""


def estimate_memory(data: bytes, limits: Limits = LIMITS) -> int:
    """Estimate the peak memory in bytes of making variants of an image, from its header.

    The estimate is high for well-formed files; a header can be wrong. An unknown size counts as the
    largest allowed one. Raises ImageRejected if the header is not within ``limits``.
    """
    header = _check_header(data, limits)
    max_pixels = limits.max_pixels(header.format)
    width, height = header.size or (max_pixels, 1)
    pixels = min(width * height, max_pixels)
    return _BASE_BYTES + ceil(pixels * _bytes_per_pixel(header, data, pixels))


def _bytes_per_pixel(header: Header, data: bytes, pixels: int) -> float:
    if header.frame is None:
        extra = _ALPHA_BYTES_PER_PIXEL if _may_be_transparent(header, data) else 0
        return _BYTES_PER_PIXEL[header.format] + extra
    is_halved = pixels >= _HALVED_PIXELS
    decoded = _BYTES_PER_PIXEL[header.format] / (4 if is_halved else 1)
    return decoded + header.frame.progressive * _COEFFICIENT_BYTES * sum(header.frame.components)


def _may_be_transparent(header: Header, data: bytes) -> bool:
    """Searches the whole file: a colour profile of any size may precede the property."""
    match header.format:
        case "png":  # a colour type with alpha, or a transparent colour
            has_alpha = header.size is None or data[25:26] in (b"\4", b"\6")
            return has_alpha or b"tRNS" in data
        case "avif":
            return b"auxiliary:alpha" in data
        case _:
            return False
