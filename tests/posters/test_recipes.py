"""Recipes: sizes, hashes and storage keys."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.posters import recipes
from moziweb.posters.recipes import RECIPES, Box, Recipe, WebP, find_recipe, object_key

SHA256 = "0123456789abcdef" * 4
THUMB = next(each for each in RECIPES if each.suffix == ".thumb.webp")

sides = st.integers(1, 20_000)


def test_all_variants() -> None:
    assert [recipe.suffix for recipe in RECIPES] == [
        *(".jpg", ".webp", ".thumb.jpg", ".thumb.webp"),
        *(".small.jpg", ".small.webp", ".blur.jpg", ".blur.webp"),
        *(".avif", ".thumb.avif", ".small.avif", ".square.jpg"),
        *(".medium.webp", ".medium.avif", ".full.webp"),
    ]
    assert {recipe.name: recipe.box for recipe in RECIPES} == {
        "full": (1200, 1800),
        "poster": (780, 1170),
        "medium": (540, 810),
        "thumb": (370, 555),
        "small": (185, 278),
        "blur": (342, 513),
        "square": (600, 600),
    }


def test_focal_point_changes_only_the_key_of_a_crop() -> None:
    square = next(recipe for recipe in RECIPES if recipe.crop)
    moved = square.with_focal((0.5, 0.2))
    assert moved.hash == square.hash, "it is the same recipe"
    assert object_key(1, "a", SHA256, moved) != object_key(1, "a", SHA256, square)
    assert object_key(1, "a", SHA256, square.with_focal((0.5, 0.5))) == object_key(
        1, "a", SHA256, square
    )
    assert THUMB.with_focal((0.5, 0.2)) is THUMB


@given(width=sides, height=sides, box=st.builds(Box, sides, sides))
def test_filled_box_has_its_ratio_and_is_not_enlarged(width: int, height: int, box: Box) -> None:
    filled = box.fill(width, height)
    assert 0 < filled[0] <= min(width, box.width)
    assert 0 < filled[1] <= min(height, box.height)
    assert abs(filled[0] * box.height - filled[1] * box.width) <= max(box)


def test_all_recipes_have_one_master() -> None:
    assert len({recipe.master for recipe in RECIPES}) == 1


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.suffix)
def test_recipe_is_found_by_name_and_extension(recipe: Recipe) -> None:
    assert find_recipe(recipe.name, recipe.format) is recipe


@pytest.mark.parametrize(("name", "extension"), [("thumb", "png"), ("", "jpg"), ("huge", "webp")])
def test_unknown_recipe_is_none(name: str, extension: str) -> None:
    assert find_recipe(name, extension) is None


@pytest.mark.parametrize(
    "changed",
    [
        replace(THUMB, box=Box(371, 555)),
        replace(THUMB, path=(Box(700, 1050),)),
        replace(THUMB, blur=1.0),
        replace(THUMB, encoder=WebP(quality=81)),
        replace(THUMB, encoder=recipes.JPEG()),
        replace(THUMB, master=replace(THUMB.master, background="#000000")),
        replace(THUMB, master=replace(THUMB.master, headroom=1.0)),
    ],
)
def test_fields_that_change_the_bytes_change_the_hash(changed: Recipe) -> None:
    assert changed.hash != THUMB.hash


def test_name_does_not_change_the_hash() -> None:
    assert replace(THUMB, name="card").hash == THUMB.hash


def test_epoch_changes_every_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "EPOCH", recipes.EPOCH + 1)
    assert replace(THUMB).hash != THUMB.hash


PINNED = [
    *("db105659", "39923a83", "a6c5f48b", "7660092d"),
    *("04db5064", "82e8c901", "29d4770d", "405d3e56"),
    *("5ce76bda", "2707f43d", "a71ed0c1", "4d98bc1d"),
    *("7dc836ef", "ca964b0b", "9aa2523a"),
]


def test_hashes_are_pinned() -> None:
    """A change of these makes stored variants outdated, so it must be intended."""
    assert [recipe.hash[:8] for recipe in RECIPES] == PINNED


@pytest.mark.parametrize(
    ("suffix", "end"), [(".webp", ".webp"), (".jpg", ".jpg"), (".small.webp", ".small.webp")]
)
def test_keys(suffix: str, end: str) -> None:
    recipe = next(each for each in RECIPES if each.suffix == suffix)
    key = object_key(12, "az-otodik-elem", SHA256, recipe)
    assert key == f"poster/12-az-otodik-elem/0123456789abcdef-{recipe.hash[:8]}{end}"


def test_keys_are_distinct() -> None:
    assert len({object_key(1, "a", SHA256, recipe) for recipe in RECIPES}) == len(RECIPES)


@pytest.mark.parametrize(
    ("slug", "digest"),
    [("../a", SHA256), ("", SHA256), ("A", SHA256), ("a", "ab"), ("a", "A" * 64)],
)
def test_malformed_slug_or_digest_is_an_error(slug: str, digest: str) -> None:
    with pytest.raises(ValueError, match="not a "):
        object_key(1, slug, digest, THUMB)


@pytest.mark.parametrize(
    ("source", "fitted"),
    [
        ((2000, 3000), (370, 555)),
        ((3000, 2000), (370, 247)),
        ((2000, 2000), (370, 370)),
        ((370, 555), (370, 555)),
        ((100, 150), (100, 150)),
        ((10_000, 1), (370, 1)),
        ((1, 10_000), (1, 555)),
    ],
)
def test_fitted_sizes(source: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert THUMB.fitted_size(*source) == fitted


@given(sides, sides)
def test_fitted_size_keeps_the_ratio_and_is_not_enlarged(width: int, height: int) -> None:
    box = Box(370, 555)
    fitted_width, fitted_height = box.fit(width, height)
    assert 1 <= fitted_width <= min(width, box.width)
    assert 1 <= fitted_height <= min(height, box.height)
    scale = min(1, box.width / width, box.height / height)
    assert abs(fitted_width - width * scale) <= 1
    assert abs(fitted_height - height * scale) <= 1


@given(sides, sides)
def test_fit_is_idempotent(width: int, height: int) -> None:
    box = Box(185, 278)
    assert box.fit(*box.fit(width, height)) == box.fit(width, height)
