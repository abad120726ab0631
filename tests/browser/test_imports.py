"""An editor imports a week from a local TMDB with Chromium, and moves a premiere."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from moziweb import main
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import add_user
from moziweb.manager.auth.models import Role
from moziweb.services import services_of, set_services
from tests.conftest import raw_settings
from tests.movies.importers.tmdb_world import a_movie
from tests.services.ports import HOST, free_port
from tests.services.tmdb import TOKEN, TmdbServer
from tests.services.tmdb_movies import release
from tests.site.cached import CACHED, now, week_here
from tests.threads import join_threads

from .conftest import OpenPage
from .page_log import PageLog, violations_of
from .site import served
from .test_accessibility import ALL, is_accessible, violations

PASSWORD = "a long enough password"  # of this test only


@pytest.fixture
def tmdb() -> Iterator[TmdbServer]:
    with TmdbServer() as server:
        yield server


@pytest.fixture
def url(migrated_sqlite: Path, tmp_path: Path, tmdb: TmdbServer) -> Iterator[str]:
    """A site without movies, with cached pages, an editor and a TMDB."""
    port = free_port()
    url = f"http://{HOST}:{port}"
    copy = tmp_path / "site.sqlite"
    shutil.copyfile(migrated_sqlite, copy)
    keys = {"site.base_url": url, "tmdb.base_url": tmdb.base_url, "tmdb.token": TOKEN}
    wsgi = main({}, **{**raw_settings(f"sqlite:///{copy}", tmp_path), **CACHED, **keys})
    set_services(wsgi.registry, replace(services_of(wsgi.registry), clock=now))
    with services_of(wsgi.registry).database.write() as session:
        add_user(session, "anna", PASSWORD, Role.EDITOR, by=COMMAND, now=now())
    with served(wsgi, port):
        yield url
        join_threads("import-")
    services_of(wsgi.registry).database.engine.dispose()


def sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/manager/sign-in")
    page.get_by_label("Név").fill("anna")
    page.get_by_label("Jelszó").fill(PASSWORD)
    page.get_by_role("button", name="Bejelentkezés").click()


def look_at(page: Page, url: str, first: date, last: date) -> None:
    """Starts an import of the premieres of some days and waits for the preview."""
    page.goto(f"{url}/manager/imports")
    page.get_by_label("Ettől").fill(first.isoformat())
    page.get_by_label("Eddig").fill(last.isoformat())
    page.locator("button[value=premieres]").click()
    expect(page.get_by_text("választásra vár")).to_be_visible(timeout=30_000)


def import_all(page: Page) -> None:
    page.get_by_role("button", name="Minden változás importálása").click()
    expect(page.get_by_text("elkészült")).to_be_visible(timeout=30_000)


def served_as(page: Page, url: str, path: str) -> str:
    """The cache status of a path."""
    return page.request.get(f"{url}{path}").headers["x-cache"]


def test_week_is_imported_and_a_premiere_moves(
    url: str, tmdb: TmdbServer, open_page: OpenPage
) -> None:
    here, later, other = week_here(), week_here().shifted(1), week_here().shifted(9)
    tmdb.add(a_movie(1, release(here.start.isoformat()), title="Hamupipőke"))
    tmdb.add(a_movie(2, release(here.start.isoformat()), title="<b>Csizmás</b> kandúr"))
    page = open_page()
    watch = PageLog.attach(page)
    sign_in(page, url)
    page.goto(f"{url}/manager/imports")
    assert violations(page, ALL) == []
    look_at(page, url, here.start, here.end)
    is_accessible(page)
    expect(page.get_by_role("row", name="Hamupipőke")).to_be_visible()
    expect(page.get_by_text("not endorsed or certified by TMDB")).to_be_visible()
    for path in ("/", f"/week/{here.name}", f"/week/{later.name}", f"/week/{other.name}"):
        page.request.get(f"{url}{path}")
    import_all(page)
    page.goto(url)
    expect(page.get_by_role("link", name="Hamupipőke").first).to_be_visible()
    expect(page.get_by_text("<b>Csizmás</b> kandúr").first).to_be_visible()

    weeks = [f"/week/{each.name}" for each in (here, later, other)]
    still = page.locator("a.movie", has_text="kandúr").first.get_attribute("href") or ""
    for path in (*weeks, still):
        page.request.get(f"{url}{path}")
    tmdb.add(a_movie(1, release(later.start.isoformat()), title="Hamupipőke"))
    look_at(page, url, later.start, later.end)
    import_all(page)
    assert [served_as(page, url, path) == "miss" for path in weeks[:2]] == [True, True]
    assert served_as(page, url, still) in {"hit", "l1"}
    page.goto(f"{url}{weeks[1]}")
    card = page.locator("a.movie", has_text="Hamupipőke").locator("xpath=..")
    expect(card.get_by_text("Új dátum")).to_be_visible()
    page.locator("a.movie", has_text="Hamupipőke").click()
    expect(page.get_by_text("Új dátum a TMDB szerint")).to_be_visible()
    expect(page.locator(".film-sources")).to_contain_text("TMDB")
    assert violations_of(page) == []
    # Navigation aborts requests that are still open.
    assert watch.errors == []
