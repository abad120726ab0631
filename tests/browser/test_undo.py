"""An editor takes a change back in Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from moziweb.clock import utc_now
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.imports.jobs import command_batch
from moziweb.manager.movies.changes import AuditedMovies
from moziweb.movies.models import Movie
from moziweb.services import services_of

from .conftest import OpenPage
from .manager_site import ManagerSite, running_manager_site
from .page_log import PageLog, violations_of
from .test_accessibility import is_accessible

SOON = 30_000
"""Milliseconds within which a worker finishes on a busy machine."""


@pytest.fixture
def manager(migrated_sqlite: Path, tmp_path: Path) -> Iterator[ManagerSite]:
    with running_manager_site(migrated_sqlite, tmp_path) as manager:
        yield manager


def test_change_is_taken_back_and_a_touched_one_is_refused(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    page = open_page()
    manager.sign_in(page)
    movie = f"{manager.url}/manager/movies/{manager.movies.here}"
    for title in ("Első", "Második"):
        page.goto(movie)
        page.locator("#title").fill(title)
        page.locator("#title").press("Control+Enter")
        expect(page.get_by_role("status")).to_contain_text("Mentve.")
    watch = PageLog.attach(page)  # saving ends the request of the effects of typing
    page.goto(f"{manager.url}/manager/audit")
    page.get_by_role("link", name="Visszavonás…").nth(1).click()
    expect(page.get_by_role("alert")).to_contain_text("Nem vonható vissza.")
    expect(page.get_by_role("alert")).to_contain_text("Második")
    is_accessible(page)
    page.get_by_role("link", name="Vissza a változtatásokhoz").click()
    page.get_by_role("link", name="Visszavonás…").first.click()
    expect(page.locator("#affected")).to_be_visible()
    is_accessible(page)
    page.get_by_role("button", name="Visszavonás").press("Enter")
    expect(page.get_by_role("status")).to_have_text("A változtatás vissza van vonva.")
    is_accessible(page)
    page.goto(f"{manager.url}/en/manager/audit")
    page.get_by_role("link", name="Take back…").first.click()
    is_accessible(page)
    page.goto(movie)
    expect(page.locator("#title")).to_have_value("Első")
    assert violations_of(page) == []
    assert watch.errors == []


def test_changes_of_a_command_are_taken_back_together(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    """Two movies of one run, which has no page of an import."""
    batch, number = command_batch(), 0
    with services_of(manager.registry).database.write() as session:
        for movie_id in (manager.movies.here, manager.movies.ahead):
            audited = AuditedMovies(session, [movie_id])
            session.get_one(Movie, movie_id).runtime = 61
            (entry,) = audited.record(COMMAND, "film.import", utc_now(), batch=batch)
            number = entry.id
    page = open_page(390, 844, color_scheme="dark")
    manager.sign_in(page)
    watch = PageLog.attach(page)
    for language in ("/en", ""):
        page.goto(f"{manager.url}{language}/manager/audit/{number}/undo")
        is_accessible(page)
    expect(page.get_by_text("2 módosításának egyike")).to_be_visible()
    page.get_by_role("button", name="Az egész visszavonása…").click()
    page.get_by_role("button", name="Változtatások visszavonása").click(timeout=SOON)
    expect(page.get_by_role("status")).to_contain_text("Kész", timeout=SOON)
    is_accessible(page)
    with services_of(manager.registry).database.read() as session:
        assert session.scalars(select(Movie.id).where(Movie.runtime == 61)).all() == []
    page.goto(f"{manager.url}/manager/audit/{number}/undo")
    expect(page.get_by_role("alert")).to_contain_text("Nem vonható vissza.")
    expect(page.get_by_role("button", name="Az egész visszavonása…")).to_have_count(0)
    assert violations_of(page) == []
    assert watch.errors == []
