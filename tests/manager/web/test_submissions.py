"""Forms that are submitted again."""

import threading
from datetime import UTC, datetime, timedelta
from tempfile import SpooledTemporaryFile

import pytest
from sqlalchemy import select
from webtest import TestApp

from moziweb.manager.auth.models import User
from moziweb.manager.web import submissions
from moziweb.manager.web.request_limits import UploadedFile
from moziweb.manager.web.submissions import (
    FIELD,
    KEPT_FOR,
    Submission,
    begin,
    fields_digest,
    new_token,
)
from moziweb.movies.models import Movie
from moziweb.services import services_of
from tests.manager.conftest import BOTH
from tests.manager.movie_forms import last_entry, make_movie, movie_form, movie_of, press
from tests.manager.undo.test_reversal import undo

NOW = datetime(2026, 8, 20, 12, tzinfo=UTC)


@pytest.fixture
def user_id(site: TestApp, editor: TestApp) -> int:
    with services_of(site.app.registry).database.read() as session:
        return session.scalars(select(User.id).order_by(User.id)).all()[0]


def test_second_submission_finds_the_first(site: TestApp, user_id: int) -> None:
    database, fields = services_of(site.app.registry).database, {FIELD: new_token(), "title": "A"}
    with database.write() as session:
        first = begin(session, user_id, fields, NOW)
        assert first is not None
        assert first.path == ""
        first.path = "/manager/movies/1"
    with database.write() as session:
        second = begin(session, user_id, fields, NOW)
        assert second is not None
        assert (second.path, second.digest) == ("/manager/movies/1", fields_digest(fields))


@pytest.mark.parametrize("path", ["new", "movie"])
def test_form_is_saved_again_after_its_save_was_taken_back(
    site: TestApp, editor: TestApp, path: str
) -> None:
    form = movie_form(editor, "new" if path == "new" else make_movie(site))
    form["title"] = "Visszavonva"
    first = press(form, status=303)
    undo(site, last_entry(site))
    undo(site, last_entry(site))  # so the save is in effect
    assert press(form, status=303).location == first.location
    undo(site, last_entry(site))
    again = press(form, status=303)
    assert "Mentve." in again.follow().text
    assert press(form, status=303).location == again.location != first.location
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(Movie.title)).all() == ["Visszavonva"]


def test_result_that_was_rolled_back_is_not_found(site: TestApp, user_id: int) -> None:
    database, fields = services_of(site.app.registry).database, {FIELD: new_token()}
    with database.rollback_session() as session:
        first = begin(session, user_id, fields, NOW)
        assert first is not None
        first.path = "/manager/movies/1"
    with database.write() as session:
        second = begin(session, user_id, fields, NOW)
        assert second is not None
        assert second.path == ""


@pytest.mark.parametrize("token", ["", "short", "x" * 23, "ű" * 22, None])
def test_form_without_a_token_is_not_recognised(
    site: TestApp, user_id: int, token: str | None
) -> None:
    with services_of(site.app.registry).database.write() as session:
        assert begin(session, user_id, {FIELD: token}, NOW) is None


def test_old_submissions_are_deleted(site: TestApp, user_id: int) -> None:
    database = services_of(site.app.registry).database
    with database.write() as session:
        begin(session, user_id, {FIELD: new_token()}, NOW)
    with database.write() as session:
        begin(session, user_id, {FIELD: new_token()}, NOW + KEPT_FOR + timedelta(seconds=1))
    with database.read() as session:
        assert len(session.scalars(select(Submission)).all()) == 1


@BOTH
def test_concurrent_submission_waits_for_the_first(site: TestApp, user_id: int) -> None:
    database, fields = services_of(site.app.registry).database, {FIELD: new_token()}
    found: list[str] = []

    def submit() -> None:
        with database.write() as session:
            second = begin(session, user_id, fields, NOW)
            assert second is not None
            found.append(second.path)

    thread = threading.Thread(target=submit)
    with database.write() as session:
        first = begin(session, user_id, fields, NOW)
        assert first is not None
        thread.start()
        thread.join(0.3)
        assert found == []
        first.path = "/manager/movies/1"
    thread.join(20)
    assert found == ["/manager/movies/1"]


def test_csrf_token_is_not_in_the_digest() -> None:
    fields = {"title": "A", "csrf_token": "1"}
    assert fields_digest(fields) == fields_digest(fields | {"csrf_token": "2"})
    assert fields_digest(fields) != fields_digest(fields | {"title": "B"})
    assert submissions.new_token() != submissions.new_token()


@BOTH
def test_same_form_sent_twice_at_once_is_done_once(site: TestApp, editor: TestApp) -> None:
    movie_id = make_movie(site)
    form = movie_form(editor, movie_id)
    form["premieres-1-date"] = "2026-12-24"
    fields = [*form.submit_fields(), ("do", "save")]
    cookies = "; ".join(f"{each.name}={each.value}" for each in editor.cookiejar)
    found: list[tuple[int, str]] = []
    start = threading.Barrier(2)

    def submit() -> None:
        browser = TestApp(site.app)
        start.wait(20)
        answer = browser.post(form.action, fields, {"Cookie": cookies}, status="*")
        found.append((answer.status_int, answer.headers.get("Location", "")))

    threads = [threading.Thread(target=submit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 2
    assert found[0] == found[1]
    assert found[0][0] == 303
    assert len(movie_of(site, movie_id).premieres) == 2


def test_form_with_other_fields_is_done_again(site: TestApp, editor: TestApp) -> None:
    movie_id = make_movie(site)
    form = movie_form(editor, movie_id)
    form["runtime"] = "91"
    first = press(form, status=303)
    form["runtime"], form["version"] = "92", str(movie_of(site, movie_id).version)
    form["digests"] = movie_form(editor, movie_id)["digests"].value
    assert press(form, status=303).location != first.location
    assert movie_of(site, movie_id).runtime == 92


def test_file_is_a_part_of_the_form() -> None:
    def digest(data: bytes) -> str:
        with SpooledTemporaryFile() as file:
            file.write(data)
            file.seek(0)
            found = fields_digest({"file": UploadedFile("a.jpg", file)})
            assert file.read() == data
            return found

    assert digest(b"a") == digest(b"a") != digest(b"b")
