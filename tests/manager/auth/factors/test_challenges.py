"""Challenges are returned once, by the browser that got them, within five minutes."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.manager.auth.accounts import end_sessions
from moziweb.manager.auth.factors.challenges import (
    CHALLENGE_LASTS,
    MAX_CHALLENGES,
    MAX_OWN_CHALLENGES,
    Purpose,
    TooManyChallenges,
    new_challenge,
    open_challenge,
    take_challenge,
)
from moziweb.manager.auth.factors.models import Challenge
from moziweb.manager.auth.models import AttemptOutcome, SignInAttempt, User
from tests.conftest import NOW

CODE, SIGN_IN = Purpose.CODE, Purpose.PASSKEY_SIGN_IN


def new(session: Session, *, address: str = "192.0.2.1", user_id: int | None = None) -> str:
    return new_challenge(session, CODE, "browser", user_id=user_id, address=address, now=NOW)


def test_challenge_is_taken_once(dbsession: Session, anna: User) -> None:
    challenge = new(dbsession, user_id=anna.id)
    assert open_challenge(dbsession, CODE, "browser", challenge, NOW) is not None
    taken = take_challenge(dbsession, CODE, "browser", challenge, NOW)
    assert taken is not None
    assert taken.user_id == anna.id
    assert take_challenge(dbsession, CODE, "browser", challenge, NOW) is None


def test_challenge_is_for_one_purpose_and_browser(dbsession: Session) -> None:
    challenge = new(dbsession)
    assert take_challenge(dbsession, SIGN_IN, "browser", challenge, NOW) is None
    assert take_challenge(dbsession, CODE, "another", challenge, NOW) is None
    assert take_challenge(dbsession, CODE, "browser", f"{challenge}x", NOW) is None
    assert take_challenge(dbsession, CODE, "browser", "\udce9\0", NOW) is None
    assert take_challenge(dbsession, CODE, "browser", challenge, NOW) is not None


def test_challenge_expires_and_its_row_is_deleted(dbsession: Session) -> None:
    challenge = new(dbsession)
    late = NOW + CHALLENGE_LASTS
    before = late - timedelta(seconds=1)
    assert open_challenge(dbsession, CODE, "browser", challenge, before) is not None
    assert take_challenge(dbsession, CODE, "browser", challenge, late) is None
    new_challenge(dbsession, CODE, "browser", address="192.0.2.1", now=late)
    assert len(dbsession.scalars(select(Challenge)).all()) == 1


def test_stored_digest_is_no_challenge(dbsession: Session) -> None:
    challenge = new(dbsession)
    (row,) = dbsession.scalars(select(Challenge))
    assert challenge not in row.digest
    assert take_challenge(dbsession, CODE, "browser", row.digest, NOW) is None


def test_challenges_of_a_network_are_limited(dbsession: Session) -> None:
    for number in range(MAX_CHALLENGES):
        new(dbsession, address=f"2001:db8::{number}")
    with pytest.raises(TooManyChallenges):
        new(dbsession, address="2001:db8::ffff")
    assert new(dbsession, address="2001:db8:1::1")


def test_user_of_a_known_address_is_limited_by_own_challenges(
    dbsession: Session, anna: User
) -> None:
    for _ in range(MAX_CHALLENGES):
        new(dbsession)
    with pytest.raises(TooManyChallenges):
        new(dbsession, user_id=anna.id)
    signed_in = {"name": anna.name, "outcome": AttemptOutcome.SUCCEEDED}
    dbsession.add(SignInAttempt(address="192.0.2.1", at=NOW - timedelta(days=29), **signed_in))
    for _ in range(MAX_OWN_CHALLENGES):
        new(dbsession, user_id=anna.id)
    with pytest.raises(TooManyChallenges):
        new(dbsession, user_id=anna.id)
    assert new(dbsession, address="192.0.2.9", user_id=anna.id)


def test_ended_sessions_end_sign_ins_that_wait_for_a_code(dbsession: Session, anna: User) -> None:
    challenge = new(dbsession, user_id=anna.id)
    end_sessions(dbsession, anna)
    assert take_challenge(dbsession, CODE, "browser", challenge, NOW) is None
