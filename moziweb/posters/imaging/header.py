"""What a picture's first bytes announce, read without a decoder.

Opening is not harmless: libwebp allocates its whole canvas and a GIF its first frame before
Pillow knows a size to check, and no library tells how many scans a JPEG has. These few readers
answer from the bytes alone, in Python, which a crafted file cannot take over. They check nothing
else; a decoder will.
"""

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from .av1 import coded_sizes
from .errors import ImageRejected, RejectCode

_JPEG_MARKER: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""The next marker: in coded data 0xFF is followed by 0, or by a restart marker."""
_EOI: Final = 0xD9
_SOS: Final = 0xDA
_WITHOUT_PAYLOAD: Final = frozenset(range(0x01, 0xC0)) | {0xD8}
"""Below the first frame marker all are reserved: in coded data a decoder steps over their two bytes
alone, so that a length read there would hide what follows."""
_SOF: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOF_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})

_MOST_SEGMENTS: Final = 1000
_MOST_SUB_BLOCKS: Final = 20_000
"""An honest file has a few hundred of either at most. These walks are Python, and hold its lock: a
file of nothing else, 15 MB of it, would stop the whole site for seconds."""

_MOST_STRAY_BYTES: Final = 64 * 1024
"""Between the segments in front of a JPEG's first scan; an honest file has none, or some padding.
Pillow goes through them one by one, in Python: 15 MB of them took it six seconds."""

_MOST_CHUNKS: Final = 25_000
"""Of a PNG; an honest one of 15 MB has 2,000, or 15,000 where its encoder writes 1 KB at a time.
Pillow reads them in Python, too: 15 MB of empty ones would keep a decoder busy for ten seconds."""

_ISPE: Final = re.compile(rb"(?s)ispe\0{4}(.{8})")
_AVIF_HEAD_BYTES: Final = 64 * 1024

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


class JpegFrame(NamedTuple):
    """The frame header of a JPEG."""

    width: int
    height: int
    components: int
    progressive: bool


class Header(NamedTuple):
    """What a file announces; the decoder may find something else.

    ``size`` is width and height in pixels, None when none is found where opening allocates
    nothing: Pillow will tell what is wrong. ``frame`` and ``scans`` are a JPEG's; scans are counted
    up to one more than may be.
    """

    format: str
    size: tuple[int, int] | None
    frame: JpegFrame | None = None
    scans: int = 0


def parse_header(data: bytes, most_scans: int) -> Header:
    """Walk a file's header, once.

    ImageRejected as `identify`; ``truncated`` when the header of a WebP or GIF is not there in
    full; ``damaged`` when it breaks its format's rules, or has too many parts.
    """
    format_ = identify(data)
    if format_ == "jpeg":
        frame, scans = _walk_jpeg(data, most_scans)
        return Header(format_, (frame.width, frame.height) if frame else None, frame, scans)
    try:
        return Header(format_, _SIZE_READERS[format_](data))
    except (struct.error, IndexError) as error:
        raise ImageRejected(RejectCode.TRUNCATED, f"{format_} header: {error}") from error


def _webp_size(data: bytes) -> tuple[int, int]:
    """Of the three kinds of WebP: lossy, lossless and extended (RFC 9649, section 2.5 on)."""
    kind = data[12:16]
    (length,) = struct.unpack_from("<I", data, 4)
    if length + 8 > len(data):
        raise ImageRejected(RejectCode.TRUNCATED, f"{len(data)} of {length + 8} bytes")
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
    at = _after_extensions(data, 13 + _palette_bytes(flags))
    if data[at] != 0x2C:
        raise ImageRejected(RejectCode.DAMAGED, "gif without a frame")
    left, top, frame_width, frame_height = struct.unpack_from("<HHHH", data, at + 1)
    return max(width, left + frame_width), max(height, top + frame_height)


def _after_extensions(data: bytes, at: int) -> int:
    """Where the extensions of a GIF that begin at ``at`` end."""
    left = _MOST_SUB_BLOCKS
    while data[at] == 0x21:  # an extension: its kind, then sub-blocks up to an empty one
        at += 2
        while data[at] and left:
            at += 1 + data[at]
            left -= 1
        if not left:
            raise ImageRejected(RejectCode.DAMAGED, f"more than {_MOST_SUB_BLOCKS} sub-blocks")
        at += 1
        left -= 1
    return at


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _png_size(data: bytes) -> tuple[int, int] | None:
    _count_chunks(data)
    if data[12:16] != b"IHDR" or len(data) < 24:
        return None  # Pillow finds it behind other chunks, too
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _count_chunks(data: bytes) -> None:
    """ImageRejected for more chunks than a PNG may have: a length, a name, as many bytes, a sum."""
    at = 8
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            return
        at += 12 + int.from_bytes(data[at : at + 4])
    raise ImageRejected(RejectCode.DAMAGED, f"more than {_MOST_CHUNKS} chunks")


def _avif_size(data: bytes) -> tuple[int, int] | None:
    """The largest of the spatial extents, a grid has one for each cell and one for the whole, and
    of the coded pictures, which may be larger than announced."""
    found = _ISPE.findall(data, 0, _AVIF_HEAD_BYTES)
    announced = [struct.unpack(">II", size) for size in found]
    return max((*announced, *coded_sizes(data)), key=lambda size: size[0] * size[1], default=None)


_SIZE_READERS: Final[Mapping[str, Callable[[bytes], tuple[int, int] | None]]] = MappingProxyType(
    {
        "webp": _webp_size,
        "gif": _gif_size,
        "png": _png_size,
        "avif": _avif_size,
    }
)


def _walk_jpeg(data: bytes, most_scans: int) -> tuple[JpegFrame | None, int]:
    """A JPEG's own frame, not a thumbnail's in its metadata, and how many scans it has.

    Each scan of a progressive JPEG goes over the whole picture again, however few its bytes: 160
    KB with 500 empty scans keep a decoder busy for 14 s. An honest encoder writes ten.
    """
    frame, scans = None, 0
    for marker, at in _segments(data):
        if marker in _SOF:
            if frame:
                raise ImageRejected(RejectCode.DAMAGED, "jpeg with two frames")
            frame = _jpeg_frame(data, marker, at)
        elif marker == _SOS:
            scans += 1
            if scans > most_scans:
                break
        elif marker == _EOI:
            if not scans:  # a decoder goes on to a picture behind it, which we would not see
                raise ImageRejected(RejectCode.DAMAGED, "jpeg that ends before it begins")
            break
    return frame, scans


def _jpeg_frame(data: bytes, marker: int, at: int) -> JpegFrame | None:
    if len(data) < at + 8:
        return None
    height, width, components = struct.unpack_from(">HHB", data, at + 3)
    return JpegFrame(width, height, components, marker in _SOF_PROGRESSIVE)


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """The markers of a JPEG, and where their payload begins. ImageRejected at too many, or at too
    much in front of a scan that belongs to none.
    """
    at, stray, is_coded = 0, 0, False
    for _ in range(_MOST_SEGMENTS):
        found = _JPEG_MARKER.search(data, at)
        if not is_coded:
            stray += (found.start() if found else len(data)) - at
            if stray > _MOST_STRAY_BYTES:
                raise ImageRejected(RejectCode.DAMAGED, f"{stray} bytes between segments")
        if found is None:
            return
        marker, at = found.group()[1], found.end()
        is_coded = is_coded or marker == _SOS
        yield marker, at
        if marker not in _WITHOUT_PAYLOAD:
            at += int.from_bytes(data[at : at + 2])
    raise ImageRejected(RejectCode.DAMAGED, f"more than {_MOST_SEGMENTS} segments")
