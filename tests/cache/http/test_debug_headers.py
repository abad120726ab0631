"""Debug headers."""

import time

import pytest

from moziweb.cache import CacheResult, CacheStatus, DependencyGroup, Entry, Kind
from moziweb.cache.http.debug_headers import TAGS_BYTES, bounded, headers_of, server_timing
from moziweb.cache.regions.rendering import Stopwatch

TAGS = tuple(f"movie:{number}" for number in range(1000))


def served(*tags: str, age: float = 0.0) -> CacheResult:
    now = time.time()
    entry = Entry(Kind.PAGE, b"x", (DependencyGroup(1, tags),), now - age, now + 60)
    return CacheResult(CacheStatus.HIT, entry)


def test_status_and_age() -> None:
    assert headers_of(served(age=7.5)) == {"X-Cache": "hit", "Age": "7"}


def test_age_of_an_entry_from_a_clock_ahead_is_zero() -> None:
    assert headers_of(served(age=-5))["Age"] == "0"


def test_tags_are_sent_only_if_requested() -> None:
    assert "X-Cache-Tags" not in headers_of(served("movie:1"))
    assert headers_of(served("movie:1", "week:2026-W34"), tags=True)["X-Cache-Tags"] == (
        "movie:1 week:2026-W34"
    )


def test_tags_past_the_limit_are_counted() -> None:
    text = bounded(TAGS)
    assert len(text) <= TAGS_BYTES + len(" +1000")
    *shown, rest = text.split(" ")
    assert tuple(shown) == TAGS[: len(shown)]
    assert rest == f"+{len(TAGS) - len(shown)}"


@pytest.mark.parametrize("limit", range(7, 40))
def test_no_limit_truncates_or_loses_a_tag(limit: int) -> None:
    names = [f"movie:{number}" for number in range(10)]
    text = bounded(names, limit)
    shown = [word for word in text.split(" ") if not word.startswith("+")]
    hidden = int(text.rpartition("+")[2]) if "+" in text else 0
    assert names[: len(shown)] == shown
    assert len(shown) + hidden == len(names)


def test_server_timing_is_in_milliseconds() -> None:
    assert server_timing([("clock", 0.00003), ("render", 0.0123)]) == (
        "clock;dur=0.03, render;dur=12.30"
    )


def test_stopwatch_adds_up() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.measure("wait"):
            time.sleep(0.01)
    spent = dict(watch.timings())
    assert 0.02 <= spent["wait"] <= spent["total"]
