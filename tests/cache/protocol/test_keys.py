"""Keys: short, plain, and distinct."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.cache.errors import ConfigurationError
from moziweb.cache.protocol.keys import MAX_ENTRY_KEY_BYTES, KeyBuilder

KEYS = KeyBuilder("mozi", "pages", "2026.1")


@given(st.lists(st.text()))
def test_keys_of_any_parts_are_accepted_by_memcached(parts: list[str]) -> None:
    key = KEYS.key(*parts)
    assert len(key) <= MAX_ENTRY_KEY_BYTES
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key


def test_very_long_part_makes_short_key() -> None:
    assert len(KEYS.key("x" * 5000)) == len(KEYS.key("x"))


def test_longest_prefix_and_region_leave_room_for_lock_suffix() -> None:
    key = KeyBuilder("p" * 60, "r" * 60).key("a")
    assert len("_lock" + key) <= 250


@given(st.lists(st.text(max_size=3), max_size=3), st.lists(st.text(max_size=3), max_size=3))
def test_different_parts_make_different_keys(one: list[str], other: list[str]) -> None:
    assert (KEYS.key(*one) == KEYS.key(*other)) == (one == other)


def test_boundaries_of_parts_count() -> None:
    assert KEYS.key("ab", "c") != KEYS.key("a", "bc")


@pytest.mark.parametrize(
    "other", [KeyBuilder("x", "pages", "2026.1"), KeyBuilder("mozi", "x", "2026.1"),
              KeyBuilder("mozi", "pages", "2026.2")],
)  # fmt: skip
def test_prefix_region_and_version_distinguish_keys(other: KeyBuilder) -> None:
    assert other.key("a") != KEYS.key("a")


@pytest.mark.parametrize("word", ["", "a b", "a:b", "x" * 61, "é"])
def test_prefix_or_region_with_special_characters_is_refused(word: str) -> None:
    with pytest.raises(ConfigurationError):
        KeyBuilder(word, "pages")
    with pytest.raises(ConfigurationError):
        KeyBuilder("mozi", word)
