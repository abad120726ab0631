"""Layout on a phone, a tablet and a desktop: no horizontal overflow, the intended grid."""

import pytest

from moziweb.movies.calendar import month_of

from .conftest import OpenPage
from .page_log import box, click_link
from .site import EMPTY_WEEK, LONG_WEEK, THIS_WEEK, Site

WIDTHS = (360, 768, 1440)

PAGES = (
    "/",
    f"/week/{THIS_WEEK.name}",
    f"/week/{EMPTY_WEEK}",
    "/undated",
    "/about",
    "/nothing-here",
)


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_page(site: Site, open_page: OpenPage, width: int) -> None:
    page = open_page(width)
    for path in PAGES:
        page.goto(site.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") == width, path


@pytest.mark.parametrize("width", [360, 1440])
def test_long_words_do_not_widen_the_page(site: Site, open_page: OpenPage, width: int) -> None:
    page = open_page(width)
    for path in (f"/week/{LONG_WEEK.name}", f"/en/month/{month_of(LONG_WEEK.end).name}"):
        page.goto(site.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") == width, path
        click_link(page, ".movie")
        assert page.evaluate("document.documentElement.scrollWidth") == width, page.url


@pytest.mark.parametrize(("width", "columns"), [(360, 2), (768, 3), (1440, 5)])
def test_index_layout(site: Site, open_page: OpenPage, width: int, columns: int) -> None:
    page = open_page(width)
    page.goto(site.url)
    template: str = page.locator("#this-week .days").evaluate(
        "days => getComputedStyle(days).gridTemplateColumns"
    )
    assert len(template.split()) == columns
    leaf, poster = box(page, "#this-week .leaf-face"), box(page, "#this-week .film-picture")
    assert leaf["y"] == pytest.approx(poster["y"], abs=1), (
        "the leaf of a day is beside its first card"
    )
    assert leaf["height"] == pytest.approx(poster["height"], abs=1)
    sections = ("#this-week", "#next-week", "#still-in-cinemas")
    widths = [box(page, f"{section} .film-picture")["width"] for section in sections]
    assert widths == sorted(widths, reverse=True), "what opens this week is largest"
    assert widths[0] > 2 * widths[-1]


def test_period_bar_is_sticky(site: Site, open_page: OpenPage) -> None:
    page = open_page(360, 740)
    page.goto(site.url)
    page.evaluate("scrollTo(0, 3000)")
    for relation in ("prev", "next"):
        step = box(page, f".period-bar [rel={relation}]")
        assert 0 <= step["y"] < 60
        assert step["height"] >= 24


def test_poster_comes_first_on_a_phone(site: Site, open_page: OpenPage) -> None:
    page = open_page(360)
    page.goto(site.url)
    click_link(page, ".movie")
    assert box(page, ".film-poster")["y"] < box(page, "h1")["y"]
    page.set_viewport_size({"width": 1440, "height": 900})
    assert box(page, ".film-poster")["x"] < box(page, "h1")["x"]
