"""Visitors put movies on their watchlist and subscribe to it, in both languages."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from moziweb.movies.models import Premiere
from moziweb.services import services_of

from .conftest import OpenPage
from .page_log import MAX_SHIFT, PageLog
from .site import Site
from .test_accessibility import is_accessible
from .test_keyboard import tab_to
from .visitors import VISITORS, Visitor

STORED = "JSON.parse(localStorage.getItem('watchlist') ?? '{}')"

TEXTS = {
    "": ("Saját lista", "Feliratkozás", "A lista linkje", "Ezeket a listámra", "Üres a listád"),
    "/en": ("Watchlist", "Subscribe", "Link to this list", "Add these", "Your list is empty"),
}


def stored(page: Page) -> dict[str, str]:
    """The list in the browser."""
    found: dict[str, str] = page.evaluate(STORED)
    return found


@pytest.mark.parametrize("visitor", VISITORS, ids=str)
def test_put_films_on_the_list_and_subscribe(
    site: Site, open_page: OpenPage, visitor: Visitor
) -> None:
    prefix = visitor.prefix
    name, subscribe, export, add, empty = TEXTS[prefix]
    page = visitor.open(open_page)
    log = PageLog.attach(page)
    page.goto(f"{site.url}{prefix}/watchlist")
    expect(page.get_by_role("heading", name=empty)).to_be_visible()
    is_accessible(page)
    page.goto(f"{site.url}{prefix}/")
    hearts = page.locator(".film .heart")
    for number in (0, 1, 3):
        hearts.nth(number).click()
        expect(hearts.nth(number)).to_have_attribute("aria-pressed", "true")
    hearts.nth(3).click()
    expect(hearts.nth(3)).to_have_attribute("aria-pressed", "false")
    page.locator(".movie").nth(5).click()
    button = page.locator(".heart-action button")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".to-watchlist-number")).to_have_text("3")
    page.get_by_role("banner").get_by_role("link", name=name).click()
    expect(page.locator(".watchlist .film")).to_have_count(3)
    expect(page).to_have_url(f"{site.url}{prefix}/watchlist")
    ids = ".".join(sorted(stored(page), key=int))
    href = page.get_by_role("main").get_by_role("link", name=subscribe).get_attribute("href")
    assert href == f"webcal:{site.url.partition(':')[2]}{prefix}/my.ics?m={ids}"
    calendar = page.request.get(f"http:{href.partition(':')[2]}")
    assert calendar.ok
    assert calendar.text().count("BEGIN:VEVENT") >= 3
    is_accessible(page)
    link = page.get_by_role("link", name=export).get_attribute("href")
    other = open_page()
    other.goto(f"{site.url}{link}")
    expect(other.locator(".watchlist .film")).to_have_count(3)
    other.get_by_role("button", name=add).click()
    expect(other.locator(".watchlist .film")).to_have_count(3)
    assert stored(other).keys() == stored(page).keys()
    expect(other.get_by_role("button", name=add)).to_be_hidden()
    assert log.errors == []


def test_list_without_scripts(site: Site, open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(f"{site.url}/watchlist")
    # Chromium does not show it where Playwright has switched scripts off.
    assert "A listához JavaScript kell" in (page.locator("noscript").text_content() or "")
    expect(page.locator(".watchlist-empty")).to_be_hidden()
    page.goto(site.url)
    assert page.locator(".heart").count() == 0
    page.locator(".movie").first.click()
    assert "A saját listához JavaScript kell" in (page.locator("noscript").text_content() or "")
    expect(page.locator(".heart-action")).to_be_hidden()
    href = page.get_by_role("link", name="A naptáramba").get_attribute("href")
    assert page.request.get(f"{site.url}{href}").headers["content-type"].startswith("text/calendar")


def test_hearts_move_nothing(site: Site, open_page: OpenPage) -> None:
    page = open_page(390, 844)
    log = PageLog.attach(page)
    page.goto(site.url)
    expect(page.locator(".heart").first).to_be_visible()
    assert page.evaluate("shift") <= MAX_SHIFT
    assert page.evaluate("violations") == []
    assert log.errors == []


def test_heart_by_keyboard(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(site.url)
    tab_to(page, ".heart")
    page.keyboard.press("Space")
    expect(page.locator(".heart").first).to_have_attribute("aria-pressed", "true")
    label = page.locator(".heart").first.get_attribute("aria-label")
    assert label == f"A listámon: {page.locator('.item-title').first.text_content()}"


@pytest.fixture
def moved(site: Site) -> Iterator[Any]:
    """A function that moves the premieres of a movie by a week; they are moved back afterwards."""
    database = services_of(site.registry).database
    done: list[int] = []

    def shift(movie_id: int, days: int) -> None:
        with database.write() as session:
            premieres = select(Premiere).where(Premiere.movie_id == movie_id)
            for premiere in session.scalars(premieres):
                premiere.date += timedelta(days=days)

    def move(movie_id: int) -> None:
        shift(movie_id, 7)
        done.append(movie_id)

    yield move
    for movie_id in done:
        shift(movie_id, -7)


def test_changes_since_the_last_visit_are_marked(
    site: Site, open_page: OpenPage, moved: Any
) -> None:
    page = open_page()
    page.goto(site.url)
    for number in (0, 1):
        page.locator(".film .heart").nth(number).click()
    first, second = sorted(map(int, stored(page)))
    page.goto(f"{site.url}/watchlist")
    expect(page.locator(".film")).to_have_count(2)
    expect(page.locator(".flag-since")).to_have_count(0)
    moved(second)
    page.reload()
    expect(page.locator(".flag-since")).to_have_count(1)
    expect(page.locator(f".film:has(.flag-since) [data-movie='{second}']")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="látogatásod óta")).to_contain_text("1")
    page.reload()
    expect(page.locator(".film")).to_have_count(2)
    expect(page.locator(".flag-since")).to_have_count(0)
    assert f"{first}" in stored(page)


def test_broken_storage_is_an_empty_list(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{site.url}/about")
    for text in ("{", "[]", "null", '{"x": 1}'):
        page.evaluate("text => localStorage.setItem('watchlist', text)", text)
        page.goto(f"{site.url}/watchlist")
        expect(page.get_by_role("heading", name="Üres a listád")).to_be_visible()


@pytest.mark.parametrize(
    ("prefix", "note"), [("", "nem engedi, hogy"), ("/en", "does not let this site save")]
)
def test_blocked_storage_is_announced(
    site: Site, open_page: OpenPage, prefix: str, note: str
) -> None:
    page = open_page()
    log = PageLog.attach(page)
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } });"
    )
    page.goto(f"{site.url}{prefix}/")
    heart = page.locator(".film .heart").first
    heart.click()
    expect(page.get_by_role("status").filter(has_text=note)).to_be_visible()
    expect(heart).to_have_attribute("aria-pressed", "false")
    movie = heart.get_attribute("data-movie")
    page.goto(f"{site.url}{prefix}/watchlist?m={movie}")
    page.locator(".watchlist-import button").click()
    expect(page.get_by_role("status").filter(has_text=note)).to_be_visible()
    assert log.errors == []


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_build_a_calendar(site: Site, open_page: OpenPage, prefix: str) -> None:
    page = open_page(390, 844)
    log = PageLog.attach(page)
    page.goto(f"{site.url}{prefix}/calendar")
    is_accessible(page)
    page.locator("select[name=kind]").select_option("streaming")
    page.locator("select[name=remind]").select_option("1d")
    page.locator(".choices button").click()
    expect(page).to_have_url(f"{site.url}{prefix}/calendar?kind=streaming&remind=1d")
    address = page.locator(".address").text_content() or ""
    assert address == f"{site.url}{prefix}/premieres.ics?kind=streaming&remind=1d"
    text = page.request.get(address).text()
    assert text.count("BEGIN:VALARM") == text.count("STATUS:CONFIRMED") > 0
    expect(page.locator(".qr")).to_be_visible()
    is_accessible(page)
    page.goto(f"{site.url}{prefix}/changes")
    expect(page.locator(".line").first).to_be_visible()
    is_accessible(page)
    assert log.errors == []
