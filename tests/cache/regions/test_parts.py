"""Stamps of a region's entries; what is read and resolved if their store is down."""

from collections.abc import Iterable, Mapping

import pytest

from moziweb.cache.errors import StoreUnreachableError
from tests.cache.regions.bench import Bench


@pytest.fixture
def down(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    def fail(*_: object) -> None:
        raise StoreUnreachableError("gone")

    for name in ("get_multi", "resolve"):
        monkeypatch.setattr(bench.stamps, name, fail)
    return bench


def test_stamps_of_all_tags_are_read_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [bench.read(name, render=bench.render(f"movie:{name}")).entry for name in "ab"]
    asked: list[set[str]] = []
    get_multi = bench.stamps.get_multi

    def recording(tags: Iterable[str]) -> Mapping[str, int]:
        asked.append(set(tags))
        return get_multi(asked[-1])

    monkeypatch.setattr(bench.stamps, "get_multi", recording)
    stamps = bench.parts.stamps_of(entries, ["list:x"])
    assert asked == [{"movie:a", "movie:b", "list:x"}]
    assert stamps is not None
    assert stamps.keys() == {"movie:a", "movie:b"}, "resolved when their entries were stored"


def test_without_tags_nothing_is_read(down: Bench) -> None:
    assert down.parts.stamps_of([]) == {}
    down.parts.resolve([])
    assert down.recorded.events == []


def test_store_that_is_down_is_an_event(down: Bench) -> None:
    assert down.parts.stamps_of([], ["movie:1"]) is None
    down.parts.resolve(["movie:1"])
    assert down.recorded.events == [("stamps_failed", "get_multi"), ("stamps_failed", "resolve")]
