"""Visitors filter a month by keyboard alone."""

from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from moziweb.movies.calendar import month_of, week_of

from .conftest import OpenPage
from .page_log import PageLog, click_link
from .site import THIS_WEEK, Site
from .test_accessibility import ALL, is_accessible, violations
from .test_keyboard import tab_to
from .visitors import VISITORS, Visitor

MONTH = month_of(THIS_WEEK.thursday)


def premieres(page: Page, site: Site, **filters: str) -> list[dict[str, Any]]:
    """The premieres of the month by the API."""
    query = urlencode({"from": MONTH.start, "to": MONTH.end, "limit": 100, **filters})
    found: list[dict[str, Any]] = page.request.get(f"{site.url}/api/v1/premieres?{query}").json()[
        "items"
    ]
    return found


def shown(page: Page) -> list[str]:
    """The addresses of the movies of the page, in one order, when all of it has arrived."""
    page.wait_for_load_state("domcontentloaded")
    links = page.locator("main .film a.movie")
    return sorted(links.evaluate_all("all => all.map((link) => link.getAttribute('href'))"))


def addresses(found: list[dict[str, Any]], site: Site, prefix: str) -> list[str]:
    """The addresses of the movies of premieres, in one order."""
    language = "en" if prefix else "hu"
    return sorted(each["movie"]["urls"][language].removeprefix(site.url) for each in found)


def choose(page: Page, name: str, value: str) -> None:
    """Choose a value of a field with the arrow keys."""
    tab_to(page, f"select[name={name}]")
    field = page.locator(f".filters select[name={name}]")
    values = field.locator("option").evaluate_all("all => all.map((option) => option.value)")
    for _ in range(values.index(value)):
        page.keyboard.press("ArrowDown")
    expect(field).to_have_value(value)


@pytest.mark.parametrize("visitor", VISITORS, ids=str)
def test_filter_a_month_by_keyboard_alone(
    site: Site, open_page: OpenPage, visitor: Visitor
) -> None:
    page = visitor.open(open_page)
    log = PageLog.attach(page)
    path = f"{visitor.prefix}/month/{MONTH.name}"
    page.goto(site.url + path)
    everything = shown(page)
    genre = premieres(page, site, kind="cinema")[0]["movie"]["genres"][0]["slug"]
    tab_to(page, ".filters summary")
    page.keyboard.press("Enter")
    choose(page, "kind", "cinema")
    choose(page, "genre", genre)
    assert violations(page, ALL) == []
    tab_to(page, ".filters button")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}{path}?genre={genre}&kind=cinema")
    found = premieres(page, site, kind="cinema", genre=genre)
    assert shown(page) == addresses(found, site, visitor.prefix)
    assert 0 < len(found) < len(everything)
    assert violations(page, ALL) == []
    # The filters are links that remove them.
    tab_to(page, ".filters-active a")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}{path}?genre={genre}")
    assert shown(page) == addresses(premieres(page, site, genre=genre), site, visitor.prefix)
    tab_to(page, ".filters-clear")
    page.keyboard.press("Enter")
    expect(page).to_have_url(site.url + path)
    assert shown(page) == everything
    assert log.errors == []


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_filtered_pages_are_accessible(site: Site, open_page: OpenPage, prefix: str) -> None:
    """With and without films, and the page of a filter that does not exist."""
    page = open_page(color_scheme="light")
    week = f"{prefix}/week/{THIS_WEEK.name}"
    for path in (f"{week}?kind=cinema", f"{week}?audio=original&format=4DX", f"{week}?kind=opera"):
        page.goto(site.url + path)
        if "kind=cinema" in path:
            page.locator(".filters summary").click()
            expect(page.locator(".filters-links a[href*='format=IMAX']")).to_be_visible()
        is_accessible(page)


def test_filters_without_scripts(site: Site, open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(f"{site.url}/month/{MONTH.name}")
    page.locator(".filters summary").click()
    page.locator(".filters select[name=kind]").select_option("streaming")
    page.locator(".filters button").click()
    expect(page).to_have_url(f"{site.url}/month/{MONTH.name}?kind=streaming")
    assert shown(page) == addresses(premieres(page, site, kind="streaming"), site, "")


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_filters_are_added_by_links_and_kept_by_the_jump(
    site: Site, open_page: OpenPage, prefix: str
) -> None:
    page = open_page(390, 844, java_script_enabled=False)
    path = f"{prefix}/week/{THIS_WEEK.name}"
    page.goto(f"{site.url}{path}?rating=12")
    page.locator(".filters summary").click()
    page.locator(".filters-links a").first.click()
    expect(page).to_have_url(f"{site.url}{path}?kind=cinema&rating=12")
    page.locator(".filters summary").click()
    expect(page.locator(".filters-links a[href*='kind=limited']")).to_have_count(0)
    page.locator(".jump [type=date]").fill(MONTH.start.isoformat())
    page.locator(".jump button").click()
    week = week_of(MONTH.start).name
    expect(page).to_have_url(f"{site.url}{prefix}/week/{week}?kind=cinema&rating=12")
    page.goto(f"{site.url}{path}?rating=12")
    for link in ("genre=drama", "format=2D"):
        page.locator(".filters summary").click()
        page.locator(f".filters-links a[href*='{link}']").click()
    expect(page).to_have_url(f"{site.url}{path}?format=2D&genre=drama&rating=12")


def test_movie_leads_to_its_like(site: Site, open_page: OpenPage) -> None:
    """By touch: from a card to a genre, and from a movie to the month's films of its rating."""
    page = open_page(390, 844, has_touch=True)
    page.goto(site.url)
    genre = page.locator("#this-week .film-genres a").first
    name = genre.inner_text()
    genre.tap()
    expect(page.locator("h1")).to_contain_text(name)
    page.go_back()
    click_link(page, ".film:has(.rating:not(.rating-pending)) .movie")
    movie = page.url.removeprefix(site.url)
    page.locator(".film-rating a").tap()
    expect(page.locator(".filters-active")).to_be_visible()
    assert movie in shown(page)
