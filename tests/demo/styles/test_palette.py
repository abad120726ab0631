import pytest

from moziweb.demo.chance import generator
from moziweb.demo.styles import STYLES
from moziweb.demo.styles.palette import (
    PALETTES,
    Palette,
    luminance,
    mix,
    random_palette,
    readable,
    shifted,
)


@pytest.mark.parametrize("palette", PALETTES, ids=lambda palette: palette.name)
def test_ink_is_dark_and_paper_is_light(palette: Palette) -> None:
    assert luminance(palette.ink) < 0.2
    assert luminance(palette.paper) > 0.85
    assert readable(palette.paper, palette) == palette.ink
    assert readable(palette.ink, palette) == palette.paper


def test_every_style_has_palettes_to_choose_from() -> None:
    for style in STYLES:
        chosen = {random_palette(style.moods, generator(str(n))).name for n in range(60)}
        assert len(chosen) >= 3, style.name


def test_shift_by_zero_changes_nothing() -> None:
    for palette in PALETTES:
        assert shifted(palette, 0.0) == palette


def test_colours_mix() -> None:
    assert mix((0, 0, 0), (100, 200, 50), 0.5) == (50, 100, 25)
    assert mix((9, 9, 9), (100, 200, 50), 0.0) == (9, 9, 9)
