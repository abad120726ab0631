"""Request ids are bounded and contain no characters with a meaning elsewhere."""

import re

import pytest

from moziweb.logs.request_id import MAX_LENGTH, request_id


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("3f2b9c0e-0d5e-4c1b-9a53-7f1f2f0a1b2c", "3f2b9c0e-0d5e-4c1b-9a53-7f1f2f0a1b2c"),
        ("a.b_C-9", "a.b_C-9"),
        ('a"b\r\nSet-Cookie: c\x00ű', "abSet-Cookiec"),
        ("one, two", "onetwo"),
        ("x" * 5_000, "x" * MAX_LENGTH),
        (" " * 5_000 + "x", None),
        ("\u2028", None),
        ("", None),
        (None, None),
    ],
)
def test_id_is_the_cleaned_header_or_new(given: str | None, expected: str | None) -> None:
    found = request_id(given)
    if expected is None:
        assert re.fullmatch(r"[0-9a-f]{12}-[0-9]+", found)
    else:
        assert found == expected


def test_new_ids_differ() -> None:
    assert len({request_id(None) for _ in range(1_000)}) == 1_000
