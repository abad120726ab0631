"""The sizes of the coded pictures in an AVIF, which its container may lie about."""

import struct
import time

import pytest
from PIL import Image

from moziweb.posters.imaging.av1 import coded_sizes
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.header import parse_header
from tests.posters.pictures import encoded


def avif(width: int, height: int, **options: object) -> bytes:
    return encoded(Image.new("RGB", (width, height), "red"), "AVIF", speed=10, **options)


def announcing_one_pixel(data: bytes) -> bytes:
    lying = bytearray(data)
    at = -1
    while (at := lying.find(b"ispe", at + 1)) >= 0:
        lying[at + 8 : at + 16] = struct.pack(">II", 1, 1)
    return bytes(lying)


@pytest.mark.parametrize("size", [(1, 1), (64, 64), (203, 301), (1, 700), (3000, 2001)])
def test_a_picture_is_as_large_as_its_stream(size: tuple[int, int]) -> None:
    assert set(coded_sizes(avif(*size))) == {size}


def test_alpha_is_a_picture_of_its_own() -> None:
    data = encoded(Image.new("RGBA", (40, 60), (9, 9, 9, 9)), "AVIF", speed=10)
    assert list(coded_sizes(data)) == [(40, 60), (40, 60)]


def test_an_animation_is_found_by_its_tracks() -> None:
    frames = [Image.new("RGB", (50, 70), (each, 0, 0)) for each in range(0, 250, 50)]
    data = encoded(frames[0], "AVIF", save_all=True, append_images=frames[1:], speed=10)
    without_items = data.replace(b"iloc", b"free")
    assert b"stco" in data
    assert set(coded_sizes(without_items)) == {(50, 70)}


def test_what_is_announced_does_not_hide_what_is_coded() -> None:
    data = announcing_one_pixel(avif(300, 200))
    assert parse_header(data, 64).size == (300, 200)


def test_a_stream_in_pieces_is_joined() -> None:
    """The table of places is written anew, with two extents where there was one."""
    data = avif(300, 200)
    stream = data[data.index(b"mdat") + 4 :]
    table = struct.pack(">IBBHHHH", 0, 0x44, 0, 1, 1, 0, 2)
    places = struct.pack(">IIII", 3000, 5, 3005, len(stream) - 5)
    crafted = (b"\0\0\0\x20ftypavif" + b"iloc" + table + places).ljust(3000, b"\0") + stream
    assert list(coded_sizes(crafted)) == [(300, 200)]


def test_more_parts_than_any_picture_has() -> None:
    units = b"\x12\0" * 1_000_000  # temporal delimiters, all empty
    table = struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, 100, len(units))
    crafted = (b"\0\0\0\x20ftypavif" + b"iloc" + table).ljust(100, b"\0") + units
    begun = time.process_time()
    with pytest.raises(ImageRejected) as caught:
        list(coded_sizes(crafted))
    assert caught.value.code is RejectCode.DAMAGED
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize("length", range(0, 400, 7))
def test_a_file_that_is_cut_anywhere_tells_nothing_wrong(length: int) -> None:
    assert set(coded_sizes(avif(30, 20)[:length])) <= {(30, 20)}
