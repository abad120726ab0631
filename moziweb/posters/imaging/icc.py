"""Builds ICC profiles from primaries and transfer functions; reads one tag of others."""

import struct
from collections.abc import Sequence
from operator import mul
from typing import Final, NamedTuple


class Transfer(NamedTuple):
    """A transfer function: linear = (a * value + b) ** g from d on, c * value below d."""

    g: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0


class Chromaticities(NamedTuple):
    """The x and y of white, red, green and blue."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]


_Vector = tuple[float, ...]
_Matrix = tuple[_Vector, ...]

_D50: Final = (0.9642, 1.0, 0.8249)
_BRADFORD: Final[_Matrix] = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)
"""From XYZ to the responses of the eye's cones, in which white is adapted."""

_HEADER_BYTES: Final = 128
_ENTRY: Final = struct.Struct(">4sII")
_MAX_TAGS: Final = 100


def matrix_profile(primaries: Chromaticities, transfer: Transfer) -> bytes | None:
    """An RGB profile of version 4; None if the numbers make no colour space."""
    try:
        curve = b"para\0\0\0\0" + struct.pack(">HH5i", 3, 0, *map(_fixed, transfer))
        tags = {b"wtpt": _xyz_tag(_D50)}
        for name, colorant in zip((b"r", b"g", b"b"), _colorants(primaries), strict=True):
            tags |= {name + b"XYZ": _xyz_tag(colorant), name + b"TRC": curve}
    except (ZeroDivisionError, OverflowError, struct.error):
        return None
    return _profile_of(tags)


def transfer_code(profile: bytes) -> int | None:
    """The transfer function in the ``cicp`` tag of a profile (H.273); None without that tag."""
    table = profile[_HEADER_BYTES + 4 :][: _ENTRY.size * _MAX_TAGS]
    for name, offset, _ in _ENTRY.iter_unpack(table[: len(table) // _ENTRY.size * _ENTRY.size]):
        if name == b"cicp" and profile[offset : offset + 4] == name:
            return (profile[offset + 9 : offset + 10] or [None])[0]
    return None


def _profile_of(tags: dict[bytes, bytes]) -> bytes:
    start = _HEADER_BYTES + 4 + _ENTRY.size * len(tags)
    table, values = b"", b""
    for name, value in tags.items():
        table += _ENTRY.pack(name, start + len(values), len(value))
        values += value
    head = struct.pack(
        ">I4xI4s4s4s12x4s28x3I",
        start + len(values), 0x04200000, b"mntr", b"RGB ", b"XYZ ", b"acsp", *map(_fixed, _D50),
    )  # fmt: skip
    return head.ljust(_HEADER_BYTES, b"\0") + struct.pack(">I", len(tags)) + table + values


def _xyz_tag(values: _Vector) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *map(_fixed, values))


def _fixed(value: float) -> int:
    return round(value * 65536)


def _colorants(primaries: Chromaticities) -> _Matrix:
    """The XYZ of red, green and blue, adapted to a white of D50."""
    scaled_white, *corners = ((x, y, 1 - x - y) for x, y in primaries)
    white = tuple(each / primaries.white[1] for each in scaled_white)
    matrix = tuple(zip(*corners, strict=True))
    strengths = _solve(matrix, white)
    cones = zip(_times(_BRADFORD, _D50), _times(_BRADFORD, white), strict=True)
    gains = [wanted / present for wanted, present in cones]
    return tuple(
        _solve(_BRADFORD, tuple(map(mul, gains, _times(_BRADFORD, corner))), strength)
        for strength, corner in zip(strengths, corners, strict=True)
    )


def _times(matrix: _Matrix, vector: Sequence[float]) -> _Vector:
    return tuple(sum(map(mul, row, vector)) for row in matrix)


def _solve(matrix: _Matrix, wanted: _Vector, factor: float = 1.0) -> _Vector:
    """``factor`` times the vector that ``matrix`` multiplies to ``wanted``, by Cramer's rule."""
    whole = _determinant(matrix)
    columns = list(zip(*matrix, strict=True))
    replaced = ([*columns[:at], wanted, *columns[at + 1 :]] for at in range(3))
    return tuple(factor * _determinant(tuple(each)) / whole for each in replaced)


def _determinant(matrix: _Matrix) -> float:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
