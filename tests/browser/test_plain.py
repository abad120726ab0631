"""The site without scripts, in both colour schemes and both languages."""

import re

import pytest
from playwright.sync_api import expect

from .conftest import OpenPage
from .site import EMPTY_WEEK, THIS_WEEK, Site


def test_everything_works_without_scripts(site: Site, open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(site.url)
    page.get_by_role("link", name="Későbbi").click()
    expect(page).to_have_url(f"{site.url}/week/{THIS_WEEK.next.name}")
    page.get_by_label("Keresés dátum szerint").fill(THIS_WEEK.end.isoformat())
    page.get_by_role("button", name="Ugrás").click()
    expect(page).to_have_url(f"{site.url}/week/{THIS_WEEK.name}")
    page.locator(".movie").first.click()
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator(".film-poster img")).to_be_visible()


def test_empty_week_links_to_the_next_premieres(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{site.url}/week/{EMPTY_WEEK}")
    expect(page.get_by_role("heading", name="Itt most nincs premier")).to_be_visible()
    page.get_by_role("link", name="Következő premierek").click()
    expect(page.locator(".movie").first).to_be_visible()


def test_language_switch_keeps_the_page(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{site.url}/week/{THIS_WEEK.name}")
    page.get_by_role("link", name="English").click()
    expect(page).to_have_url(f"{site.url}/en/week/{THIS_WEEK.name}")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("h1")).to_contain_text("Premieres of the week")
    page.get_by_role("link", name="Magyar").click()
    expect(page).to_have_url(f"{site.url}/week/{THIS_WEEK.name}")


def test_404_links_back(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    answer = page.goto(f"{site.url}/nothing-here")
    assert answer
    assert answer.status == 404
    expect(page.locator("h1")).to_be_visible()
    page.locator(".ways-out a").first.click()
    expect(page).to_have_url(f"{site.url}/")


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_auditorium_is_dark_in_both_schemes(
    site: Site, open_page: OpenPage, scheme: str, is_dark: bool
) -> None:
    page = open_page(color_scheme=scheme)
    page.goto(site.url)

    def lightness(selector: str) -> float:
        colour: str = page.locator(selector).first.evaluate(
            "element => getComputedStyle(element).backgroundColor"
        )
        return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3

    assert lightness(".auditorium") < 64
    assert (lightness("html") < 64) is is_dark


def test_reduced_motion_is_respected(site: Site, open_page: OpenPage) -> None:
    page = open_page(reduced_motion="reduce")
    page.goto(site.url)
    duration = "element => getComputedStyle(element).transitionDuration"
    assert page.locator(".film-picture").first.evaluate(duration) == "0s"
