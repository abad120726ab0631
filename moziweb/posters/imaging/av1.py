"""How large the pictures coded in an AVIF are, whatever its container says of them.

A decoder allocates by the sequence header of the AV1 stream, and scales to what the container
announces only when all is unpacked: one pixel that is announced may be 25 megapixels to decode.
Read here without a decoder: where the streams begin (``iloc`` for pictures, ``stco`` and ``co64``
for the tracks of an animation), and the sequence headers in them (AV1 specification, 5.3 to 5.5).
"""

import struct
from collections.abc import Iterator
from itertools import count
from typing import Final, NamedTuple

from .errors import ImageRejected, RejectCode

_TABLES: Final = (b"iloc", b"stco", b"co64", b"idat")
_MOST_PLACES: Final = 100
_MOST_PARTS: Final = 20_000
"""Extents and units in one file: an honest one has a few of each. As in `headers`, these walks are
Python, and a file of nothing else would hold its lock."""

_SEQUENCE_HEADER: Final = 1
_HAS_EXTENSION: Final = 0x04
_HAS_LENGTH: Final = 0x02
_WIDEST_HEADER: Final = 1024
"""Bytes of a sequence header that are read; 32 operating points need less."""


class _Extent(NamedTuple):
    start: int
    length: int


class _Left:
    """What a file may still have; ImageRejected when it has more."""

    def __init__(self, size: int) -> None:
        self._parts = _MOST_PARTS
        self._bytes = 4 * size

    def take(self, *, joined: int = 0) -> None:
        self._parts -= 1
        self._bytes -= joined
        if self._parts < 0 or self._bytes < 0:
            raise ImageRejected(RejectCode.DAMAGED, f"more than {_MOST_PARTS} parts in an avif")


class _Bits:
    """Bits of a header, the highest first; IndexError behind the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = 8 * len(data)

    def take(self, number: int) -> int:
        self._left -= number
        if self._left < 0:
            raise IndexError("no bits left")
        return self._value >> self._left & (1 << number) - 1

    def skip_uvlc(self) -> None:
        """A number that is as long as it has zeros in front."""
        for zeros in count():
            if self.take(1):
                self.take(zeros if zeros < 32 else 0)
                return


def coded_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """Width and height by each sequence header of an AVIF; none where no stream is found.

    ImageRejected: ``damaged`` when it has too many parts to look at.
    """
    left = _Left(len(data))
    for stream in _streams(data, left):
        for header in _sequence_headers(stream, left):
            try:
                yield _size_of(_Bits(header))
            except IndexError:
                continue


def _streams(data: bytes, left: _Left) -> Iterator[memoryview]:
    """What the tables of places point to, from each stream's begin."""
    view = memoryview(data)
    tables = {name: _places(data, name) for name in _TABLES}
    for at in tables[b"iloc"]:
        for inside, extents in _items(data, at, left):
            for origin in tables[b"idat"] if inside else [0]:
                yield _joined(view, origin, extents, left)
    for name, form in ((b"stco", ">I"), (b"co64", ">Q")):
        for at in tables[name]:  # behind version, flags and a count: the first chunk's place
            if at + 16 <= len(data):
                yield view[struct.unpack_from(form, data, at + 8)[0] :]


def _places(data: bytes, name: bytes) -> list[int]:
    """Where the boxes of a name begin, behind the name."""
    found, at = [], data.find(name)
    while at >= 0:
        found.append(at + len(name))
        if len(found) > _MOST_PLACES:
            raise ImageRejected(RejectCode.DAMAGED, f"too many {name!r} in an avif")
        at = data.find(name, at + len(name))
    return found


def _joined(view: memoryview, origin: int, extents: list[_Extent], left: _Left) -> memoryview:
    """The bytes of an item; without a copy where they lie together."""
    parts = [
        view[origin + start : origin + start + length if length else len(view)]
        for start, length in extents
    ]
    if len(parts) == 1:
        return parts[0]
    left.take(joined=sum(map(len, parts)))
    return memoryview(b"".join(parts))


def _items(data: bytes, at: int, left: _Left) -> Iterator[tuple[bool, list[_Extent]]]:
    """The extents of each item of an ``iloc`` (ISO 14496-12, 8.11.3), and whether in ``idat``."""
    reader = _Fields(data, at)
    try:
        version = reader.take(4) >> 24
        sizes = reader.take(2)
        offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
        wide = 4 if version == 2 else 2
        for _ in range(reader.take(wide)):
            left.take()
            reader.take(wide)
            method = reader.take(2) & 15 if version else 0
            reader.take(2)
            start, extents = reader.take(base), []
            for _ in range(reader.take(2)):
                left.take()
                reader.take(index if version else 0)
                extents.append(_Extent(start + reader.take(offset), reader.take(length)))
            yield method == 1, extents
    except IndexError:
        return


class _Fields:
    """Numbers of some bytes each; IndexError behind the end."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def take(self, size: int) -> int:
        begin, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise IndexError("no bytes left")
        return int.from_bytes(self._data[begin : self._at])


def _sequence_headers(stream: memoryview, left: _Left) -> Iterator[bytes]:
    """The payloads of the sequence headers in a stream, up to where it makes no sense."""
    at = 0
    while at < len(stream) and stream[at] < 0x80:
        left.take()
        kind = stream[at]
        at += 2 if kind & _HAS_EXTENSION else 1
        size = len(stream) - at
        if kind & _HAS_LENGTH:
            size, at = _leb128(stream, at)
        if kind >> 3 == _SEQUENCE_HEADER:
            yield bytes(stream[at : at + min(size, _WIDEST_HEADER)])
        at += size


def _leb128(stream: memoryview, at: int) -> tuple[int, int]:
    """A number of up to eight bytes, seven bits each, and where it ends."""
    value = 0
    for place, byte in enumerate(stream[at : at + 8]):
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value, at + place + 1
    return len(stream), len(stream)


def _size_of(bits: _Bits) -> tuple[int, int]:
    """The largest frame that a sequence header allows."""
    bits.take(4)  # profile, still picture
    if bits.take(1):  # the short header of a still picture
        bits.take(5)
    else:
        _skip_operating_points(bits)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(wide) + 1, bits.take(high) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay = 0
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):
            bits.skip_uvlc()
        if bits.take(1):  # decoder model
            delay = bits.take(5) + 1
            bits.take(42)
    displayed = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay and bits.take(1):
            bits.take(2 * delay + 1)
        if displayed and bits.take(1):
            bits.take(4)
