"""Which second factors a user has, and their reset."""

from pyotp import TOTP
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.manager.audit.log import COMMAND
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.factors import totp
from moziweb.manager.auth.factors.models import Passkey
from moziweb.manager.auth.factors.recovery_codes import make_codes
from moziweb.manager.auth.factors.state import (
    drop_needless_codes,
    factors_of,
    reset_factors,
    users_with_factors,
)
from moziweb.manager.auth.models import User, UserSession
from tests.conftest import NOW


def add_passkey(session: Session, user: User) -> Passkey:
    passkey = Passkey(
        user_id=user.id, credential_id=b"x", public_key=b"y", sign_count=0, name="kulcs",
        created_at=NOW,
    )  # fmt: skip
    session.add(passkey)
    session.flush()
    return passkey


def add_totp(session: Session, user: User) -> None:
    secret = totp.new_secret()
    assert totp.switch_on(session, user, secret, TOTP(secret).at(NOW), now=NOW)


def test_app_or_passkey_is_required_once_it_is_there(dbsession: Session, anna: User) -> None:
    assert not factors_of(dbsession, anna.id).is_required
    make_codes(dbsession, anna, now=NOW)
    assert not factors_of(dbsession, anna.id).is_required  # codes alone are none
    assert users_with_factors(dbsession) == set()
    passkey = add_passkey(dbsession, anna)
    assert factors_of(dbsession, anna.id).is_required
    dbsession.delete(passkey)
    add_totp(dbsession, anna)
    state = factors_of(dbsession, anna.id)
    assert (state.totp_since, state.passkeys, state.recovery_codes) == (NOW, [], 10)
    assert state.is_required
    assert users_with_factors(dbsession) == {anna.id}


def test_reset_removes_everything_and_ends_sessions(dbsession: Session, anna: User) -> None:
    add_totp(dbsession, anna)
    add_passkey(dbsession, anna)
    make_codes(dbsession, anna, now=NOW)
    dbsession.add(
        UserSession(token_hash="x", csrf_token="x", user_id=anna.id, created_at=NOW, seen_at=NOW)
    )
    reset_factors(dbsession, anna, by=COMMAND, now=NOW)
    state = factors_of(dbsession, anna.id)
    assert (state.totp_since, state.passkeys, state.recovery_codes) == (None, [], 0)
    assert dbsession.scalars(select(UserSession)).all() == []
    entry = dbsession.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.user_name) == ("user.second_factor_reset", "moziweb")


def test_codes_stay_as_long_as_a_factor_does(dbsession: Session, anna: User) -> None:
    passkey = add_passkey(dbsession, anna)
    make_codes(dbsession, anna, now=NOW)
    drop_needless_codes(dbsession, anna)
    assert factors_of(dbsession, anna.id).recovery_codes == 10
    dbsession.delete(passkey)
    dbsession.flush()
    drop_needless_codes(dbsession, anna)
    assert factors_of(dbsession, anna.id).recovery_codes == 0
