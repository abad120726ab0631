"""Decodes a checked image; accepts the faults that browsers ignore."""

import zlib
from collections.abc import Iterator
from functools import reduce
from io import BytesIO
from typing import Final

from PIL import Image, ImageChops, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from .errors import ImageRejected, RejectCode
from .png import Png, with_valid_sum

_JPEG_END: Final = b"\xff\xd9"
_OTHER_ENDING: Final = bytes(range(0x11, 0xEF, 3)) + _JPEG_END
"""Data that decoders of a complete JPEG skip."""

_STRIP_ROWS: Final = 64

_FORMATS_WITH_MEMORY_ERROR: Final = frozenset({"PNG", "GIF"})
"""Their decoders report lack of memory by another error than damage; libjpeg, libwebp and dav1d do
not.
"""

_DAMAGE_MESSAGES: Final = (
    "broken data stream",
    "unrecognized data stream contents",
    "codec configuration error",
)
"""Pillow's messages for ``IMAGING_CODEC_BROKEN``, ``_UNKNOWN`` and ``_CONFIG``."""


def decode(
    image: ImageFile.ImageFile, wanted: tuple[int, int], png: Png | None, unended: bytes | None
) -> Image.Image:
    """Decode an opened image; a JPEG at a reduced size of at least ``wanted``.

    ``png`` and ``unended`` are as in `limits.OpenedImage`. The result may have a palette, an alpha
    channel, padding or 16 bits of grey. Raises ImageRejected and the decoders' exceptions.
    """
    if png is not None:
        return _decode_png(image, png)
    if unended is not None:
        return _decode_unended(unended, wanted)
    if isinstance(image, WebPImageFile):
        return _decode_webp(image)
    image.draft(None, wanted)
    _load(image)
    return image


def _decode_webp(image: WebPImageFile) -> Image.Image:
    """Decode to RGBA or RGBX, without copies: 12 bytes per pixel.

    Pillow's ``load`` takes 16: beside its image, it keeps two canvases of libwebp and their copy.
    It is used if a release of Pillow has other private members.
    """
    try:
        pixels, *_ = image._get_next()  # noqa: SLF001 - it has no public decoder
        size, mode = image.size, image.rawmode
        del image._decoder  # noqa: SLF001 - frees the canvases
    except AttributeError:
        _load(image)
        return image
    return Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1)


def _load(image: ImageFile.ImageFile) -> None:
    try:
        image.load()
    except OSError as error:
        has_memory_error = image.format in _FORMATS_WITH_MEMORY_ERROR
        if has_memory_error and str(error).startswith(_DAMAGE_MESSAGES):
            raise ImageRejected(RejectCode.DAMAGED, str(error)) from error
        raise


def _decode_png(image: ImageFile.ImageFile, png: Png) -> Image.Image:
    try:
        _load(image)
    except ImageRejected:
        repaired = with_valid_sum(png)
        if repaired is None:
            raise
        image = PngImageFile(BytesIO(repaired.data))
        _load(image)
        png = repaired
    return _with_alpha(image, png) if png.transparent_colour else image


def _decode_unended(data: bytes, wanted: tuple[int, int]) -> Image.Image:
    """Decode a JPEG that lacks its end marker, if it has all its pixels.

    libjpeg replaces missing data by zeros without an error. So the JPEG is decoded with two
    endings; if it is complete, neither changes a pixel.
    """
    checksums = []
    for ending in (_OTHER_ENDING, _JPEG_END):
        image = JpegImageFile(BytesIO(data.rstrip(_JPEG_END[:1]) + ending))
        image.draft(None, wanted)
        _load(image)
        checksums.append(_checksum(image))
    if checksums[0] != checksums[1]:
        raise ImageRejected(RejectCode.TRUNCATED, "jpeg without its last rows")
    return image


def _checksum(image: Image.Image) -> int:
    value = 0
    for box in _strips(image):
        value = zlib.crc32(image.crop(box).tobytes(), value)
    return value


def _strips(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    """Yield boxes of a few rows: copies of the whole image could take too much memory."""
    for top in range(0, image.height, _STRIP_ROWS):
        yield 0, top, image.width, min(top + _STRIP_ROWS, image.height)


def _with_alpha(image: Image.Image, png: Png) -> Image.Image:
    """Convert an opaque PNG to LA or RGBA by its transparent colour.

    Pillow compares the colour with samples that it has already scaled to 8 bits.
    """
    low = _low_bytes(png) if image.mode == "RGB" and png.depth == 16 else image
    mask = Image.new("L", image.size)
    opaque = image if image.mode == "RGB" else Image.new("L", image.size)
    for box in _strips(image):
        strip = image.crop(box)
        samples = _samples(strip, low.crop(box), png.depth)
        values = _sample_values(png)
        masks = (
            channel.point([255 * (each != value) for each in range(256)])
            for channel, value in zip(samples, values, strict=True)
        )
        mask.paste(reduce(ImageChops.lighter, masks), box)
        if opaque is not image:
            opaque.paste(eight_bit(strip) if strip.mode == "I;16" else strip.convert("L"), box)
    if opaque is not image:
        image.close()  # frees its pixels
    opaque.putalpha(mask)
    return opaque


def _sample_values(png: Png) -> list[int]:
    """The bytes of the transparent colour in the order of `_samples`."""
    colour = png.transparent_colour
    if png.depth == 16:
        return [value >> 8 for value in colour] + [value & 255 for value in colour]
    highest = (1 << png.depth) - 1
    return [(value & 255) * 255 // highest for value in colour]


def _samples(strip: Image.Image, low: Image.Image, depth: int) -> tuple[Image.Image, ...]:
    """The channels of a strip; of 16 bits the high bytes, then the low ones."""
    if strip.mode == "I;16":
        data = strip.tobytes()  # little-endian
        return tuple(Image.frombytes("L", strip.size, data[at::2]) for at in (1, 0))
    if depth == 16:
        return strip.split() + low.split()
    return strip.split() if strip.mode == "RGB" else (strip.convert("L"),)


def _low_bytes(png: Png) -> Image.Image:
    """The low bytes of an RGB PNG of 16 bits; Pillow decodes only the high ones."""
    image = PngImageFile(BytesIO(png.data))
    image.tile = [tile._replace(args="RGB;16L") for tile in image.tile]
    image.load()
    return image


def eight_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion clips."""
    return image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
