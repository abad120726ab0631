"""The placeholder has the requested size and is drawn once."""

from io import BytesIO

import pytest
from PIL import Image, ImageStat

from moziweb.posters.imaging.placeholder import placeholder
from moziweb.posters.recipes import RECIPES, Recipe


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.suffix)
def test_every_recipe_has_a_placeholder(recipe: Recipe) -> None:
    with Image.open(BytesIO(placeholder(*recipe.box, recipe.format))) as picture:
        assert picture.size == recipe.box
        assert picture.get_format_mimetype() == recipe.mime


@pytest.mark.parametrize("size", [(1, 1), (300, 200), (780, 1), (1, 513)])
def test_any_ratio_can_be_drawn(size: tuple[int, int]) -> None:
    with Image.open(BytesIO(placeholder(*size, "jpg"))) as picture:
        assert picture.size == size


def test_placeholder_is_drawn_once() -> None:
    assert placeholder(92, 139, "webp") is placeholder(92, 139, "webp")


def test_reel_has_little_contrast() -> None:
    with Image.open(BytesIO(placeholder(370, 555, "jpg"))) as picture:
        grey = picture.convert("L")
    ((darkest, lightest),) = ImageStat.Stat(grey).extrema
    assert 40 <= darkest < lightest <= 130
    assert ImageStat.Stat(grey).stddev[0] > 8


def test_backdrops_have_no_reel() -> None:
    """A page enlarges them to the width of the screen."""
    with Image.open(BytesIO(placeholder(342, 513, "jpg", has_reel=False))) as picture:
        row = picture.convert("L").crop((0, 256, 342, 257))
    ((darkest, lightest),) = ImageStat.Stat(row).extrema
    assert lightest - darkest <= 4


def test_files_are_small() -> None:
    assert len(placeholder(185, 278, "webp")) < 1000
    assert len(placeholder(780, 1170, "webp")) < 6000
