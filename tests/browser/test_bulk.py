"""An editor changes several movies at once in Chromium, and takes it all back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from moziweb.movies.models import Movie
from moziweb.posters.models import SourceState
from moziweb.services import services_of
from tests import factories
from tests.threads import join_threads

from .conftest import OpenPage
from .manager_site import ManagerSite, running_manager_site
from .page_log import PageLog, violations_of
from .test_accessibility import is_accessible


@pytest.fixture
def manager(migrated_sqlite: Path, tmp_path: Path) -> Iterator[ManagerSite]:
    with running_manager_site(migrated_sqlite, tmp_path) as manager:
        yield manager
        join_threads("bulk-")


def test_ticked_movies_are_taken_off_and_put_back(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    page = open_page()
    watch = PageLog.attach(page)
    manager.sign_in(page)
    page.goto(f"{manager.url}/manager/movies")
    page.get_by_label("Itt van").check()
    page.get_by_label("Valamikor").check()
    page.get_by_text("Több film módosítása").click()
    is_accessible(page)
    page.get_by_role("button", name="Közzététel visszavonása").click()
    expect(page.get_by_text("Ez 2 filmből 2 filmet módosít.")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Közzététel visszavonása").press("Enter")
    expect(page.get_by_text("Kész: 2 filmből 2 módosult.")).to_be_visible(timeout=30_000)
    is_accessible(page)
    public = f"{manager.url}/movie/{manager.movies.here}-itt-van"
    assert page.request.get(public).status == 404
    page.get_by_role("button", name="Az egész visszavonása…").click()
    expect(page.get_by_text("Ez 2 filmből 2 filmet módosít.")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Változtatások visszavonása").click()
    expect(page.get_by_text("Kész: 2 filmből 2 módosult.")).to_be_visible(timeout=30_000)
    assert page.request.get(public).status == 200
    assert violations_of(page) == []
    assert watch.errors == []


def test_premieres_are_moved_without_scripts(manager: ManagerSite, open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    manager.sign_in(page)
    page.goto(f"{manager.url}/en/manager/movies")
    page.get_by_label("Majd jön").check()
    page.get_by_text("Change several films").click()
    page.get_by_role("button", name="Move premieres by weeks").click()
    page.get_by_label("Reason, as visitors see it").fill("delay")
    page.get_by_role("button", name="What will it do?").click()
    join_threads("bulk-")
    page.reload()
    page.get_by_role("button", name="Move premieres by weeks").click()
    join_threads("bulk-")
    page.reload()
    expect(page.get_by_text("Done: 1 of 1 were changed.")).to_be_visible()


def start(page: Page, manager: ManagerSite, action: str, *titles: str) -> None:
    """Ticks movies in the list and presses the button of an action."""
    page.goto(f"{manager.url}/manager/movies")
    for title in titles:
        page.get_by_label(title).check()
    page.get_by_text("Több film módosítása").click()
    page.get_by_role("button", name=action, exact=True).click()


def run(page: Page, action: str, changed: int, total: int) -> None:
    """Does a counted action by the keyboard."""
    expect(page.get_by_text(f"Ez {total} filmből {changed} filmet módosít.")).to_be_visible()
    page.get_by_role("button", name=action, exact=True).press("Enter")
    expect(page.get_by_text(f"Kész: {total} filmből {changed} módosult.")).to_be_visible()


def test_distributor_pictures_and_deletion_of_several_movies(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    with services_of(manager.registry).database.write() as session:
        movie, url = session.get_one(Movie, manager.movies.here), "https://example.com/2.jpg"
        ready = {"chosen": False, "state": SourceState.READY}
        newest = factories.add_poster(session, movie, url=url, **ready).id
    page = open_page()
    watch = PageLog.attach(page)
    manager.sign_in(page)
    public = f"{manager.url}/movie/{manager.movies.here}-itt-van"
    manager.warm()

    start(page, manager, "Forgalmazó beállítása", "Itt van", "Majd jön")
    page.get_by_label("Forgalmazó").fill("Közös Kft.")
    page.get_by_role("button", name="Mit frissít?").click()
    expect(page.get_by_text("oldalt frissít")).to_be_visible()
    run(page, "Forgalmazó beállítása", 2, 2)
    assert "Közös Kft." in page.request.get(public).text()

    start(page, manager, "A legújabb kép legyen a plakát", "Itt van", "Majd jön")
    expect(page.get_by_text("Nincs képe.")).to_be_visible()
    run(page, "A legújabb kép legyen a plakát", 1, 2)
    chosen = [each.id for each in manager.posters(manager.movies.here) if each.chosen]
    assert chosen == [newest]

    start(page, manager, "Törlés", "Itt van", "Valamikor")
    run(page, "Törlés", 2, 2)
    assert page.request.get(public).status == 404
    page.get_by_role("button", name="Az egész visszavonása…").click()
    run(page, "Változtatások visszavonása", 2, 2)
    assert "Közös Kft." in page.request.get(public).text()
    page.goto(f"{manager.url}/manager/bin")
    expect(page.get_by_text("A lomtár üres.")).to_be_visible()
    assert violations_of(page) == []
    assert [each for each in watch.errors if "404" not in each] == []
