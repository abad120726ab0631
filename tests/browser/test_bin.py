"""An editor deletes a movie in Chromium and brings it back."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .conftest import OpenPage
from .manager_site import ManagerSite, rendered_again, running_manager_site
from .page_log import PageLog, violations_of
from .test_accessibility import is_accessible


@pytest.fixture(scope="module")
def manager(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ManagerSite]:
    """Each test brings back what it deletes."""
    with running_manager_site(migrated_sqlite, tmp_path_factory.mktemp("bin")) as manager:
        yield manager


def test_movie_is_deleted_and_comes_back(manager: ManagerSite, open_page: OpenPage) -> None:
    page = open_page()
    watch = PageLog.attach(page)
    manager.enter(page)
    manager.warm()
    before = manager.states()
    page.goto(f"{manager.url}/manager/movies/{manager.movies.here}")
    page.get_by_role("link", name="Törlés").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Törlés: Itt van")
    expect(page.locator("#affected")).to_contain_text("frissít")
    page.get_by_role("button", name="A lomtárba").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("A lomtárba került: Itt van.")
    public = f"{manager.url}/movie/{manager.movies.here}-itt-van"
    assert page.request.get(public).status == 404
    page.goto(f"{manager.url}/manager/bin")
    page.get_by_role("button", name="Mit frissít?").click()
    expect(page.get_by_role("status")).to_be_visible()
    is_accessible(page)
    page.get_by_role("button", name="Visszahozás").click()
    expect(page.get_by_role("status")).to_contain_text("Visszakerült: Itt van.")
    assert page.request.get(public).status == 200
    is_accessible(page)
    rendered = rendered_again(before, manager.states())
    assert rendered >= {"index", "english", "week", "month"}
    assert not rendered & {"ahead", "other", "empty"}
    page.get_by_role("status").get_by_role("link", name="Itt van").click()
    expect(page.locator("#title")).to_have_value("Itt van")
    assert violations_of(page) == []
    assert [each for each in watch.errors if "404" not in each] == []


def test_person_is_deleted_without_scripts(manager: ManagerSite, open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    manager.enter(page)
    page.goto(f"{manager.url}/manager/names?kind=person&q=szinesz+itt")
    page.get_by_role("link", name="Törlés").click()
    page.get_by_role("button", name="A lomtárba").click()
    expect(page.get_by_role("status")).to_contain_text("A lomtárba került: Színész Itt van.")
    page.get_by_role("button", name="Visszahozás").click()
    expect(page.get_by_role("status")).to_contain_text("Visszakerült: Színész Itt van.")


def test_genre_distributor_and_poster_are_deleted_and_come_back(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    page = open_page()
    watch = PageLog.attach(page)
    manager.enter(page)
    here, distributor = manager.movies.here, manager.movies.distributor

    def is_found(path: str) -> Callable[[], bool]:
        return lambda: page.request.get(manager.url + path).status == 200

    def has_poster() -> bool:
        return f"/poster/{here}-" in page.request.get(f"{manager.url}/movie/{here}-itt-van").text()

    for path, name, is_shown in (
        ("names?kind=genre", "Vígjáték", is_found("/genre/vigjatek")),
        (
            "names?kind=distributor&q=itt+van",
            "Forgalmazó Itt van",
            is_found(f"/distributor/{distributor}-forgalmazo-itt-van"),
        ),
        (f"movies/{here}/posters", f"#{manager.movies.source}", has_poster),
    ):
        assert is_shown(), name
        page.goto(f"{manager.url}/manager/{path}")
        page.get_by_role("link", name="Törlés").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(f"Törlés: {name}")
        expect(page.locator("#affected")).to_contain_text("frissít")
        page.get_by_role("button", name="A lomtárba").press("Enter")
        expect(page.get_by_role("status")).to_contain_text(f"A lomtárba került: {name}")
        assert not is_shown(), name
        page.get_by_role("button", name="Visszahozás").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Visszakerült:")
        assert is_shown(), name
    assert violations_of(page) == []
    assert [each for each in watch.errors if "404" not in each] == []
