"""Parses the header of an image file in Python, before a decoder opens it.

Opening is not safe: libwebp allocates the whole canvas and Pillow a GIF's first frame before the
size can be checked, and no library returns the number of a JPEG's scans. This parser only extracts
what is checked before decoding; it does not validate the file.
"""

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from .av1 import TooManyParts, frame_sizes
from .errors import ImageRejected, RejectCode

_JPEG_MARKER: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""The next marker. In entropy-coded data 0xFF is followed by 0 or by a restart marker."""
_EOI: Final = 0xD9
_SOS: Final = 0xDA
_STANDALONE_MARKERS: Final = frozenset(range(0x01, 0xC0)) | {0xD8}
"""Markers without a length. Those below the first frame marker are reserved: decoders skip only
their two bytes, so a length that is read after one would hide the following segments."""
_SOF: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOF_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})

_MAX_SEGMENTS: Final = 1000
_MAX_SUB_BLOCKS: Final = 20_000
"""Typical files have at most a few hundred of either. This parser holds the GIL: 15 MB of nothing
else would block the process for seconds."""

_MAX_GAP_BYTES: Final = 64 * 1024
"""Limit of bytes between the segments before a JPEG's first scan; typical files have none, or some
padding. Pillow reads them one by one in Python: 15 MB took six seconds."""

_MAX_CHUNKS: Final = 25_000
"""Limit of chunks in a PNG; a typical file of 15 MB has 2,000, or 15,000 with chunks of 1 KB.
Pillow reads chunks in Python: 15 MB of empty chunks would take ten seconds."""

_ISPE: Final = re.compile(rb"(?s)ispe\0{4}(.{8})")
_AVIF_HEAD_BYTES: Final = 64 * 1024

_UNSUPPORTED: Final = (
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
"""Formats that editors upload by mistake; they get a more specific error."""


def identify(data: bytes) -> str:
    """Return the format: ``jpeg``, ``png``, ``webp``, ``gif`` or ``avif``.

    Raises ImageRejected with ``unsupported_format`` for other known formats, else with
    ``unidentified``.
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
    for start, name in _UNSUPPORTED:
        if data.startswith(start):
            raise ImageRejected(RejectCode.UNSUPPORTED_FORMAT, name)
    raise ImageRejected(RejectCode.UNIDENTIFIED, f"starts with {data[:12]!r}")


def _identify_isobmff(data: bytes) -> str:
    """AVIF has the container of HEIC and MP4; the brands in the first box distinguish them."""
    box = data[8 : min(struct.unpack_from(">I", data)[0], 256)]
    brands = {box[at : at + 4] for at in range(0, len(box), 4) if at != 4}
    if brands & {b"avif", b"avis"}:
        return "avif"
    raise ImageRejected(RejectCode.UNSUPPORTED_FORMAT, f"brand {box[:4]!r}")


class JpegFrame(NamedTuple):
    """The frame header of a JPEG.

    ``components`` has the samples of each component per pixel: 1, or a quarter in 4:2:0.
    """

    width: int
    height: int
    components: tuple[float, ...]
    progressive: bool


class Header(NamedTuple):
    """The header of an image file; the decoder may find other values.

    ``size`` is width and height in pixels. It is None if it was not found in a format whose opening
    allocates nothing; Pillow then raises the error. ``frame``, ``scans`` and ``lacks_end`` are for
    JPEG only: scans are counted up to one above the limit; no end marker follows them.
    """

    format: str
    size: tuple[int, int] | None
    frame: JpegFrame | None = None
    scans: int = 0
    lacks_end: bool = False


def parse_header(data: bytes, max_scans: int) -> Header:
    """Parse a file's header; count at most ``max_scans + 1`` scans of a JPEG.

    Raises ImageRejected as `identify` does, with ``truncated`` if the header of a WebP or GIF is
    incomplete, and with ``damaged`` if it is malformed or has too many parts.
    """
    format_ = identify(data)
    if format_ == "jpeg":
        return _walk_jpeg(data, max_scans)
    try:
        return Header(format_, _SIZE_READERS[format_](data))
    except (struct.error, IndexError) as error:
        raise ImageRejected(RejectCode.TRUNCATED, f"{format_} header: {error}") from error
    except TooManyParts as error:
        raise ImageRejected(RejectCode.DAMAGED, str(error)) from error


def _webp_size(data: bytes) -> tuple[int, int]:
    """The size of a lossy, lossless or extended WebP (RFC 9649, section 2.5)."""
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
        w_low, w_high, h_low, h_high = struct.unpack_from("<HBHB", data, 24)
        return (w_high << 16 | w_low) + 1, (h_high << 16 | h_low) + 1
    raise ImageRejected(RejectCode.DAMAGED, f"webp chunk {kind!r}")


def _gif_size(data: bytes) -> tuple[int, int]:
    """The size of the screen, enlarged to contain the first frame, as in Pillow."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = _after_extensions(data, 13 + _palette_bytes(flags))
    if data[at] != 0x2C:
        raise ImageRejected(RejectCode.DAMAGED, "gif without a frame")
    left, top, frame_width, frame_height = struct.unpack_from("<HHHH", data, at + 1)
    return max(width, left + frame_width), max(height, top + frame_height)


def _after_extensions(data: bytes, at: int) -> int:
    """The offset after the extensions of a GIF that begin at ``at``."""
    remaining = _MAX_SUB_BLOCKS
    while data[at] == 0x21:  # an extension: its label, then sub-blocks up to an empty one
        at += 2
        while data[at] and remaining:
            at += 1 + data[at]
            remaining -= 1
        if not remaining:
            raise ImageRejected(RejectCode.DAMAGED, f"more than {_MAX_SUB_BLOCKS} sub-blocks")
        at += 1
        remaining -= 1
    return at


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _png_size(data: bytes) -> tuple[int, int] | None:
    _count_chunks(data)
    if data[12:16] != b"IHDR" or len(data) < 24:
        return None  # Pillow also accepts it after other chunks
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _count_chunks(data: bytes) -> None:
    """Raise ImageRejected for too many chunks (each a length, a type, data and a checksum)."""
    at = 8
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data):
            return
        at += 12 + int.from_bytes(data[at : at + 4])
    raise ImageRejected(RejectCode.DAMAGED, f"more than {_MAX_CHUNKS} chunks")


def _avif_size(data: bytes) -> tuple[int, int] | None:
    """The largest announced size (a grid has one per cell and one in total) or coded frame."""
    boxes = _ISPE.findall(data, 0, _AVIF_HEAD_BYTES)
    announced = [struct.unpack(">II", box) for box in boxes]
    return max((*announced, *frame_sizes(data)), key=lambda size: size[0] * size[1], default=None)


_SIZE_READERS: Final[Mapping[str, Callable[[bytes], tuple[int, int] | None]]] = MappingProxyType(
    {
        "webp": _webp_size,
        "gif": _gif_size,
        "png": _png_size,
        "avif": _avif_size,
    }
)


def _walk_jpeg(data: bytes, max_scans: int) -> Header:
    """Find a JPEG's own frame (not that of a thumbnail in its metadata), and count its scans.

    A decoder processes the whole image for each scan of a progressive JPEG, even an empty one: 160
    KB with 500 scans take 14 s. Typical encoders write ten.
    """
    frame, scans, has_end = None, 0, False
    for marker, at in _segments(data):
        if marker in _SOF:
            if frame:
                raise ImageRejected(RejectCode.DAMAGED, "jpeg with two frames")
            frame = _jpeg_frame(data, marker, at)
        elif marker == _SOS:
            scans += 1
            if scans > max_scans:
                break
        elif marker == _EOI:
            if not scans:  # decoders continue with an image after it, which was not parsed
                raise ImageRejected(RejectCode.DAMAGED, "jpeg that ends before its first scan")
            has_end = True
            break
    size = (frame.width, frame.height) if frame else None
    return Header("jpeg", size, frame, scans, lacks_end=scans > 0 and not has_end)


def _jpeg_frame(data: bytes, marker: int, at: int) -> JpegFrame | None:
    if len(data) < at + 8:
        return None
    height, width, count = struct.unpack_from(">HHB", data, at + 3)
    components = _components(data[at + 9 : at + 8 + 3 * count : 3], count)
    return JpegFrame(width, height, components, marker in _SOF_PROGRESSIVE)


def _components(sampling: bytes, count: int) -> tuple[float, ...]:
    """The samples per pixel of each component, from the bytes with their sampling factors."""
    areas = [(factors >> 4) * (factors & 15) for factors in sampling]
    if len(areas) < count or not all(areas):
        return (1.0,) * count  # malformed
    most = max(factors >> 4 for factors in sampling) * max(factors & 15 for factors in sampling)
    return tuple(area / most for area in areas)


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the markers of a JPEG and the offsets of their payloads.

    Raises ImageRejected for too many segments, or too many bytes between them before the first
    scan.
    """
    at, gap, in_scan = 0, 0, False
    for _ in range(_MAX_SEGMENTS):
        match = _JPEG_MARKER.search(data, at)
        if not in_scan:
            gap += (match.start() if match else len(data)) - at
            if gap > _MAX_GAP_BYTES:
                raise ImageRejected(RejectCode.DAMAGED, f"{gap} bytes between segments")
        if match is None:
            return
        marker, at = match.group()[1], match.end()
        in_scan = in_scan or marker == _SOS
        yield marker, at
        if marker not in _STANDALONE_MARKERS:
            at += int.from_bytes(data[at : at + 2])
    raise ImageRejected(RejectCode.DAMAGED, f"more than {_MAX_SEGMENTS} segments")
