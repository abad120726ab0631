"""What a render stores, and the reasons why it is not stored."""

from typing import Any

import pytest

from moziweb.cache.errors import StoreUnreachableError
from moziweb.cache.protocol.dependencies import NotStoredReason
from moziweb.cache.protocol.entry import Kind
from moziweb.cache.regions.rendering import CacheStatus, RenderContext, Rendered
from tests.cache.clock_source import ClockSource
from tests.cache.regions.bench import Bench


def test_metadata_of_payload_is_kept(bench: Bench) -> None:
    def render(context: RenderContext) -> Rendered:
        context.depend("movie:1")
        return Rendered(b"x", Kind.FRAGMENT, {"gzip": b"z"}, {"etag": "e"}, {"by": "test"})

    bench.read(render=render)
    entry = bench.read(render=render).entry
    assert (entry.kind, entry.encodings, entry.content, entry.debug) == (
        Kind.FRAGMENT, {"gzip": b"z"}, {"etag": "e"}, {"by": "test"},
    )  # fmt: skip
    assert entry.created == bench.now


class TestNotStored:
    """Renders that are served and not stored."""

    def reason(self, bench: Bench, **kwargs: Any) -> NotStoredReason | None:
        first = bench.read(**kwargs)
        assert first.status is CacheStatus.BYPASS
        assert ("not_stored", first.not_stored) in bench.recorded.events
        assert bench.region.get_valid("a") is None
        return first.not_stored

    def test_transaction_that_wrote(self, bench: Bench) -> None:
        class Writing(ClockSource):
            def wrote(self) -> bool:
                return True

        assert self.reason(bench, source=Writing(bench.stamps)) is NotStoredReason.WROTE
        for _ in range(3):
            bench.read()
        assert bench.read(source=Writing(bench.stamps)).status is CacheStatus.BYPASS
        assert bench.read().status is CacheStatus.L1

    def test_render_without_dependencies(self, bench: Bench) -> None:
        reason = self.reason(bench, render=lambda context: Rendered(b""))
        assert reason is NotStoredReason.SNAPSHOT_CLOCK_UNKNOWN

    def test_page_of_two_megabytes(self, bench: Bench) -> None:
        assert (
            self.reason(bench, render=bench.render(payload=b"x" * 2_000_000))
            is NotStoredReason.TOO_BIG
        )

    def test_store_that_is_down(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise StoreUnreachableError("gone")

        monkeypatch.setattr(bench.backend, "set_serialized_multi", fail)
        assert self.reason(bench) is NotStoredReason.STORE_DOWN

    def test_expired_render(self, bench: Bench) -> None:
        def render(context: RenderContext) -> Rendered:
            context.depend("week:1")
            context.cap(bench.now)
            return Rendered(b"")

        assert self.reason(bench, render=render) is NotStoredReason.EXPIRED


def test_copy_is_discarded_though_the_new_entry_is_not_stored(bench: Bench) -> None:
    """It is known to be outdated, and would be served while the stamps are down."""
    for _ in range(2):
        bench.read()
    assert bench.region.local.find("a") is not None
    bench.stamps.publish(["movie:1"])
    assert (
        bench.read(render=bench.render(payload=b"x" * 6000)).not_stored is NotStoredReason.TOO_BIG
    )
    assert bench.region.local.find("a") is None


def test_disabled_region_stores_nothing() -> None:
    bench = Bench(enabled=False)
    served = bench.read(source=ClockSource(bench.stamps))
    assert (served.status, served.not_stored) == (
        CacheStatus.BYPASS,
        NotStoredReason.SWITCHED_OFF,
    )
    assert bench.backend._values == {}


def test_stored_entry_is_a_hit_at_once(bench: Bench) -> None:
    """Its tags are resolved by the request that has stored it."""
    served = bench.read(render=bench.render("movie:1", "list:x"))
    assert bench.stamps.get_multi(served.entry.tags).keys() == {"movie:1", "list:x"}
