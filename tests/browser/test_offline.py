"""The service worker: pages come from the network, and without it the saved ones are shown."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, Page, expect
from pyramid.events import NewRequest
from pyramid.httpexceptions import HTTPServerError
from pyramid.interfaces import INewRequest
from sqlalchemy import select

from moziweb.movies.models import Movie, Premiere
from moziweb.services import services_of
from moziweb.site.views import well_known
from tests.threads import wait_until

from .conftest import OpenPage
from .manager_site import ManagerSite, running_manager_site
from .site import THIS_WEEK, Site
from .test_accessibility import is_accessible

WEEK = f"/week/{THIS_WEEK.name}"

CONTROLLED = "() => navigator.serviceWorker.controller !== null"
SAVED = """async () => {
  const caches_ = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
  const requests = await Promise.all(caches_.map((cache) => cache.keys()));
  return requests.flat().map((request) => new URL(request.url).pathname);
}"""


@pytest.fixture
def manager(migrated_sqlite: Path, tmp_path: Path) -> Iterator[ManagerSite]:
    """A site with its manager."""
    with running_manager_site(migrated_sqlite, tmp_path) as manager:
        yield manager


def open_controlled(open_page: OpenPage, url: str, width: int = 1280) -> Page:
    """A page of which the service worker handles the requests."""
    page = open_page(width, service_workers="allow")
    page.goto(url)
    page.wait_for_function(CONTROLLED)
    return page


def saved(page: Page) -> set[str]:
    """The paths of the saved pages."""
    return {path for path in page.evaluate(SAVED) if not path.startswith("/static/")}


def wait_for_saved(page: Page, place: str, path: str = "") -> None:
    """Wait until a page is saved: the page at ``path``, if that is given."""
    wait_until(lambda: _saved_path(page, place).startswith(path or "/"))


def _saved_path(page: Page, place: str) -> str:
    script = "(place) => caches.match(place).then((it) => it?.headers.get('X-Saved-Path') ?? '')"
    found: str = page.evaluate(script, place)
    return found


def rename(site: Site, title: str) -> None:
    """Rename a movie of this week."""
    with services_of(site.registry).database.write() as session:
        shown = select(Premiere.movie_id).where(
            Premiere.date.between(THIS_WEEK.start, THIS_WEEK.end), Premiere.cancelled_at.is_(None)
        )
        query = select(Movie).where(Movie.id.in_(shown), Movie.published).order_by(Movie.id)
        session.scalars(query).first().title = title  # type: ignore[union-attr]


def test_online_pages_come_from_the_network(cold_site: Site, open_page: OpenPage) -> None:
    page = open_controlled(open_page, cold_site.url + WEEK)
    for number in range(3):
        rename(cold_site, f"Új cím {number}")
        page.goto(cold_site.url + WEEK)
        expect(page.get_by_text(f"Új cím {number}").first).to_be_visible()
        expect(page.locator(".offline-note")).to_be_hidden()
        wait_for_saved(page, "/saved/week")
    assert page.goto(f"{cold_site.url}/nincs").status == 404  # type: ignore[union-attr]


@pytest.mark.parametrize("width", [390, 1280])
def test_last_seen_week_is_shown_offline_with_a_notice(
    site: Site, open_page: OpenPage, width: int
) -> None:
    page = open_controlled(open_page, f"{site.url}/", width)
    wait_for_saved(page, "/saved/week")  # the page that registered the worker
    page.goto(site.url + WEEK)
    titles = page.locator(".item-title").all_inner_texts()
    wait_for_saved(page, "/saved/week", WEEK)
    page.context.set_offline(True)
    # Other pages lead to the saved one.
    for path in (WEEK, "/", "/month/2026-08", "/en/about"):
        page.goto(site.url + path)
        expect(page).to_have_url(site.url + WEEK)
        expect(page.locator(".offline-note")).to_contain_text("Nincs internetkapcsolat")
        assert page.locator(".offline-time").inner_text()
        assert page.locator(".item-title").all_inner_texts() == titles
    assert page.evaluate("getComputedStyle(document.body).fontFamily").startswith("Archivo")
    is_accessible(page)
    page.context.set_offline(False)
    page.goto(site.url + WEEK)
    expect(page.locator(".offline-note")).to_be_hidden()


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_watchlist_is_shown_offline(site: Site, open_page: OpenPage, prefix: str) -> None:
    page = open_controlled(open_page, f"{site.url}{prefix}/")
    hearts = page.locator(".film .heart")
    for number in (0, 2):
        hearts.nth(number).click()
    wait_for_saved(page, f"/saved{prefix}/watchlist-films")  # without a visit of the list
    wait_for_saved(page, f"/saved{prefix}/watchlist")
    # A link to somebody else's list replaces nothing.
    other = str(page.locator("a.movie").nth(4).get_attribute("href"))
    shared = other.rpartition("/")[2].partition("-")[0]
    page.goto(f"{site.url}{prefix}/watchlist?m={shared}", wait_until="networkidle")
    expect(page.locator("main a.movie")).to_have_count(1)
    page.context.set_offline(True)
    page.goto(f"{site.url}{prefix}/watchlist")
    expect(page.locator(".watchlist .film")).to_have_count(2)
    expect(page.locator(".offline-note")).to_be_visible()


def test_film_that_left_the_list_offline_is_not_shown(site: Site, open_page: OpenPage) -> None:
    page = open_controlled(open_page, f"{site.url}/")
    hearts = page.locator(".film .heart")
    for number in (0, 2):
        hearts.nth(number).click()
    wait_for_saved(page, "/saved/watchlist-films")
    page.goto(f"{site.url}/watchlist")
    films = page.locator(".watchlist .film")
    expect(films).to_have_count(2)
    wait_until(lambda: "." in _saved_path(page, "/saved/watchlist-films"))
    page.context.set_offline(True)
    kept = films.nth(1).locator(".item-title").inner_text()
    films.nth(0).locator(".heart").click()
    page.goto(f"{site.url}/watchlist")
    expect(films).to_have_count(1)
    expect(films.locator(".item-title")).to_have_text(kept)
    expect(page.locator(".watchlist-import")).to_be_hidden()
    films.nth(0).locator(".heart").click()
    page.goto(f"{site.url}/watchlist")
    expect(page.locator(".watchlist-empty")).to_be_visible()


def test_list_of_films_not_saved_offline_says_so(site: Site, open_page: OpenPage) -> None:
    page = open_controlled(open_page, f"{site.url}/")
    hearts = page.locator(".film .heart")
    hearts.nth(0).click()
    for place in ("/saved/watchlist-films", "/saved/watchlist"):
        wait_for_saved(page, place)
    page.context.set_offline(True)
    hearts.nth(0).click()
    hearts.nth(2).click()
    page.goto(f"{site.url}/watchlist")
    expect(page.locator(".heart-note")).to_be_visible()
    expect(page.locator(".watchlist .film")).to_have_count(0)


def test_last_seen_language_is_shown_offline(site: Site, open_page: OpenPage) -> None:
    page = open_controlled(open_page, site.url + WEEK)
    wait_for_saved(page, "/saved/week", WEEK)
    page.locator("a.language").click()
    expect(page).to_have_url(f"{site.url}/en{WEEK}")
    wait_for_saved(page, "/saved/week", f"/en{WEEK}")
    page.context.set_offline(True)
    page.goto(site.url + WEEK)
    expect(page).to_have_url(f"{site.url}/en{WEEK}")
    expect(page.locator(".offline-note")).to_contain_text("You are offline")
    expect(page.locator("html")).to_have_attribute("lang", "en")


@contextlib.contextmanager
def failing(registry: Any, path: str) -> Iterator[None]:
    """Answer 500 at ``path`` until the block ends."""

    def fail(event: NewRequest) -> None:
        if event.request.path == path:
            raise HTTPServerError

    registry.registerHandler(fail, [INewRequest])
    yield
    registry.unregisterHandler(fail, [INewRequest])


def test_error_of_the_server_is_shown_and_not_saved(site: Site, open_page: OpenPage) -> None:
    page = open_controlled(open_page, site.url + WEEK)
    wait_for_saved(page, "/saved/week", WEEK)
    titles = page.locator(".item-title").all_inner_texts()
    with failing(site.registry, WEEK):
        answer = page.goto(site.url + WEEK)
        assert answer is not None
        assert answer.status == 500
        expect(page.locator(".offline-note")).to_be_hidden()
        expect(page.locator(".item-title")).to_have_count(0)
    page.context.set_offline(True)
    page.goto(site.url + WEEK)
    assert page.locator(".item-title").all_inner_texts() == titles


STORED = """async () => {
  const cache = await caches.open((await caches.keys())[0]);
  const found = await Promise.all((await cache.keys()).map((request) => cache.match(request)));
  return found.map((it) => `${it.status} ${it.type} ${it.headers.get("X-Saved-Path") ?? ""}`);
}"""
"""The status, type and path of each stored response."""


def test_only_good_answers_of_the_two_pages_are_saved(site: Site, open_page: OpenPage) -> None:
    page = open_controlled(open_page, f"{site.url}/about")
    paths = (
        "/nincs", "/jump?date=x", "/search?q=a", "/?kind=cinema", "/changes", "/month/2026-08",
        "/week", f"{WEEK}/", "/en/watchlist",
    )  # fmt: skip
    for path in paths:
        page.goto(site.url + path)
    wait_for_saved(page, "/saved/en/watchlist")
    page.goto(f"{site.url}/about")
    stored = page.evaluate(STORED)
    assert {each for each in stored if not each.endswith(" ")} == {
        f"200 default {WEEK}", "200 default /en/watchlist",
    }  # fmt: skip
    assert {each for each in stored if each.endswith(" ")} == {"200 basic "}


def test_full_storage_changes_no_page(site: Site, open_page: OpenPage) -> None:
    page = open_controlled(open_page, site.url + WEEK)
    wait_for_saved(page, "/saved/week", WEEK)
    page.context.new_cdp_session(page).send(
        "Storage.overrideQuotaForOrigin", {"origin": site.url, "quotaSize": 1}
    )
    for path in ("/", f"/en{WEEK}", "/watchlist"):
        answer = page.goto(site.url + path)
        assert answer is not None
        assert answer.status == 200
        expect(page.locator(".offline-note")).to_be_hidden()
    assert _saved_path(page, "/saved/week") == WEEK
    page.context.set_offline(True)
    page.goto(f"{site.url}/en{WEEK}")
    expect(page).to_have_url(site.url + WEEK)
    expect(page.locator(".offline-note")).to_be_visible()


def test_pages_of_the_manager_are_never_saved(manager: ManagerSite, open_page: OpenPage) -> None:
    page = open_controlled(open_page, f"{manager.url}/")
    wait_for_saved(page, "/saved/week")
    manager.sign_in(page)
    page.goto(f"{manager.url}/manager/movies")
    page.get_by_role("button", name="Kijelentkezés").click()
    expect(page.get_by_role("button", name="Kijelentkezés")).to_have_count(0)
    page.goto(f"{manager.url}/about")
    assert saved(page) == {"/saved/week"}
    page.context.set_offline(True)
    with pytest.raises(Error, match="ERR_FAILED"):
        page.goto(f"{manager.url}/manager")


@contextlib.contextmanager
def counted_requests(registry: Any) -> Iterator[Counter[str]]:
    """The number of requests by path that the application handles until the block ends."""
    asked: Counter[str] = Counter()

    def count(event: NewRequest) -> None:
        asked[event.request.path] += 1

    registry.registerHandler(count, [INewRequest])
    yield asked
    registry.unregisterHandler(count, [INewRequest])


def test_navigation_in_the_manager_is_one_request(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    page = open_controlled(open_page, f"{manager.url}/")
    manager.sign_in(page)
    paths = ("/manager", "/manager/movies", f"/manager/movies/{manager.movies.here}")
    with counted_requests(manager.registry) as asked:
        for path in paths:
            page.goto(manager.url + path, wait_until="networkidle")
    assert {path: asked[path] for path in paths} == dict.fromkeys(paths, 1)


def test_navigation_is_one_request(site: Site, open_page: OpenPage) -> None:
    """Also to a file, and to an address that redirects."""
    page = open_controlled(open_page, f"{site.url}/about")
    paths = ("/", WEEK, "/changes", "/static/manager.css", "/week", "/premieres.atom")
    with counted_requests(site.registry) as asked:
        for path in paths:
            page.goto(site.url + path, wait_until="networkidle")
    assert {path: asked[path] for path in paths} == dict.fromkeys(paths, 1) | {WEEK: 2}


def test_update_of_the_worker_takes_over(
    site: Site, open_page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_controlled(open_page, site.url + WEEK)
    wait_for_saved(page, "/saved/week")
    first = page.evaluate("navigator.serviceWorker.ready.then((found) => found.active.state)")
    assert first == "activated"
    text = Path(well_known.worker_path()).read_text().replace('"moziweb-1"', '"moziweb-2"')
    newer = tmp_path / "worker.js"
    newer.write_text(text)
    monkeypatch.setattr(well_known, "worker_path", lambda: str(newer))
    page.goto(f"{site.url}/about")
    page.evaluate("navigator.serviceWorker.ready.then((found) => found.update())")
    wait_until(lambda: "moziweb-1" not in page.evaluate("caches.keys()"))
    page.goto(site.url + WEEK)
    wait_for_saved(page, "/saved/week")
    page.context.set_offline(True)
    page.goto(site.url + WEEK)
    expect(page.locator(".offline-note")).to_be_visible()


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_site_can_be_installed(site: Site, open_page: OpenPage, prefix: str) -> None:
    page = open_controlled(open_page, f"{site.url}{prefix}/")
    session = page.context.new_cdp_session(page)
    found: dict[str, Any] = session.send("Page.getAppManifest")
    assert found["errors"] == []
    assert found["url"] == f"{site.url}{prefix}/site.webmanifest"
    assert json.loads(found["data"])["start_url"] == f"{prefix}/"
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # A context of the tests is private, which is no fault of the site.
    assert {each["errorId"] for each in errors} <= {"in-incognito"}
