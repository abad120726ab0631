"""The frame sizes of the streams in an AVIF; the container may announce other sizes."""

import struct

import pytest
from PIL import Image

from moziweb.posters.imaging.av1 import colour_codes, frame_sizes
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.header import parse_header
from tests.measured import cpu_limit
from tests.posters.pictures import encoded
from tests.posters.reference_pictures import with_cicp_in_stream


def avif(width: int, height: int, **options: object) -> bytes:
    return encoded(Image.new("RGB", (width, height), "red"), "AVIF", speed=10, **options)


def announcing_one_pixel(data: bytes) -> bytes:
    changed = bytearray(data)
    at = -1
    while (at := changed.find(b"ispe", at + 1)) >= 0:
        changed[at + 8 : at + 16] = struct.pack(">II", 1, 1)
    return bytes(changed)


@pytest.mark.parametrize("size", [(1, 1), (64, 64), (203, 301), (1, 700), (3000, 2001)])
def test_size_of_the_stream_is_found(size: tuple[int, int]) -> None:
    assert set(frame_sizes(avif(*size))) == {size}


def test_alpha_is_a_second_stream() -> None:
    data = encoded(Image.new("RGBA", (40, 60), (9, 9, 9, 9)), "AVIF", speed=10)
    assert list(frame_sizes(data)) == [(40, 60), (40, 60)]


def test_animation_is_found_by_its_tracks() -> None:
    frames = [Image.new("RGB", (50, 70), (each, 0, 0)) for each in range(0, 250, 50)]
    data = encoded(frames[0], "AVIF", save_all=True, append_images=frames[1:], speed=10)
    without_items = data.replace(b"iloc", b"free")
    assert b"stco" in data
    assert set(frame_sizes(without_items)) == {(50, 70)}


@pytest.mark.parametrize("subsampling", ["4:0:0", "4:2:0", "4:2:2", "4:4:4"])
def test_colours_of_the_stream_are_found(subsampling: str) -> None:
    """They are after the frame size; each subsampling has its own profile."""
    data = avif(40, 60, subsampling=subsampling)
    assert set(colour_codes(data)) <= {(1, 13)}
    assert set(colour_codes(with_cicp_in_stream(data, 12, 16))) == {(12, 16)}


def test_colours_of_an_animation_are_found() -> None:
    """Its sequence headers are not reduced to those of a still image."""
    frames = [Image.new("RGB", (50, 70), (each, 0, 0)) for each in range(0, 250, 50)]
    data = encoded(frames[0], "AVIF", save_all=True, append_images=frames[1:], speed=10)
    assert set(colour_codes(with_cicp_in_stream(data, 9, 18))) == {(9, 18)}


def test_header_has_the_larger_coded_size() -> None:
    data = announcing_one_pixel(avif(300, 200))
    assert parse_header(data, 64).size == (300, 200)


def test_extents_of_an_item_are_joined() -> None:
    """The item location box is rewritten with two extents instead of one."""
    data = avif(300, 200)
    stream = data[data.index(b"mdat") + 4 :]
    table = struct.pack(">IBBHHHH", 0, 0x44, 0, 1, 1, 0, 2)
    places = struct.pack(">IIII", 3000, 5, 3005, len(stream) - 5)
    crafted = (b"\0\0\0\x20ftypavif" + b"iloc" + table + places).ljust(3000, b"\0") + stream
    assert list(frame_sizes(crafted)) == [(300, 200)]


def test_too_many_parts_are_refused_fast() -> None:
    units = b"\x12\0" * 1_000_000  # temporal delimiters, all empty
    table = struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, 100, len(units))
    crafted = (b"\0\0\0\x20ftypavif" + b"iloc" + table).ljust(100, b"\0") + units
    with cpu_limit(0.5):
        with pytest.raises(ImageRejected) as caught:
            parse_header(crafted, max_scans=1)
        assert caught.value.code is RejectCode.DAMAGED


@pytest.mark.parametrize("length", range(0, 400, 7))
def test_truncated_file_has_no_wrong_size(length: int) -> None:
    data = avif(30, 20)
    assert set(frame_sizes(data[:length])) <= {(30, 20)}
    assert set(colour_codes(data[:length])) <= set(colour_codes(data))
