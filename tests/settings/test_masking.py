"""Secrets do not appear in texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from moziweb.settings.masking import MASK, mask_secrets

PASSWORDS = st.text(st.characters(codec="utf-8", exclude_characters="@"), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://user:pa/ss@host/db", f"postgresql://{MASK}@host/db"),
        ("postgresql://user:pa/ss@host:1/db?x=1", f"postgresql://{MASK}@host:1/db?x=1"),
        ("postgresql://user:p@ss w/rd@host/db", f"postgresql://{MASK}@host/db"),
        ("postgresql://user:a://b@host/db", f"postgresql://{MASK}@host/db"),
        ("postgresql://user:a\nb@host/db", f"postgresql://{MASK}@host/db"),
        ("postgresql://user@host/db", f"postgresql://{MASK}@host/db"),
        ("postgresql:///db?user=me&password=se/cret", f"postgresql:///db?user=me&password={MASK}"),
        ("redis://:se/cret@host/0", f"redis://{MASK}@host/0"),
        ("a redis://:x@host and redis://:y@other", f"a redis://{MASK}@other"),
        ("sqlite:////srv/moziweb.sqlite", "sqlite:////srv/moziweb.sqlite"),
        ("https://example.com/path", "https://example.com/path"),
        ("mail@example.com", "mail@example.com"),
    ],
)
def test_users_and_passwords_are_masked(text: str, shown: str) -> None:
    assert mask_secrets(text) == shown


@given(PASSWORDS)
def test_password_that_sqlalchemy_reads_is_masked(password: str) -> None:
    text = f"postgresql+psycopg://user:{password}@host/db"
    assert make_url(text).password
    assert mask_secrets(text) == f"postgresql+psycopg://{MASK}@host/db"
