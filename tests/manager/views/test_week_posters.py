"""Posters of a week's movies: a file for each movie; wrong ones are named, the others saved."""

from typing import Any

import pytest
from sqlalchemy import select
from webtest import TestApp

from moziweb.manager.auth.models import Role
from moziweb.manager.views.week_grid import MAX_TOGETHER
from moziweb.manager.web.submissions import new_token
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


def send(
    browser: TestApp, files: dict[str, tuple[str, bytes]], path: str = POSTERS, **fields: str
) -> Any:
    sent = [(name, *file) for name, file in files.items()]
    data = {"csrf_token": csrf_of(browser), **fields}
    return browser.post(path, data, upload_files=sent, status="*")


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


def test_wrong_file_is_an_error_at_its_movie_and_the_others_are_saved(
    site: TestApp, editor: TestApp, two: tuple[int, int]
) -> None:
    right, wrong = two
    files = {
        f"picture-{right}": ("jó.jpg", encoded(quarters())),
        f"picture-{wrong}": ("rossz.jpg", b"<html>"),
    }
    refused = send(editor, files)
    assert refused.status_int == 422
    field = refused.html.select_one(f"#picture-{wrong}")
    assert field["aria-invalid"] == "true"
    error = refused.html.select_one(f"#{field['aria-describedby']} li").text
    assert error.startswith("rossz.jpg: ")
    assert "nem kép" in error
    assert "aria-invalid" not in refused.html.select_one(f"#picture-{right}").attrs
    summary = refused.html.select_one("div[role=alert]")
    assert summary.select_one("a")["href"] == f"#picture-{wrong}"
    assert "A többit elmentettük: 1." in summary.text
    assert [(each.movie_id, each.chosen) for each in sources(site)] == [(right, True)]
    assert last_entry(site).action == "poster.add"


def test_form_with_a_wrong_file_that_is_sent_twice_is_done_once(
    site: TestApp, editor: TestApp, two: tuple[int, int]
) -> None:
    files = {
        f"picture-{two[0]}": ("jó.jpg", encoded(quarters())),
        f"picture-{two[1]}": ("rossz.jpg", b"<html>"),
    }
    token = new_token()
    assert send(editor, files, submission=token).status_int == 422
    entry = last_entry(site).id
    assert send(editor, files, submission=token).status_int == 303
    assert (len(sources(site)), last_entry(site).id) == (1, entry)


def test_each_field_has_a_token_of_its_own(editor: TestApp, two: tuple[int, int]) -> None:
    page = editor.get(WEEK)
    tokens = [each["data-submission"] for each in page.html.select("[name^=picture-]")]
    tokens.append(page.html.select_one("[data-posters] [name=submission]")["value"])
    assert len(set(tokens)) == len(tokens) == 3


def test_files_that_are_too_large_together_are_named(
    site: TestApp, editor: TestApp, two: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without scripts, all files are in one request."""
    monkeypatch.setattr("moziweb.manager.views.week_posters.MAX_TOGETHER", 2_000_000)
    large = encoded(quarters()) + bytes(1_200_000)
    refused = send(editor, {f"picture-{each}": ("nagy.jpg", large) for each in two})
    assert refused.status_int == 422
    assert "együtt nagyobbak, mint 2 MB" in refused.html.select_one("[role=alert]").text
    assert sources(site) == []


def test_largest_file_fits_into_a_request(site: TestApp) -> None:
    assert services_of(site.app.registry).posters.limits.bytes < MAX_TOGETHER - 1_000_000


@pytest.mark.parametrize("name", ["picture-", "picture-x", "picture-0", "other"])
def test_form_without_a_usable_file_is_refused(
    editor: TestApp, two: tuple[int, int], name: str
) -> None:
    assert send(editor, {name: ("a.jpg", encoded(quarters()))}).status_int == 422
    assert send(editor, {}).status_int == 422


@pytest.mark.parametrize(
    ("language", "text"),
    [("", "Ezt a filmet közben törölték."), ("/en", "This film was deleted.")],
)
def test_file_of_a_deleted_movie_is_an_error_at_its_row(
    site: TestApp, editor: TestApp, language: str, text: str
) -> None:
    files = {"picture-999": ("a.jpg", encoded(quarters()))}
    refused = send(editor, files, language + POSTERS, submission=new_token())
    assert refused.status_int == 422
    summary = refused.html.select_one("div.problem[role=alert]")
    assert [each.text for each in summary.select("li")] == [f"a.jpg: {text}"]
    assert summary.select_one("a") is None  # the page has no row for it
    assert sources(site) == []


def test_files_beside_that_of_a_deleted_movie_are_saved_once(
    site: TestApp, editor: TestApp, two: tuple[int, int]
) -> None:
    files = {
        f"picture-{each}": (f"{each}.jpg", encoded(quarters(400 + each, 600)))
        for each in (two[0], 999)
    }
    token = new_token()
    refused = send(editor, files, submission=token)
    assert refused.status_int == 422
    summary = refused.html.select_one("div.problem[role=alert]").text
    assert "999.jpg: Ezt a filmet közben törölték." in summary
    assert "A többit elmentettük: 1." in summary
    assert [each.movie_id for each in sources(site)] == [two[0]]
    assert send(editor, files, submission=token).status_int == 303
    assert len(sources(site)) == 1


def test_entry_names_the_pages_that_will_show_the_poster(cached: TestApp, movies: Movies) -> None:
    editor = signed_in(cached, Role.EDITOR)
    files = {f"picture-{movies.ahead}": ("a.jpg", encoded(quarters()))}
    path = f"/manager/week/{week_here().name}/posters"
    assert send(editor, files, path).status_int == 303
    shown = {name for name, path in pages(movies).items() if path in last_entry(cached).pages}
    assert {"ahead", "other"} <= shown
    assert not shown & {"movie", "empty"}
