"""Forms that are submitted again."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from webtest import TestApp

from moziweb.manager.auth.models import User
from moziweb.manager.web import submissions
from moziweb.manager.web.submissions import (
    FIELD,
    KEPT_FOR,
    Submission,
    begin,
    fields_digest,
    new_token,
)
from moziweb.services import services_of
from tests.manager.conftest import BOTH

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
