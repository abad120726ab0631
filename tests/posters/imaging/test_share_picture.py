"""The picture of a link: its layout, letters and sizes."""

from io import BytesIO

import pytest
from PIL import Image, ImageChops, UnidentifiedImageError

from moziweb.posters.imaging.share_picture import draw_share_picture
from moziweb.posters.imaging.values import NIGHT, SHARE_BOX, ShareText
from tests.posters.pictures import encoded

NOTE = "2026. augusztus 20."


def poster(colour: str, size: tuple[int, int] = (780, 1170)) -> bytes:
    return encoded(Image.new("RGB", size, colour))


def drawn(text: ShareText, *posters: bytes) -> Image.Image:
    with Image.open(BytesIO(draw_share_picture(posters, text))) as picture:
        assert picture.format == "JPEG"
        assert picture.size == SHARE_BOX
        return picture.convert("RGB")


def written(text: ShareText, *posters: bytes) -> tuple[int, int, int, int]:
    """The box of what the texts add to the picture, without the noise of the JPEG."""
    plain = drawn(ShareText((), colour=text.colour), *posters)
    difference = ImageChops.difference(drawn(text, *posters), plain).convert("L")
    box = difference.point(lambda value: 255 if value > 60 else 0).getbbox()
    assert box
    return box


@pytest.mark.parametrize("posters", range(7))
def test_any_number_of_posters(posters: int) -> None:
    drawn(ShareText(("Őrült űrhajósok",), NOTE, "Mozi"), *[poster("#2266aa")] * posters)


def test_poster_is_beside_the_title() -> None:
    picture = drawn(ShareText(("Dűne",)), poster("#2266aa"))
    red, green, blue = picture.getpixel((200, 315))  # type: ignore[misc]  # of an RGB image
    assert (abs(red - 0x22) < 8, abs(green - 0x66) < 8, abs(blue - 0xAA) < 8) == (True,) * 3
    left, *_ = written(ShareText(("Dűne",)), poster("#2266aa"))
    assert left > 56 + 340


def test_posters_of_a_week_are_in_a_row() -> None:
    colours = ("#aa3322", "#2266aa", "#ddbb33", "#338855", "#884499")
    picture = drawn(ShareText(("Premierek",)), *map(poster, colours))
    found = [picture.getpixel((150 + 220 * number, 200)) for number in range(5)]
    assert len(set(found)) == 5
    _, top, *_ = written(ShareText(("Premierek",)), *map(poster, colours))
    assert top > 48 + 312


@pytest.mark.parametrize("posters", [0, 1, 5])
@pytest.mark.parametrize(
    "title",
    [
        "Űr",
        "Az a hosszú, hosszú út, amely az Őrségből Tűzföldig és vissza vezetett " * 3,
        "Megszentségteleníthetetlenségeskedéseitekért" * 3,
        "W" * 300,
        "Ki a hibás? " + "elkáposztásíthatatlan" * 4,
    ],
)
def test_texts_stay_within_the_margins(title: str, posters: int) -> None:
    text = ShareText((title,), "Őrült űrhajósok, Hűség, " * 9, "Streaming: " + "Hosszú név " * 9)
    left, top, right, bottom = written(text, *[poster("#204060")] * posters)
    assert left >= 50
    assert top >= 50
    assert right <= SHARE_BOX.width - 50
    assert bottom <= SHARE_BOX.height - 20


def test_letters_of_hungarian_are_drawn() -> None:
    """A letter that the font lacks would be an empty box, the same for all."""
    pictures = {letter: drawn(ShareText((letter,))).tobytes() for letter in "őűŐŰöüóúéáíß–„”"}
    assert len(set(pictures.values())) == len(pictures)
    spaces = drawn(ShareText(("20\u2009–\u200926",))).tobytes()
    assert spaces == drawn(ShareText(("20 – 26",))).tobytes()
    decomposed = drawn(ShareText(("o\u030b",)))
    assert decomposed.tobytes() == pictures["ő"]


def test_dates_with_no_break_spaces_are_drawn() -> None:
    nothing = drawn(ShareText(())).tobytes()
    assert drawn(ShareText(("2026.\u00a0nov.",))).tobytes() != nothing
    assert drawn(ShareText((), "2026.\u00a0nov.")).tobytes() != nothing


def test_first_title_that_the_font_can_draw_is_drawn() -> None:
    expected = drawn(ShareText(("A te neved",), NOTE)).tobytes()
    assert drawn(ShareText(("君の名は。", "A te neved"), NOTE)).tobytes() == expected
    only_note = drawn(ShareText((), NOTE)).tobytes()
    assert drawn(ShareText(("君の名は。", "Твоё имя"), NOTE)).tobytes() == only_note


@pytest.mark.parametrize("colour", ["#ffffff", "#ffe600", "#00ff00", "#a03020", NIGHT])
def test_background_is_dark_enough_for_white_text(colour: str) -> None:
    picture = drawn(ShareText((), colour=colour))
    channels = picture.getpixel((2, 2)), picture.getpixel((1198, 628))
    for pixel in channels:
        red, green, blue = ((value / 255) ** 2.2 for value in pixel)  # type: ignore[union-attr]
        assert 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) >= 7


def test_what_is_no_jpeg_is_refused() -> None:
    with pytest.raises(UnidentifiedImageError):
        draw_share_picture([encoded(Image.new("RGB", (8, 8)), "PNG")], ShareText(("a",)))
