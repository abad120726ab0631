"""Passkeys: which responses of authenticators are accepted."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.factors.models import Passkey
from moziweb.manager.auth.factors.passkeys import (
    MAX_CREDENTIAL,
    PasskeyError,
    RelyingParty,
    challenge_in,
    register,
    registration_options,
    remove_passkey,
    sign_in_options,
    verify_sign_in,
)
from moziweb.manager.auth.models import User
from tests.conftest import NOW

from .authenticator import PRESENT, Authenticator

SITE = RelyingParty("localhost", "http://localhost")
CHALLENGE = "x" * 43


def add(session: Session, user: User, device: Authenticator, name: str = "telefon") -> None:
    options = json.loads(registration_options(SITE, user, [], CHALLENGE))
    answer = device.create(options)
    assert challenge_in(answer) == CHALLENGE
    register(session, SITE, user, name, answer, CHALLENGE, now=NOW)
    session.flush()


def sign_in(session: Session, device: Authenticator, challenge: str = CHALLENGE) -> User:
    answer = device.get(json.loads(sign_in_options(SITE, CHALLENGE)))
    return verify_sign_in(session, SITE, answer, challenge, NOW)[0]


def test_registered_passkey_signs_its_user_in(dbsession: Session, anna: User) -> None:
    phone, key = Authenticator(), Authenticator(credential_id=b"another")
    add(dbsession, anna, phone)
    add(dbsession, anna, key, "kulcs")
    assert sign_in(dbsession, phone) is anna
    assert sign_in(dbsession, key) is anna
    rows = dbsession.scalars(select(Passkey).order_by(Passkey.id)).all()
    assert [(each.name, each.sign_count, each.used_at) for each in rows] == [
        ("telefon", 1, NOW),
        ("kulcs", 1, NOW),
    ]


def test_options_ask_for_user_verification_and_exclude_known_passkeys(
    dbsession: Session, anna: User
) -> None:
    add(dbsession, anna, Authenticator())
    known = dbsession.scalars(select(Passkey)).all()
    options = json.loads(registration_options(SITE, anna, known, CHALLENGE))
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert len(options["excludeCredentials"]) == 1
    assert "anna" not in options["user"]["id"]
    assert json.loads(sign_in_options(SITE, CHALLENGE))["userVerification"] == "required"


def changed(**fields: Any) -> Callable[[Authenticator], None]:
    return lambda device: device.__dict__.update(fields)


@pytest.mark.parametrize(
    "change",
    [
        changed(origin="https://evil.example"),
        changed(origin="http://localhost:81"),
        changed(rp_id="evil.example"),
        changed(flags=PRESENT),  # the user was not verified
        changed(flags=0x04),  # the user was not present
        changed(credential_id=b"unknown"),
        changed(handle=b"moziweb-4711"),
        changed(key=Authenticator().key),
        changed(count=-1),  # the counter is 0 then, as at the registration
    ],
)
def test_wrong_response_does_not_sign_in(
    dbsession: Session, anna: User, change: Callable[[Authenticator], None]
) -> None:
    device = Authenticator(count=3)
    add(dbsession, anna, device)
    change(device)
    with pytest.raises(PasskeyError):
        sign_in(dbsession, device)


def test_counter_of_a_clone_is_refused(dbsession: Session, anna: User) -> None:
    device = Authenticator()
    add(dbsession, anna, device)
    sign_in(dbsession, device)
    clone = Authenticator(key=device.key, handle=device.handle, count=0)
    with pytest.raises(PasskeyError):
        sign_in(dbsession, clone)
    assert sign_in(dbsession, device) is anna


def test_authenticator_without_a_counter_signs_in_again(dbsession: Session, anna: User) -> None:
    device = Authenticator()
    add(dbsession, anna, device)
    for _ in range(2):
        device.count = -1
        assert sign_in(dbsession, device) is anna


def test_response_to_another_challenge_is_refused(dbsession: Session, anna: User) -> None:
    device = Authenticator()
    add(dbsession, anna, device)
    with pytest.raises(PasskeyError):
        sign_in(dbsession, device, "y" * 43)


@pytest.mark.parametrize(
    "change",
    [changed(origin="https://evil.example"), changed(rp_id="evil.example"), changed(flags=PRESENT)],
)
def test_wrong_response_registers_nothing(
    dbsession: Session, anna: User, change: Callable[[Authenticator], None]
) -> None:
    device = Authenticator()
    change(device)
    with pytest.raises(PasskeyError):
        add(dbsession, anna, device)
    assert dbsession.scalars(select(Passkey)).all() == []


def test_passkey_is_registered_once(dbsession: Session, anna: User) -> None:
    add(dbsession, anna, Authenticator())
    with pytest.raises(PasskeyError, match="already"):
        add(dbsession, anna, Authenticator())


def test_only_the_users_own_passkeys_are_removed(dbsession: Session, anna: User) -> None:
    add(dbsession, anna, Authenticator())
    (passkey,) = dbsession.scalars(select(Passkey))
    other = User(id=anna.id + 1, name="bela")
    remove_passkey(dbsession, other, passkey.id, now=NOW)
    remove_passkey(dbsession, anna, passkey.id + 1, now=NOW)
    dbsession.flush()
    assert dbsession.scalars(select(Passkey)).all() == [passkey]
    remove_passkey(dbsession, anna, passkey.id, now=NOW)
    dbsession.flush()
    assert dbsession.scalars(select(Passkey)).all() == []
    entries = dbsession.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(each.action, each.changes) for each in entries[1:]] == [
        ("user.passkey_add", [{"field": "name", "before": "", "after": "telefon"}]),
        ("user.passkey_remove", [{"field": "name", "before": "telefon", "after": ""}]),
    ]


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://mozi.example", RelyingParty("mozi.example", "https://mozi.example")),
        ("https://mozi.example:8443", RelyingParty("mozi.example", "https://mozi.example:8443")),
        ("http://localhost:6543", RelyingParty("localhost", "http://localhost:6543")),
        ("http://mozi.example", None),
        ("https://192.0.2.1", None),
        ("https://[2001:db8::1]", None),
        ("http://127.0.0.1:6543", None),
    ],
)
def test_sites_where_browsers_have_passkeys(url: str, site: RelyingParty | None) -> None:
    assert RelyingParty.of_url(url) == site


BROKEN: tuple[str, ...] = (
    "", "{", "null", "[]", "1", '"a"', "{}", "[" * 5_000, '{"response": 1}',
    '{"response": {"clientDataJSON": 1}}', '{"response": {"clientDataJSON": "é"}}',
    '{"response": {"clientDataJSON": "bnVsbA"}}',  # null
    '{"response": {"clientDataJSON": "eyJjaGFsbGVuZ2UiOiAxfQ"}}',  # {"challenge": 1}
    '{"response": {"clientDataJSON": "W1tbW1tbW1tb"}}', "x" * (MAX_CREDENTIAL + 1), "\0", "\ud800",
)  # fmt: skip


@pytest.mark.parametrize("credential", BROKEN, ids=range(len(BROKEN)))
def test_malformed_response_has_no_challenge(credential: str) -> None:
    with pytest.raises(PasskeyError):
        challenge_in(credential)


def mutations(answer: str) -> list[str]:
    """The answer with each part missing, of another type, cut off or with other bytes."""
    found = []
    for path in (("id",), ("rawId",), ("type",), ("response",)):
        found += _with(answer, path)
    for name in json.loads(answer)["response"]:
        found += _with(answer, ("response", name))
    return found


def _with(answer: str, path: tuple[str, ...]) -> list[str]:
    found = []
    texts = ("", "é", "AA", "A" * 400, "////")
    values: tuple[Any, ...] = (None, 1, [], {}, *texts, [["a"]], True, 1e999)
    for value in values:
        tree = json.loads(answer)
        part = tree[path[0]] if len(path) > 1 else tree
        whole = part[path[-1]]
        part[path[-1]] = value
        found.append(json.dumps(tree))
        if isinstance(whole, str):
            part[path[-1]] = whole[: len(whole) // 2]
            found.append(json.dumps(tree))
        del part[path[-1]]
        found.append(json.dumps(tree))
    return found


def test_changed_responses_are_refused_or_accepted_and_never_fail(
    dbsession: Session, anna: User
) -> None:
    """Every mutation raises ``PasskeyError`` or, if it changes nothing, signs in."""
    device = Authenticator()
    add(dbsession, anna, device)
    refused = 0
    for answer in mutations(device.get(json.loads(sign_in_options(SITE, CHALLENGE)))):
        try:
            assert verify_sign_in(dbsession, SITE, answer, CHALLENGE, NOW)[0] is anna
        except PasskeyError:
            refused += 1
    assert refused > 50
    other = Authenticator(credential_id=b"other")
    options = json.loads(registration_options(SITE, anna, [], CHALLENGE))
    for answer in mutations(other.create(options)):
        with pytest.raises(PasskeyError):
            register(dbsession, SITE, anna, "x", answer, CHALLENGE, now=NOW)
