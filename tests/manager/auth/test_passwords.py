"""Which passwords are accepted, and their hashes."""

import pytest
from argon2 import PasswordHasher

from moziweb.manager.auth.passwords import (
    UNUSABLE,
    GuessablePassword,
    WeakPassword,
    check_strength,
    hashed,
    is_unusable,
    outdated,
    verify,
)


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaa",
        "a" * 200,
        "abcabcabcabc",
        "123456789012",
        "password1234",
        "P@ssw0rd1234",
        "qwertyuiop12",
        "1q2w3e4r5t6y",
        "iloveyou2026",
        "jelszojelszo",
        "jelszo\u0301jelszo\u0301",
        "Jelszó123456",
        "moziweb12345",
        "Budapest2026",
        "kiscica12345",
        "kovacs.anna1",
        "annaannaanna",
        "moziweb2026!!",
        "Titkosjelszo1",
        "nemtudom1234",
        "valami123456",
        "szerelem1234",
        "Szerelem123!",
        "kovacsjanos1",
        "Hungary2026!",
        "202611291129",
        "aszdfghjkl12",
        "csillagom123",
        "macska123456",
        "virag1234567",
        "ferencvaros1",
        "Szerkeszto2026",
        "qwertzuiopőú",
    ],
)
def test_guessable_password_is_refused(password: str) -> None:
    with pytest.raises(GuessablePassword, match="easy to guess"):
        check_strength(password, "kovacs.anna")


@pytest.mark.parametrize("password", ["", "short", "x7#Kq9!mZ2$", "x7#Kq9!mZ2$w" * 17])
def test_password_of_wrong_length_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword, match="12 to 200 characters"):
        check_strength(password, "anna")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "zöld-kanapé-hét-rigó",
        "macska piros vonat holnap",
        "hétfőn esik a szélfúj",
        "x7#Kq9!mZ2$w",
        "🎬🍿🎟️🎥📽️🎞️🎭🎪🎨🎬🍿🎟️",
        "x7#Kq9!mZ2$w" * 16,
    ],
)
def test_strong_password_is_accepted(password: str) -> None:
    check_strength(password, "anna")


def test_only_the_password_itself_matches_its_hash() -> None:
    stored = hashed("correct horse battery staple")
    assert verify("correct horse battery staple", stored)
    assert not verify("correct horse battery stapl", stored)
    assert not verify("correct horse battery staple", None)
    assert not verify("correct horse battery staple", "no hash")
    assert not verify("x" * 201, stored)
    assert hashed("correct horse battery staple") != stored


@pytest.mark.parametrize("is_old", [False, True])
def test_no_password_matches_an_unusable_hash(is_old: bool) -> None:
    """Earlier versions stored a hash behind the mark."""
    stored = UNUSABLE + hashed("correct horse battery staple") if is_old else UNUSABLE
    assert is_unusable(stored)
    for password in ("", UNUSABLE, "the password of no user", "correct horse battery staple"):
        assert not verify(password, stored)


def test_hash_with_other_parameters_is_outdated() -> None:
    assert outdated(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash("x"))
    assert not outdated(hashed("x"))
