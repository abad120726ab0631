"""A region with stores in memory and a manual clock."""

from collections.abc import Callable, Sequence
from typing import Any

from moziweb.cache.events import CacheEvents
from moziweb.cache.protocol.invalidation_log import RING, record_name
from moziweb.cache.protocol.leases import LeaseOptions, Leases
from moziweb.cache.protocol.publish_times import DEFAULT_GRACE
from moziweb.cache.protocol.stamps import StampStore
from moziweb.cache.regions.local_cache import LocalCache
from moziweb.cache.regions.parts import RegionParts
from moziweb.cache.regions.policy import Policy
from moziweb.cache.regions.region import TaggedRegion
from moziweb.cache.regions.rendering import CacheResult, RenderContext, Rendered
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
        self.grace: float = policy.get("grace", DEFAULT_GRACE)
        self.stamps = self.open_stamps()
        self.backend = MemoryBackend({})
        self.leases = Leases(
            MemoryAtomicStore(lambda: self.now),
            LeaseOptions(ttl=10, wait=1, poll=0.1),
            sleep=self.sleep,
            clock=lambda: self.now,
        )
        self.region = self.open(Policy(LIFE, **policy))

    def open_stamps(self) -> StampStore:
        """Return the stamp store as another process would open it."""
        return StampStore(
            self.atomic_store, 10_000, longest_grace=self.grace, monotonic=lambda: self.now
        )

    def lose_log(self) -> None:
        """Lose all records of the invalidation log."""
        for number in range(RING):
            self.atomic_store.delete(record_name(number))

    def open(self, policy: Policy, l1_bytes: int = 100_000) -> TaggedRegion:
        """Return the region as another process would open it."""
        self.parts = self.parts_of(policy, l1_bytes)
        return TaggedRegion(self.parts)

    def parts_of(self, policy: Policy, l1_bytes: int) -> RegionParts:
        """The parts of a region over the stores of this bench."""
        backend = FailSafeBackend("pages", self.leases, self.recorded).wrap(self.backend)
        return RegionParts(
            name="pages",
            policy=policy,
            entries=EntryStore("pages", backend, self.recorded, max_bytes=5000),
            stamps=self.stamps,
            leases=self.leases,
            local_cache=LocalCache(l1_bytes),
            observer=self.recorded,
            now=lambda: self.now,
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
        """Send further reads to another process, whose local cache is empty.

        It follows the invalidation log from now on.
        """
        self.stamps = self.open_stamps()
        self.region = self.open(self.region.policy)
