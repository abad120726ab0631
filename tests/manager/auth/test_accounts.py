"""Accounts: names, passwords, disabling, and their audit entries."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.db import Database, repeat_on_conflict
from moziweb.manager.audit.log import COMMAND, Actor
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.accounts import (
    MAX_USER_NAME_LENGTH,
    AccountError,
    LastAdmin,
    add_user,
    all_users,
    disable,
    enable,
    end_sessions,
    find_user,
    invite_user,
    last_seen,
    normalise_name,
    set_password,
    set_role,
)
from moziweb.manager.auth.models import Role, User, UserSession
from moziweb.manager.auth.passwords import GuessablePassword, WeakPassword, verify
from tests.conftest import NOW
from tests.db.rivals import held
from tests.manager.conftest import PASSWORD

OTHER = "nine quiet projectors"

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def add(session: Session, name: str, role: Role = Role.EDITOR) -> User:
    return add_user(session, name, PASSWORD, role, by=COMMAND, now=NOW)


def sign_in(session: Session, user: User, minutes: int = 0) -> int:
    """A session of the user; its id."""
    seen = NOW + timedelta(minutes=minutes)
    row = UserSession(
        token_hash=f"{user.id} {minutes}", csrf_token="x", user_id=user.id, created_at=NOW,
        seen_at=seen,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.id


def sessions(session: Session) -> list[int]:
    return list(session.scalars(select(UserSession.id).order_by(UserSession.id)))


def actions(session: Session) -> list[tuple[str, str, str]]:
    rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    return [(row.action, row.subject_name, row.user_name) for row in rows]


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("Anna", "anna"), ("  Kovács   ANNA\t", "kovács anna"), ("STRASSE", "strasse"), ("ß", "ss")],
)
def test_name_is_compared_without_case_and_spaces(
    dbsession: Session, typed: str, stored: str
) -> None:
    assert normalise_name(typed) == stored
    assert add(dbsession, typed).name == stored
    found = find_user(dbsession, f" {typed.upper()} ")
    assert found is not None
    assert found.name == stored
    with pytest.raises(AccountError, match="already"):
        add(dbsession, stored)


@pytest.mark.parametrize("name", ["", "  ", "x" * (MAX_USER_NAME_LENGTH + 1)])
def test_name_has_a_length(dbsession: Session, name: str) -> None:
    with pytest.raises(AccountError, match="1 to 60 characters"):
        add(dbsession, name)
    assert add(dbsession, "x" * MAX_USER_NAME_LENGTH).name == "x" * MAX_USER_NAME_LENGTH


def test_new_user_has_a_role_and_an_entry(dbsession: Session) -> None:
    user = add(dbsession, "anna", Role.ADMIN)
    assert (user.role, user.disabled_at, user.created_at) == (Role.ADMIN, None, NOW)
    assert verify(PASSWORD, user.password_hash)
    (entry,) = dbsession.scalars(select(AuditEntry))
    assert (entry.action, entry.subject_id, entry.user_id) == ("user.add", user.id, None)
    assert entry.changes == [{"field": "role", "before": "", "after": "admin"}]


@pytest.mark.parametrize("password", ["short", "jelszojelszo", "kovacskovacs"])
def test_weak_password_adds_and_changes_nothing(dbsession: Session, password: str) -> None:
    with pytest.raises(WeakPassword):
        add_user(dbsession, "Kovacs", password, Role.EDITOR, by=COMMAND, now=NOW)
    assert all_users(dbsession) == []
    user = add(dbsession, "kovacs")
    sign_in(dbsession, user)
    with pytest.raises(WeakPassword):
        set_password(dbsession, user, password, by=COMMAND, now=NOW)
    assert verify(PASSWORD, user.password_hash)
    assert len(sessions(dbsession)) == 1
    assert actions(dbsession) == [("user.add", "kovacs", "moziweb")]


def test_name_is_no_password(dbsession: Session) -> None:
    with pytest.raises(GuessablePassword):
        add_user(dbsession, "Nagy Boldizsár", "nagyboldizsár", Role.EDITOR, by=COMMAND, now=NOW)


def test_new_password_ends_the_other_sessions(dbsession: Session) -> None:
    anna, bela = add(dbsession, "anna"), add(dbsession, "bela")
    kept, _ended, other = (
        sign_in(dbsession, anna),
        sign_in(dbsession, anna, 1),
        sign_in(dbsession, bela),
    )
    set_password(dbsession, anna, OTHER, by=Actor(anna.id, "anna"), now=NOW, keep=kept)
    assert sessions(dbsession) == [kept, other]
    assert verify(OTHER, anna.password_hash)
    assert actions(dbsession)[-1] == ("user.password", "anna", "anna")
    set_password(dbsession, anna, PASSWORD, by=COMMAND, now=NOW)
    assert sessions(dbsession) == [other]


def test_disabling_is_recorded_once(dbsession: Session) -> None:
    anna, bela = add(dbsession, "anna"), add(dbsession, "bela")
    sign_in(dbsession, anna)
    other = sign_in(dbsession, bela)
    for minutes in (0, 5):
        disable(dbsession, anna, by=COMMAND, now=NOW + timedelta(minutes=minutes))
        assert anna.disabled_at == NOW
        assert sessions(dbsession) == [other]
    for _ in range(2):
        enable(dbsession, anna, by=COMMAND, now=NOW)
        assert anna.disabled_at is None
    assert [each[0] for each in actions(dbsession)[2:]] == ["user.disable", "user.enable"]


def test_ended_sessions_are_counted(dbsession: Session) -> None:
    anna = add(dbsession, "anna")
    for minutes in range(3):
        sign_in(dbsession, anna, minutes)
    assert end_sessions(dbsession, anna) == 3
    assert end_sessions(dbsession, anna) == 0


def test_users_are_listed_by_name_with_their_last_request(dbsession: Session) -> None:
    bela, anna, clara = (add(dbsession, name) for name in ("bela", "anna", "clara"))
    for minutes in (1, 9, 5):
        sign_in(dbsession, bela, minutes)
    sign_in(dbsession, clara, 2)
    assert all_users(dbsession) == [anna, bela, clara]
    assert last_seen(dbsession) == {
        bela.id: NOW + timedelta(minutes=9),
        clara.id: NOW + timedelta(minutes=2),
    }


def test_role_is_changed_and_recorded_once(dbsession: Session) -> None:
    anna = add(dbsession, "anna")
    add(dbsession, "gazda", Role.ADMIN)
    for _ in range(2):
        set_role(dbsession, anna, Role.ADMIN, by=COMMAND, now=NOW)
    assert anna.role is Role.ADMIN
    entries = dbsession.scalars(select(AuditEntry).where(AuditEntry.action == "user.role"))
    assert [each.changes for each in entries] == [
        [{"field": "role", "before": "editor", "after": "admin"}]
    ]


def test_last_administrator_stays(dbsession: Session) -> None:
    """Disabled administrators, and invited ones without a password, do not count."""
    anna, bela = add(dbsession, "anna", Role.ADMIN), add(dbsession, "bela", Role.ADMIN)
    invite_user(dbsession, "clara", Role.ADMIN, by=COMMAND, now=NOW)
    disable(dbsession, bela, by=COMMAND, now=NOW)
    with pytest.raises(LastAdmin):
        disable(dbsession, anna, by=COMMAND, now=NOW)
    with pytest.raises(LastAdmin):
        set_role(dbsession, anna, Role.EDITOR, by=COMMAND, now=NOW)
    assert (anna.role, anna.disabled_at) == (Role.ADMIN, None)
    set_role(dbsession, bela, Role.EDITOR, by=COMMAND, now=NOW)  # disabled: none is lost
    enable(dbsession, bela, by=COMMAND, now=NOW)
    set_role(dbsession, bela, Role.ADMIN, by=COMMAND, now=NOW)
    set_role(dbsession, anna, Role.EDITOR, by=COMMAND, now=NOW)
    disable(dbsession, anna, by=COMMAND, now=NOW)  # an editor
    assert actions(dbsession)[-1] == ("user.disable", "anna", "moziweb")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_administrators_cannot_disable_each_other(database: Database) -> None:
    """The second one waits for the first one's transaction, and then counts again."""
    with database.write() as session:
        ids = [add(session, name, Role.ADMIN).id for name in ("anna", "bela")]
    barrier = Barrier(2, timeout=10)

    def disable_one(user_id: int) -> bool:
        try:
            with database.write() as session:
                user = session.get_one(User, user_id)
                barrier.wait()
                disable(session, user, by=COMMAND, now=NOW)
        except LastAdmin:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(disable_one, ids)) == [False, True]


@on_postgresql
def test_a_user_of_one_name_is_added_once(database: Database) -> None:
    def add_anna() -> None:
        with database.write() as session:
            add(session, "anna")

    with held(database) as (session, start):
        add(session, "anna")
        adding = start(partial(repeat_on_conflict, add_anna))
    with pytest.raises(AccountError):
        adding.result()


@on_postgresql
@pytest.mark.parametrize("change", ["disable", "enable", "role", "password"])
def test_changes_of_a_user_wait_for_each_other(database: Database, change: str) -> None:
    """The second one sees the first one's change, and records what it changes itself."""
    with database.write() as session:
        user_id = add(session, "anna").id
        add(session, "gazda", Role.ADMIN)
        if change == "enable":
            session.get_one(User, user_id).disabled_at = NOW

    def work(session: Session) -> None:
        user = session.get_one(User, user_id)
        if change == "role":
            set_role(session, user, Role.ADMIN, by=COMMAND, now=NOW)
        elif change == "password":
            set_password(session, user, OTHER, by=COMMAND, now=NOW)
        else:
            (disable if change == "disable" else enable)(session, user, by=COMMAND, now=NOW)

    def late() -> None:
        with database.write() as session:
            work(session)

    with held(database) as (session, start):
        work(session)
        session.flush()
        changing = start(late)
    changing.result()
    with database.read() as session:
        done = [action for action, name, _by in actions(session) if name == "anna"]
    assert done == ["user.add", f"user.{change}"] + ["user.password"] * (change == "password")
