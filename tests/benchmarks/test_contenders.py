"""Contenders are comparable: each makes all recipes in the same size and format."""

from functools import cache
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageStat

from benchmarks.contenders import Contender, easy_thumbnails, naive, ours, vips_shared
from benchmarks.variants import THREE
from moziweb.posters.recipes import RECIPES, Recipe
from tests.posters.pictures import encoded, photograph


@cache
def source() -> bytes:
    return encoded(photograph(1000, 1500), quality=90)


@pytest.mark.parametrize("recipes", [THREE, RECIPES], ids=["three", "full"])
@pytest.mark.parametrize("contender", [ours, naive, easy_thumbnails, vips_shared])
def test_all_make_the_same_pictures(contender: Contender, recipes: tuple[Recipe, ...]) -> None:
    for recipe, mine, theirs in zip(
        recipes, ours(source(), recipes), contender(source(), recipes), strict=True
    ):
        expected, found = Image.open(BytesIO(mine)), Image.open(BytesIO(theirs))
        assert found.size == expected.size == recipe.fitted_size(1000, 1500)
        assert found.format == expected.format == recipe.encoder.pillow_format
        difference = ImageStat.Stat(ImageChops.difference(found, expected))
        assert max(difference.mean) < 5
