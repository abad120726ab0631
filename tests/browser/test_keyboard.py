"""Keyboard navigation: from the index to a movie and its poster, and through the calendar."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import OpenPage
from .site import THIS_WEEK, Site

FAR = 60
"""An upper bound for the tab stops before any control of these pages."""


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until a matching element has the focus."""
    for _ in range(FAR):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not within reach")


def test_first_tab_stop_is_the_skip_link(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(site.url)
    page.keyboard.press("Tab")
    skip = page.locator(".skip-link")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#this-week-films")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".movie").first).to_be_focused()
    page.goto(f"{site.url}/about")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_keyboard_path_from_index_to_full_poster(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(site.url)
    tab_to(page, ".movie:not(:has([src*=no-poster]))")
    focused = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert focused == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/movie/\d+-"))
    tab_to(page, ".film-poster a")
    with page.expect_navigation() as navigation:
        page.keyboard.press("Enter")
    answer = navigation.value
    assert answer.ok
    assert answer.headers["content-type"] == "image/webp"
    assert page.evaluate("document.images[0].naturalHeight") == 600


def test_arrow_keys_change_the_week(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{site.url}/week/{THIS_WEEK.name}")
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**/week/{THIS_WEEK.next.name}")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**/week/{THIS_WEEK.name}")


def test_arrow_keys_change_the_movie(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(site.url)
    page.goto(f"{site.url}{page.locator('#this-week .movie').nth(1).get_attribute('href')}")
    first = page.url
    following = page.locator(".film-neighbours [rel=next]").get_attribute("href") or ""
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(site.url + following)
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(first)


def test_date_field_keeps_the_arrow_keys(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{site.url}/week/{THIS_WEEK.name}")
    page.locator("#jump-date").focus()
    page.keyboard.press("ArrowRight")
    page.locator("h1").click()
    assert page.url.endswith(THIS_WEEK.name)


def test_choice_of_a_filter_keeps_the_arrow_keys(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{site.url}/week/{THIS_WEEK.name}")
    choices = page.locator(".filters select")
    choices.first.evaluate("choice => { choice.closest('details')?.setAttribute('open', ''); }")
    choices.first.focus()
    expect(choices.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.locator("h1").click()
    assert page.url.endswith(THIS_WEEK.name)


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("size", ["100%", "200%"])
def test_focus_is_never_under_the_sticky_bar(
    site: Site, open_page: OpenPage, width: int, size: str
) -> None:
    page = open_page(width, 700)
    page.goto(site.url)
    page.evaluate("size => { document.documentElement.style.fontSize = size; }", size)
    page.locator(".movie").last.focus()
    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        top, bottom = page.evaluate(
            "(({ top, bottom }) => [top, bottom])(document.activeElement.getBoundingClientRect())"
        )
        bar = page.evaluate("document.querySelector('.period-bar').getBoundingClientRect().bottom")
        # A card with large text may be higher than the screen.
        assert top >= bar or (bottom - top > 700 - bar and bottom > bar)
