"""Drafts: what is packed, and who finds it."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from webob.multidict import MultiDict

from moziweb.manager.auth.models import Role, User
from moziweb.manager.web import drafts
from moziweb.manager.web.drafts import MAX_AGE, MAX_ENCODED, Draft
from moziweb.manager.web.request_limits import MAX_FORM
from tests.conftest import NOW

PATH = "/manager/movies/7"


@pytest.fixture
def users(dbsession: Session) -> list[int]:
    """The ids of two users."""
    found = [
        User(name=name, password_hash="-", role=Role.EDITOR, created_at=NOW)
        for name in ("anna", "bela")
    ]
    dbsession.add_all(found)
    dbsession.flush()
    return [user.id for user in found]


def count(session: Session) -> int:
    return session.scalar(select(func.count(Draft.id))) or 0


def test_fields_are_packed_in_their_order() -> None:
    fields: MultiDict[str, Any] = MultiDict([("genres", "2"), ("title", "Ű\n<b>"), ("genres", "1")])
    expected = [("genres", "2"), ("title", "Ű\n<b>"), ("genres", "1")]
    assert drafts.unpack(drafts.pack(fields)) == expected


def test_secrets_and_files_are_not_packed() -> None:
    names = ("csrf_token", "password", "new_password", "current_password")
    fields: MultiDict[str, Any] = MultiDict([(name, "secret") for name in names])
    fields.add("picture", object())
    assert drafts.pack(fields) == ""
    fields.add("title", "x")
    assert drafts.unpack(drafts.pack(fields)) == [("title", "x")]


@pytest.mark.parametrize("letter", ["x", "é", "漢"])
def test_form_that_is_too_long_is_refused(letter: str) -> None:
    """By its size in the sign-in form, where a letter takes one to nine bytes."""
    around = len(quote_plus(json.dumps([["title", ""]])))
    longest = letter * ((MAX_ENCODED - around) // len(quote_plus(letter)))
    packed = drafts.pack(MultiDict(title=longest))
    assert drafts.unpack(packed) == [("title", longest)]
    assert len(urlencode({"draft": packed})) < MAX_FORM
    with pytest.raises(drafts.DraftTooLong):
        drafts.pack(MultiDict(title=longest + letter))
    assert drafts.unpack('[["title", "' + "x" * MAX_ENCODED + '"]]') == []


@pytest.mark.parametrize(
    "text", ["", "x", "{", "{}", "1", '"x"', "[1]", '[["a"]]', '[["a","b","c"]]', '[["a",1]]',
             "[[1,2]]", "[null]", '{"a":"b"}', "[" * 100_000, "9" * 5000],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_other_text_has_no_fields(text: str) -> None:
    assert drafts.unpack(text) == []


def test_valid_fields_beside_others_are_kept() -> None:
    assert drafts.unpack('[["title","x"],["a"],7]') == [("title", "x")]


def test_owner_finds_a_draft_at_its_form(dbsession: Session, users: list[int]) -> None:
    anna, bela = users
    fields = [("genres", "1"), ("genres", "2")]
    number = str(drafts.keep(dbsession, anna, PATH, fields, NOW))
    found = drafts.find(dbsession, anna, PATH, number)
    assert found is not None
    assert list(found.items()) == fields
    assert drafts.find(dbsession, bela, PATH, number) is None
    assert drafts.find(dbsession, anna, "/manager/movies/8", number) is None
    for other in ("", "0", "-1", "x", f"0{number}", str(int(number) + 1), "9" * 30):
        assert drafts.find(dbsession, anna, PATH, other) is None


def test_saving_drops_the_drafts_of_the_form(dbsession: Session, users: list[int]) -> None:
    anna, bela = users
    kept = [
        (bela, PATH, drafts.keep(dbsession, bela, PATH, [("a", "b")], NOW)),
        (anna, "/manager/movies/8", drafts.keep(dbsession, anna, "/manager/movies/8", [], NOW)),
    ]
    for _ in range(2):
        drafts.keep(dbsession, anna, PATH, [("a", "b")], NOW)
    drafts.drop(dbsession, anna, PATH)
    assert count(dbsession) == 2
    for user, path, number in kept:
        assert drafts.find(dbsession, user, path, str(number)) is not None


def test_old_drafts_are_deleted_with_the_next_one(dbsession: Session, users: list[int]) -> None:
    anna, bela = users
    drafts.keep(dbsession, anna, PATH, [], NOW)
    drafts.keep(dbsession, bela, PATH, [], NOW + MAX_AGE)
    assert count(dbsession) == 2
    drafts.keep(dbsession, bela, PATH, [], NOW + MAX_AGE + timedelta(seconds=1))
    assert count(dbsession) == 2


def test_drafts_end_with_their_user(dbsession: Session, users: list[int]) -> None:
    drafts.keep(dbsession, users[0], PATH, [], NOW)
    dbsession.delete(dbsession.get_one(User, users[0]))
    dbsession.flush()
    assert count(dbsession) == 0
