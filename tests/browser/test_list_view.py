"""Cards as a list: chosen in the browser, remembered there, and used in print."""

import re
from datetime import timedelta
from typing import Literal

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from moziweb.movies.models import Premiere
from moziweb.services import services_of
from tests.conftest import NOW
from tests.factories import move_premiere

from .conftest import OpenPage
from .page_log import (
    MAX_SHIFT,
    PageLog,
    box,
    broken_images,
    click_link,
    layout_shift_of,
    scroll_to_end,
    violations_of,
)
from .site import THIS_WEEK, Site
from .test_accessibility import ALL, violations
from .test_keyboard import tab_to

WEEK = f"/week/{THIS_WEEK.name}"

A4_WIDTH, A4_HEIGHT = 703, 1031
"""The part of an A4 page inside its margins of 12 mm, in CSS pixels."""


def choose_list(page: Page) -> None:
    page.get_by_role("button", name="Lista").click()


def line_heights(page: Page) -> list[float]:
    """The heights of the lines that movies take."""
    found: list[float] = page.locator(".film .movie").evaluate_all(
        "lines => lines.map((line) => line.getBoundingClientRect().height)"
    )
    return found


@pytest.mark.parametrize("width", [360, 390, 1440])
def test_a_movie_is_one_line(site: Site, open_page: OpenPage, width: int) -> None:
    page = open_page(width)
    watch = PageLog.attach(page)
    page.goto(site.url)
    choose_list(page)
    assert max(line_heights(page)) <= 48
    assert page.locator(".film .poster:visible").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == width
    first = page.locator("#this-week .film").first
    for part in (".item-title", ".film-kind", ".rating", ".film-runtime"):
        expect(first.locator(part)).to_be_visible()
    day = ".leaf-face" if width < 640 else ".premier-date"
    expect(first.locator(day)).to_be_visible()
    texts = page.locator(".film :is(.item-title, .premier-date, .rating, .film-runtime):visible")
    right = texts.evaluate_all("all => all.map((each) => each.getBoundingClientRect().right)")
    assert max(right) <= width
    assert (watch.errors, violations_of(page)) == ([], [])


def test_choice_is_remembered_by_the_browser_alone(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    watch = PageLog.attach(page)
    page.goto(site.url)
    served = page.request.get(site.url).body()
    expect(page.get_by_role("button", name="Plakátok")).to_have_attribute("aria-pressed", "true")
    choose_list(page)
    expect(page.get_by_role("button", name="Lista")).to_have_attribute("aria-pressed", "true")
    for path in (WEEK, "/undated", "/en/"):
        page.goto(site.url + path)
        assert max(line_heights(page)) <= 48, path
        assert layout_shift_of(page) <= MAX_SHIFT, path
    assert page.context.cookies() == []
    assert page.request.get(site.url).body() == served
    page.get_by_role("button", name="Posters").click()
    page.goto(site.url + WEEK)
    assert min(line_heights(page)) > 200
    assert watch.errors == []


def test_posters_load_when_they_are_chosen_again(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(site.url)
    choose_list(page)
    page.reload()
    page.get_by_role("button", name="Plakátok").click()
    scroll_to_end(page)
    assert broken_images(page) == []


def test_first_paint_is_the_list(site: Site, open_page: OpenPage) -> None:
    """The choice is applied before the body is parsed, so posters are never laid out."""
    page = open_page()
    page.goto(site.url)
    choose_list(page)
    page.add_init_script(
        """new MutationObserver((_changes, observer) => {
          if (!document.body) return;
          window.atStart = document.getElementById("poster-view").media;
          observer.disconnect();
        }).observe(document, { childList: true, subtree: true });"""
    )
    page.goto(site.url + WEEK)
    assert page.evaluate("window.atStart") == "not all"


def test_going_back_shows_the_view_chosen_since(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(site.url)
    page.goto(site.url + WEEK)
    choose_list(page)
    page.go_back()
    assert max(line_heights(page)) <= 48


def test_list_is_chosen_by_keyboard_and_is_accessible(site: Site, open_page: OpenPage) -> None:
    page = open_page(color_scheme="light")
    page.goto(site.url + WEEK)
    tab_to(page, "[data-view=list]")
    page.keyboard.press("Enter")
    assert max(line_heights(page)) <= 48
    assert violations(page, ALL) == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 740})
    assert violations(page, ALL) == []
    click_link(page, ".movie")
    expect(page.locator("h1")).to_be_visible()


def test_without_scripts_there_is_no_switch(site: Site, open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(site.url)
    expect(page.locator(".view-switch")).to_be_hidden()
    expect(page.locator(".film .poster").first).to_be_visible()


def test_switch_works_without_storage(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } });"
    )
    watch = PageLog.attach(page)
    page.goto(site.url)
    choose_list(page)
    assert max(line_heights(page)) <= 48
    assert watch.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_print_has_eighteen_movies_on_an_a4_page(
    site: Site, open_page: OpenPage, scheme: Literal["light", "dark"]
) -> None:
    page = open_page(A4_WIDTH, A4_HEIGHT, color_scheme=scheme)
    page.goto(site.url)
    page.emulate_media(media="print", color_scheme=scheme)
    last = page.locator(".film").nth(17)
    position = last.bounding_box()
    assert position
    assert position["y"] + position["height"] <= A4_HEIGHT
    expect(page.locator(".film .poster").first).to_be_hidden()
    colours = page.locator("#this-week .item-title").first.evaluate(
        "title => getComputedStyle(title).color"
    )
    assert max(map(int, re.findall("[0-9]+", colours)[:3])) < 90, "dark on white paper"
    page.goto(site.url + WEEK)
    assert page.locator(".film").count() >= 16
    pages = re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))
    assert len(pages) == 1, "a week is one page"
    assert box(page, ".film")


def test_moved_movies_keep_their_titles(cold_site: Site, open_page: OpenPage) -> None:
    with services_of(cold_site.registry).database.write() as session:
        opening = Premiere.date.between(THIS_WEEK.start, THIS_WEEK.end)
        for premiere in session.scalars(select(Premiere).where(opening)):
            day = premiere.date
            premiere.date -= timedelta(days=30)
            move_premiere(session, premiere, day, at=NOW - timedelta(days=1))
    page = open_page()
    page.add_init_script("localStorage.setItem('view', 'list')")
    for width, media in ((360, "screen"), (390, "screen"), (768, "screen"), (A4_WIDTH, "print")):
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(media="print" if media == "print" else "screen")
        page.goto(cold_site.url + WEEK)
        moved = page.locator(".film:has(.flag-moved)")
        assert moved.count() >= 16
        widths = moved.locator(".item-title").evaluate_all(
            "titles => titles.map((title) => title.getBoundingClientRect().width)"
        )
        assert min(widths) >= 100, width
        assert moved.locator(".flag-moved:visible").count() == moved.count(), width
        assert max(line_heights(page)) <= 48, width
        assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [360, 390])
def test_kind_and_runtime_are_shown_without_days(
    site: Site, open_page: OpenPage, width: int
) -> None:
    page = open_page(width)
    page.add_init_script("localStorage.setItem('view', 'list')")
    for path, section in (("/search?q=a", ""), ("/", "#still-in-cinemas ")):
        page.goto(site.url + path)
        film = page.locator(f"{section}.film:not(:has(.flag-cancelled))").first
        for part in (".item-title", ".premier-date", ":is(.film-kind, .service)", ".film-runtime"):
            expect(film.locator(part)).to_be_visible()
        titles = page.locator(f"{section}.film .item-title").evaluate_all(
            "titles => titles.map((title) => title.getBoundingClientRect().width)"
        )
        assert min(titles) >= 100, path
        assert max(line_heights(page)) <= 48, path
        assert page.evaluate("document.documentElement.scrollWidth") == width, path


def test_view_is_switched_on_the_watchlist(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    log = PageLog.attach(page)
    page.goto(site.url)
    choose_list(page)
    page.locator(".film .heart").first.click()
    page.goto(f"{site.url}/watchlist")
    expect(page.get_by_role("button", name="Lista")).to_have_attribute("aria-pressed", "true")
    assert max(line_heights(page)) <= 48
    page.get_by_role("button", name="Plakátok").click()
    assert min(line_heights(page)) > 200
    assert log.errors == []
