"""Posters of a week's movies: a file for each movie, all saved or none."""

from typing import Any

import pytest
from sqlalchemy import select
from webtest import TestApp

from moziweb.manager.auth.models import Role
from moziweb.posters.models import PosterSource
from moziweb.services import services_of
from tests.manager.conftest import csrf_of, signed_in
from tests.manager.movie_forms import last_entry, make_movie
from tests.manager.views.test_week_grid import WEEK, entries
from tests.posters.pictures import encoded, quarters
from tests.site.cached import Movies, pages, week_here

POSTERS = WEEK.replace("/grid", "/posters")


@pytest.fixture
def two(site: TestApp) -> tuple[int, int]:
    return make_movie(site, "Egy"), make_movie(site, "Kettő")


def send(browser: TestApp, files: dict[str, tuple[str, bytes]], path: str = POSTERS) -> Any:
    sent = [(name, *file) for name, file in files.items()]
    token = {"csrf_token": csrf_of(browser)}
    return browser.post(path, token, upload_files=sent, status="*")


def sources(app: TestApp) -> list[PosterSource]:
    with services_of(app.app.registry).database.read() as session:
        return list(session.scalars(select(PosterSource).order_by(PosterSource.id)))


def test_each_file_becomes_the_poster_of_its_movie(
    site: TestApp, editor: TestApp, two: tuple[int, int]
) -> None:
    before = len(entries(site))
    files = {
        f"picture-{movie}": (f"{movie}.jpg", encoded(quarters(400 + movie, 600))) for movie in two
    }
    done = send(editor, files)
    assert done.status_int == 303
    assert "A plakátokat elmentettük" in done.follow().text
    found = sources(site)
    assert [(each.movie_id, each.chosen, each.file_name) for each in found] == [
        (movie, True, f"{movie}.jpg") for movie in two
    ]
    made = entries(site)[before:]
    assert [each.action for each in made] == ["poster.add", "poster.add"]
    assert made[0].batch == made[1].batch
    assert set(made[0].fields or {}) == {"poster", "sources"}


def test_one_wrong_file_saves_none(site: TestApp, editor: TestApp, two: tuple[int, int]) -> None:
    entry = last_entry(site).id
    files = {
        f"picture-{two[0]}": ("jó.jpg", encoded(quarters())),
        f"picture-{two[1]}": ("rossz.jpg", b"<html>"),
    }
    refused = send(editor, files)
    assert refused.status_int == 422
    problem = refused.html.find(role="alert").get_text(" ", strip=True)
    assert problem.startswith("rossz.jpg: ")
    assert "nem kép" in problem
    assert sources(site) == []
    assert last_entry(site).id == entry


@pytest.mark.parametrize("name", ["picture-", "picture-x", "picture-0", "other"])
def test_form_without_a_usable_file_is_refused(
    editor: TestApp, two: tuple[int, int], name: str
) -> None:
    assert send(editor, {name: ("a.jpg", encoded(quarters()))}).status_int == 422
    assert send(editor, {}).status_int == 422


def test_movie_that_does_not_exist_gets_none(site: TestApp, editor: TestApp) -> None:
    assert send(editor, {"picture-999": ("a.jpg", encoded(quarters()))}).status_int == 303
    assert sources(site) == []


def test_entry_names_the_pages_that_will_show_the_poster(cached: TestApp, movies: Movies) -> None:
    editor = signed_in(cached, Role.EDITOR)
    files = {f"picture-{movies.ahead}": ("a.jpg", encoded(quarters()))}
    path = f"/manager/week/{week_here().name}/posters"
    assert send(editor, files, path).status_int == 303
    shown = {name for name, path in pages(movies).items() if path in last_entry(cached).pages}
    assert {"ahead", "other"} <= shown
    assert not shown & {"movie", "empty"}
