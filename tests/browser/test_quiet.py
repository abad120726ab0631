"""Pages load without console messages, policy violations and layout shift."""

import pytest

from .conftest import OpenPage
from .looking import MAX_SHIFT, Watch, broken_pictures, see_whole, shift_of, violations_of
from .site import EMPTY_WEEK, THIS_WEEK, Site

PAGES = (
    "/",
    f"/week/{THIS_WEEK.name}",
    f"/week/{EMPTY_WEEK}",
    f"/month/{THIS_WEEK.thursday:%Y-%m}",
    "/undated",
    "/about",
)


@pytest.mark.parametrize("path", PAGES)
def test_page_loads_without_errors_or_layout_shift(
    site: Site, open_page: OpenPage, path: str
) -> None:
    page = open_page()
    watch = Watch.over(page)
    page.goto(site.url + path)
    see_whole(page)
    assert watch.errors == []
    assert violations_of(page) == []
    assert broken_pictures(page) == []
    assert shift_of(page) <= MAX_SHIFT


@pytest.mark.parametrize("width", [360, 1440])
def test_no_layout_shift_while_posters_are_generated(
    cold_site: Site, open_page: OpenPage, width: int
) -> None:
    page = open_page(width)
    watch = Watch.over(page)
    page.goto(cold_site.url)
    see_whole(page)
    assert any("/poster/" in image for image in watch.images())
    assert watch.errors == []
    assert broken_pictures(page) == []
    assert shift_of(page) <= MAX_SHIFT


@pytest.mark.parametrize("width", [360, 1440])
def test_no_layout_shift_on_a_movie_page(site: Site, open_page: OpenPage, width: int) -> None:
    page = open_page(width)
    watch = Watch.over(page)
    page.goto(site.url)
    see_whole(page)  # navigation aborts images that are still loading
    page.goto(site.url + (page.locator(".movie").last.get_attribute("href") or ""))
    see_whole(page)
    assert watch.errors == []
    assert violations_of(page) == []
    assert shift_of(page) <= MAX_SHIFT


def test_no_layout_shift_without_the_font(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    Watch.over(page)
    page.route("**/*.woff2", lambda route: route.abort())
    page.goto(site.url)
    see_whole(page)
    assert shift_of(page) <= MAX_SHIFT
