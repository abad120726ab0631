"""Links that set a password: they expire, work once, and replace each other."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.manager.audit.log import COMMAND, Actor
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth import passwords
from moziweb.manager.auth.accounts import (
    AccountError,
    LastAdmin,
    UserChanged,
    add_user,
    disable,
    enable,
    invite_user,
    needs_link,
    set_password,
    set_role,
)
from moziweb.manager.auth.models import PasswordLink, Role, User, UserSession
from moziweb.manager.auth.password_links import (
    INVITATION_LASTS,
    RESET_LASTS,
    make_link,
    use_link,
    user_of_link,
)
from moziweb.manager.auth.passwords import WeakPassword, verify
from tests.conftest import NOW
from tests.db.rivals import held
from tests.manager.conftest import PASSWORD

NEW = "nine quiet projectors"


@pytest.fixture
def anna(dbsession: Session) -> User:
    return add_user(dbsession, "anna", PASSWORD, Role.EDITOR, by=COMMAND, now=NOW)


@pytest.fixture
def invited(dbsession: Session) -> User:
    return invite_user(dbsession, "bela", Role.EDITOR, by=COMMAND, now=NOW)


def link(session: Session, user: User) -> str:
    return make_link(session, user, by=COMMAND, now=NOW)


def test_invited_user_sets_the_password_once(dbsession: Session, invited: User) -> None:
    assert not verify("", invited.password_hash)
    assert not verify("the password of no user", invited.password_hash)
    token = link(dbsession, invited)
    assert use_link(dbsession, token, NEW, now=NOW) is invited
    assert verify(NEW, invited.password_hash)
    assert not invited.invited
    assert use_link(dbsession, token, PASSWORD, now=NOW) is None
    assert verify(NEW, invited.password_hash)


@pytest.mark.parametrize(("is_invited", "lasts"), [(True, INVITATION_LASTS), (False, RESET_LASTS)])
def test_link_expires(
    dbsession: Session, anna: User, invited: User, is_invited: bool, lasts: timedelta
) -> None:
    user = invited if is_invited else anna
    token, before = link(dbsession, user), NOW + lasts - timedelta(seconds=1)
    assert user_of_link(dbsession, token, before) is user
    assert user_of_link(dbsession, token, NOW + lasts) is None
    assert use_link(dbsession, token, NEW, now=NOW + lasts) is None
    assert use_link(dbsession, token, NEW, now=before) is user


def test_new_link_replaces_the_open_one(dbsession: Session, anna: User) -> None:
    first, second = link(dbsession, anna), link(dbsession, anna)
    assert use_link(dbsession, first, NEW, now=NOW) is None
    assert use_link(dbsession, second, NEW, now=NOW) is anna


def test_weak_password_leaves_the_link_valid(dbsession: Session, anna: User) -> None:
    token = link(dbsession, anna)
    with pytest.raises(WeakPassword):
        use_link(dbsession, token, "short", now=NOW)
    assert use_link(dbsession, token, NEW, now=NOW) is anna


def test_link_ends_with_disabling_and_with_another_password(dbsession: Session, anna: User) -> None:
    token = link(dbsession, anna)
    disable(dbsession, anna, by=COMMAND, now=NOW)
    enable(dbsession, anna, by=COMMAND, now=NOW)
    assert use_link(dbsession, token, NEW, now=NOW) is None
    token = link(dbsession, anna)
    set_password(dbsession, anna, NEW, by=COMMAND, now=NOW)
    assert use_link(dbsession, token, PASSWORD, now=NOW) is None


def test_disabled_user_gets_no_link(dbsession: Session, anna: User) -> None:
    disable(dbsession, anna, by=COMMAND, now=NOW)
    with pytest.raises(AccountError, match="disabled"):
        link(dbsession, anna)


def test_making_and_using_a_link_ends_sessions(dbsession: Session, anna: User) -> None:
    def sign_in(number: str) -> None:
        times = {"created_at": NOW, "seen_at": NOW}
        dbsession.add(UserSession(token_hash=number, csrf_token="x", user_id=anna.id, **times))
        dbsession.flush()

    sign_in("1")
    token = link(dbsession, anna)
    assert dbsession.scalars(select(UserSession)).all() == []
    sign_in("2")
    use_link(dbsession, token, NEW, now=NOW)
    assert dbsession.scalars(select(UserSession)).all() == []


@pytest.mark.parametrize("is_kept", [False, True])
def test_blocked_administrator_cannot_sign_in(dbsession: Session, is_kept: bool) -> None:
    """So the other one is the last who can."""
    first, second = (
        add_user(dbsession, name, PASSWORD, Role.ADMIN, by=COMMAND, now=NOW) for name in "ab"
    )
    make_link(dbsession, second, by=COMMAND, now=NOW, keep_password=is_kept)
    assert needs_link(second) is not is_kept
    assert verify(PASSWORD, second.password_hash) is is_kept
    if is_kept:
        disable(dbsession, first, by=COMMAND, now=NOW)
    else:
        with pytest.raises(LastAdmin):
            disable(dbsession, first, by=COMMAND, now=NOW)


def test_link_is_made_without_hashing(
    dbsession: Session, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user and the administrators are locked."""
    monkeypatch.delattr(passwords, "_HASHER")
    link(dbsession, anna)
    assert needs_link(anna)


@pytest.mark.parametrize("token", ["", "x", "\0", "\udce9", "a" * 5_000])
def test_unknown_token_has_no_user(dbsession: Session, anna: User, token: str) -> None:
    link(dbsession, anna)
    assert user_of_link(dbsession, token, NOW) is None
    assert use_link(dbsession, token, NEW, now=NOW) is None


def test_neither_rows_nor_entries_have_the_token(
    dbsession: Session, anna: User, invited: User
) -> None:
    tokens = [link(dbsession, anna), link(dbsession, invited)]
    use_link(dbsession, tokens[0], NEW, now=NOW)
    entries = dbsession.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(each.action, each.subject_name, each.user_name) for each in entries[2:]] == [
        ("user.password_block", "anna", "moziweb"),
        ("user.reset_link", "anna", "moziweb"),
        ("user.invite", "bela", "moziweb"),
        ("user.password", "anna", "anna"),
    ]
    stored = str([vars(each) for each in entries])
    stored += str(dbsession.scalars(select(PasswordLink.token_hash)).all())
    for token in tokens:
        assert token not in stored


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_user_who_is_being_disabled_gets_no_link(database: Database) -> None:
    with database.write() as session:
        user_id = add_user(session, "anna", PASSWORD, Role.EDITOR, by=COMMAND, now=NOW).id

    def make() -> None:
        with database.write() as session:
            link(session, session.get_one(User, user_id))

    with held(database) as (session, start):
        disable(session, session.get_one(User, user_id), by=COMMAND, now=NOW)
        session.flush()
        making = start(make)
    with pytest.raises(AccountError):
        making.result()
    with database.read() as session:
        assert session.scalars(select(PasswordLink)).all() == []


BLOCKS: dict[str, Callable[..., Any]] = {
    "block": make_link,
    "disable": disable,
    "demote": partial(set_role, role=Role.EDITOR),
}


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_blocked_administrator_makes_no_link(database: Database, block: str) -> None:
    """Of two who block each other at the same moment, the first one can still sign in."""
    with database.write() as session:
        first, second = (
            add_user(session, name, PASSWORD, Role.ADMIN, by=COMMAND, now=NOW).id for name in "ab"
        )

    def make() -> None:
        with database.write() as session:
            make_link(session, session.get_one(User, first), by=Actor(second, "b"), now=NOW)

    with held(database) as (session, start):
        BLOCKS[block](session, session.get_one(User, second), by=Actor(first, "a"), now=NOW)
        session.flush()
        making = start(make)
    with pytest.raises(UserChanged):
        making.result()
    with database.read() as session:
        assert verify(PASSWORD, session.get_one(User, first).password_hash)
        assert first not in session.scalars(select(PasswordLink.user_id)).all()
