"""A tagged region; its races are in test_races.py."""

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from moziweb.cache.errors import PublishError, StoreError, StoreUnreachableError
from moziweb.cache.events import CacheEvents
from moziweb.cache.protocol.dependencies import NotStoredReason
from moziweb.cache.protocol.entry import Entry, Kind
from moziweb.cache.protocol.leases import LeaseOptions, Leases
from moziweb.cache.protocol.stamps import StampStore
from moziweb.cache.regions.local_cache import LocalCache
from moziweb.cache.regions.parts import RegionParts
from moziweb.cache.regions.policy import Policy
from moziweb.cache.regions.region import TaggedRegion
from moziweb.cache.regions.rendering import CacheResult, CacheStatus, RenderContext, Rendered
from moziweb.cache.stores.dogpile_adapter import EntryStore, FailSafeBackend
from moziweb.cache.stores.memory import MemoryAtomicStore, MemoryBackend
from tests.cache.clock_source import ClockSource

LIFE = 100.0


class RecordingEvents(CacheEvents):
    """Records events."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def served(self, region: str, status: str) -> None:
        self.events.append(("served", status))

    def rendered(self, region: str, seconds: float, keys: Sequence[str]) -> None:
        self.events.append(("rendered", len(keys)))

    def not_stored(self, region: str, reason: str) -> None:
        self.events.append(("not_stored", reason))

    def corrupt(self, region: str) -> None:
        self.events.append(("corrupt",))

    def stored(self, region: str, size: int) -> None:
        self.events.append(("stored",))

    def stamps_failed(self, operation: str) -> None:
        self.events.append(("stamps_failed", operation))


class Bench:
    """A region with stores in memory and a manual clock."""

    def __init__(self, **policy: Any) -> None:
        self.now = 1000.0
        self.renders = 0
        self.recorded = RecordingEvents()
        self.atomic_store = MemoryAtomicStore(lambda: self.now)
        self.stamps = StampStore(self.atomic_store, 10_000)
        self.backend = MemoryBackend({})
        self.leases = Leases(
            MemoryAtomicStore(lambda: self.now),
            LeaseOptions(ttl=10, wait=1, poll=0.1),
            sleep=self.sleep,
            clock=lambda: self.now,
        )
        self.region = self.open(Policy(LIFE, **policy))

    def open(self, policy: Policy, l1_bytes: int = 100_000) -> TaggedRegion:
        """Return the region as another process would open it."""
        backend = FailSafeBackend("pages", self.leases, self.recorded).wrap(self.backend)
        return TaggedRegion(
            RegionParts(
                name="pages",
                policy=policy,
                entries=EntryStore("pages", backend, self.recorded, max_bytes=5000),
                stamps=self.stamps,
                leases=self.leases,
                local_cache=LocalCache(l1_bytes),
                observer=self.recorded,
                now=lambda: self.now,
            )
        )

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    def source(self) -> ClockSource:
        """Return a snapshot source of now."""
        return ClockSource(self.stamps)

    def render(self, *tags: str, payload: bytes = b"") -> Callable[[RenderContext], Rendered]:
        """Return a render with ``tags``; by default its payload is the number of renders."""

        def render(context: RenderContext) -> Rendered:
            context.depend(*(tags or ("movie:1",)))
            self.renders += 1
            return Rendered(payload or b"%d" % self.renders)

        return render

    def read(self, key: str = "a", **kwargs: Any) -> CacheResult:
        """Read a key, as a request does."""
        kwargs.setdefault("source", self.source())
        return self.region.get_or_render(key, kwargs.pop("render", self.render()), **kwargs)

    def use_other_process(self) -> None:
        """Send further reads to another process, whose local cache is empty."""
        self.region = self.open(self.region.policy)


@pytest.fixture
def bench() -> Bench:
    """A region in soft mode."""
    return Bench()


def test_miss_then_hit_then_l1(bench: Bench) -> None:
    assert [bench.read().status for _ in range(4)] == ["miss", "hit", "l1", "l1"]
    assert bench.renders == 1
    assert bench.recorded.events == [
        ("rendered", 1), ("stored",), ("served", "miss"), ("served", "hit"), ("served", "l1"),
        ("served", "l1"),
    ]  # fmt: skip


def test_publish_of_tag_causes_new_render(bench: Bench) -> None:
    for _ in range(3):
        bench.read()
    bench.stamps.publish(["movie:1"])
    assert [bench.read().entry.payload for _ in range(3)] == [b"2", b"2", b"2"]
    assert bench.read().status is CacheStatus.L1


def test_publish_of_other_tag_causes_validation_only(bench: Bench) -> None:
    for _ in range(3):
        bench.read()
    bench.stamps.publish(["movie:2"])
    assert [bench.read().status for _ in range(2)] == ["hit", "l1"]
    assert bench.renders == 1


def test_entry_expires(bench: Bench) -> None:
    bench.read()
    bench.now += LIFE - 0.1
    assert bench.read().status is CacheStatus.HIT
    bench.now += 0.1
    assert bench.read().status is CacheStatus.MISS


def test_render_may_cap_its_expiry(bench: Bench) -> None:
    def render(context: RenderContext) -> Rendered:
        context.depend("week:1")
        context.cap(bench.now + 10)
        return Rendered(b"this week")

    assert bench.read(render=render).entry.expires == bench.now + 10
    bench.now += 10
    assert bench.read(render=render).status is CacheStatus.MISS


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


@pytest.mark.parametrize("junk", [b"", b"junk", b"{}|junk", b'{"ct":1,"v":2}|MZ\x01\x03junk'])
def test_corrupt_entry_is_a_miss_and_is_replaced(bench: Bench, junk: bytes) -> None:
    bench.backend.set_serialized("a", junk)
    assert bench.read().status is CacheStatus.MISS
    assert ("corrupt",) in bench.recorded.events
    assert bench.read().status is CacheStatus.HIT


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

    def test_outdated_entry_is_served_for_one_lease_after_expiry(self, bench: Bench) -> None:
        bench.read()
        bench.now += LIFE + 9
        assert bench.leases.try_acquire("a")
        assert bench.read().status is CacheStatus.STALE
        bench.now += 2
        assert bench.leases.try_acquire("a") or bench.leases.try_acquire("a") is None
        assert bench.read().status is CacheStatus.MISS

    def test_readers_without_entry_wait_and_then_render(self, bench: Bench) -> None:
        assert bench.leases.try_acquire("a")
        before = bench.now
        assert bench.read().status is CacheStatus.MISS
        assert 1.0 <= bench.now - before < 1.3

    def test_strict_mode_waits_for_new_entry(self) -> None:
        bench = Bench(soft=False)
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
        bench = Bench(soft=False)
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


def test_policies_are_compared_by_value() -> None:
    policy = Policy(60)
    assert dataclasses.replace(policy, soft=False) != policy
    assert policy == Policy(60)


def test_default_listener_accepts_every_event() -> None:
    silent = CacheEvents()
    tags = ("movie:1",)
    silent.served("pages", "hit")
    silent.rendered("pages", 0.1, ["k"])
    silent.stored("pages", 1)
    silent.not_stored("pages", "wrote")
    silent.corrupt("pages")
    silent.store_failed("pages", "get")
    silent.stamps_failed("resolve")
    silent.published(tags)
    silent.publish_failed(tags)
    silent.relayed(1)


def read_local(region: TaggedRegion, key: str) -> Entry | None:
    """The valid entry in the local cache, as the event loop of the server reads it."""
    copy = region.local.find(key)
    if copy is None:
        return None
    clock = region.local.clock()
    region.local.revalidate({key: copy}, clock)
    return region.local.get(key, copy, clock)


def test_copy_validated_during_delete_is_not_served_after_it(bench: Bench) -> None:
    """The validation succeeds, at a clock that the stamp after the tombstone may be equal to.

    The copy is of another process; a third process keeps a copy of another entry at that time.
    """
    for key in "ab":
        bench.read(key)
    bench.read("a")
    ours = bench.region
    assert read_local(ours, "a") is not None
    bench.use_other_process()
    steps = bench.atomic_store.incr

    def interrupted(name: str) -> int | None:
        number = steps(name)
        bench.atomic_store.incr = steps  # type: ignore[method-assign]
        assert read_local(ours, "a") is not None  # after the first step
        return number

    def resolved(values: Mapping[str, bytes], ttl: float = 0) -> None:
        set_multi(values, ttl)
        bench.atomic_store.set_multi = set_multi  # type: ignore[method-assign]
        assert bench.region.get_valid("b") is not None  # before the second step: it resolves
        assert bench.stamps.get_multi(["copies:pages"])

    set_multi = bench.atomic_store.set_multi
    bench.atomic_store.incr = interrupted  # type: ignore[method-assign]
    bench.atomic_store.set_multi = resolved  # type: ignore[method-assign]
    bench.region.delete("a")
    assert bench.atomic_store.incr == steps
    assert bench.atomic_store.set_multi == set_multi
    assert read_local(ours, "a") is None
    assert ours.get_valid("a") is None
