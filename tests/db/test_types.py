"""Ids as texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.db.types import MAX_ID, parse_id
from tests.hostile_ids import MALFORMED_IDS


@given(st.integers(1, MAX_ID))
def test_an_id_is_its_decimal_text(number: int) -> None:
    assert parse_id(str(number)) == number


@pytest.mark.parametrize("text", [*MALFORMED_IDS, "", None, 42, b"42"])
def test_anything_else_is_no_id(text: object) -> None:
    assert parse_id(text) is None


@given(st.text())
def test_an_id_has_one_text_form(text: str) -> None:
    found = parse_id(text)
    assert found is None or str(found) == text
