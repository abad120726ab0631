"""Reads the chunks of a PNG and keeps those that its pixels need, as browsers do.

Pillow refuses a file for faults that do not concern the pixels, such as a long text or the wrong
checksum of an extra chunk, and loses the transparent colour of some bit depths.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from .errors import ImageRejected, RejectCode

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_CRITICAL: Final = frozenset({b"IHDR", b"PLTE", b"IDAT"})
_COMPRESSED: Final = frozenset({b"iCCP", b"iTXt", b"zTXt"})
_APPEARANCE: Final = frozenset({b"cHRM", b"cICP", b"eXIf", b"gAMA", b"iCCP", b"sRGB", b"tRNS"})
"""Extra chunks that change the look; only those before the pixels count."""

_PIECE_BYTES: Final = 16 * 1024
"""Compressed data that is inflated at once; it becomes at most 16 MB."""

_MAX_BYTES_PER_PIXEL: Final = 8
_KEY_BYTES: Final[Mapping[int, int]] = MappingProxyType({0: 2, 2: 6})
"""The length of a transparent colour in grey (colour type 0) and RGB (2)."""


class Png(NamedTuple):
    """A PNG without the chunks that its pixels do not need.

    ``data`` is a file with the critical chunks and the transparency of a palette; ``chunks`` are
    the contents of those that change the look, with the profile inflated.
    """

    data: bytes
    chunks: Mapping[bytes, bytes]

    @property
    def depth(self) -> int:
        """Bits per sample."""
        return self.data[24]

    @property
    def transparent_colour(self) -> tuple[int, ...]:
        """The samples of the colour that is transparent in grey or RGB; empty if there is none."""
        key = self.chunks.get(b"tRNS", b"")
        if len(key) != _KEY_BYTES.get(self.data[25]):
            return ()
        return tuple(int.from_bytes(key[at : at + 2]) for at in range(0, len(key), 2))


def read_png(data: bytes, max_inflated: int) -> Png:
    """Read all chunks. If one is cut off, ``data`` is, too, and the decoder raises the error.

    Raises ImageRejected with ``damaged`` if a critical chunk is unknown, misplaced or has a wrong
    checksum, or if the compressed texts and the profile inflate to more than ``max_inflated`` bytes
    together.
    """
    reader, at = _Reader(max_inflated), len(_SIGNATURE)
    for chunk in _whole_chunks(memoryview(data)):
        reader.add(chunk)
        at += len(chunk.whole)
    reader.add_rest(data[at:])
    return Png(b"".join(reader.parts), reader.chunks)


class _Chunk(NamedTuple):
    kind: bytes
    content: memoryview
    whole: memoryview

    @property
    def is_critical(self) -> bool:
        return _is_critical(self.kind)

    @property
    def is_valid(self) -> bool:
        return zlib.crc32(self.whole[4:-4]) == int.from_bytes(self.whole[-4:])


def _is_critical(kind: bytes) -> bool:
    return not kind[0] & 0x20


def _whole_chunks(view: memoryview) -> Iterator[_Chunk]:
    """Yield the chunks before the end of the image or of the file."""
    at = len(_SIGNATURE)
    while at + 12 <= len(view):
        end = at + 12 + int.from_bytes(view[at : at + 4])
        kind = bytes(view[at + 4 : at + 8])
        if end > len(view) or kind == b"IEND":
            return
        yield _Chunk(kind, view[at + 8 : end - 4], view[at:end])
        at = end


class _Reader:
    """The state of `read_png`."""

    def __init__(self, max_inflated: int) -> None:
        self.parts: list[bytes | memoryview] = [_SIGNATURE]
        self.chunks: dict[bytes, bytes] = {}
        self._inflatable = max_inflated
        self._has_pixels = False

    def add(self, chunk: _Chunk) -> None:
        if chunk.is_critical:
            if not chunk.is_valid:
                raise ImageRejected(RejectCode.DAMAGED, f"png: wrong checksum of {chunk.kind!r}")
            is_first = len(self.parts) == 1
            if chunk.kind not in _CRITICAL or is_first != (chunk.kind == b"IHDR"):
                raise ImageRejected(RejectCode.DAMAGED, f"png: unexpected {chunk.kind!r}")
            self.parts.append(chunk.whole)
            self._has_pixels = self._has_pixels or chunk.kind == b"IDAT"
        elif chunk.is_valid:
            self._add_extra(chunk)

    def _add_extra(self, chunk: _Chunk) -> None:
        content = bytes(chunk.content)
        if chunk.kind in _COMPRESSED:
            content = self._inflate(_compressed_part(chunk.kind, content))
        if chunk.kind in _APPEARANCE and not self._has_pixels and chunk.kind not in self.chunks:
            self.chunks[chunk.kind] = content
            if chunk.kind == b"tRNS" and b"PLTE" in (part[4:8] for part in self.parts):
                self.parts.append(chunk.whole)

    def add_rest(self, rest: bytes) -> None:
        """Add the end of the image, or the part of a chunk that the pixels need."""
        is_cut = len(rest) < 8 or rest[4:8] != b"IEND"
        if is_cut and rest and (not self._has_pixels or _is_critical(rest[4:5] or b"I")):
            self.parts.append(rest)
        else:
            self.parts.append(_chunk(b"IEND", b""))

    def _inflate(self, data: bytes) -> bytes:
        """The inflated data; empty if it is damaged."""
        inflater, pieces = zlib.decompressobj(), []
        for at in range(0, len(data), _PIECE_BYTES):
            try:
                pieces.append(inflater.decompress(data[at : at + _PIECE_BYTES]))
            except zlib.error:
                return b""
            self._inflatable -= len(pieces[-1])
            if self._inflatable < 0:
                raise ImageRejected(RejectCode.DAMAGED, "png: too much compressed text")
        return b"".join(pieces) if inflater.eof else b""


def _compressed_part(kind: bytes, content: bytes) -> bytes:
    """The compressed data of a chunk; empty if there is none."""
    name, _, rest = content.partition(b"\0")
    if kind == b"iTXt":
        is_compressed = rest[:1] == b"\1"
        return rest[2:].split(b"\0", 2)[-1] if is_compressed else b""  # after two texts
    return rest[1:] if name and rest[:1] == b"\0" else b""  # after the method


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return len(content).to_bytes(4) + kind + content + checksum.to_bytes(4)


def with_valid_sum(png: Png) -> Png | None:
    """The PNG with the right checksum of its pixels if a wrong one is the only fault in them.

    Browsers ignore this checksum; Pillow's decoder does not return the last row if it is wrong.
    """
    view = memoryview(png.data)
    chunks = tuple(_whole_chunks(view))
    packed = b"".join(chunk.content for chunk in chunks if chunk.kind == b"IDAT")
    width, height = struct.unpack_from(">II", png.data, 16)
    sum_ = _sum_of(packed[2:], (width + 1) * height * _MAX_BYTES_PER_PIXEL)
    if sum_ is None:
        return None
    inflater_end, value = sum_
    pixels = packed[: 2 + inflater_end] + value.to_bytes(4)
    kept = [bytes(chunk.whole) for chunk in chunks if chunk.kind != b"IDAT"]
    parts = (_SIGNATURE, *kept, _chunk(b"IDAT", pixels), _chunk(b"IEND", b""))
    return png._replace(data=b"".join(parts))


def _sum_of(deflated: bytes, max_inflated: int) -> tuple[int, int] | None:
    """The length of the deflated data and the Adler-32 of the data; None if it is damaged."""
    inflater, value = zlib.decompressobj(-zlib.MAX_WBITS), 1
    for at in range(0, len(deflated), _PIECE_BYTES):
        piece = deflated[at : at + _PIECE_BYTES]
        try:
            inflated = inflater.decompress(piece)
        except zlib.error:
            return None
        value, max_inflated = zlib.adler32(inflated, value), max_inflated - len(inflated)
        if inflater.eof:
            return at + len(piece) - len(inflater.unused_data), value
        if max_inflated < 0:
            return None
    return None
