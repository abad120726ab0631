"""An editor takes a change back in Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .conftest import OpenPage
from .manager_site import ManagerSite, running_manager_site
from .page_log import PageLog, violations_of
from .test_accessibility import is_accessible


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
