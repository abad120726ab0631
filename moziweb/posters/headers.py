"""What a picture's first bytes announce, read without a decoder.

Opening is not harmless: libwebp allocates its whole canvas and a GIF its first frame before
Pillow knows a size to check, and no library tells how many scans a JPEG has. These few readers
answer from the bytes alone. They check nothing else; a decoder will.
"""

import re
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from moziweb.posters.rejection import ImageRejected, RejectCode

_JPEG_MARKER: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""The next marker: in coded data 0xFF is followed by 0, or by a restart marker."""
_EOI: Final = 0xD9
_SOS: Final = 0xDA
_WITHOUT_PAYLOAD: Final = frozenset({0x01, 0xD8})

_FOREIGN: Final = (
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"%PDF", "PDF"),
    (b"<svg", "SVG"),
    (b"<?xml", "SVG"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
)
"""Formats that people do upload, to tell them more than 'not a picture'."""


def identify(data: bytes) -> str:
    """The format: ``jpeg``, ``png``, ``webp``, ``gif`` or ``avif``.

    ImageRejected: ``unsupported_format`` for pictures of another kind, else ``unidentified``.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp":
        return _identify_isobmff(data)
    for start, name in _FOREIGN:
        if data.startswith(start):
            raise ImageRejected(RejectCode.UNSUPPORTED_FORMAT, name)
    raise ImageRejected(RejectCode.UNIDENTIFIED, f"starts with {data[:12]!r}")


def _identify_isobmff(data: bytes) -> str:
    """AVIF shares its container with HEIC and MP4: the brands in its first box tell them apart."""
    box = data[8 : min(struct.unpack_from(">I", data)[0], 256)]
    brands = {box[at : at + 4] for at in range(0, len(box), 4) if at != 4}
    if brands & {b"avif", b"avis"}:
        return "avif"
    raise ImageRejected(RejectCode.UNSUPPORTED_FORMAT, f"brand {box[:4]!r}")


def announced_size(format_: str, data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels of the canvas that opening would allocate.

    None for the formats whose opening allocates nothing: Pillow tells their size.
    ImageRejected: ``truncated`` when the header is not there in full.
    """
    reader = _SIZE_READERS.get(format_)
    if reader is None:
        return None
    try:
        return reader(data)
    except (struct.error, IndexError) as error:
        raise ImageRejected(RejectCode.TRUNCATED, f"{format_} header: {error}") from error


def _webp_size(data: bytes) -> tuple[int, int]:
    """Of the three kinds of WebP: lossy, lossless and extended (RFC 9649, section 2.5 on)."""
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        low, high, flat, tall = struct.unpack_from("<HBHB", data, 24)
        return (high << 16 | low) + 1, (tall << 16 | flat) + 1
    raise ImageRejected(RejectCode.DAMAGED, f"webp chunk {kind!r}")


def _gif_size(data: bytes) -> tuple[int, int]:
    """The screen, enlarged to the first frame where that does not fit, as Pillow does."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _palette_bytes(flags)
    while data[at] == 0x21:  # an extension: its kind, then sub-blocks up to an empty one
        at += 2
        while data[at]:
            at += 1 + data[at]
        at += 1
    if data[at] != 0x2C:
        raise ImageRejected(RejectCode.DAMAGED, "gif without a frame")
    left, top, frame_width, frame_height = struct.unpack_from("<HHHH", data, at + 1)
    return max(width, left + frame_width), max(height, top + frame_height)


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


_SIZE_READERS: Final[Mapping[str, Callable[[bytes], tuple[int, int]]]] = MappingProxyType(
    {"webp": _webp_size, "gif": _gif_size}
)


def has_more_scans(data: bytes, limit: int) -> bool:
    """Whether a JPEG has more than ``limit`` scans, up to its end-of-image marker.

    Each scan of a progressive JPEG goes over the whole picture again, however few its bytes: 160
    KB with 500 empty scans keep a decoder busy for 14 s. An honest encoder writes ten.
    """
    scans, at = 0, 0
    while scans <= limit and (found := _JPEG_MARKER.search(data, at)):
        marker = found.group()[1]
        at = found.end()
        if marker == _EOI:
            break
        if marker in _WITHOUT_PAYLOAD:
            continue
        scans += marker == _SOS
        at += int.from_bytes(data[at : at + 2])
    return scans > limit
