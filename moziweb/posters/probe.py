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

from moziweb.posters.headers import Header, read_header
from moziweb.posters.rejection import ImageRejected, RejectCode
from moziweb.posters.weight import weigh

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
    header = read_header(data, limits.scans)
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
    return weigh(header, data, limits.pixels_of(header.format))


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
