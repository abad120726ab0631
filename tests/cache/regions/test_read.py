"""The read algorithm: hits, leases, fragments and outages; its races are in test_races.py."""

import threading
from collections.abc import Callable, Mapping

import pytest

from moziweb.cache.errors import StoreUnreachableError
from moziweb.cache.protocol.dependencies import NotStoredReason
from moziweb.cache.protocol.leases import LeaseOptions, Leases
from moziweb.cache.regions.rendering import CacheResult, CacheStatus, RenderContext, Rendered
from moziweb.cache.stores.memory import MemoryAtomicStore
from tests.cache.regions.bench import LIFE, Bench


def test_publish_of_tag_causes_new_render(bench: Bench) -> None:
    for _ in range(3):
        bench.read()
    bench.stamps.publish(["movie:1"])
    assert [bench.read().entry.payload for _ in range(3)] == [b"2", b"2", b"2"]
    assert bench.read().status is CacheStatus.L1


def test_exception_of_render_passes_and_lease_is_released(bench: Bench) -> None:
    def render(context: RenderContext) -> Rendered:
        raise LookupError("no such movie")

    with pytest.raises(LookupError):
        bench.read(render=render)
    assert not bench.leases.is_locked("a")


class TestFragments:
    """Fragments of another region, and what a page inherits from them."""

    def page(self, bench: Bench, *keys: str) -> Callable[[RenderContext], Rendered]:
        def render_cards(contexts: Mapping[str, RenderContext]) -> Mapping[str, Rendered]:
            return {key: bench.render(f"movie:{key}")(context) for key, context in contexts.items()}

        def render(context: RenderContext) -> Rendered:
            cards = bench.region.get_or_render_multi(
                keys, render_cards, source=context.source, parent=context
            )
            return Rendered(b" ".join(card.entry.payload for card in cards))

        return render

    def test_missing_fragments_are_rendered_together(self, bench: Bench) -> None:
        bench.read("2", render=bench.render("movie:2"))
        bench.recorded.events.clear()
        served = bench.read("page", render=self.page(bench, "1", "2", "3", "1"))
        assert served.entry.payload == b"2 1 3 2"
        assert ("rendered", 2) in bench.recorded.events
        assert set(served.entry.tags) == {"movie:1", "movie:2", "movie:3"}

    def test_page_is_outdated_with_any_of_its_fragments(self, bench: Bench) -> None:
        render = self.page(bench, "1", "2")
        assert bench.read("page", render=render).entry.payload == b"1 2"
        bench.stamps.publish(["movie:2"])
        assert bench.read("page", render=render).entry.payload == b"1 3"
        assert bench.read("page", render=render).status is CacheStatus.HIT

    def test_page_keeps_clocks_of_its_fragments(self, bench: Bench) -> None:
        old = bench.read("1", render=bench.render("movie:1")).entry.dependencies
        bench.stamps.publish(["list:x"])
        page = bench.read("page", render=self.page(bench, "1", "2")).entry.dependencies
        assert set(old) <= set(page)
        assert len(page) == 2

    def test_page_expires_with_its_first_fragment(self, bench: Bench) -> None:
        first = bench.read("1", render=bench.render("movie:1")).entry
        bench.now += 30
        assert bench.read("page", render=self.page(bench, "1", "2")).entry.expires == first.expires

    def test_page_of_validated_fragments_is_copied_at_once(self, bench: Bench) -> None:
        for key in ("1", "2"):
            bench.read(key, render=bench.render(f"movie:{key}"))
        assert bench.read("page", render=self.page(bench, "1", "2")).status is CacheStatus.MISS
        assert bench.read("page", render=self.page(bench, "1", "2")).status is CacheStatus.L1

    def test_page_with_unstorable_fragment_is_not_stored(self, bench: Bench) -> None:
        def render(context: RenderContext) -> Rendered:
            bench.region.get_or_render(
                "1", lambda _: Rendered(b"clock unknown"), source=context.source, parent=context
            )
            context.depend("list:x")
            return Rendered(b"")

        assert (
            bench.read("page", render=render).not_stored is NotStoredReason.SNAPSHOT_CLOCK_UNKNOWN
        )

    def test_page_with_stale_fragment_is_not_stored(self, bench: Bench) -> None:
        bench.read("1", render=bench.render("movie:1"))
        bench.stamps.publish(["movie:1"])
        assert bench.leases.try_acquire("1")
        served = bench.read("page", render=self.page(bench, "1"))
        assert (served.status, served.not_stored) == (CacheStatus.STALE, NotStoredReason.STALE_PART)
        assert served.entry.payload == b"1"

    def test_no_keys_need_no_work(self, bench: Bench) -> None:
        assert bench.region.get_or_render_multi([], self.none, source=bench.source()) == []

    def none(self, contexts: Mapping[str, RenderContext]) -> Mapping[str, Rendered]:
        raise AssertionError("nothing to render")


class TestLeases:
    """While another request renders."""

    def test_soft_mode_serves_outdated_entry(self, bench: Bench) -> None:
        bench.read()
        bench.stamps.publish(["movie:1"])
        token = bench.leases.try_acquire("a")
        served = bench.read()
        assert (served.status, served.entry.payload) == (CacheStatus.STALE, b"1")
        bench.leases.release("a", token or b"")
        assert bench.read().status is CacheStatus.MISS

    def test_new_entry_with_unresolved_tags_is_not_served_as_stale(self, bench: Bench) -> None:
        bench.read()
        bench.atomic_store.delete("tag:movie:1")
        bench.use_other_process()
        assert bench.leases.try_acquire("a")
        assert bench.read().status is CacheStatus.HIT

    def test_entry_newer_than_clock_of_read_is_not_served_as_stale(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = bench.stamps.clock()
        bench.stamps.publish(["movie:2"])
        bench.read()
        bench.use_other_process()
        assert bench.leases.try_acquire("a")
        clock, late = bench.stamps.clock, iter([before])
        source = bench.source()
        monkeypatch.setattr(bench.stamps, "clock", lambda: next(late, None) or clock())
        served = bench.region.get_or_render("a", bench.render(), source=source)
        assert served.status is CacheStatus.HIT

    @pytest.mark.parametrize("new_process", [False, True])
    def test_expired_entry_is_served_for_grace(self, bench: Bench, new_process: bool) -> None:
        bench.read()
        bench.now += LIFE + 4.9
        if new_process:
            bench.use_other_process()
        assert bench.leases.try_acquire("a")
        assert bench.read().status is CacheStatus.STALE
        bench.now += 0.2
        assert bench.read().status is CacheStatus.MISS

    def test_readers_without_entry_wait_and_then_render(self, bench: Bench) -> None:
        assert bench.leases.try_acquire("a")
        before = bench.now
        assert bench.read().status is CacheStatus.MISS
        assert 1.0 <= bench.now - before < 1.3

    def test_strict_mode_waits_for_new_entry(self) -> None:
        bench = Bench(grace=0)
        bench.read()
        bench.stamps.publish(["movie:1"])
        token = bench.leases.try_acquire("a") or b""

        def finish_other(seconds: float) -> None:
            bench.now += seconds
            if bench.renders == 1:
                bench.region.refresh("elsewhere", bench.render(), source=bench.source())
                copied = bench.backend.get_serialized("elsewhere")
                assert isinstance(copied, bytes)
                bench.backend.set_serialized("a", copied)
                bench.leases.release("a", token)

        bench.leases.sleep = finish_other
        served = bench.read()
        assert (served.status, served.entry.payload) == (CacheStatus.HIT, b"2")

    def test_waiter_takes_released_lease(self) -> None:
        bench = Bench(grace=0)
        token = bench.leases.try_acquire("a") or b""
        bench.leases.sleep = lambda seconds: bench.leases.release("a", token)
        assert bench.read().status is CacheStatus.MISS
        assert not bench.leases.is_locked("a")

    def test_one_of_many_threads_renders(self) -> None:
        bench = Bench()
        bench.leases = Leases(MemoryAtomicStore(), LeaseOptions(ttl=60, wait=30, poll=0.002))
        region = bench.open(bench.region.policy)
        gate = threading.Barrier(6)
        served: list[CacheResult] = []

        def request() -> None:
            gate.wait()
            served.append(region.get_or_render("a", bench.render(), source=bench.source()))

        threads = [threading.Thread(target=request) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert bench.renders == 1
        assert {each.entry.payload for each in served} == {b"1"}


class TestGrace:
    """While another request renders: only what was valid within ``grace`` is served."""

    def locked(self, bench: Bench) -> None:
        """Read, publish, and let another process render."""
        bench.read()
        bench.stamps.publish(["movie:1"])
        assert bench.leases.try_acquire("a")

    def test_reader_waits_if_the_entry_is_outdated_for_longer(self, bench: Bench) -> None:
        self.locked(bench)
        assert bench.read().status is CacheStatus.STALE
        bench.now += 4.9
        bench.stamps.clock()
        assert bench.read().status is CacheStatus.STALE
        bench.now += 0.2
        began = bench.now
        served = bench.read()
        assert (served.status, served.entry.payload) == (CacheStatus.MISS, b"2")
        assert bench.now - began >= bench.leases.options.wait

    def test_later_publishes_do_not_extend_it(self, bench: Bench) -> None:
        self.locked(bench)
        for _ in range(4):
            bench.now += 1.2
            assert bench.read().status is CacheStatus.STALE
            bench.stamps.publish(["movie:1"])
        bench.now += 0.3
        assert bench.read().status is CacheStatus.MISS

    def test_process_that_read_nothing_for_long_waits(self, bench: Bench) -> None:
        here, ours = bench.region, bench.stamps
        bench.read()
        bench.use_other_process()
        bench.now += 5.1
        bench.stamps.publish(["movie:1"])  # a moment ago, but that is not known here
        assert bench.leases.try_acquire("a")
        assert bench.read().status is CacheStatus.STALE
        bench.region, bench.stamps = here, ours
        assert bench.read().status is CacheStatus.MISS

    def test_new_process_waits(self, bench: Bench) -> None:
        self.locked(bench)
        bench.use_other_process()
        assert bench.read().status is CacheStatus.MISS

    def test_process_that_gave_up_a_record_waits(self, bench: Bench) -> None:
        self.locked(bench)
        bench.lose_log()
        assert bench.read().status is CacheStatus.STALE  # it was valid at the last read
        bench.now += 0.3
        assert bench.read().status is CacheStatus.MISS

    def test_grace_of_zero_is_strict(self) -> None:
        bench = Bench(grace=0)
        self.locked(bench)
        assert bench.read().status is CacheStatus.MISS

    @pytest.mark.parametrize(("grace", "status"), [(2, CacheStatus.MISS), (60, CacheStatus.STALE)])
    def test_each_region_has_its_own_grace(self, grace: float, status: CacheStatus) -> None:
        bench = Bench(grace=grace)
        self.locked(bench)
        bench.now += 3
        assert bench.read().status is status

    def test_render_of_other_keys_takes_time(self, bench: Bench) -> None:
        """What was in grace when a read began may no longer be when it ends."""
        self.locked(bench)

        def slow(contexts: Mapping[str, RenderContext]) -> Mapping[str, Rendered]:
            bench.now += 5.1
            return {key: bench.render()(context) for key, context in contexts.items()}

        results = bench.region.get_or_render_multi(["a", "b"], slow, source=bench.source())
        assert [each.status for each in results] == [CacheStatus.MISS, CacheStatus.MISS]


class TestOutages:
    """While the stamps or the data cannot be read."""

    @pytest.fixture
    def down(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Bench], None]:
        def fail(*_: object) -> None:
            raise StoreUnreachableError("gone")

        def take_down(bench: Bench) -> None:
            for name in ("get", "get_multi", "gets", "add", "cas", "incr", "set_multi"):
                monkeypatch.setattr(bench.atomic_store, name, fail)

        return take_down

    def test_nothing_is_stored_without_stamps(
        self, bench: Bench, down: Callable[[Bench], None]
    ) -> None:
        bench.read()
        bench.read()
        down(bench)
        for _ in range(2):
            served = bench.read()
            assert (served.status, served.not_stored) == (
                CacheStatus.BYPASS,
                NotStoredReason.SNAPSHOT_CLOCK_UNKNOWN,
            )
        assert bench.region.get_valid("a") is None

    def test_stale_if_error_serves_last_valid_copy(self, down: Callable[[Bench], None]) -> None:
        bench = Bench(stale_if_error=60)
        for _ in range(3):
            bench.read()
        down(bench)
        bench.now += 60
        assert bench.read().status is CacheStatus.STALE
        bench.now += 0.1
        assert bench.read().status is CacheStatus.BYPASS

    @pytest.mark.parametrize("tag", ["movie:1", "copies:pages"])
    def test_copy_that_is_known_to_be_outdated_is_not_served(
        self, down: Callable[[Bench], None], tag: str
    ) -> None:
        """Another request has read the log, and not this copy."""
        bench = Bench(stale_if_error=60)
        for _ in range(3):
            bench.read()
        bench.stamps.publish(["movie:2"])
        bench.stamps.publish([tag])
        clock = bench.stamps.clock()
        assert clock is not None
        bench.stamps.log.catch_up(clock)
        down(bench)
        assert bench.read().status is CacheStatus.BYPASS

    @pytest.mark.parametrize("mine", [True, False])
    def test_older_copy_is_not_served_after_a_newer_entry(
        self, down: Callable[[Bench], None], mine: bool
    ) -> None:
        """After a publish and a hit of the new entry, the old copy must not return."""
        bench = Bench(stale_if_error=60)
        for _ in range(3):
            assert bench.read().entry.payload == b"1"
        here = bench.region
        bench.stamps.publish(["movie:1"])
        if not mine:  # another process renders; this one finds that its copy is outdated
            assert bench.region.get_valid("a") is None
            bench.use_other_process()
        assert bench.read().entry.payload == b"2"
        down(bench)
        bench.region = here
        assert bench.read().entry.payload == b"3"

    def test_unreachable_stamps_do_not_discard_copies(
        self, down: Callable[[Bench], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench = Bench(stale_if_error=60)
        for _ in range(3):
            bench.read()
        bench.stamps.publish(["movie:2"])
        with monkeypatch.context() as patch:

            def fail(*_: object) -> None:
                raise StoreUnreachableError("gone")

            patch.setattr(bench.atomic_store, "get_multi", fail)
            assert bench.region.get_valid("a") is None
        down(bench)
        assert bench.read().status is CacheStatus.STALE

    def test_region_recovers_after_outage(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench.read()
        with monkeypatch.context() as patch:
            patch.setattr(bench.stamps, "clock", lambda: None)
            assert bench.read().status is CacheStatus.BYPASS
        assert bench.read().status is CacheStatus.HIT

    @pytest.mark.parametrize("operation", ["get_multi", "gets"])
    def test_stamps_lost_during_read(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, operation: str
    ) -> None:
        def fail(*_: object) -> None:
            raise StoreUnreachableError("gone")

        bench.read()
        bench.stamps.publish(["movie:1"])
        monkeypatch.setattr(bench.atomic_store, operation, fail)
        assert bench.read().entry.payload == b"2"
        assert any(event[0] == "stamps_failed" for event in bench.recorded.events)

    def test_unreachable_data_serves_outdated_entry(self) -> None:
        bench = Bench(stale_if_error=60, recoverable=(ConnectionError,))

        def failing(context: RenderContext) -> Rendered:
            raise ConnectionError("database")

        with pytest.raises(ConnectionError):
            bench.read(render=failing)
        bench.read()
        bench.now += LIFE + 59
        assert bench.read(render=failing).status is CacheStatus.STALE
        bench.now += 1
        with pytest.raises(ConnectionError):
            bench.read(render=failing)

    def test_other_exceptions_pass(self) -> None:
        bench = Bench(stale_if_error=60, recoverable=(ConnectionError,))
        bench.read()
        bench.now += LIFE

        def failing(context: RenderContext) -> Rendered:
            raise LookupError

        with pytest.raises(LookupError):
            bench.read(render=failing)
