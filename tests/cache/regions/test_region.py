"""A tagged region: reads, refreshes and deletes entries."""

from dataclasses import replace

import pytest

from moziweb.cache.errors import PublishError, StoreError, StoreUnreachableError
from moziweb.cache.regions.rendering import CacheStatus, RenderContext, Rendered
from tests.cache.regions.bench import LIFE, Bench

BOTH = {"gzip": b"z", "br": b"b"}


def test_miss_then_hit_then_l1(bench: Bench) -> None:
    assert [bench.read().status for _ in range(4)] == ["miss", "hit", "l1", "l1"]
    assert bench.renders == 1
    assert bench.recorded.events == [
        ("rendered", 1), ("stored",), ("served", "miss"), ("served", "hit"), ("served", "l1"),
        ("served", "l1"),
    ]  # fmt: skip


def test_get_valid_renders_nothing(bench: Bench) -> None:
    assert bench.region.get_valid("a") is None
    bench.read()
    statuses = [served and served.status for served in (bench.region.get_valid("a"),) * 1]
    assert statuses == [CacheStatus.HIT]
    again = bench.region.get_valid("a")
    assert again is not None
    assert again.status is CacheStatus.L1
    bench.stamps.publish(["movie:1"])
    assert bench.region.get_valid("a") is None


class TestAddEncoding:
    """A coding that is added to a stored entry."""

    def test_coding_is_stored_and_in_the_local_copy(self, bench: Bench) -> None:
        bench.read()
        entry = bench.read().entry
        fuller = bench.region.add_encoding("a", entry, "gzip", b"z")
        assert fuller.encodings == {"gzip": b"z"}
        assert bench.read().entry is fuller
        bench.region.add_encoding("a", entry, "br", b"b")
        bench.use_other_process()
        served = bench.read()
        assert (served.status, served.entry) == ("hit", replace(entry, encodings=BOTH))
        assert not bench.leases.is_locked("a")
        assert bench.renders == 1

    def test_deleted_entry_stays_deleted(self, bench: Bench) -> None:
        entry = bench.read().entry
        bench.region.delete("a")
        bench.region.add_encoding("a", entry, "gzip", b"z")
        assert bench.region.stored(["a"]) == {}

    def test_newer_entry_stays(self, bench: Bench) -> None:
        entry = bench.read().entry
        bench.region.refresh("a", bench.render(), source=bench.source())
        bench.region.add_encoding("a", entry, "gzip", b"z")
        stored = bench.region.stored(["a"])["a"]
        assert (stored.payload, stored.encodings) == (b"2", {})

    def test_nothing_is_stored_during_a_render_or_a_purge(self, bench: Bench) -> None:
        entry = bench.read().entry
        with bench.region.lock_renders("a"):
            bench.region.add_encoding("a", entry, "gzip", b"z")
        assert bench.region.stored(["a"])["a"].encodings == {}


class TestRefresh:
    """Refresh before the expiry."""

    def test_hit_after_refresh_share_is_due(self) -> None:
        bench = Bench(refresh_after=0.8)
        due: list[str] = []
        bench.region.on_refresh_due(due.append)
        bench.read()
        bench.now += 0.8 * LIFE - 1
        bench.read()
        assert due == []
        bench.now += 1
        bench.read()
        assert due == ["a"]

    def test_refresh_replaces_entry(self, bench: Bench) -> None:
        bench.read()
        served = bench.region.refresh("a", bench.render(), source=bench.source())
        assert served is not None
        assert served.status is CacheStatus.MISS
        bench.use_other_process()
        assert bench.read().entry.payload == b"2"

    def test_only_one_refresh_at_a_time(self, bench: Bench) -> None:
        token = bench.leases.try_acquire("a")
        assert bench.region.refresh("a", bench.render(), source=bench.source()) is None
        bench.leases.release("a", token or b"")
        assert bench.region.refresh("a", bench.render(), source=bench.source()) is not None
        assert not bench.leases.is_locked("a")

    def test_write_during_refresh_outdates_its_entry(self, bench: Bench) -> None:
        """FusionCache sets its stamp after its background factory, and loses the invalidation."""

        def render(context: RenderContext) -> Rendered:
            context.depend("movie:1")
            bench.stamps.publish(["movie:1"])
            return Rendered(b"old")

        bench.read()
        bench.region.refresh("a", render, source=bench.source())
        assert bench.region.get_valid("a") is None


class TestDelete:
    """Deletion by key."""

    def test_no_process_serves_deleted_entry(self, bench: Bench) -> None:
        for _ in range(3):
            bench.read()
        bench.open(bench.region.policy).delete("a")
        assert bench.read().status is CacheStatus.MISS

    def test_other_entries_stay(self, bench: Bench) -> None:
        bench.read("a")
        bench.read("b")
        bench.region.delete("a")
        assert bench.read("b").status is CacheStatus.HIT

    def test_copy_is_discarded_if_store_is_unreachable(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench = Bench(stale_if_error=60)
        for _ in range(3):
            bench.read()

        def fail(*_: object) -> None:
            raise StoreUnreachableError("gone")

        monkeypatch.setattr(bench.backend, "delete_multi", fail)
        with pytest.raises(StoreError):
            bench.region.delete("a")
        assert bench.region.local.find("a") is None

    def test_delete_raises_if_store_is_unreachable(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise StoreUnreachableError("gone")

        with monkeypatch.context() as patch:
            patch.setattr(bench.backend, "delete_multi", fail)
            with pytest.raises(StoreError):
                bench.region.delete("a")
        monkeypatch.setattr(bench.atomic_store, "incr", fail)
        with pytest.raises(PublishError):
            bench.region.delete("a")
