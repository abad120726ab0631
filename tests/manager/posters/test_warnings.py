"""Warnings about pictures, which can be saved all the same."""

import pytest
from webtest import TestApp

from moziweb.manager.posters.warnings import picture_warnings
from tests.manager.movie_forms import make_movie
from tests.manager.views.test_movie_posters import posters, previewed, saved, send, words
from tests.posters.pictures import encoded, quarters


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ((780, 1170), 0),
        ((779, 1170), 1),
        ((2000, 3000), 0),
        ((2700, 4000), 0),  # 27 by 40 inches
        ((2100, 2970), 0),  # A4
        ((2000, 2000), 1),
        ((1000, 2000), 1),
        ((600, 400), 2),
        ((None, None), 0),
    ],
)
def test_small_and_odd_pictures(size: tuple[int | None, int | None], count: int) -> None:
    assert len(picture_warnings(*size)) == count


def test_picture_with_warnings_is_saved_under_its_name(site: TestApp, editor: TestApp) -> None:
    movie = make_movie(site)
    place = previewed(editor, movie, encoded(quarters(300, 300)), "négyzet.jpg")
    text = words(editor.get(place))
    assert "A kép 300 képpont széles. 780 alatt nagy kijelzőn életlennek látszik." in text
    assert "A kép nem plakát alakú (2:3): 300×300." in text
    assert send(editor, place, do="save").status_int == 303
    text = words(editor.get(posters(movie)))
    assert "négyzet.jpg" in text
    assert "A kép nem plakát alakú (2:3): 300×300." in text


def test_posters_tab_has_a_thumbnail_of_each_source(site: TestApp, editor: TestApp) -> None:
    movie = make_movie(site)
    source = saved(editor, movie, encoded(quarters(800, 1200)))
    page = editor.get(posters(movie))
    (image,) = page.html.select(f"#thumbnail-{source} img")
    assert image["width"] == "185"
    assert page.html.select(".warnings") == []
