"""Deleting in the manager, and the bin."""

from typing import Any

import pytest
from sqlalchemy import func, select
from webtest import TestApp

from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.models import Role
from moziweb.manager.bin.models import BinItem, BinKind
from moziweb.manager.bin.restoring import BIN_RETENTION
from moziweb.movies.models import Distributor, Genre, Movie, Person
from moziweb.posters.models import PosterSource
from moziweb.services import services_of
from tests import factories
from tests.manager.bin.test_deletion import row_of
from tests.manager.conftest import BOTH, Clock, csrf_of, signed_in
from tests.manager.movie_forms import last_entry, make_movie
from tests.manager.movies.test_affected_pages import leave_archive_out, promised_paths, shown_pages
from tests.site.cached import Movies, cache_misses, every_page, pages, warm


def delete_path(kind: BinKind, row_id: int) -> str:
    return f"/manager/delete/{kind}/{row_id}"


def button_form(page: Any, path: str) -> Any:
    """The form of a page with this action."""
    return next(form for form in page.forms.values() if form.action.endswith(path))


def do(browser: TestApp, path: str, **fields: str) -> Any:
    return browser.post(path, {"csrf_token": csrf_of(browser), **fields}, status="*")


def one_id(site: TestApp, model: Any, **values: Any) -> int:
    with services_of(site.app.registry).database.read() as session:
        number: int = session.scalars(select(model.id).filter_by(**values)).one()
        return number


def items(site: TestApp) -> list[BinItem]:
    with services_of(site.app.registry).database.read() as session:
        return list(session.scalars(select(BinItem)))


def test_deleting_and_bringing_back_refresh_exactly_the_pages_that_were_shown(
    cached: TestApp, movies: Movies
) -> None:
    editor = signed_in(cached, Role.EDITOR)
    path = delete_path(BinKind.MOVIE, movies.here)
    asked = editor.get(path)
    promised = shown_pages(asked, movies)
    assert {"index", "english", "week", "month", "movie", "api_movie"} <= promised
    assert not promised & {"ahead", "other", "empty"}
    assert cache_misses(cached, movies) == set()
    done = button_form(asked, path).submit("do", status=303).follow()
    assert "A lomtárba került: Itt van." in done.text
    assert shown_pages(done, movies) == promised
    # The pages of the deleted movie are not found; such answers are stored in another way.
    assert cache_misses(cached, movies) | {"movie", "api_movie"} == promised
    assert cached.get(pages(movies)["movie"], status=404)
    assert cached.get(pages(movies)["api_movie"], status=404)

    form = button_form(editor.get("/manager/bin"), "/manager/bin")
    asked = form.submit("do", index=1)
    promised = shown_pages(asked, movies)
    assert {"index", "english", "week", "month"} <= promised
    assert not promised & {"ahead", "other", "empty"}
    cache_misses(cached, movies)
    assert cache_misses(cached, movies) <= {"movie", "api_movie"}
    done = button_form(asked, "/manager/bin").submit("do", index=0, status=303).follow()
    assert "Visszakerült:" in done.text
    assert shown_pages(done, movies) == promised
    assert cache_misses(cached, movies) | {"movie", "api_movie"} == promised | {
        "movie", "api_movie",
    }  # fmt: skip
    assert cached.get(pages(movies)["movie"], status=200)


@BOTH
def test_a_second_click_deletes_and_restores_nothing_more(site: TestApp, editor: TestApp) -> None:
    movie_id = make_movie(site)
    path = delete_path(BinKind.MOVIE, movie_id)
    assert "Az ígéret földje" in editor.get(path).text
    assert do(editor, path, do="delete").status_int == 303
    assert last_entry(site).action == "film.delete"
    again = do(editor, path, do="delete")
    assert (again.status_int, len(items(site))) == (303, 1)
    assert editor.get(f"/manager/movies/{movie_id}", status="*").status_int == 404
    assert editor.get(path, status="*").status_int == 404
    item = str(items(site)[0].id)
    assert do(editor, "/manager/bin", do="restore", item=item).status_int == 303
    entry = last_entry(site)
    assert (entry.action, entry.subject_id) == ("film.restore", movie_id)
    assert do(editor, "/manager/bin", do="restore", item=item).status_int == 404
    assert editor.get(f"/manager/movies/{movie_id}").status_int == 200
    assert items(site) == []


def test_audit_links_what_was_brought_back(site: TestApp, editor: TestApp) -> None:
    do(editor, delete_path(BinKind.MOVIE, make_movie(site)), do="delete")
    deletion = last_entry(site).id
    do(editor, "/manager/bin", do="restore", item=str(items(site)[0].id))
    row = editor.get("/manager/audit").html.select_one(f"#entry-{deletion}")
    assert row.select_one(f"a[href$='#entry-{last_entry(site).id}']") is not None
    undo = editor.get(f"/manager/audit/{deletion}/undo")
    assert "Ez a változtatás már vissza van vonva." in undo.text


@BOTH
def test_pages_of_former_rows_delete_and_restore_no_other_ones(
    site: TestApp, editor: TestApp
) -> None:
    """The pages were opened before another editor deleted the row, or brought it back."""
    movie_id = make_movie(site)

    def upload() -> int:
        with services_of(site.app.registry).database.write() as session:
            movie = session.get_one(Movie, movie_id)
            return factories.add_poster(session, movie, chosen=False).id

    former = delete_path(BinKind.POSTER, upload())
    editor.get(former)
    do(editor, former, do="delete")
    opened = str(items(site)[0].id)
    poster = upload()
    assert do(editor, former, do="delete").status_int == 303
    assert one_id(site, PosterSource, movie_id=movie_id) == poster
    do(editor, "/manager/bin", do="restore", item=opened)
    do(editor, delete_path(BinKind.POSTER, poster), do="delete")
    assert do(editor, "/manager/bin", do="restore", item=opened).status_int == 404
    assert [item.row_id for item in items(site)] == [poster]


@BOTH
def test_people_genres_and_distributors_are_deleted_from_the_names(
    site: TestApp, editor: TestApp
) -> None:
    make_movie(site)
    for kind, model, name in (
        (BinKind.PERSON, Person, "Nagy Pál"),
        (BinKind.GENRE, Genre, "Vígjáték"),
        (BinKind.DISTRIBUTOR, Distributor, "Forgalmazó Kft."),
    ):
        listed = editor.get("/manager/names", {"kind": kind, "q": name.lower()})
        assert name in listed.text
        path = delete_path(kind, one_id(site, model, name=name))
        assert path in listed.text
        assert name in editor.get(path).text
        assert do(editor, path, do="delete").status_int == 303
        assert name not in editor.get("/manager/names", {"kind": kind}).text
        item = next(each for each in items(site) if each.kind is kind)
        asked = do(editor, "/manager/bin", do="look", item=str(item.id))
        assert asked.status_int == 200
        assert do(editor, "/manager/bin", do="restore", item=str(item.id)).status_int == 303
        assert name in editor.get("/manager/names", {"kind": kind}).text
    assert "Vígjáték" in editor.get("/manager/audit").text


def test_the_bin_shows_until_when_and_by_whom(site: TestApp, editor: TestApp, clock: Clock) -> None:
    assert "A lomtár üres" in editor.get("/manager/bin").text
    do(editor, delete_path(BinKind.MOVIE, make_movie(site)), do="delete")
    shown = editor.get("/manager/bin").text
    assert "szerkesztő" in shown
    assert "2026-09-19" in shown
    clock.now += BIN_RETENTION
    late = signed_in(site, Role.EDITOR)
    assert "A lomtár üres" in late.get("/manager/bin").text
    refused = do(late, "/manager/bin", do="restore", item=str(items(site)[0].id))
    assert refused.status_int == 409
    assert "30 napnál" in refused.text
    with services_of(site.app.registry).database.read() as session:
        assert session.scalar(select(func.count(Movie.id))) == 0
        restored = AuditEntry.action == "film.restore"
        assert session.scalar(select(func.count(AuditEntry.id)).where(restored)) == 0


def test_unknown_kinds_rows_and_actions_are_refused(site: TestApp, editor: TestApp) -> None:
    for path in ("/manager/delete/user/1", "/manager/delete/film/99", "/manager/delete/film/x"):
        assert editor.get(path, status="*").status_int == 404
        assert do(editor, path, do="delete").status_int == 404
    assert do(editor, "/manager/bin", do="restore", item="99").status_int == 404
    assert do(editor, "/manager/bin", do="restore").status_int == 404
    assert do(editor, "/manager/bin", do="other").status_int == 400


def test_a_movies_page_links_its_deletion(site: TestApp, editor: TestApp) -> None:
    movie_id = make_movie(site)
    assert delete_path(BinKind.MOVIE, movie_id) in editor.get(f"/manager/movies/{movie_id}").text


@pytest.mark.parametrize("kind", [BinKind.PERSON, BinKind.GENRE, BinKind.DISTRIBUTOR])
def test_pages_of_a_deleted_name_do_not_depend_on_a_scan(
    cached: TestApp, movies: Movies, monkeypatch: pytest.MonkeyPatch, kind: BinKind
) -> None:
    editor = signed_in(cached, Role.EDITOR)
    warm(cached, movies, every_page)
    path = delete_path(kind, row_of(services_of(cached.app.registry).database, movies, kind))
    shown = promised_paths(editor.get(path))
    assert every_page(movies)[kind] in shown
    leave_archive_out(monkeypatch)
    asked = editor.get(path)
    assert promised_paths(asked) == shown
    button_form(asked, path).submit("do", status=303)
    with services_of(cached.app.registry).database.read() as session:
        deleted = select(AuditEntry.pages).where(AuditEntry.action == f"{kind}.delete")
        assert set(session.scalars(deleted).one()) == shown
