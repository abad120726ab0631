"""The memory that decoding takes is estimated from the header."""

import random
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.limits import estimate_memory
from moziweb.posters.imaging.values import Limits
from tests.posters.pictures import encoded, photograph, png_of

PICTURE = photograph(60, 90)
LARGE = photograph(240, 360)
PROFILE = bytes(random.Random(7).randbytes(60_000))
"""As large as the profile of a printing press; it precedes the property of transparency."""


def estimate(picture: Image.Image, format_: str, **options: Any) -> int:
    return estimate_memory(encoded(picture, format_, **options))


def test_estimate_depends_on_size_and_format() -> None:
    assert (
        estimate(LARGE, "JPEG", progressive=True)
        > estimate(LARGE, "JPEG")
        > estimate(PICTURE, "JPEG")
    )
    assert estimate(LARGE, "WEBP") > estimate(LARGE, "AVIF") > estimate(LARGE, "PNG")


def test_components_of_a_progressive_jpeg_count() -> None:
    four = estimate(LARGE.convert("CMYK"), "JPEG", progressive=True)
    one = estimate(LARGE.convert("L"), "JPEG", progressive=True)
    assert four > estimate(LARGE, "JPEG", progressive=True) > one


def test_subsampled_components_of_a_progressive_jpeg_count_less() -> None:
    """4:4:4 has three samples per pixel, 4:2:2 two, 4:2:0 one and a half; each takes two bytes."""
    full, half, quarter = (
        estimate(LARGE, "JPEG", progressive=True, subsampling=each) for each in (0, 1, 2)
    )
    pixels = LARGE.width * LARGE.height
    assert (full - half, half - quarter) == (2 * pixels, pixels)
    assert estimate(LARGE, "JPEG", subsampling=0) == estimate(LARGE, "JPEG", subsampling=2)


def test_malformed_sampling_factors_count_as_full_samples() -> None:
    whole = encoded(LARGE, "JPEG", progressive=True, subsampling=2)
    frame = whole.index(b"\xff\xc2")
    broken = bytearray(whole)
    broken[frame + 11] = 0  # of the first component
    full = encoded(LARGE, "JPEG", progressive=True, subsampling=0)
    assert estimate_memory(bytes(broken)) == estimate_memory(full)


def test_large_jpeg_counts_as_decoded_at_half_its_size() -> None:
    """The decoded pixels take a quarter, those of a progressive one beside its coefficients."""
    size, larger = (3000, 4999), (3000, 5000)
    small, large = (estimate(Image.new("L", each), "JPEG") for each in (size, larger))
    assert small - estimate(PICTURE, "JPEG") == 4 * (3000 * 4999 - 60 * 90)
    assert large - estimate(PICTURE, "JPEG") == 3000 * 5000 - 4 * 60 * 90
    progressive = estimate(Image.new("L", larger), "JPEG", progressive=True)
    assert progressive - large == 2 * 3000 * 5000


@pytest.mark.parametrize(
    ("mode", "format_", "options"),
    [
        ("RGBA", "PNG", {}),
        ("LA", "PNG", {}),
        ("P", "PNG", {"transparency": 3}),
        ("RGBA", "AVIF", {}),
        ("P", "PNG", {"transparency": 3, "icc_profile": PROFILE}),
        ("RGBA", "AVIF", {"icc_profile": PROFILE}),
    ],
)
def test_transparent_images_count_twice(mode: str, format_: str, options: dict[str, Any]) -> None:
    opaque = estimate(LARGE.convert("RGB" if mode != "P" else "P"), format_)
    picture = LARGE.convert("RGBA")
    picture.putalpha(9)
    transparent = picture.convert(mode) if mode != "P" else LARGE.convert("P")
    assert estimate(transparent, format_, **options) - opaque == 4 * 240 * 360


def test_transparent_webp_counts_as_an_opaque_one() -> None:
    picture = LARGE.convert("RGBA")
    picture.putalpha(9)
    for options in ({}, {"lossless": True}, {"icc_profile": PROFILE}):
        assert estimate(picture, "WEBP", **options) == estimate(LARGE, "WEBP")


def test_unknown_size_counts_as_the_largest_allowed() -> None:
    whole = encoded(PICTURE, "AVIF")
    cut = whole[: whole.index(b"ispe")]  # without the stream, which has the size, too
    assert estimate_memory(cut) > 160_000_000


def test_header_is_checked_against_the_limits() -> None:
    with pytest.raises(ImageRejected) as rejection:
        estimate_memory(encoded(PICTURE), Limits(pixels=5399))
    assert rejection.value.code == RejectCode.TOO_MANY_PIXELS


def test_estimates_are_at_most_a_fifth_above_the_childs_memory_limit() -> None:
    """Estimates are high; the measured peaks of all these are below 220 MiB."""
    worst = {name: estimate_memory(data) for name, data in largest_images()}
    assert {name for name, bytes_ in worst.items() if bytes_ >= 1.2 * 256 * 1024 * 1024} == set()
    assert min(worst.values()) > 150_000_000, "their sizes are found"


def largest_images() -> Iterator[tuple[str, bytes]]:
    """Small images, in whose headers the size is the largest that is allowed."""
    size = struct.pack(">HH", 4000, 6000)
    jpeg = bytearray(encoded(PICTURE.convert("CMYK"), "JPEG", progressive=True))
    frame = jpeg.index(b"\xff\xc2")
    jpeg[frame + 5 : frame + 9] = size
    yield "progressive CMYK JPEG", bytes(jpeg)
    yield "transparent PNG", png_of(6000, 4000, depth=8, colour=6, pixels=b"")
    gif = bytearray(encoded(PICTURE, "GIF"))
    gif[6:10] = struct.pack("<HH", 6000, 4000)
    yield "GIF", bytes(gif)
    webp = bytearray(encoded(PICTURE, "WEBP", lossless=True))
    webp[21:25] = (2999 | 3999 << 14).to_bytes(4, "little")
    yield "WebP", bytes(webp)
    avif = encoded(PICTURE, "AVIF")
    yield "transparent AVIF", avif[: avif.index(b"ispe")] + b"auxiliary:alpha"
