"""Inspection agrees with what a reader would do, and changes nothing."""

import time
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from moziweb.cache import Cache, RenderContext, Rendered, from_settings
from moziweb.cache.admin.inspection import Inspected, StampState, Verdict, copy_text, inspect
from moziweb.cache.protocol.clock import epoch_of
from tests.cache.clock_source import ClockSource
from tests.cache.database import outbox
from tests.services.ports import free_port

SETTINGS = {
    "cache.regions": "pages",
    "cache.pages.backend": "moziweb.memory",
    "cache.stamps.url": "memory://",
}


class Clock:
    """A clock in Unix time that tests can move."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def cache() -> Cache:
    return from_settings(SETTINGS)


def store_entry(cache: Cache, *tags: str, expires: float | None = None) -> None:
    """Store an entry under ``k``."""

    def render(context: RenderContext) -> Rendered:
        context.depend(*tags)
        if expires is not None:
            context.cap(expires)
        return Rendered(b"page")

    source = ClockSource(cache.stamps)
    cache.regions["pages"].get_or_render("k", render, source=source)


def inspected(cache: Cache) -> Inspected:
    (found,) = inspect(cache.stamps, cache.regions["pages"], ["k"])
    return found


def test_missing_entry_is_absent(cache: Cache) -> None:
    found = inspected(cache)
    assert (found.verdict, found.entry, found.tags) == (Verdict.ABSENT, None, ())


def test_stored_entry_is_valid(cache: Cache) -> None:
    store_entry(cache, "movie:1", "list:movies")
    found = inspected(cache)
    assert found.verdict is Verdict.VALID
    assert found.entry is not None
    assert found.entry.payload == b"page"
    assert {tag.name: (tag.stamp, tag.is_valid) for tag in found.tags} == {
        "movie:1": (StampState.NUMBER, True),
        "list:movies": (StampState.NUMBER, True),
    }


def test_copy_says_by_what_it_was_last_confirmed(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = cache.regions["pages"]

    def described() -> str:
        pages.get_valid("k")
        found = inspected(cache)
        assert found.copy is not None
        return copy_text(found.copy, found.clock, found.now)

    store_entry(cache, "movie:1")
    assert inspected(cache).copy is None
    first = described()
    assert first.startswith("confirmed by the invalidation log at ")
    assert first.endswith("; the clock has not moved since then; last hit 0 s ago")
    with monkeypatch.context() as patch:
        patch.setattr(cache.stamps.log, "confirms_copy", lambda *_: False)
        cache.stamps.publish(["movie:2"])
        assert described().startswith("confirmed by its stamps at ")
    cache.stamps.publish(["movie:2"])
    found = inspected(cache)
    assert found.copy is not None
    assert "; the clock has moved by 2 since then; " in copy_text(
        found.copy, found.clock, found.now
    )
    assert "; the clock is unreachable; " in copy_text(found.copy, None, found.now)
    cache.stamps.new_epoch()
    text = copy_text(found.copy, cache.stamps.clock(), found.now + 300)
    assert text.endswith("; a new epoch has begun since then; last hit 5 min ago")


def test_copy_of_an_assembled_page_is_confirmed_by_its_fragments(cache: Cache) -> None:
    pages, source = cache.regions["pages"], ClockSource(cache.stamps)
    store_entry(cache, "movie:1")

    def page(context: RenderContext) -> Rendered:
        return Rendered(pages.get_or_render("k", page, source=source, parent=context).entry.payload)

    pages.get_or_render("page", page, source=source)
    (found,) = inspect(cache.stamps, pages, ["page"])
    assert found.copy is not None
    assert "confirmed by its fragments at " in copy_text(found.copy, found.clock, found.now)


def test_published_tag_makes_the_entry_stale(cache: Cache) -> None:
    store_entry(cache, "movie:1", "list:movies")
    cache.stamps.publish(["movie:1"])
    found = inspected(cache)
    assert found.verdict is Verdict.OUTDATED
    assert {tag.name for tag in found.tags if not tag.is_valid} == {"movie:1"}
    assert {tag.name for tag in found.tags if tag.stamp is StampState.TOMBSTONE} == {"movie:1"}
    cache.stamps.resolve(["movie:1"])
    (tag,) = (tag for tag in inspected(cache).tags if not tag.is_valid)
    assert tag.stamp is StampState.NUMBER
    assert tag.number is not None
    assert tag.number > tag.snapshot_clock


def test_entry_of_an_old_epoch(cache: Cache) -> None:
    store_entry(cache, "movie:1")
    cache.stamps.new_epoch()
    assert inspected(cache).verdict is Verdict.OLD_EPOCH


def test_expired_entry() -> None:
    clock = Clock()
    cache = from_settings(SETTINGS, now=clock)
    clock.ahead = -100.0
    store_entry(cache, "movie:1", expires=clock() + 10)
    assert inspected(cache).verdict is Verdict.EXPIRED


def test_inspection_resolves_no_tag(cache: Cache) -> None:
    store_entry(cache, "movie:1")
    cache.stamps.publish(["movie:1"])
    before = cache.stamps.read_clock()
    for _ in range(2):
        assert [tag.stamp for tag in inspected(cache).tags] == [StampState.TOMBSTONE]
    assert cache.stamps.read_clock() == before


def test_verdict_is_unknown_without_the_stamp_store(cache: Cache) -> None:
    store_entry(cache, "movie:1")
    lost = from_settings(SETTINGS | {"cache.stamps.url": f"memcached://127.0.0.1:{free_port()}"})
    (found,) = inspect(lost.stamps, cache.regions["pages"], ["k"])
    assert found.verdict is Verdict.UNKNOWN
    assert found.entry is not None
    assert not any(tag.is_valid for tag in found.tags)


@pytest.mark.parametrize(
    "happens",
    [
        lambda cache: None,
        lambda cache: cache.stamps.publish(["movie:1"]),
        lambda cache: cache.stamps.publish(["movie:2"]),
        lambda cache: cache.stamps.new_epoch(),
        lambda cache: cache.stamps.publish(()),
    ],
)
def test_verdict_agrees_with_what_a_reader_finds(
    cache: Cache, happens: Callable[[Cache], None]
) -> None:
    store_entry(cache, "movie:1")
    happens(cache)
    is_valid = inspected(cache).verdict is Verdict.VALID
    assert is_valid is (cache.regions["pages"].get_valid("k") is not None)


def test_causes_are_the_latest_rows_of_each_tag(cache: Cache, sqlite_engine: Engine) -> None:
    store_entry(cache, "movie:1", "movie:2", "movie:3")
    with sqlite_engine.begin() as connection:
        for now, tags in ((1.0, ["movie:1", "movie:2"]), (2.0, ["movie:1"]), (3.0, ["movie:9"])):
            outbox.add(connection, tags, now=now, reason=f"at {now:g}")
        (found,) = inspect(
            cache.stamps,
            cache.regions["pages"],
            ["k"],
            causes=lambda tags: outbox.concerning(connection, tags),
        )
        assert outbox.concerning(connection, {"movie:2"}, within=2) == {}
        assert outbox.backlog(connection) == 3
    reasons = {tag.name: tag.cause.reason if tag.cause else None for tag in found.tags}
    assert reasons == {"movie:1": "at 2", "movie:2": "at 1", "movie:3": None}
    assert found.cause is not None
    assert found.cause.reason == "at 2"
    assert found.clock is not None
    assert {epoch_of(tag.snapshot_clock) for tag in found.tags} == {epoch_of(found.clock)}
