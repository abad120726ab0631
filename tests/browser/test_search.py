"""Suggestions while typing: by keyboard, for screen readers, by pointer, and without scripts."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import OpenPage
from .site import Site
from .test_accessibility import ALL, is_accessible, violations
from .test_keyboard import tab_to
from .visitors import VISITORS, Visitor


def open_search(site: Site, open_page: OpenPage, path: str = "/search", **options: object) -> Page:
    page = open_page(**options)
    page.goto(site.url + path)
    return page


@pytest.mark.parametrize("visitor", VISITORS, ids=str)
def test_misspelt_title_is_found_by_keyboard_alone(
    site: Site, open_page: OpenPage, visitor: Visitor
) -> None:
    page = visitor.open(open_page)
    page.goto(f"{site.url}{visitor.prefix}/")
    tab_to(page, ".to-search")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{visitor.prefix}/search")
    tab_to(page, "#search-text")
    page.keyboard.type("avtaar")
    option = page.get_by_role("option", name="Avatar")
    expect(option).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    expect(page.locator("#search-text")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"{visitor.prefix}/movie/\d+-avatar$"))
    expect(page.locator("h1")).to_contain_text("Avatar")
    assert violations(page, ALL) == []


@pytest.mark.parametrize("path", ["/search", "/en/search"])
def test_field_is_a_combobox(site: Site, open_page: OpenPage, path: str) -> None:
    """The pattern: https://www.w3.org/WAI/ARIA/apg/patterns/combobox/."""
    page = open_search(site, open_page, path)
    field = page.get_by_role("combobox")
    expect(field).to_have_attribute("aria-autocomplete", "list")
    expect(field).to_have_attribute("aria-expanded", "false")
    field.press_sequentially("jam")
    expect(field).to_have_attribute("aria-expanded", "true")
    listbox = page.get_by_role("listbox")
    assert field.get_attribute("aria-controls") == listbox.get_attribute("id")
    name = "Javaslatok" if path == "/search" else "Suggestions"
    expect(listbox).to_have_accessible_name(name)
    options = page.get_by_role("option")
    number = options.count()
    assert number >= 2
    word = "javaslat" if path == "/search" else "suggestions"
    expect(page.get_by_role("status")).to_have_text(f"{number} {word}")
    assert field.get_attribute("aria-activedescendant") is None
    for place in (
        *range(number),
        None,
        0,
    ):  # the field itself is before the first and after the last
        field.press("ArrowDown")
        selected = page.locator("[role=option][aria-selected=true]")
        expect(selected).to_have_count(0 if place is None else 1)
        if place is not None:
            expected = options.nth(place).get_attribute("id") or ""
            expect(field).to_have_attribute("aria-activedescendant", expected)
    field.press("ArrowUp")
    field.press("ArrowUp")
    last = options.nth(number - 1)
    expect(last).to_have_attribute("aria-selected", "true")
    expect(field).to_be_focused()


def test_escape_and_tab_close_the_list(site: Site, open_page: OpenPage) -> None:
    page = open_search(site, open_page)
    field = page.get_by_role("combobox")
    field.press_sequentially("avat")
    expect(page.get_by_role("option")).to_have_count(1)
    field.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(field).to_have_attribute("aria-expanded", "false")
    expect(field).to_have_value("avat")
    field.press("ArrowDown")  # opens it again
    expect(page.get_by_role("option")).to_be_visible()
    field.press("Tab")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(page.get_by_role("button", name="Keresés")).to_be_focused()


def test_enter_without_a_choice_searches(site: Site, open_page: OpenPage) -> None:
    page = open_search(site, open_page)
    field = page.get_by_role("combobox")
    field.press_sequentially("avat")
    expect(page.get_by_role("option")).to_be_visible()
    field.press("Enter")
    page.wait_for_url("**/search?q=avat")
    expect(page.locator(".item-title")).to_have_text("Avatar")
    expect(page.locator(".found-note")).to_have_text("1 film")


def test_nothing_to_suggest_is_said_to_screen_readers(site: Site, open_page: OpenPage) -> None:
    page = open_search(site, open_page)
    page.get_by_role("combobox").press_sequentially("zzyzx")
    expect(page.get_by_role("status")).to_have_text("Nincs javaslat")
    expect(page.get_by_role("listbox")).to_be_hidden()


def test_suggestion_is_a_link_for_pointers(site: Site, open_page: OpenPage) -> None:
    page = open_search(site, open_page, has_touch=True, width=390, height=844)
    page.get_by_role("combobox").press_sequentially("cameron")
    option = page.get_by_role("option", name="James Cameron")
    box = option.bounding_box()
    assert box
    assert box["height"] >= 44
    option.tap()
    page.wait_for_url(re.compile(r"/person/\d+-james-cameron$"))


def test_letters_typed_at_once_are_asked_for_once(site: Site, open_page: OpenPage) -> None:
    page = open_search(site, open_page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("combobox").evaluate(  # a busy machine would pause between real keys
        """field => {
          field.focus();
          for (const letter of "avatar") {
            field.value += letter;
            field.dispatchEvent(new InputEvent("input", { bubbles: true, data: letter }));
          }
        }"""
    )
    expect(page.get_by_role("option")).to_be_visible()
    assert [url for url in asked if "/suggest" in url] == [f"{site.url}/suggest?q=avatar"]


def test_search_works_without_scripts(site: Site, open_page: OpenPage) -> None:
    page = open_search(site, open_page, java_script_enabled=False)
    field = page.get_by_role("searchbox")
    expect(field).not_to_have_attribute("role", "combobox")
    expect(page.get_by_role("listbox")).to_have_count(0)
    field.fill("avtaar")
    page.get_by_role("button", name="Keresés").click()
    expect(page.locator(".item-title")).to_have_text("Avatar")
    page.get_by_role("link", name="English").click()
    expect(page).to_have_url(f"{site.url}/en/search?q=avtaar")


@pytest.mark.parametrize("query", ["avat", "avtaar", "cameron", "zzyzx"])
def test_results_are_accessible(site: Site, open_page: OpenPage, query: str) -> None:
    is_accessible(open_search(site, open_page, f"/search?q={query}", color_scheme="light"))


def test_open_list_is_accessible(site: Site, open_page: OpenPage) -> None:
    page = open_search(site, open_page, color_scheme="light")
    field = page.get_by_role("combobox")
    field.press_sequentially("jam")
    expect(page.get_by_role("option").first).to_be_visible()
    field.press("ArrowDown")
    is_accessible(page)
    expect(page.get_by_role("option").first).to_be_visible()
    assert violations(page, ALL) == []
