"""An editor changes several movies at once in Chromium, and takes it all back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from moziweb.manager.bulk.models import BulkAction, BulkJob, BulkState
from moziweb.movies.models import Movie
from moziweb.posters.models import SourceState
from moziweb.services import services_of
from tests import factories
from tests.threads import join_threads

from .conftest import OpenPage
from .manager_site import ManagerSite, running_manager_site
from .page_log import PageLog, violations_of
from .test_accessibility import is_accessible


@pytest.fixture(scope="module")
def manager(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ManagerSite]:
    """Each test brings its movies back; no other one depends on what it leaves changed."""
    with running_manager_site(migrated_sqlite, tmp_path_factory.mktemp("bulk")) as manager:
        yield manager


@pytest.fixture(autouse=True)
def _no_worker_left() -> Iterator[None]:
    yield
    join_threads("bulk-")


def expect_outcome(page: Page, text: str) -> None:
    """The work takes as long as it takes; after that the page shows it."""
    join_threads("bulk-")
    expect(page.get_by_text(text)).to_be_visible()


def test_ticked_movies_are_taken_off_and_put_back(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    page = open_page()
    watch = PageLog.attach(page)
    manager.enter(page)
    page.goto(f"{manager.url}/manager/movies")
    page.get_by_label("Itt van").check()
    page.get_by_label("Valamikor").check()
    page.get_by_text("Több film módosítása").click()
    is_accessible(page)
    page.get_by_role("button", name="Közzététel visszavonása").click()
    expect_outcome(page, "Ez 2 filmből 2 filmet módosít.")
    page.get_by_role("button", name="Közzététel visszavonása").press("Enter")
    expect_outcome(page, "Kész: 2 filmből 2 módosult.")
    is_accessible(page)
    public = f"{manager.url}/movie/{manager.movies.here}-itt-van"
    assert page.request.get(public).status == 404
    page.get_by_role("button", name="Az egész visszavonása…").click()
    expect_outcome(page, "Ez 2 filmből 2 filmet módosít.")
    page.get_by_role("button", name="Változtatások visszavonása").click()
    expect_outcome(page, "Kész: 2 filmből 2 módosult.")
    assert page.request.get(public).status == 200
    assert violations_of(page) == []
    assert watch.errors == []


def add_job(manager: ManagerSite, state: BulkState, **values: int) -> int:
    """A job that no worker takes."""
    now = datetime.now(UTC) + timedelta(hours=1)
    times = {"created_at": now, "beat_at": now}
    with services_of(manager.registry).database.write() as session:
        job = BulkJob(action=BulkAction.PUBLISH, state=state, **times, **values)
        session.add(job)
        session.flush()
        return job.id


def test_progress_of_a_running_job_is_shown(manager: ManagerSite, open_page: OpenPage) -> None:
    database = services_of(manager.registry).database
    number = add_job(manager, BulkState.RUNNING, total=5, done=2)
    page = open_page()
    manager.enter(page)
    page.goto(f"{manager.url}/manager/bulk/{number}")
    bar = page.get_by_role("progressbar", name="Előrehaladás")
    expect(bar).to_have_js_property("max", 5)
    expect(bar).to_have_js_property("value", 2)
    is_accessible(page)
    with database.write() as session:
        session.get_one(BulkJob, number).done = 4
    expect(bar).to_have_js_property("value", 4)  # without loading the page
    with database.write() as session:
        session.get_one(BulkJob, number).state = BulkState.DONE
    expect(page.get_by_text("Kész: 5 filmből 0 módosult.")).to_be_visible()
    expect(bar).to_have_count(0)


def test_page_that_is_loaded_again_polls_no_more(manager: ManagerSite, open_page: OpenPage) -> None:
    """Each poll would load it again: the first time is stopped, or its page is replaced."""
    database = services_of(manager.registry).database
    number = add_job(manager, BulkState.COUNTING)
    path = f"{manager.url}/manager/bulk/{number}"
    page = open_page()
    manager.enter(page)
    page.clock.install()
    page.goto(path)

    def answer(route: Route) -> None:
        if route.request.is_navigation_request():
            route.fulfill(status=204)  # the former page stays, as while the answer takes long
        else:
            route.continue_()

    page.route(path, answer)
    with database.write() as session:
        session.get_one(BulkJob, number).state = BulkState.COUNTED
    with page.expect_response(lambda each: each.status == 204):
        page.clock.run_for(5_000)
    polls: list[str] = []
    page.on("request", lambda each: polls.append(each.url))
    page.clock.run_for(60_000)
    assert polls == []
    page.unroute(path)
    page.goto(path)
    expect(page.get_by_text("Ez 0 filmből 0 filmet módosít.")).to_be_visible()


def test_premieres_are_moved_without_scripts(manager: ManagerSite, open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    manager.enter(page)
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
    expect_outcome(page, f"Ez {total} filmből {changed} filmet módosít.")
    page.get_by_role("button", name=action, exact=True).press("Enter")
    expect_outcome(page, f"Kész: {total} filmből {changed} módosult.")


def test_distributor_pictures_and_deletion_of_several_movies(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    with services_of(manager.registry).database.write() as session:
        movie, url = session.get_one(Movie, manager.movies.here), "https://example.com/2.jpg"
        ready = {"chosen": False, "state": SourceState.READY}
        newest = factories.add_poster(session, movie, url=url, **ready).id
    page = open_page()
    watch = PageLog.attach(page)
    manager.enter(page)
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
