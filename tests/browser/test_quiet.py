"""Pages load without console messages, policy violations and layout shift."""

import pytest

from .conftest import OpenPage
from .page_log import (
    MAX_SHIFT,
    PageLog,
    broken_images,
    layout_shift_of,
    scroll_to_end,
    violations_of,
)
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
    watch = PageLog.attach(page)
    page.goto(site.url + path)
    scroll_to_end(page)
    assert watch.errors == []
    assert violations_of(page) == []
    assert broken_images(page) == []
    assert layout_shift_of(page) <= MAX_SHIFT


@pytest.mark.parametrize("width", [360, 1440])
def test_no_layout_shift_while_posters_are_generated(
    cold_site: Site, open_page: OpenPage, width: int
) -> None:
    page = open_page(width)
    watch = PageLog.attach(page)
    page.goto(cold_site.url)
    scroll_to_end(page)
    assert any("/poster/" in image for image in watch.images())
    assert watch.errors == []
    assert broken_images(page) == []
    assert layout_shift_of(page) <= MAX_SHIFT


@pytest.mark.parametrize("width", [360, 1440])
def test_no_layout_shift_on_a_movie_page(site: Site, open_page: OpenPage, width: int) -> None:
    page = open_page(width)
    watch = PageLog.attach(page)
    page.goto(site.url)
    scroll_to_end(page)  # navigation aborts images that are still loading
    page.goto(site.url + (page.locator(".movie").last.get_attribute("href") or ""))
    scroll_to_end(page)
    assert watch.errors == []
    assert violations_of(page) == []
    assert layout_shift_of(page) <= MAX_SHIFT


def test_no_layout_shift_without_the_font(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    PageLog.attach(page)
    page.route("**/*.woff2", lambda route: route.abort())
    page.goto(site.url)
    scroll_to_end(page)
    assert layout_shift_of(page) <= MAX_SHIFT
