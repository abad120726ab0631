"""Trailers play in the page after a click; before, nothing is requested from their host."""

import re

from playwright.sync_api import Page, Route, expect

from moziweb.ops.headers import PLAYER_ORIGIN

from .conftest import OpenPage
from .site import LONG_WEEK, Site


def open_movie(page: Page, site: Site) -> list[str]:
    """Open the movie with a trailer; returns the list of requests for its player."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(body="<!doctype html><title>Video</title>", content_type="text/html")

    page.route(f"{PLAYER_ORIGIN}/**", answer)
    page.goto(f"{site.url}/week/{LONG_WEEK.name}")
    page.locator(".movie").click()
    page.wait_for_url(re.compile(r"/movie/\d+-"))
    page.wait_for_load_state("networkidle")
    return asked


def test_trailer_plays_after_a_click(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    asked = open_movie(page, site)
    trailer = page.locator("a[data-player]")
    assert asked == []
    trailer.focus()
    page.keyboard.press("Enter")
    frame = page.locator("dialog.trailer iframe")
    expect(frame).to_be_in_viewport(ratio=1)
    page.frame_locator("dialog.trailer iframe").locator("html").wait_for(state="attached")
    assert asked == [f"{PLAYER_ORIGIN}/embed/dQw4w9WgXcQ?autoplay=1"]
    expect(page.get_by_role("dialog", name="t" * 200)).to_be_visible()
    expect(page.get_by_role("button", name="Bezárás")).to_be_focused()
    page.keyboard.press("Escape")
    expect(frame).to_have_count(0)
    expect(trailer).to_be_focused()


def test_trailer_is_closed_by_its_button_and_plays_again(site: Site, open_page: OpenPage) -> None:
    page = open_page(390, 844)
    asked = open_movie(page, site)
    for _ in range(2):
        page.locator("a[data-player]").click()
        expect(page.locator("dialog.trailer iframe")).to_be_in_viewport(ratio=1)
        page.frame_locator("dialog.trailer iframe").locator("html").wait_for(state="attached")
        button = page.get_by_role("button", name="Bezárás")
        expect(button).to_be_in_viewport(ratio=1)
        button.click()
        expect(page.locator("dialog.trailer")).to_be_hidden()
    assert len(asked) == 2


def test_trailer_without_javascript_is_a_link(site: Site, open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(f"{site.url}/week/{LONG_WEEK.name}")
    page.locator(".movie").click()
    link = page.locator("a[data-player]")
    expect(link).to_have_attribute("href", "https://www.youtube.com/watch?v=dQw4w9WgXcQ")


def test_no_other_site_can_be_framed(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    open_movie(page, site)
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.evaluate(
        """() => {
          const frame = document.createElement("iframe");
          frame.src = "https://www.youtube.com/embed/dQw4w9WgXcQ";
          document.body.append(frame);
        }"""
    )
    page.wait_for_function("() => document.querySelector('iframe').contentDocument === null")
    assert any("frame-src" in text for text in refused)
