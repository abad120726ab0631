"""Codes of authenticator apps: valid for a minute and a half, each once."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pyotp import TOTP
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.factors.models import Totp
from moziweb.manager.auth.factors.totp import (
    accept_code,
    matching_counter,
    new_secret,
    provisioning_uri,
    switch_off,
    switch_on,
)
from moziweb.manager.auth.models import User
from tests.conftest import NOW

STEP = timedelta(seconds=30)

# RFC 6238, appendix B, SHA-1, its last six digits; the secret is "12345678901234567890".
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC_CODES = {59: "287082", 1111111109: "081804", 1234567890: "005924", 2000000000: "279037"}


@pytest.mark.parametrize(("seconds", "code"), RFC_CODES.items())
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    now = NOW.fromtimestamp(seconds, NOW.tzinfo)
    assert matching_counter(RFC_SECRET, code, now) == seconds // 30
    assert matching_counter(RFC_SECRET, code[::-1], now) is None


def test_secret_is_random_and_long_enough() -> None:
    assert new_secret() != new_secret()
    assert len(new_secret()) == 32  # 160 bits


def test_uri_has_the_user_the_site_and_the_secret() -> None:
    uri = urlsplit(provisioning_uri(RFC_SECRET, "kovács anna", "mozi.example"))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    query = parse_qs(uri.query)
    assert query["secret"] == [RFC_SECRET]
    assert query["issuer"] == ["moziweb (mozi.example)"]


def test_codes_of_the_steps_beside_are_accepted(dbsession: Session, anna: User) -> None:
    totp, secret = TOTP(RFC_SECRET), RFC_SECRET
    for offset in (-1, 0, 1):
        assert matching_counter(secret, totp.at(NOW + offset * STEP), NOW) is not None
    for offset in (-2, 2):
        assert matching_counter(secret, totp.at(NOW + offset * STEP), NOW) is None


def test_no_code_is_accepted_twice(dbsession: Session, anna: User) -> None:
    totp = TOTP(RFC_SECRET)
    assert not switch_on(dbsession, anna, RFC_SECRET, "000000", now=NOW)
    assert switch_on(dbsession, anna, RFC_SECRET, totp.at(NOW), now=NOW)
    assert not accept_code(dbsession, anna.id, totp.at(NOW), NOW)  # set it up
    later = NOW + 3 * STEP
    newest = totp.at(later + STEP)
    assert accept_code(dbsession, anna.id, newest, later)
    assert not accept_code(dbsession, anna.id, newest, later)
    assert not accept_code(dbsession, anna.id, totp.at(later), later)  # older than the last one
    assert not accept_code(dbsession, anna.id, "", later)
    assert not accept_code(dbsession, anna.id, "é" * 6, later)
    assert not accept_code(dbsession, anna.id + 1, totp.at(later), later)


def test_entries_have_no_secret(dbsession: Session, anna: User) -> None:
    switch_on(dbsession, anna, RFC_SECRET, TOTP(RFC_SECRET).at(NOW), now=NOW)
    for _ in range(2):
        switch_off(dbsession, anna, now=NOW)
    assert dbsession.get(Totp, anna.id) is None
    entries = dbsession.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [each.action for each in entries] == ["user.add", "user.totp_on", "user.totp_off"]
    assert RFC_SECRET not in str([vars(each) for each in entries])
