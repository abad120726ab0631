"""The manager in Chromium: by mouse and keyboard, without scripts, purges, sign-ins."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect

from tests.site.cached import week_here

from .conftest import OpenPage
from .manager_site import PASSWORD, ManagerSite, rendered_again, running_manager_site
from .page_log import PageLog, violations_of
from .test_accessibility import ALL, violations


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


def test_purge_by_tag_renders_exactly_its_pages_again(
    shared_manager: ManagerSite, open_page: OpenPage
) -> None:
    page = open_page()
    watch = PageLog.attach(page)
    shared_manager.enter(page)
    shared_manager.warm()
    before = shared_manager.states()
    page.goto(f"{shared_manager.url}/manager/cache")
    page.get_by_label("Címkék").fill(f"week:{week_here().name}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Kiürítve.")
    rendered = rendered_again(before, shared_manager.states())
    assert rendered >= {"week", "index", "english"}
    assert not rendered & {"movie", "ahead", "other", "empty", "undated"}
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


def test_live_page_stops_polling_without_input(
    shared_manager: ManagerSite, open_page: OpenPage
) -> None:
    page = open_page()
    shared_manager.enter(page)
    page.clock.install()
    page.add_init_script(
        "addEventListener('htmx:afterRequest', () => document.body.setAttribute('data-polled', ''))"
    )
    page.goto(f"{shared_manager.url}/manager/posters")
    polls: list[Request] = []
    page.on("request", lambda each: polls.append(each) if is_poll(each) else None)
    with page.expect_response(lambda each: is_poll(each.request)):
        page.clock.run_for(10_000)
    # The next poll waits for three times as long as this one took: it must not end after the jump.
    expect(page.locator("body")).to_have_attribute("data-polled", "")
    page.clock.fast_forward(10 * 60_000)
    polls.clear()
    page.clock.run_for(60_000)
    assert polls == []
    page.mouse.move(5, 5)
    page.mouse.move(50, 50)
    with page.expect_request(is_poll):
        page.clock.run_for(10_000)


def is_poll(request: Request) -> bool:
    return "hx-request" in request.headers


@pytest.mark.parametrize("path", ["/manager/posters", "/manager/cache", "/manager/performance"])
def test_live_pages_are_reloaded_without_scripts(
    shared_manager: ManagerSite, open_page: OpenPage, path: str
) -> None:
    page = open_page(java_script_enabled=False)
    shared_manager.enter(page)
    page.goto(shared_manager.url + path)
    with page.expect_navigation():
        page.get_by_role("link", name="Frissítés").click()
    assert page.url == shared_manager.url + path


def test_form_is_kept_over_a_sign_in(shared_manager: ManagerSite, open_page: OpenPage) -> None:
    page = open_page()
    shared_manager.enter(page)
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
