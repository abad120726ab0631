from random import Random

import pytest
from PIL import Image

from moziweb.demo.styles.canvas import (
    FULL,
    SOFT,
    clouds,
    curve,
    flat,
    glow,
    grained,
    haze,
    lay,
    masked,
    multiplied,
    ridge,
    sky,
    turned,
)

WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (200, 0, 0)


def test_sky_has_its_first_colour_at_the_top_and_its_last_at_the_bottom() -> None:
    image = sky([(0, BLACK), (0.5, RED), (1, WHITE)])
    assert image.size == SOFT
    assert image.getpixel((5, 0)) == BLACK
    assert image.getpixel((5, SOFT[1] - 1)) == WHITE


def test_glow_is_zero_at_its_radius() -> None:
    image = Image.new("RGB", SOFT, BLACK)
    glow(image, (1000, 1500), 400, WHITE)
    middle = image.getpixel((125, 187))
    assert isinstance(middle, tuple)
    assert middle[0] > 200
    assert image.getpixel((125 + 52, 187)) == BLACK


def test_opacity_of_haze_increases_from_top_to_bottom() -> None:
    image = flat(BLACK)
    haze(image, 1000, 2000, WHITE, 0.0, 1.0)
    column = [image.getpixel((3, y)) for y in (990, 1100, 1900, 2010)]
    assert column[0] == column[3] == BLACK
    assert column[1] < column[2]  # type: ignore[operator]  # pixels of an RGB image are tuples


def test_lay_paints_only_inside_the_mask() -> None:
    image = flat(WHITE)
    lay(image, RED, masked(lambda draw: draw.rectangle((10, 10, 20, 20), fill=255)))
    assert image.getpixel((15, 15)) == RED
    assert image.getpixel((30, 30)) == WHITE
    lay(image, BLACK, Image.new("L", FULL, 0))
    assert image.getpixel((15, 15)) == RED


def test_inks_multiply() -> None:
    mask = masked(lambda draw: draw.rectangle((0, 0, 50, 50), fill=255))
    image = multiplied(flat((255, 128, 0)), mask, (128, 255, 255))
    assert image.getpixel((5, 5)) == (128, 128, 0)
    assert image.getpixel((90, 90)) == (255, 128, 0)


def test_grain_keeps_the_mean() -> None:
    speckled = grained(flat((120, 120, 120)), Random(1), 8).convert("L")
    values = speckled.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert values == pytest.approx(120, abs=1)
    assert speckled.getextrema() != (120, 120)


def test_clouds_use_the_whole_range() -> None:
    sheet = clouds(Random(1), (100, 150))
    assert sheet.size == (100, 150)
    assert sheet.getextrema() == (0, 255)


def test_curve_contains_its_points() -> None:
    points = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)]
    assert set(points) <= set(curve(points))
    assert curve(points, closed=False)[-1] == points[-1]


def test_ridge_reaches_both_edges() -> None:
    line = ridge(Random(1), 1000, 100)
    assert min(x for x, _ in line) < 0
    assert max(x for x, _ in line) > 2000


def test_rotation_is_clockwise() -> None:
    ((x, y),) = turned([(1.0, 0.0)], 90, (0.0, 0.0))
    assert (x, y) == pytest.approx((0, 1))
