"""The manager in Chromium: by mouse and keyboard, accessible, and quiet."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pyramid.interfaces import IRoutesMapper
from pyramid.request import Request

from tests.site.cached import week_here

from .conftest import OpenPage
from .manager_site import PASSWORD, ManagerSite, rendered_again, running_manager_site
from .page_log import PageLog, violations_of
from .test_accessibility import ALL, is_accessible, violations

PATHS = (
    "/manager",
    "/manager/movies",
    "/manager/movies?q=nincs+ilyen",
    "/manager/movies/new",
    "/manager/movies/{movie}",
    "/manager/movies/{movie}/posters",
    "/manager/movies/{movie}/preview",
    "/manager/week/2026-W49/grid",
    "/manager/imports",
    "/manager/posters",
    "/manager/cache",
    "/manager/performance",
    "/manager/settings",
    "/manager/audit",
    "/manager/bin",
    "/manager/names",
    "/manager/delete/film/{movie}",
    "/manager/users",
    "/manager/users/2",
    "/manager/set-password?link=wrong",
    "/manager/account",
    "/manager/account/confirm",
    "/manager/nothing",
    "/en/manager/movies",
    "/en/manager/bin",
    "/en/manager/delete/film/{movie}",
    "/en/manager/movies/{movie}/preview",
    "/en/manager/week/2026-W49/grid",
)


@pytest.fixture(scope="module")
def shared_manager(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ManagerSite]:
    """A site that tests do not change."""
    with running_manager_site(migrated_sqlite, tmp_path_factory.mktemp("manager")) as manager:
        yield manager


@pytest.fixture
def manager(migrated_sqlite: Path, tmp_path: Path) -> Iterator[ManagerSite]:
    """A site of the test's own."""
    with running_manager_site(migrated_sqlite, tmp_path) as manager:
        yield manager


def movie_path(manager: ManagerSite, movie: int) -> str:
    return f"{manager.url}/manager/movies/{movie}"


def test_a_movie_is_edited_by_keyboard_alone(manager: ManagerSite, open_page: OpenPage) -> None:
    page = open_page()
    manager.sign_in(page)
    page.keyboard.press("Tab")  # the skip link; then the navigation
    tab_until(page, "a[href='/manager/movies']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/manager/movies")
    page.keyboard.press("/")
    page.keyboard.type("itt van")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=itt+van**")
    tab_until(page, "tbody a")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/movies/{manager.movies.here}")
    tab_until(page, "#runtime")
    page.keyboard.press("Control+A")
    page.keyboard.type("95")
    tab_until(page, "[name=genres]")
    page.keyboard.press("Space")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status")).to_contain_text("Mentve.")
    assert page.locator("#runtime").input_value() == "95"
    assert not page.locator("[name=genres]").first.is_checked()


def test_people_are_ordered_with_buttons(manager: ManagerSite, open_page: OpenPage) -> None:
    page = open_page()
    manager.sign_in(page)
    page.goto(movie_path(manager, manager.movies.here))
    page.locator("[name=cast-1-name]").fill("Második Színész")
    page.get_by_role("button", name="Második Színész feljebb").press("Enter")
    page.get_by_role("button", name="Mentés", exact=True).last.click()
    expect(page.get_by_role("status")).to_contain_text("Mentve.")
    assert page.locator("[name=cast-0-name]").input_value() == "Második Színész"


def test_everything_works_without_scripts(manager: ManagerSite, open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    manager.sign_in(page)
    manager.warm()
    page.goto(movie_path(manager, manager.movies.here))
    page.locator("#title").fill("Szkript nélkül")
    page.get_by_role("button", name="Mit frissít?", exact=True).click()
    expect(page.locator("#affected")).to_contain_text("A mentés")
    page.get_by_role("button", name="Mentés", exact=True).last.click()
    expect(page.get_by_role("status")).to_contain_text("Mentve.")


ELSEWHERE = {
    "manager.sign_in": "below",
    "manager.import": "test_imports.py, which has an import",
    "manager.import_list": "test_imports.py, which has a list",
    "manager.movie_unsaved_poster": "test_posters.py, which has a picture",
    "manager.movie_poster_preview": "a picture is no page",
    "manager.bulk_job": "test_bulk.py, which has a job",
    "manager.second_factors": "test_second_factors.py, which enters the password again",
    "manager.undo": "test_undo.py, which has a change",
    "manager.name": "test_names.py, in both languages",
    "manager.name_merge": "test_names.py, in both languages",
    "manager.name_merging": "test_names.py, in both languages",
    "manager.name_suggestions": "is JSON",
}
"""Routes that other tests cover."""


def test_every_page_of_the_manager_is_tested(shared_manager: ManagerSite) -> None:
    """A new route must be added to ``PATHS`` or to ``ELSEWHERE``."""
    registry = shared_manager.registry
    mapper = registry.getUtility(IRoutesMapper)
    seen = set(ELSEWHERE)
    for path in PATHS:
        request = Request.blank(path.replace("{movie}", "1"))
        route = mapper(request)["route"]
        seen |= {route.name} if route else set()
    views = registry.introspector.get_category("views") or ()
    pages = {
        view["route_name"]
        for view in (each["introspectable"] for each in views)
        if (view["route_name"] or "").startswith("manager.") and "GET" in view["request_methods"]
    }
    assert pages >= {"manager.movie", "manager.users"}
    assert pages <= seen


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_accessible_and_quiet(
    shared_manager: ManagerSite, open_page: OpenPage, path: str
) -> None:
    page = open_page(color_scheme="light")
    shared_manager.sign_in(page)
    watch = PageLog.attach(page)
    page.goto(shared_manager.url + path.replace("{movie}", str(shared_manager.movies.here)))
    is_accessible(page)
    assert violations_of(page) == []
    assert [each for each in watch.errors if "404" not in each] == []


def test_purge_by_tag_renders_exactly_its_pages_again(
    shared_manager: ManagerSite, open_page: OpenPage
) -> None:
    page = open_page()
    watch = PageLog.attach(page)
    shared_manager.sign_in(page)
    shared_manager.warm()
    before = shared_manager.states()
    page.goto(f"{shared_manager.url}/manager/cache")
    page.get_by_label("Címkék").fill(f"week:{week_here().name}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Kiürítve.")
    rendered = rendered_again(before, shared_manager.states())
    assert rendered >= {"week", "index", "english", "movie"}
    assert not rendered & {"ahead", "other", "empty", "undated"}
    # The page polls new numbers without navigation, and opened details stay open.
    chart = page.locator("#charts figure", has_text="pages")
    chart.locator("summary").click()
    seen = chart.locator("rect").last.text_content() or ""
    shared_manager.warm()
    expect(chart.locator("rect").last).not_to_have_text(seen, timeout=30_000)
    expect(chart.locator("details")).to_have_attribute("open", "")
    expect(chart.locator("summary")).to_be_focused()
    # If the session ends, a message appears, and the page's content stays.
    page.get_by_label("Címkék").fill("movie:42")
    page.context.clear_cookies()
    expect(page.get_by_role("alert")).to_contain_text("Lejárt a bejelentkezése", timeout=30_000)
    expect(chart).to_be_visible()
    assert page.get_by_label("Címkék").input_value() == "movie:42"
    assert violations_of(page) == []
    assert watch.errors == []


def test_form_is_kept_over_a_sign_in(shared_manager: ManagerSite, open_page: OpenPage) -> None:
    page = open_page()
    shared_manager.sign_in(page)
    page.goto(f"{shared_manager.url}/manager/movies/new")
    page.locator("#title").fill("Hosszan gépelt cím")
    page.context.clear_cookies()
    page.locator("#title").press("Control+Enter")
    expect(page.get_by_role("status")).to_contain_text("Amit beírt, nem veszett el")
    page.get_by_label("Név").fill("anna")
    page.get_by_label("Jelszó").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#title")).to_have_value("Hosszan gépelt cím")


def test_sign_in_page_is_accessible(shared_manager: ManagerSite, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{shared_manager.url}/manager/sign-in")
    assert violations(page, ALL) == []
    page.get_by_label("Név").fill("anna")
    page.get_by_label("Jelszó").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page, ALL) == []


def tab_until(page: Page, selector: str) -> None:
    """Presses Tab until the focused element matches."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"{selector} is not reached with Tab")
