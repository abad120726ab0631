"""A first look at a picture: what it is, and whether it may be decoded at all."""

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

from moziweb.posters.headers import announced_size, has_more_scans, identify
from moziweb.posters.rejection import ImageRejected, RejectCode

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

_BASE_MEMORY: Final = 16 * 1024 * 1024
_BYTES_PER_PIXEL: Final[Mapping[str, int]] = MappingProxyType(
    {"jpeg": 4, "png": 7, "gif": 7, "avif": 10, "webp": 17}
)
"""Peaks of resident memory above the idle process, measured with Pillow 13 at 6 to 24 megapixels.

A transparent picture takes 4 more (it is held twice), a progressive JPEG 2 for each component.
Large baseline JPEGs stay far below this, being decoded at half the size or less.
"""

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


LIMITS: Final = Limits()


@dataclass(frozen=True)
class SourceImage:
    """A picture that keeps the limits, as its header tells it.

    ``width`` and ``height`` are in pixels and upright, that is, after the EXIF ``orientation``
    (1 to 8). ``peak_memory`` is an estimate in bytes, on the safe side, of what making variants of
    it takes at its height: weigh it before decoding several pictures at once.
    """

    format: str
    mime: str
    width: int
    height: int
    orientation: int
    peak_memory: int


def probe(data: bytes, limits: Limits = LIMITS) -> SourceImage:
    """Identify a picture and hold it against ``limits``, from its header, without decoding it.

    ImageRejected with the reason.
    """
    source, image = open_checked(data, limits)
    image.close()
    return source


def open_checked(data: bytes, limits: Limits) -> tuple[SourceImage, ImageFile.ImageFile]:
    """As `probe`, with the picture opened and not yet loaded, at its first frame."""
    if len(data) > limits.bytes:
        raise ImageRejected(RejectCode.TOO_MANY_BYTES, f"{len(data)} bytes")
    format_ = identify(data)
    announced = announced_size(format_, data)
    if announced:
        _check_size(format_, announced, limits)
    if format_ == "jpeg" and has_more_scans(data, limits.scans):
        raise ImageRejected(RejectCode.TOO_MANY_SCANS, f"more than {limits.scans}")
    image = _open(format_, data)
    _check_size(format_, image.size, limits)
    return _describe(format_, image), image


def _check_size(format_: str, size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if max(size) > limits.side:
        raise ImageRejected(RejectCode.TOO_LARGE_SIDE, f"{width}x{height}")
    if width * height > limits.pixels_by_format.get(format_, limits.pixels):
        raise ImageRejected(RejectCode.TOO_MANY_PIXELS, f"{width}x{height} {format_}")


def _open(format_: str, data: bytes) -> ImageFile.ImageFile:
    try:
        return _READERS[format_](BytesIO(data))
    except MemoryError as error:
        raise ImageRejected(RejectCode.OUT_OF_MEMORY, str(error)) from error
    except (SyntaxError, OSError, ValueError, RuntimeError) as error:
        raise ImageRejected(RejectCode.DAMAGED, f"{format_}: {error}") from error


def _describe(format_: str, image: ImageFile.ImageFile) -> SourceImage:
    width, height = image.size
    orientation = _orientation(image)
    if orientation in _SIDEWAYS:
        width, height = height, width
    memory = _BASE_MEMORY + width * height * _bytes_per_pixel(format_, image)
    return SourceImage(format_, f"image/{format_}", width, height, orientation, memory)


def _bytes_per_pixel(format_: str, image: ImageFile.ImageFile) -> int:
    if "progressive" in image.info:
        # libjpeg holds the coefficients of the whole picture, two bytes each.
        return _BYTES_PER_PIXEL[format_] + 2 * len(image.getbands())
    return _BYTES_PER_PIXEL[format_] + (4 if image.has_transparency_data else 0)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) where there is none or none that makes sense."""
    try:
        # Not the plugin's own `getexif`: for PNG that one decodes the picture, to look behind it.
        told = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except (KeyError, OSError, SyntaxError, TypeError, ValueError, struct.error):
        return 1
    return told if isinstance(told, int) and 1 <= told <= 8 else 1
