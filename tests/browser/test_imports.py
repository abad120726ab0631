"""An editor imports a week from TMDB and a distributor's list, with Chromium."""

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
        join_threads("bulk-")
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
    page.get_by_label("Az új filmek kerüljenek ki azonnal").check()
    page.get_by_role("button", name="Minden változás importálása").click()
    expect(page.get_by_text("elkészült")).to_be_visible(timeout=30_000)


def served_as(page: Page, url: str, path: str) -> str:
    """The cache status of a path."""
    return page.request.get(f"{url}{path}").headers["x-cache"]


def test_week_is_imported_and_a_premiere_moves(
    url: str, tmdb: TmdbServer, open_page: OpenPage
) -> None:
    here, later = week_here(), week_here().shifted(1)
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
    for path in ("/", f"/week/{here.name}", f"/week/{later.name}", "/undated"):
        page.request.get(f"{url}{path}")
    import_all(page)
    page.goto(url)
    expect(page.get_by_role("link", name="Hamupipőke").first).to_be_visible()
    expect(page.get_by_text("<b>Csizmás</b> kandúr").first).to_be_visible()

    weeks = [f"/week/{each.name}" for each in (here, later)]
    neighbour = page.locator("a.movie", has_text="kandúr").first.get_attribute("href") or ""
    for path in (*weeks, neighbour, "/undated"):
        page.request.get(f"{url}{path}")
    tmdb.add(a_movie(1, release(later.start.isoformat()), title="Hamupipőke"))
    look_at(page, url, later.start, later.end)
    import_all(page)
    changed = [*weeks, neighbour]  # it linked the movie
    assert [served_as(page, url, path) for path in changed] == ["miss"] * 3
    assert served_as(page, url, "/undated") in {"hit", "l1"}
    page.goto(f"{url}{weeks[1]}")
    card = page.locator("a.movie", has_text="Hamupipőke").locator("xpath=..")
    expect(card.get_by_text("Új dátum")).to_be_visible()
    page.locator("a.movie", has_text="Hamupipőke").click()
    expect(page.get_by_text("Új dátum a TMDB szerint")).to_be_visible()
    expect(page.locator(".film-sources")).to_contain_text("TMDB")
    assert violations_of(page) == []
    # Navigation aborts requests that are still open.
    assert watch.errors == []


LIST = """\
Magyar cím;Hossz;Bemutató;Forgalmazó;Megjegyzés
Ľaľa őre;95;2026. december 10.;Vertigo Média;Egy őr „titka”
Őszi szél;101;12.10.;Vertigo Média;Szép
"""
WIDTHS = (390, 1280)


def accessible_in_both_languages(page: Page) -> None:
    """By axe on a phone and a desktop, without a scroll bar at the side."""
    here = page.url
    size = page.viewport_size
    for url in (here, here.replace("/manager", "/en/manager", 1)):
        page.goto(url)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 844})
            assert violations(page, ALL) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    if size:
        page.set_viewport_size(size)
    page.goto(here)


def upload(page: Page, url: str, data: bytes) -> None:
    page.goto(f"{url}/manager/imports")
    page.get_by_label("Kinek a listája").fill("Vertigo")
    buffer = {"name": "vertigo.csv", "mimeType": "text/csv", "buffer": data}
    page.locator("#file").set_input_files(buffer)  # type: ignore[arg-type]
    page.locator("button[value=file]").click()


def test_list_of_a_distributor_becomes_drafts(url: str, open_page: OpenPage) -> None:
    """An editor changes the guessed encoding, chooses columns, and imports without publishing."""
    page = open_page()
    watch = PageLog.attach(page)
    sign_in(page, url)
    upload(page, url, LIST.encode("cp1250"))
    expect(page.get_by_role("heading", name="A lista beolvasása")).to_be_visible()
    encoding = page.get_by_label("A betűk kódolása")
    expect(encoding).to_have_value("cp1250")
    expect(page.get_by_text("Windows-1250 csak becslés")).to_be_visible()
    accessible_in_both_languages(page)

    first = page.get_by_role("row", name="Magyar cím")
    expect(first).to_contain_text("Ľaľa őre")
    encoding.select_option("iso-8859-2")
    page.get_by_role("button", name="Újraolvasás").click()
    expect(first).not_to_contain_text("Ľaľa őre")
    encoding.select_option("cp1250")
    page.get_by_role("button", name="Újraolvasás").click()
    expect(first).to_contain_text("Ľaľa őre")

    expect(page.get_by_label("Jelentése: Magyar cím")).to_have_value("title")
    expect(page.get_by_label("Jelentése: Megjegyzés")).to_have_value("")
    page.get_by_label("Jelentése: Megjegyzés").select_option("Tartalom")
    page.get_by_role("button", name="A filmek előnézete").click()
    expect(page.get_by_text("választásra vár")).to_be_visible()
    expect(page.get_by_role("row", name="Ľaľa őre")).to_contain_text("2026-12-10")
    expect(page.get_by_role("row", name="Őszi szél")).to_contain_text(
        "hiányzik az évszám: '12.10.'"
    )
    expect(page.locator(".notice")).to_contain_text("új forgalmazó: Vertigo Média")
    accessible_in_both_languages(page)
    expect(page.get_by_label("Az új filmek kerüljenek ki azonnal")).not_to_be_checked()
    page.get_by_role("button", name="A kijelöltek importálása").click()
    expect(page.get_by_text("elkészült")).to_be_visible()

    found = page.request.get(f"{url}/search?q=Ľaľa").text()
    assert "Ľaľa őre</" not in found
    page.goto(f"{url}/manager/movies?q=Ľaľa")
    expect(page.get_by_role("row", name="Ľaľa őre")).to_be_visible()

    upload(page, url, LIST.replace("95", "96").encode("cp1250"))  # nothing is asked again
    expect(page.get_by_text("választásra vár")).to_be_visible()
    expect(page.get_by_role("row", name="Ľaľa őre")).to_contain_text("96")
    page.goto(f"{url}/manager/imports")
    accessible_in_both_languages(page)
    assert violations_of(page) == []
    assert watch.errors == []


def test_a_whole_import_is_taken_back(url: str, open_page: OpenPage) -> None:
    """With the distributor that it has made; what visitors saw before is there again."""
    page = open_page()
    watch = PageLog.attach(page)
    sign_in(page, url)
    day = week_here().thursday.isoformat()
    heading = "Magyar cím;Hossz;Bemutató;Forgalmazó\n"
    upload(page, url, f"{heading}Első őr;95;{day};Vertigo Média\n".encode())
    page.get_by_role("button", name="A filmek előnézete").click()
    import_all(page)
    page.goto(url)
    expect(page.get_by_role("link", name="Első őr").first).to_be_visible()

    rows = f"Első őr;96;{day};Vertigo Média\nMásodik őr;100;{day};Új Forgalmazó\n"
    upload(page, url, (heading + rows).encode())
    import_all(page)
    imported = page.url
    page.goto(url)
    expect(page.get_by_role("link", name="Második őr").first).to_be_visible()
    page.goto(f"{url}/manager/audit")
    expect(page.get_by_role("row", name="Új Forgalmazó új forgalmazó")).to_be_visible()
    is_accessible(page)

    page.goto(imported)
    page.get_by_role("button", name="Az importálás visszavonása…").press("Enter")
    expect(page.get_by_text("Ez 2 filmből 2 filmet módosít.")).to_be_visible(timeout=30_000)
    is_accessible(page)
    page.get_by_role("button", name="Változtatások visszavonása").press("Enter")
    expect(page.get_by_text("Kész: 2 filmből 2 módosult.")).to_be_visible(timeout=30_000)
    is_accessible(page)
    page.goto(url)
    expect(page.get_by_role("link", name="Első őr").first).to_be_visible()
    expect(page.get_by_text("Második őr")).to_have_count(0)
    page.goto(f"{url}/manager/names?kind=distributor")
    expect(page.get_by_role("row", name="Vertigo Média")).to_be_visible()
    expect(page.get_by_text("Új Forgalmazó", exact=True)).to_have_count(0)
    assert violations_of(page) == []
    assert watch.errors == []
