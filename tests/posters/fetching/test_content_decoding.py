"""Content codings, undone in bounded pieces."""

import zlib
from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.posters.fetching.content_decoding import (
    PIECE_BYTES,
    BadStreamError,
    Coding,
    CutStreamError,
    content_coding,
    inflate,
)
from tests.posters.hostile_host import gzip_bomb

PACKED: list[tuple[Coding, int]] = [("gzip", 31), ("deflate", 15), ("deflate", -15)]


def pack(data: bytes, bits: int, level: int = 6) -> bytes:
    packer = zlib.compressobj(level, wbits=bits)
    return packer.compress(data) + packer.flush()


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@given(
    data=st.binary(max_size=2000),
    times=st.integers(1, 400),
    level=st.integers(0, 9),
    size=st.integers(1, 5000),
    packed=st.sampled_from(PACKED),
)
def test_what_was_packed_comes_out_however_it_is_cut(
    data: bytes, times: int, level: int, size: int, packed: tuple[Coding, int]
) -> None:
    coding, bits = packed
    stream = pack(data * times, bits, level)

    assert b"".join(inflate(cut(stream, size), coding)) == data * times


@pytest.mark.parametrize("surplus", range(0, 300, 20))
def test_zlib_may_hold_output_back_when_it_has_all_input(surplus: int) -> None:
    """A bare stream's last bits can be read while its last match is only half written."""
    data = bytes(PIECE_BYTES + surplus)

    assert b"".join(inflate([pack(data, -15)], "deflate")) == data


@given(
    data=st.binary(min_size=1, max_size=500),
    missing=st.integers(1, 400),
    packed=st.sampled_from(PACKED),
)
def test_a_cut_stream_is_told(data: bytes, missing: int, packed: tuple[Coding, int]) -> None:
    coding, bits = packed
    stream = pack(data, bits)[:-missing]

    with pytest.raises(CutStreamError):
        b"".join(inflate(cut(stream, 100), coding))


def test_a_bomb_comes_in_bounded_pieces() -> None:
    pieces = list(islice(inflate(gzip_bomb(), "gzip"), 200))

    assert max(len(piece) for piece in pieces) == PIECE_BYTES


def test_what_follows_the_end_is_ignored() -> None:
    assert b"".join(inflate([pack(b"picture", 31) + b"rest", b"more"], "gzip")) == b"picture"


def test_identity_passes() -> None:
    assert list(inflate([b"pic", b"ture"], "identity")) == [b"pic", b"ture"]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_damage_is_told(coding: Coding) -> None:
    with pytest.raises(BadStreamError):
        list(inflate([b"\xff\xd8\xff\xe0 no stream"], coding))


@pytest.mark.parametrize(
    ("header", "coding"),
    [("", "identity"), (" Identity", "identity"), ("GZIP ", "gzip"), ("x-gzip", "gzip")],
)
def test_codings(header: str, coding: Coding) -> None:
    assert content_coding(header) == coding


@pytest.mark.parametrize(
    "header", ["br", "zstd", "gzip,gzip", "gzip, gzip", "gzip;q=1", "identity, gzip"]
)
def test_other_codings_are_refused(header: str) -> None:
    with pytest.raises(BadStreamError):
        content_coding(header)
