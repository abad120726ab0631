"""The movie's form in Chromium: leaving it, refused saves, the keyboard, phones, long titles."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, expect
from sqlalchemy import select

from moziweb.movies.models import Movie
from moziweb.services import services_of
from tests.factories import make_movie

from .conftest import OpenPage
from .manager_site import ManagerSite, running_manager_site
from .page_log import box
from .test_accessibility import ALL, violations

SIZES = [(1280, 900), (390, 844)]
SOON = 30_000
"""Milliseconds for an answer of a busy machine."""


@pytest.fixture(scope="module")
def manager(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ManagerSite]:
    with running_manager_site(migrated_sqlite, tmp_path_factory.mktemp("form")) as manager:
        yield manager


@pytest.fixture
def movie(manager: ManagerSite) -> str:
    """The path of a movie of the test's own."""
    with services_of(manager.registry).database.write() as session:
        return f"{manager.url}/manager/movies/{make_movie(session).id}"


def opened(manager: ManagerSite, open_page: OpenPage, path: str, *size: int) -> Page:
    page = open_page(*size, color_scheme="light")
    manager.enter(page)
    page.goto(path)
    return page


def questions(page: Page) -> list[str]:
    """The kinds of the dialogs that a page opens from now on; each is accepted."""
    seen: list[str] = []

    def accept(dialog: Dialog) -> None:
        seen.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    return seen


def leave(page: Page, field: str = "#title") -> None:
    page.locator(field).click()  # browsers only ask on a page that was used
    with page.expect_navigation():
        page.locator(".site-nav a").first.click()


def save(page: Page) -> None:
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")


def test_untouched_movie_is_left_without_a_question(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    # This one has people, whose rows the script numbers.
    page = opened(manager, open_page, f"{manager.url}/manager/movies/{manager.movies.here}")
    asked = questions(page)
    leave(page)
    assert asked == []


def test_typed_text_is_left_after_a_question(
    manager: ManagerSite, open_page: OpenPage, movie: str
) -> None:
    page = opened(manager, open_page, movie)
    asked = questions(page)
    page.locator("#synopsis").fill("Valami új.")
    leave(page)
    assert asked == ["beforeunload"]


def test_refused_save_is_left_after_a_question(
    manager: ManagerSite, open_page: OpenPage, movie: str
) -> None:
    page = opened(manager, open_page, movie)
    asked = questions(page)
    page.locator("#imdb_id").fill("nm1")
    save(page)
    assert asked == []  # saving is not leaving
    expect(page.locator("#error-summary")).to_be_visible()
    leave(page)
    assert asked == ["beforeunload"]


def test_text_typed_after_a_stopped_save_is_left_after_a_question(
    manager: ManagerSite, open_page: OpenPage, movie: str
) -> None:
    page = opened(manager, open_page, movie)
    asked = questions(page)
    page.route(movie, lambda route: route.fulfill(status=204))  # the page stays, as after Escape
    page.locator("#synopsis").fill("Valami új.")
    with page.expect_response(movie):
        page.keyboard.press("Control+Enter")
    page.locator("#synopsis").press_sequentially(" És még.")
    page.unroute(movie)
    leave(page)
    assert asked == ["beforeunload"]


def test_typed_name_is_left_after_a_question(manager: ManagerSite, open_page: OpenPage) -> None:
    path = f"{manager.url}/manager/names/person/{manager.movies.person}"
    page = opened(manager, open_page, path)
    asked, name = questions(page), page.locator("#name")
    leave(page, "#name")
    assert asked == []
    page.goto(path)
    name.fill("Más név")
    with page.expect_navigation():
        page.get_by_role("button", name="Mit frissít?").click()
    assert asked == []
    leave(page, "#name")  # what was looked at is not saved
    assert asked == ["beforeunload"]
    page.goto(path)
    name.fill("Más név")
    save(page)
    leave(page, "#name")
    assert asked == ["beforeunload"]


def test_back_to_a_form_that_was_sent_shows_what_was_typed(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    page = opened(manager, open_page, f"{manager.url}/manager/movies/new")
    questions(page)
    typed = {"#title": "Vissza", "#distributor": "Cég", "[name=cast-0-name]": "Valaki"}
    for field, text in typed.items():
        page.locator(field).fill(text)
    page.locator("[name=genres]").first.check()
    save(page)
    expect(page.get_by_role("status").first).to_contain_text("Mentve.")
    made = page.url
    page.go_back()
    for field, text in typed.items():
        expect(page.locator(field)).to_have_value(text)
    assert page.locator("[name=genres]").first.is_checked()
    save(page)  # the same form again
    assert page.url == made
    page.go_back()
    page.locator("#title").fill("Másik")
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("Ez az űrlap már létrehozott egy filmet")
    # What another editor has saved since is not replaced by former texts.
    page.goto(made)
    page.locator("#title").fill("Enyém")
    save(page)
    with services_of(manager.registry).database.write() as session:
        movie = session.scalars(select(Movie).where(Movie.title == "Enyém")).one()
        movie.title = "Övék"
    page.go_back()
    expect(page.locator("#title")).to_have_value("Övék")


def test_back_to_another_empty_form_shows_nothing_of_the_one_that_was_sent(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    new = f"{manager.url}/manager/movies/new"
    page = opened(manager, open_page, new)
    page.locator("#title").fill("Első")
    save(page)
    page.goto(new)
    page.goto(f"{manager.url}/manager/movies")
    page.go_back()
    expect(page.locator("#title")).to_have_value("")


def test_typed_form_outlives_a_site_that_does_not_answer(
    manager: ManagerSite, open_page: OpenPage, movie: str
) -> None:
    page = opened(manager, open_page, movie)
    asked = questions(page)
    page.locator("#synopsis").fill("Hosszú szöveg.")
    page.locator("#distributor").fill("Cég")
    page.route(movie, lambda route: route.fulfill(status=502, body="502"))
    save(page)
    page.unroute(movie)
    page.go_back()
    expect(page.locator("#synopsis")).to_have_value("Hosszú szöveg.")
    expect(page.locator("#distributor")).to_have_value("Cég")
    leave(page)
    assert asked == ["beforeunload"]


def test_back_to_the_answer_of_a_form_shows_what_was_typed_and_asks_nothing(
    manager: ManagerSite, open_page: OpenPage, movie: str
) -> None:
    """Such as a refused save: a browser would ask whether to send the old form again."""
    page = opened(manager, open_page, movie)
    asked = questions(page)
    page.locator("#imdb_id").fill("nm1")
    save(page)
    expect(page.locator("#error-summary")).to_be_visible()
    with page.expect_navigation():
        page.locator("[value=more]").first.click()
    page.locator("#imdb_id").fill("")
    page.locator("#synopsis").fill("Hosszú szöveg.")
    page.route(movie, lambda route: route.fulfill(status=502, body="502"))
    save(page)
    page.unroute(movie)
    page.go_back()
    expect(page.locator("#synopsis")).to_have_value("Hosszú szöveg.")
    save(page)
    expect(page.get_by_role("status").first).to_contain_text("Mentve.")
    page.go_back()
    expect(page.locator("#synopsis")).to_have_value("Hosszú szöveg.")
    page.reload()
    expect(page.locator("#error-summary")).to_have_count(0)
    assert asked == []


def test_typed_texts_of_a_user_are_not_kept_for_the_next_one(
    manager: ManagerSite, open_page: OpenPage, movie: str
) -> None:
    stored = "sessionStorage.getItem('sent')"
    page = open_page(color_scheme="light")
    manager.sign_in(page)

    def type_and_fail(text: str) -> None:
        page.goto(movie)
        page.locator("#synopsis").fill(text)
        page.route(movie, lambda route: route.fulfill(status=502, body="502"))
        save(page)
        page.unroute(movie)
        assert text in page.evaluate(stored)

    type_and_fail("Az elsőé.")
    other = page.context.new_page()  # the tab of the form does not show the sign-in page
    page.context.clear_cookies()
    manager.sign_in(other, "béla")
    page.go_back()
    expect(page.locator("#synopsis")).to_have_value("")
    assert page.evaluate(stored) is None
    type_and_fail("A másodiké.")
    page.go_back()
    expect(page.locator("#synopsis")).to_have_value("A másodiké.")
    questions(page)
    page.get_by_role("button", name="Kijelentkezés").click()
    page.wait_for_url("**/sign-in**")
    page.wait_for_function(f"{stored} === null")


def test_saved_movie_is_left_without_a_question(
    manager: ManagerSite, open_page: OpenPage, movie: str
) -> None:
    page = opened(manager, open_page, movie)
    asked = questions(page)
    page.locator("#synopsis").fill("Valami új.")
    save(page)
    expect(page.get_by_role("status").first).to_contain_text("Mentve.")
    leave(page)
    assert asked == []


@pytest.mark.parametrize("language", ["", "/en"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_refused_save_focuses_a_summary_with_links(
    manager: ManagerSite, open_page: OpenPage, movie: str, language: str, width: int, height: int
) -> None:
    path = movie.replace("/manager/", f"{language}/manager/")
    page = opened(manager, open_page, path, width, height)
    page.locator("#imdb_id").fill("nm1")
    save(page)
    expect(page.locator("#error-summary")).to_be_focused()
    assert violations(page, ALL) == []
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#imdb_id")).to_be_focused()


def test_title_of_a_new_movie_has_the_focus(manager: ManagerSite, open_page: OpenPage) -> None:
    page = opened(manager, open_page, f"{manager.url}/manager/movies/new")
    expect(page.locator("#title")).to_be_focused()
    page.keyboard.type("Gépelt cím")
    save(page)
    expect(page.get_by_role("status").first).to_contain_text("Mentve.")
    assert violations(page, ALL) == []


def test_save_is_reached_from_anywhere(
    manager: ManagerSite, open_page: OpenPage, movie: str
) -> None:
    page = opened(manager, open_page, movie)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Ugrás a mentéshez")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#save")).to_be_focused()
    page.evaluate("document.activeElement.blur()")
    save(page)  # without a focus


def test_two_movies_are_added_one_after_the_other(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    page = opened(manager, open_page, f"{manager.url}/manager/movies/new")
    for title in ("Az első", "A második"):
        expect(page.locator("#title")).to_be_focused()  # of an empty form
        expect(page.locator("#title")).to_have_value("")
        page.keyboard.type(title)
        with page.expect_navigation():
            page.get_by_role("button", name="Mentés, majd új film").click()
        page.wait_for_url("**/manager/movies/new?**")
        notice = page.get_by_role("status").first
        expect(notice).to_contain_text("Mentve.")
        expect(notice.get_by_role("link", name=title)).to_be_visible()
        assert violations(page, ALL) == []
    page.get_by_role("status").first.get_by_role("link", name="A második").click()
    expect(page.locator("#title")).to_have_value("A második")


@pytest.mark.parametrize("language", ["", "/en"])
def test_warnings_do_not_prevent_saving(
    manager: ManagerSite, open_page: OpenPage, language: str
) -> None:
    """A second movie of a title, and a year far away: before saving, and after it."""
    with services_of(manager.registry).database.write() as session:
        other = make_movie(session, f"Kétszer{language}").id
    page = opened(manager, open_page, f"{manager.url}{language}/manager/movies/new")
    page.locator("#title").fill(f"Kétszer{language}")
    page.locator("[name=premieres-0-date]").fill("2062-03-01")
    with page.expect_navigation():
        page.locator("button[value=preview]").click()
    warnings = page.locator("#affected .warnings li")
    expect(warnings).to_have_count(2)
    link = f"{language}/manager/movies/{other}"
    assert warnings.get_by_role("link").first.get_attribute("href") == link
    assert violations(page, ALL) == []
    save(page)
    notice = page.get_by_role("status").first
    expect(notice).to_contain_text("Saved." if language else "Mentve.")
    expect(notice.locator(".warnings li")).to_have_count(2)
    assert violations(page, ALL) == []


@pytest.mark.parametrize(("width", "height"), [(390, 844), (360, 640)])
def test_header_and_bar_leave_two_thirds_of_a_phone(
    manager: ManagerSite, open_page: OpenPage, movie: str, width: int, height: int
) -> None:
    page = opened(manager, open_page, movie, width, height)
    header, bar = box(page, ".masthead"), box(page, ".film-aside")
    assert header["height"] + bar["height"] <= height / 3
    page.locator("#synopsis").fill("Valami új.")
    expect(page.locator("#affected strong, #affected p").first).to_be_visible(timeout=SOON)
    assert box(page, ".masthead")["height"] + box(page, ".film-aside")["height"] <= height / 3
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator("#save")).to_be_in_viewport()


def test_number_of_pages_does_not_outlive_the_session(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    manager.warm()
    page = opened(manager, open_page, f"{manager.url}/manager/movies/{manager.movies.here}")
    panel = page.locator("#affected")
    page.locator("#title").fill("Új cím")
    expect(panel).to_contain_text("A mentés", timeout=SOON)
    page.context.clear_cookies()
    page.locator("#title").fill("Még újabb cím")
    expect(panel).to_contain_text("Most nem tudni", timeout=SOON)
    expect(panel).not_to_contain_text("A mentés")
    assert page.locator("#title").input_value() == "Még újabb cím"


@pytest.mark.parametrize("title", ["W" * 300, "Nagyon hosszú cím " * 16], ids=["word", "words"])
@pytest.mark.parametrize("path", ["/manager/movies", "/manager/audit"])
def test_long_title_leaves_every_column_on_the_screen(
    manager: ManagerSite, open_page: OpenPage, title: str, path: str
) -> None:
    with services_of(manager.registry).database.write() as session:
        movie = make_movie(session)
    page = opened(manager, open_page, f"{manager.url}/manager/movies/{movie.id}", 1280, 900)
    page.locator("#title").fill(title)
    save(page)
    page.goto(manager.url + path)
    row = page.locator("tbody tr").first
    expect(row).to_contain_text(title[:30])
    frame = box(page, ".table-frame")
    last = row.locator("td").last.bounding_box()
    assert last is not None
    assert last["x"] + last["width"] <= frame["x"] + frame["width"] + 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
