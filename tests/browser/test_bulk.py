"""An editor changes several movies at once in Chromium, and takes it all back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

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
    is_accessible(page)
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
