"""Frame sizes and colours of the AV1 streams in an AVIF, read without a decoder.

A decoder allocates memory by the sequence header of the AV1 stream and scales to the container's
size afterwards, so a file that announces 1x1 may decode 64 megapixels (measured without this
module: 165 MiB in a child, for which the memory budget had counted 16 MiB). The streams are found
by ``iloc`` (still images) and by ``stco`` and ``co64`` (tracks of animations); sequence headers are
parsed by the AV1 specification, 5.3 to 5.5.
"""

import struct
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final, NamedTuple, TypeVar

_BOX_TYPES: Final = (b"iloc", b"stco", b"co64", b"idat")
_MAX_BOXES: Final = 100
_MAX_PARTS: Final = 20_000
"""Limit of extents and OBUs in a file; typical files have a few. This code is Python and holds the
GIL, so a file of nothing else would block the process."""

_SEQUENCE_HEADER: Final = 1
_HAS_EXTENSION: Final = 0x04
_HAS_LENGTH: Final = 0x02
_MAX_HEADER_BYTES: Final = 1024
"""Bytes of a sequence header that are read; 32 operating points need fewer."""


_T = TypeVar("_T")


class _Extent(NamedTuple):
    start: int
    length: int


class TooManyParts(ValueError):
    """An AVIF has more boxes, extents or headers than any real file."""


class _ParseBudget:
    """Remaining parts and bytes to copy of a file; raises TooManyParts when they are used up."""

    def __init__(self, size: int) -> None:
        self._parts = _MAX_PARTS
        self._bytes = 4 * size

    def spend(self, *, copied: int = 0) -> None:
        self._parts -= 1
        self._bytes -= copied
        if self._parts < 0 or self._bytes < 0:
            raise TooManyParts(f"more than {_MAX_PARTS} parts in an avif")


class _BitReader:
    """Reads bits, the most significant first; raises IndexError at the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = 8 * len(data)

    def read(self, number: int) -> int:
        self._left -= number
        if self._left < 0:
            raise IndexError("no bits left")
        return self._value >> self._left & (1 << number) - 1

    def skip_uvlc(self) -> None:
        """Skip a variable-length number (AV1 ``uvlc``)."""
        for zeros in count():
            if self.read(1):
                self.read(zeros if zeros < 32 else 0)
                return


def frame_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield width and height of each sequence header in an AVIF.

    Raises TooManyParts.
    """
    yield from _values(data, _frame_size)


def colour_codes(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield colour primaries and transfer function (H.273) of each header that has them.

    Raises TooManyParts.
    """
    yield from (codes for codes in _values(data, _colour_codes) if codes is not None)


def _values(data: bytes, read: Callable[[_BitReader], _T]) -> Iterator[_T]:
    """Yield a value of each sequence header that is long enough."""
    budget = _ParseBudget(len(data))
    for stream in _streams(data, budget):
        for header in _sequence_headers(stream, budget):
            try:
                value = read(_BitReader(header))
            except IndexError:
                continue
            yield value


def _streams(data: bytes, budget: _ParseBudget) -> Iterator[memoryview]:
    """Yield the data at the offsets in the container's tables."""
    view = memoryview(data)
    tables = {name: _find_boxes(data, name) for name in _BOX_TYPES}
    for at in tables[b"iloc"]:
        for in_idat, extents in _items(data, at, budget):
            for origin in tables[b"idat"] if in_idat else [0]:
                yield _item_payload(view, origin, extents, budget)
    for name, format_ in ((b"stco", ">I"), (b"co64", ">Q")):
        for at in tables[name]:  # after version, flags and a count: the first chunk's offset
            if at + 16 <= len(data):
                yield view[struct.unpack_from(format_, data, at + 8)[0] :]


def _find_boxes(data: bytes, name: bytes) -> list[int]:
    """The offsets of the contents of all boxes of a type."""
    offsets, at = [], data.find(name)
    while at >= 0:
        offsets.append(at + len(name))
        if len(offsets) > _MAX_BOXES:
            raise TooManyParts(f"too many {name!r} in an avif")
        at = data.find(name, at + len(name))
    return offsets


def _item_payload(
    view: memoryview, origin: int, extents: list[_Extent], budget: _ParseBudget
) -> memoryview:
    """The bytes of an item; not copied if it has one extent."""
    parts = [
        view[origin + start : origin + start + length if length else len(view)]
        for start, length in extents
    ]
    if len(parts) == 1:
        return parts[0]
    budget.spend(copied=sum(map(len, parts)))
    return memoryview(b"".join(parts))


def _items(data: bytes, at: int, budget: _ParseBudget) -> Iterator[tuple[bool, list[_Extent]]]:
    """Yield the extents of each item in an ``iloc``, and whether they are relative to ``idat``.

    See ISO 14496-12, 8.11.3.
    """
    reader = _IntegerReader(data, at)
    try:
        version = reader.read(4) >> 24
        sizes = reader.read(2)
        offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
        id_size = 4 if version == 2 else 2
        for _ in range(reader.read(id_size)):
            budget.spend()
            reader.read(id_size)
            method = reader.read(2) & 15 if version else 0
            reader.read(2)
            start, extents = reader.read(base), []
            for _ in range(reader.read(2)):
                budget.spend()
                reader.read(index if version else 0)
                extents.append(_Extent(start + reader.read(offset), reader.read(length)))
            yield method == 1, extents
    except IndexError:
        return


class _IntegerReader:
    """Reads big-endian numbers; raises IndexError at the end."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def read(self, size: int) -> int:
        begin, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise IndexError("no bytes left")
        return int.from_bytes(self._data[begin : self._at])


def _sequence_headers(stream: memoryview, budget: _ParseBudget) -> Iterator[bytes]:
    """Yield the payloads of the sequence header OBUs, up to the first malformed OBU."""
    at = 0
    while at < len(stream) and stream[at] < 0x80:
        budget.spend()
        kind = stream[at]
        at += 2 if kind & _HAS_EXTENSION else 1
        size = len(stream) - at
        if kind & _HAS_LENGTH:
            size, at = _leb128(stream, at)
        if kind >> 3 == _SEQUENCE_HEADER:
            yield bytes(stream[at : at + min(size, _MAX_HEADER_BYTES)])
        at += size


def _leb128(stream: memoryview, at: int) -> tuple[int, int]:
    """The value of a LEB128 number of up to eight bytes, and the offset after it."""
    value = 0
    for index, byte in enumerate(stream[at : at + 8]):
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, at + index + 1
    return len(stream), len(stream)


def _frame_size(bits: _BitReader) -> tuple[int, int]:
    """The maximum frame width and height in a sequence header."""
    _skip_start(bits)
    return _read_size(bits)


def _colour_codes(bits: _BitReader) -> tuple[int, int] | None:
    """Colour primaries and transfer function in a sequence header."""
    profile, is_reduced = _skip_start(bits)
    _read_size(bits)
    _skip_tools(bits, is_reduced=is_reduced)
    if bits.read(1) and profile == 2:  # high_bitdepth
        bits.read(1)
    if profile != 1:
        bits.read(1)  # mono_chrome
    return (bits.read(8), bits.read(8)) if bits.read(1) else None


def _skip_start(bits: _BitReader) -> tuple[int, bool]:
    """Skip what precedes the frame size; return the profile and whether the header is reduced."""
    profile, _, is_reduced = bits.read(3), bits.read(1), bool(bits.read(1))
    if is_reduced:  # reduced_still_picture_header
        bits.read(5)
    else:
        _skip_operating_points(bits)
    return profile, is_reduced


def _read_size(bits: _BitReader) -> tuple[int, int]:
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    return bits.read(width_bits) + 1, bits.read(height_bits) + 1


def _skip_tools(bits: _BitReader, *, is_reduced: bool) -> None:
    """Skip what is between the frame size and the colours."""
    if not is_reduced and bits.read(1):  # frame ids
        bits.read(7)
    bits.read(3)  # superblocks, filter_intra, intra_edge_filter
    if not is_reduced:
        bits.read(4)
        has_order_hint = bits.read(1)
        bits.read(2 * has_order_hint)
        is_chosen_by_frame = bits.read(1)
        if (is_chosen_by_frame or bits.read(1)) and not bits.read(1):  # screen content, integer_mv
            bits.read(1)
        bits.read(3 * has_order_hint)
    bits.read(3)  # superres, cdef, restoration


def _skip_operating_points(bits: _BitReader) -> None:
    delay = 0
    if bits.read(1):  # timing
        bits.read(64)
        if bits.read(1):
            bits.skip_uvlc()
        if bits.read(1):  # decoder model
            delay = bits.read(5) + 1
            bits.read(42)
    displayed = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:
            bits.read(1)
        if delay and bits.read(1):
            bits.read(2 * delay + 1)
        if displayed and bits.read(1):
            bits.read(4)
