"""What decoding takes is estimated from the bytes alone."""

import random
from typing import Any

import pytest
from PIL import Image

from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.header import parse_header
from moziweb.posters.imaging.limits import LIMITS, Limits, estimate_memory, expected_memory
from tests.posters.pictures import encoded, photograph

PICTURE = photograph(60, 90)
LARGE = photograph(240, 360)
PROFILE = bytes(random.Random(7).randbytes(60_000))
"""As large as a press's, and as a file has it: in front of what tells of transparency."""


def weight(picture: Image.Image, format_: str, **options: Any) -> int:
    return expected_memory(encoded(picture, format_, **options))


def test_it_grows_with_the_picture_and_what_its_decoder_holds() -> None:
    assert weight(LARGE, "JPEG", progressive=True) > weight(LARGE, "JPEG") > weight(PICTURE, "JPEG")
    assert weight(LARGE, "WEBP") > weight(LARGE, "AVIF") > weight(LARGE, "PNG")


def test_every_component_of_a_progressive_jpeg_counts() -> None:
    four = weight(LARGE.convert("CMYK"), "JPEG", progressive=True)
    one = weight(LARGE.convert("L"), "JPEG", progressive=True)
    assert four > weight(LARGE, "JPEG", progressive=True) > one


@pytest.mark.parametrize(
    ("mode", "format_", "options"),
    [
        ("RGBA", "PNG", {}),
        ("LA", "PNG", {}),
        ("P", "PNG", {"transparency": 3}),
        ("RGBA", "WEBP", {}),
        ("RGBA", "AVIF", {}),
        ("P", "PNG", {"transparency": 3, "icc_profile": PROFILE}),
        ("RGBA", "AVIF", {"icc_profile": PROFILE}),
    ],
)
def test_transparent_pictures_are_held_twice(
    mode: str, format_: str, options: dict[str, Any]
) -> None:
    opaque = weight(LARGE.convert("RGB" if mode != "P" else "P"), format_)
    picture = LARGE.convert("RGBA")
    picture.putalpha(9)
    transparent = picture.convert(mode) if mode != "P" else LARGE.convert("P")
    assert weight(transparent, format_, **options) - opaque == 4 * 240 * 360


def test_a_size_that_is_not_found_counts_as_the_largest_allowed() -> None:
    whole = encoded(PICTURE, "AVIF")
    nameless = whole[: whole.index(b"ispe")]  # and so without the coded picture, which tells it too
    assert estimate_memory(parse_header(nameless, 64), nameless, 16_000_000) > 160_000_000


def test_the_header_is_held_against_the_limits() -> None:
    with pytest.raises(ImageRejected) as rejection:
        expected_memory(encoded(PICTURE), Limits(pixels=5399))
    assert rejection.value.code == RejectCode.TOO_MANY_PIXELS


def test_no_allowed_picture_weighs_more_than_a_child_may_take_and_a_fifth() -> None:
    """Estimates are on the safe side; the measured peaks of all these are below 220 MiB."""
    worst = max(
        LIMITS.pixels * 12,  # a progressive CMYK JPEG
        LIMITS.pixels * 11,  # a transparent PNG
        LIMITS.pixels_of("avif") * 14,
        LIMITS.pixels_of("webp") * 21,
    )
    assert worst < 1.2 * 256 * 1024 * 1024
