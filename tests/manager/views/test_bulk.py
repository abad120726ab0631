"""Bulk actions from the list of movies."""

from typing import Any

import pytest
from sqlalchemy import select
from webtest import TestApp

from moziweb.manager.auth.models import Role
from moziweb.manager.bulk import runner
from moziweb.manager.bulk.jobs import MAX_ITEMS
from moziweb.manager.bulk.models import BulkJob, BulkState
from moziweb.manager.movies import affected_pages
from moziweb.movies.models import Movie, Premiere
from moziweb.services import services_of
from tests.manager.conftest import BOTH, csrf_of, signed_in
from tests.manager.movie_forms import make_movie
from tests.manager.movies.test_affected_pages import shown_pages
from tests.site.cached import Movies, cache_misses
from tests.threads import join_threads


def list_form(page: Any) -> Any:
    return next(form for form in page.forms.values() if form.action.endswith("/manager/bulk"))


def tick(form: Any, *movie_ids: int) -> None:
    for field in form.fields["movie"]:
        field.checked = int(field._value) in movie_ids


def chosen(form: Any, action: str) -> Any:
    """Submits the list; waits until the job is counted, and returns its page."""
    names = [field.value_if_submitted() for field in form.fields["do"]]
    answer = form.submit("do", index=names.index(action), status=303)
    join_threads("bulk-")
    return answer.follow()


def press(page: Any, button: str) -> Any:
    """Presses a button of the job's page; waits for the worker and returns the page."""
    form = next(form for form in page.forms.values() if "do" in form.fields and any(
        field.value_if_submitted() == button for field in form.fields["do"]
    ))  # fmt: skip
    names = [field.value_if_submitted() for field in form.fields["do"]]
    answer = form.submit("do", index=names.index(button), status=303)
    join_threads("bulk-")
    return answer.follow()


def titles(site: TestApp, *where: Any) -> set[str]:
    with services_of(site.app.registry).database.read() as session:
        return set(session.scalars(select(Movie.title).where(*where)))


def test_the_counted_pages_are_exactly_those_that_become_stale(
    cached: TestApp, movies: Movies
) -> None:
    editor = signed_in(cached, Role.EDITOR)
    form = list_form(editor.get("/manager/movies"))
    tick(form, movies.here, movies.undated)
    page = chosen(form, "unpublish")
    assert "2 filmből 2" in page.text
    promised = shown_pages(page, movies)
    assert {"index", "english", "week", "month", "movie", "undated"} <= promised
    assert not promised & {"ahead", "other", "empty"}
    assert cache_misses(cached, movies) == set()
    done = press(page, "run")
    assert shown_pages(done, movies) == promised
    assert cache_misses(cached, movies) | {"movie", "api_movie"} == promised | {
        "movie", "api_movie",
    }  # fmt: skip
    assert titles(cached, Movie.published) == {"Majd jön"}

    # All of it is taken back.
    cache_misses(cached, movies)
    page = press(done, "undo")
    assert "2 filmből 2" in page.text
    press(page, "run")
    assert len(titles(cached, Movie.published)) == 3


@pytest.mark.parametrize("limit", ["time", "length"])
def test_pages_that_a_limit_cuts_off_are_said(
    cached: TestApp, movies: Movies, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    assert (runner.ITEMS_PER_BATCH, runner.MAX_STALE_PAGES) == (20, 1_000)
    editor = signed_in(cached, Role.EDITOR)
    form = list_form(editor.get("/manager/movies"))
    tick(form, movies.here, movies.undated)
    whole = chosen(form, "unpublish")
    assert "Több is lehet" not in whole.text
    assert "nem volt idő" not in whole.text
    form = list_form(editor.get("/manager/movies"))
    tick(form, movies.here, movies.undated)
    if limit == "length":
        monkeypatch.setattr(runner, "MAX_STALE_PAGES", 3)
    else:
        monkeypatch.setattr(affected_pages, "TIME_LIMIT", 0.0)
    text = {"time": "nem volt idő", "length": "Több is lehet"}
    cut = chosen(form, "unpublish")
    assert text[limit] in cut.text
    assert text[limit] in press(cut, "run").text


def test_movies_found_by_their_distributor_are_changed(site: TestApp, editor: TestApp) -> None:
    make_movie(site, "Az övék")  # of Forgalmazó Kft.
    page = editor.get("/manager/movies", {"q": "forgalmazo"})
    assert "Az övék" in page.text
    form = list_form(page)
    form["which"] = "all"
    press(chosen(form, "unpublish"), "run")
    assert titles(site, Movie.published) == set()


@pytest.mark.parametrize(
    ("language", "text"),
    [("", "a lista több mint 10 000 filmet talál"), ("/en", "finds more than 10,000 films")],
)
def test_more_movies_than_the_limit_are_refused(
    site: TestApp, editor: TestApp, monkeypatch: pytest.MonkeyPatch, language: str, text: str
) -> None:
    assert MAX_ITEMS == 10_000  # as the text says
    monkeypatch.setattr("moziweb.manager.bulk.jobs.MAX_ITEMS", 2)
    for number in range(3):
        make_movie(site, f"Közös {number}")
    form = list_form(editor.get(f"{language}/manager/movies", {"q": "kozos"}))
    form["which"] = "all"
    refused = chosen(form, "unpublish")
    assert refused.request.path == f"{language}/manager/movies"
    assert refused.request.GET["q"] == "kozos"  # the list is as it was
    assert text in refused.text
    assert titles(site, Movie.published) == {f"Közös {number}" for number in range(3)}
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(BulkJob)).all() == []

    # As many as the limit are taken.
    monkeypatch.setattr("moziweb.manager.bulk.jobs.MAX_ITEMS", 3)
    form = list_form(refused)
    form["which"] = "all"
    press(chosen(form, "unpublish"), "run")
    assert titles(site, Movie.published) == set()


@BOTH
def test_all_that_the_filter_finds_are_changed(site: TestApp, editor: TestApp) -> None:
    for number in range(60):  # more than a page of the list
        make_movie(site, f"Közös {number}")
    make_movie(site, "Másik")
    form = list_form(editor.get("/manager/movies", {"q": "kozos"}))
    form["which"] = "all"
    page = press(chosen(form, "unpublish"), "run")
    assert "Kész" in page.text
    assert titles(site, Movie.published) == {"Másik"}


@BOTH
def test_terms_are_asked_for(site: TestApp, editor: TestApp) -> None:
    movie_id = make_movie(site)
    form = list_form(editor.get("/manager/movies"))
    tick(form, movie_id)
    page = chosen(form, "move")
    asked = next(form for form in page.forms.values() if "weeks" in form.fields)
    asked["weeks"] = "0"
    asked["reason"] = "torlódás"
    wrong = asked.submit("do", status=422)
    assert 'value="torlódás"' in wrong.text
    asked["weeks"] = "2"
    answer = asked.submit("do", status=303)
    join_threads("bulk-")
    press(answer.follow(), "run")
    with services_of(site.app.registry).database.read() as session:
        assert [day.isoformat() for day in session.scalars(select(Premiere.date))] == ["2026-09-10"]


def test_nothing_ticked_is_said(site: TestApp, editor: TestApp) -> None:
    make_movie(site)
    form = list_form(editor.get("/manager/movies"))
    answer = form.submit("do", index=0, status=303)
    assert "jelölj" in answer.follow().text.lower()
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(BulkJob)).all() == []


@pytest.mark.parametrize("fields", [{"do": "other"}, {"do": "undo", "batch": "x"}, {"do": ""}, {}])
def test_unknown_actions_are_refused(
    site: TestApp, editor: TestApp, fields: dict[str, str]
) -> None:
    post = {"csrf_token": csrf_of(editor), **fields}
    assert editor.post("/manager/bulk", post, status="*").status_int == 400


def test_a_second_click_does_nothing_more(site: TestApp, editor: TestApp) -> None:
    movie_id = make_movie(site)
    form = list_form(editor.get("/manager/movies"))
    tick(form, movie_id)
    page = chosen(form, "unpublish")
    first = press(page, "run")
    again = press(page, "run")
    assert first.request.path == again.request.path
    with services_of(site.app.registry).database.read() as session:
        (job,) = session.scalars(select(BulkJob))
        assert (job.state, job.done) == (BulkState.DONE, 1)
