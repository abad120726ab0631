"""Scaling in strips gives the bytes of scaling the whole image."""

from collections.abc import Callable

import pytest
from PIL import Image

from moziweb.posters.imaging.scaling import scaled
from tests.posters.pictures import photograph

PICTURE = photograph(301, 457)
LANCZOS = Image.Resampling.LANCZOS


def transparent() -> Image.Image:
    picture = PICTURE.copy()
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


def with_transparent_colour() -> Image.Image:
    picture = PICTURE.quantize(64)
    picture.info["transparency"] = 5
    return picture


CASES: dict[str, tuple[Callable[[], Image.Image], tuple[str, ...]]] = {
    "RGB": (lambda: PICTURE, ()),
    "RGBA": (transparent, ("RGBa",)),
    "LA": (lambda: transparent().convert("LA"), ("La",)),
    "palette": (lambda: PICTURE.quantize(64), ("RGB",)),
    "palette with a transparent colour": (with_transparent_colour, ("RGBA", "RGBa")),
    "RGB with padding": (lambda: PICTURE.convert("RGBX"), ("RGB",)),
    "black and white": (lambda: PICTURE.convert("1"), ("L",)),
}
"""An image, and the modes through which it becomes one that can be resampled."""


@pytest.mark.parametrize("case", CASES)
def test_bytes_are_those_of_the_whole_image(case: str) -> None:
    make, modes = CASES[case]
    whole = make()
    for mode in modes:
        whole = whole.convert(mode)
    for size in ((30, 45), (70, 106), (150, 228), (299, 455), (301, 457), (301, 90), (20, 457)):
        result = scaled(make(), size, 2.0)
        assert (result.mode, result.size) == (whole.mode, size)
        assert result.tobytes() == whole.resize(size, LANCZOS, reducing_gap=2.0).tobytes()
