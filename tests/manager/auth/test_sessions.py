"""Sessions: when they are valid, what is stored, and which requests have one."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.db import Database
from moziweb.manager.auth.models import Role, User, UserSession
from moziweb.manager.auth.sessions import (
    TOUCH_INTERVAL,
    Sessions,
    identity_of,
    require_user,
    signed_in,
    token_hash,
)
from moziweb.request import Request
from moziweb.services import services_of
from tests.conftest import NOW, QueryCounter
from tests.manager.conftest import NAMES, Clock

IDLE = timedelta(hours=1)
LIFETIME = timedelta(hours=12)


@pytest.fixture
def sessions(database: Database, clock: Clock) -> Sessions:
    """Sessions by the settable clock."""
    return Sessions(database, clock, idle=IDLE, lifetime=LIFETIME)


@pytest.fixture
def anna(database: Database) -> int:
    return add(database, "anna", Role.EDITOR)


def add(database: Database, name: str, role: Role) -> int:
    with database.write() as session:
        user = User(name=name, password_hash="-", role=role, created_at=NOW)
        session.add(user)
        session.flush()
        return user.id


def begin(sessions: Sessions, user_id: int, **options: str) -> str:
    with sessions._database.write() as session:
        return sessions.begin(session, user_id, **options)


def rows(database: Database) -> list[UserSession]:
    with database.read() as session:
        return list(session.scalars(select(UserSession).order_by(UserSession.id)))


def test_token_finds_its_user(sessions: Sessions, database: Database, anna: int) -> None:
    token = begin(sessions, anna, address="192.0.2.1", agent="Firefox")
    found = sessions.find(token)
    assert found is not None
    assert (found.user_id, found.name, found.role) == (anna, "anna", Role.EDITOR)
    assert (found.actor.user_id, found.actor.name) == (anna, "anna")
    (row,) = rows(database)
    assert (row.id, row.csrf_token) == (found.session_id, found.csrf_token)
    assert (row.address, row.agent) == ("192.0.2.1", "Firefox")


def test_only_the_hash_of_a_token_is_stored(
    sessions: Sessions, database: Database, anna: int
) -> None:
    token = begin(sessions, anna)
    assert len(token) >= 43  # 256 bits
    (row,) = rows(database)
    assert row.token_hash == token_hash(token)
    stored = {str(getattr(row, column.key)) for column in UserSession.__table__.columns}
    assert not any(token in value for value in stored)
    assert sessions.find(row.token_hash) is None


@pytest.mark.parametrize("token", ["", "x", "\0", "\xff\udcff", "x" * 100_000, "' OR 1=1 --"])
def test_other_text_is_no_token(sessions: Sessions, anna: int, token: str) -> None:
    begin(sessions, anna)
    assert sessions.find(token) is None


def test_each_session_has_secrets_of_its_own(
    sessions: Sessions, database: Database, anna: int
) -> None:
    tokens = {begin(sessions, anna) for _ in range(5)}
    secrets = {row.csrf_token for row in rows(database)} | tokens
    assert len(secrets) == 10


def test_session_ends_when_idle(sessions: Sessions, clock: Clock, anna: int) -> None:
    token = begin(sessions, anna)
    clock.now += IDLE - timedelta(seconds=1)
    assert sessions.find(token)
    clock.now += IDLE
    assert sessions.find(token) is None


def test_session_in_use_ends_after_its_lifetime(
    sessions: Sessions, clock: Clock, anna: int
) -> None:
    token = begin(sessions, anna)
    for _ in range(23):
        clock.pass_(minutes=30)
        assert sessions.find(token)
    clock.pass_(minutes=30)
    assert sessions.find(token) is None


def test_use_is_written_once_a_minute(
    sessions: Sessions, database: Database, clock: Clock, anna: int, query_counter: QueryCounter
) -> None:
    token = begin(sessions, anna)
    clock.now += TOUCH_INTERVAL - timedelta(seconds=1)
    with query_counter(database.engine) as statements:
        assert sessions.find(token)
    assert len(statements) == 1
    assert rows(database)[0].seen_at == NOW
    clock.pass_(seconds=1)
    assert sessions.find(token)
    assert rows(database)[0].seen_at == clock.now


def test_sign_in_ends_the_replaced_session_and_old_ones(
    sessions: Sessions, database: Database, clock: Clock, anna: int
) -> None:
    bela = add(database, "bela", Role.ADMIN)
    begin(sessions, bela)  # will be idle for too long
    clock.now += IDLE
    replaced, kept = begin(sessions, anna), begin(sessions, anna)
    new = begin(sessions, anna, replaces=replaced)
    assert sessions.find(replaced) is None
    assert sessions.find(kept)
    assert sessions.find(new)
    assert [row.user_id for row in rows(database)] == [anna, anna]


def test_replacing_nothing_ends_nothing(sessions: Sessions, anna: int) -> None:
    first = begin(sessions, anna)
    begin(sessions, anna, replaces="")
    begin(sessions, anna, replaces="chosen by another")
    assert sessions.find(first)


def test_end_ends_one_session(sessions: Sessions, anna: int) -> None:
    first, second = begin(sessions, anna), begin(sessions, anna)
    found = sessions.find(first)
    assert found is not None
    sessions.end(found.session_id)
    sessions.end(found.session_id)
    assert sessions.find(first) is None
    assert sessions.find(second)


def test_disabled_user_has_no_session(sessions: Sessions, database: Database, anna: int) -> None:
    token = begin(sessions, anna)
    with database.write() as session:
        session.get_one(User, anna).disabled_at = NOW
    assert sessions.find(token) is None


def test_role_is_read_with_each_request(sessions: Sessions, database: Database, anna: int) -> None:
    token = begin(sessions, anna)
    with database.write() as session:
        session.get_one(User, anna).role = Role.ADMIN
    found = sessions.find(token)
    assert found is not None
    assert found.role is Role.ADMIN


def test_sessions_of_a_user_are_valid_ones_the_latest_first(
    sessions: Sessions, database: Database, dbsession: Session, clock: Clock, anna: int
) -> None:
    begin(sessions, anna, agent="over")
    clock.now += IDLE - timedelta(minutes=10)
    begin(sessions, anna, agent="first")
    begin(sessions, add(database, "bela", Role.EDITOR), agent="of another")
    clock.pass_(minutes=10)
    begin(sessions, anna, agent="second")
    assert [each.agent for each in sessions.of_user(dbsession, anna)] == ["second", "first"]


def test_long_address_and_agent_are_cut(sessions: Sessions, database: Database, anna: int) -> None:
    begin(sessions, anna, address="1" * 500, agent="é" * 5000)
    (row,) = rows(database)
    assert (row.address, row.agent) == ("1" * 60, "é" * 200)


def request_of(site: TestApp, path: str, token: str = "") -> Request:
    request = Request.blank(path, headers={"Cookie": f"moziweb_session={token}"} if token else {})
    request.registry = site.app.registry
    return request


@pytest.mark.parametrize("path", ["/manager", "/manager/movies/1", "/en/manager", "/en/manager/x"])
def test_requests_to_the_manager_have_a_user(
    site: TestApp, editor: TestApp, query_counter: QueryCounter, path: str
) -> None:
    request = request_of(site, path, editor.cookies["moziweb_session"])
    with query_counter(services_of(site.app.registry).database.engine) as statements:
        assert require_user(request).name == NAMES[Role.EDITOR]
        assert signed_in(request) is signed_in(request)
    assert len(statements) == 1
    identity = identity_of(request)
    assert identity is not None
    assert identity.principals == ("role:editor",)


@pytest.mark.parametrize(
    "path", ["/", "/en/", "/managers", "/en/managers", "/hu/manager", "/x/manager"]
)
def test_public_pages_have_none(site: TestApp, editor: TestApp, path: str) -> None:
    request = request_of(site, path, editor.cookies["moziweb_session"])
    assert signed_in(request) is None
    assert identity_of(request) is None


def test_view_that_needs_a_session_fails_without_one(site: TestApp) -> None:
    with pytest.raises(LookupError, match="no permission"):
        require_user(request_of(site, "/manager"))
