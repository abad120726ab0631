import pytest

from moziweb.demo.errors import DemoFontsMissing
from moziweb.demo.styles import typography
from moziweb.demo.styles.typography import (
    ABRIL,
    ANTON,
    PLAYFAIR,
    Face,
    broken,
    font,
    line_mask,
    spelled,
    width,
)

FACES = [value for value in vars(typography).values() if isinstance(value, Face)]
HUNGARIAN = "árvíztűrő tükörfúrógép ÁRVÍZTŰRŐ TÜKÖRFÚRÓGÉP –…"


@pytest.mark.parametrize("face", FACES, ids=lambda face: f"{face.file}-{face.weight}")
def test_every_face_has_the_hungarian_letters(face: Face) -> None:
    assert spelled(face, HUNGARIAN) == HUNGARIAN


def test_missing_letter_loses_its_accent() -> None:
    assert spelled(ABRIL, "Trầm") == "Tram"


def test_missing_package_and_its_extra_are_in_the_error() -> None:
    with pytest.raises(DemoFontsMissing, match=r"fontpkg-no-such-face.*moziweb\[demo\]"):
        font(Face("fontpkg_no_such_face", "None.ttf"), 20)


def test_missing_file_is_an_error() -> None:
    with pytest.raises(DemoFontsMissing, match="fontpkg-anton"):
        font(Face(ANTON.package, "None.ttf"), 20)


def test_line_is_about_as_wide_as_measured() -> None:
    for tracking in (0.0, 0.2):
        set_line = line_mask(PLAYFAIR, 100, "Mozi", tracking)
        assert set_line.width == pytest.approx(100 * width(PLAYFAIR, "Mozi", tracking), rel=0.1)
        assert set_line.height == 160


def test_title_is_broken_into_the_shortest_lines() -> None:
    assert broken(ANTON, "Rust and Bone", 1) == ["Rust and Bone"]
    assert broken(ANTON, "A Night in the Woods", 2) == ["A Night in", "the Woods"]
    assert broken(ANTON, "Pina", 3) == ["Pina"]


def test_very_long_title_is_broken() -> None:
    title = " ".join(["szó"] * 60)
    rows = broken(ANTON, title, 6)
    assert len(rows) == 6
    assert " ".join(rows) == title
