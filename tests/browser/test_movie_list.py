"""The list of movies and the audit log in Chromium: filters, search, bulk actions on all pages."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from moziweb.manager.movies.list_page import MOVIES_PER_PAGE
from moziweb.movies.models import Movie, Rating
from moziweb.posters.models import SourceState
from moziweb.services import services_of
from tests import factories
from tests.site.cached import week_here
from tests.threads import join_threads

from .conftest import OpenPage
from .manager_site import ManagerSite, running_manager_site
from .page_log import PageLog, violations_of
from .test_accessibility import is_accessible

MANY = MOVIES_PER_PAGE + 5
SOON = 30_000
"""Milliseconds for the work of a busy machine."""


@pytest.fixture(scope="module")
def manager(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ManagerSite]:
    """A site with more movies of a distributor than a page of the list has."""
    with running_manager_site(migrated_sqlite, tmp_path_factory.mktemp("list")) as manager:
        with services_of(manager.registry).database.write() as session:
            for number in range(MANY):
                movie = factories.make_movie(
                    session, f"Sokadik {number:02}", synopsis="Van.", rating=Rating.AGE_12
                )
                factories.set_distributor(session, movie, "Nagy Forgalmazó")
            movie = factories.make_movie(session, "Őszi almák", imdb_id="tt0133093", tmdb_id=603)
            factories.set_distributor(session, movie, "Nagy Forgalmazó")
            soon = factories.make_movie(session, "Jövő heti")
            factories.make_premiere(session, soon, week_here().next.thursday)
            small = factories.make_movie(session, "Kis képű")
            factories.add_poster(session, small, state=SourceState.READY, width=779)
        yield manager
        join_threads("bulk-")


def opened(manager: ManagerSite, open_page: OpenPage, path: str = "/manager/movies") -> Page:
    page = open_page(color_scheme="light")
    manager.enter(page)
    page.goto(manager.url + path)
    return page


def query(page: Page) -> dict[str, list[str]]:
    """The query of the page's address."""
    return parse_qs(urlsplit(page.url).query)


def titles(page: Page) -> list[str]:
    return page.locator("tbody th a").all_text_contents()


def test_filters_are_in_the_address_and_combine(manager: ManagerSite, open_page: OpenPage) -> None:
    page = opened(manager, open_page)
    watch = PageLog.attach(page)
    page.get_by_label("Forgalmazó").select_option("Nagy Forgalmazó")
    page.get_by_role("button", name="Keresés").click()
    page.wait_for_url("**distributor=**")
    page.get_by_role("link", name="Nincs ismertető").click()
    page.wait_for_url("**show=no-synopsis**")
    assert titles(page) == ["Őszi almák"]
    address = page.url
    assert set(query(page)) == {"distributor", "show", "sort"}
    is_accessible(page)
    # The address shows the same list again, for another editor, too.
    page.goto(f"{manager.url}/manager")
    page.goto(address)
    assert titles(page) == ["Őszi almák"]
    chosen = page.locator("#distributor option:checked")
    expect(chosen).to_have_text("Nagy Forgalmazó")
    # Another filter keeps the distributor; the search keeps both.
    page.get_by_role("link", name="Nincs korhatár").click()
    page.wait_for_url("**show=no-rating**")
    assert titles(page) == ["Őszi almák"]
    page.keyboard.press("/")
    page.keyboard.type("sokadik")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=sokadik**")
    assert {"distributor", "show", "q"} <= set(query(page))
    expect(page.locator(".empty")).to_be_visible()
    assert violations_of(page) == []
    assert watch.errors == []


def test_next_week_and_small_posters_are_listed(manager: ManagerSite, open_page: OpenPage) -> None:
    page = opened(manager, open_page)
    for name, title in {"Jövő hét": "Jövő heti", "Kicsi plakát": "Kis képű"}.items():
        link = page.get_by_role("link", name=name, exact=True)
        link.click()
        expect(link).to_have_attribute("aria-current", "true")
        assert titles(page) == [title]


@pytest.mark.parametrize(
    "text",
    [
        "603", "tt0133093", "https://www.imdb.com/title/tt0133093/?ref_=x", "oszi almak",
        "https://www.themoviedb.org/movie/603-the-matrix?language=hu", "öszi álmak",
    ],
)  # fmt: skip
def test_ids_addresses_and_slips_find_a_movie(
    manager: ManagerSite, open_page: OpenPage, text: str
) -> None:
    page = opened(manager, open_page)
    page.keyboard.press("/")
    page.keyboard.insert_text(text)
    page.keyboard.press("Enter")
    page.wait_for_url("**q=**")
    assert titles(page)[0] == "Őszi almák"


def test_people_and_distributors_are_found(manager: ManagerSite, open_page: OpenPage) -> None:
    page = opened(manager, open_page, "/manager/movies?q=szinesz+itt")
    assert titles(page) == ["Itt van"]
    page.goto(f"{manager.url}/manager/movies?q=nagy+forgalmazo&sort=title")
    assert len(titles(page)) == MOVIES_PER_PAGE


def test_all_that_a_filter_finds_is_changed(manager: ManagerSite, open_page: OpenPage) -> None:
    """Movies of all pages, and no other: the choice is that of the list, not of its first page."""
    page = opened(manager, open_page, "/manager/movies?q=sokadik")
    expect(page.get_by_role("link", name="Következő oldal")).to_be_visible()
    page.get_by_text("Több film módosítása").click()
    page.get_by_label("Minden, amit ez a lista talál").check()
    page.get_by_role("button", name="Korhatár beállítása").click()
    page.get_by_label("Korhatár").select_option("16")
    page.get_by_role("button", name="Mit frissít?").click()
    expect(page.get_by_text(f"Ez {MANY} filmből {MANY} filmet módosít.")).to_be_visible(
        timeout=SOON
    )
    is_accessible(page)
    page.get_by_role("button", name="Korhatár beállítása").click()
    expect(page.get_by_text(f"Kész: {MANY} filmből {MANY} módosult.")).to_be_visible(timeout=SOON)
    with services_of(manager.registry).database.read() as session:
        found = select(Movie.title).where(Movie.rating == Rating.AGE_16)
        changed = session.scalars(found.order_by(Movie.title)).all()
    assert changed == [f"Sokadik {number:02}" for number in range(MANY)]


def test_audit_log_is_filtered_by_user_action_and_day(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    page = open_page(color_scheme="light")
    manager.sign_in(page)  # for its entry
    page.goto(f"{manager.url}/manager/movies/new")
    page.locator("#title").fill("Naplózott")
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    page.goto(f"{manager.url}/manager/audit")
    expect(page.locator("tbody")).to_contain_text("bejelentkezett")
    page.get_by_label("Ki", exact=True).select_option("anna")
    page.get_by_label("Mit", exact=True).select_option("film.create")
    page.get_by_role("button", name="Keresés").click()
    page.wait_for_url("**what=film.create**")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody")).to_contain_text("Naplózott")
    is_accessible(page)
    page.get_by_label("Ettől").fill("2020-01-01")
    page.get_by_label("Eddig").fill("2020-12-31")
    page.get_by_role("button", name="Keresés").click()
    page.wait_for_url("**last=2020-12-31**")
    assert set(query(page)) == {"who", "what", "first", "last"}
    expect(page.locator(".empty")).to_be_visible()
    page.reload()
    assert page.get_by_label("Ki", exact=True).input_value() == "anna"
