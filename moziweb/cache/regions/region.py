"""A tagged region: entries under keys, served only as long as they are true."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from ..errors import CacheError, StoreUnreachableError
from ..events import CacheEvents
from ..protocol.entry import Entry
from ..protocol.leases import Leases
from ..protocol.snapshots import SnapshotSource
from ..protocol.stamps import StampStore
from ..stores.dogpile_adapter import EntryStore
from .local_cache import Copy, LocalCache
from .parts import RegionParts
from .policy import Policy
from .read import ReadOperation, RenderMany, hit_result, is_refresh_due
from .rendering import CacheResult, RenderContext, Rendered, Status
from .validation import fetch_and_validate, revalidate_copies
from .write import store_rendered

Render = Callable[[RenderContext], Rendered]


class TaggedRegion:
    """A region. See ``reading.py`` for how a read goes, ``config.py`` for how one is made."""

    def __init__(
        self,
        name: str,
        policy: Policy,
        *,
        entries: EntryStore,
        stamps: StampStore,
        leases: Leases,
        local_cache: LocalCache,
        observer: CacheEvents,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``now`` is Unix time, for expiries."""
        self._parts = RegionParts(name, policy, entries, stamps, leases, local_cache, observer, now)
        self._due: Callable[[str], None] | None = None

    @property
    def name(self) -> str:
        """The region's name in the ini file."""
        return self._parts.name

    @property
    def policy(self) -> Policy:
        """How the region treats its entries."""
        return self._parts.policy

    def on_refresh_due(self, tell: Callable[[str], None]) -> None:
        """Tell the keys of entries that are hit past their share of life (``renewal.py``)."""
        if self.policy.refresh_after < 1:
            self._due = tell

    def _note(self, key: str, entry: Entry) -> None:
        if self._due is not None and is_refresh_due(self.policy, entry, self._parts.now()):
            self._due(key)

    @property
    def local_cache_bytes(self) -> int:
        """The bytes of the first level, in this process."""
        return self._parts.local_cache.used_bytes

    def check(self) -> None:
        """``StoreError`` unless the store of entries answers; a region that is off always does."""
        if self._parts.policy.enabled:
            self._parts.entries.check()

    def stored(self, keys: Iterable[str]) -> dict[str, Entry]:
        """The entries that lie under ``keys``, true or not: for looking, not for serving.

        One fetch for all; a store that does not answer has none.
        """
        return self._parts.entries.get_multi(keys)

    def get_valid(self, key: str) -> CacheResult | None:
        """Serve the entry of ``key`` if it is there and true; None otherwise.

        The short way for what comes before everything else in a request: no render is at hand, no
        lease is taken. From this process's memory it costs one GET of the clock.
        """
        parts = self._parts
        began = time.perf_counter()
        g = parts.stamps.clock() if parts.policy.enabled else None
        if g is None:
            return None
        clock = time.perf_counter() - began
        entry = parts.local_cache.get(key, g, parts.now())
        status = Status.HIT if entry is None else Status.L1
        entry = entry or fetch_and_validate(parts, [key], g).valid.get(key)
        if entry is None:
            return None
        parts.observer.served(parts.name, status)
        self._note(key, entry)
        spent = (("clock", clock), ("total", time.perf_counter() - began))
        return hit_result(parts, entry, status, spent)

    def get_if(self, key: str, wanted: Callable[[Entry], bool]) -> CacheResult | None:
        """Serve the entry of ``key`` if it is there, ``wanted`` and true; None otherwise.

        For what may be asked for without end: no copy is kept in this process.
        """
        parts = self._parts
        g = parts.stamps.clock() if parts.policy.enabled else None
        if g is None:
            return None
        entry = fetch_and_validate(parts, [key], g, remember=False).valid.get(key)
        if entry is None or not wanted(entry):
            return None
        parts.observer.served(parts.name, Status.HIT)
        return CacheResult(Status.HIT, entry)

    def get_local(self, key: str) -> tuple[Entry, float] | None:
        """The copy of ``key`` in this process, if it is true; the seconds that the clock took.

        The shortest way of all, for the first level alone; where it finds nothing, ``lookup`` may.
        """
        copy = self.local_copy(key)
        if copy is None:
            return None
        began = time.perf_counter()
        g = self.clock()
        elapsed = time.perf_counter() - began
        self.revalidate_copies({key: copy}, g)
        entry = self.validate_copy(key, copy, g)
        return None if entry is None else (entry, elapsed)

    def local_copy(self, key: str) -> Copy | None:
        """The copy of ``key`` in this process, true or not. Then read the clock: see ``true_copy``.

        Without one there is no need to read anything.
        """
        return self._parts.local_cache.find(key)

    def clock(self) -> int | None:
        """The clock, which all regions of a cache share; None when its store does not answer."""
        return self._parts.stamps.clock()

    def revalidate_copies(self, copies: Mapping[str, Copy], g: int | None) -> None:
        """Check copies by key that belong to another clock than ``g``, all with one look at stamps.

        What is true then is for ``true_copy``. ``g`` was read after the copies were taken up.
        """
        behind = {key: copy for key, copy in copies.items() if copy.validated_at != g}
        if g is not None and behind:
            revalidate_copies(self._parts, behind, g)

    def validate_copy(self, key: str, copy: Copy, g: int | None) -> Entry | None:
        """The entry of a copy, if it is true at the clock ``g``; one clock may do for many copies.

        A copy is taken up before the clock is read, not after: it is true if the clock that it was
        validated at is the one that is read, whenever it came here.
        """
        parts = self._parts
        now = parts.now()
        if g != copy.validated_at or now >= copy.entry.expires:
            return None
        parts.local_cache.mark_used(key, copy, now)
        parts.observer.served(parts.name, Status.L1)
        self._note(key, copy.entry)
        return copy.entry

    def get_or_render(
        self,
        key: str,
        render: Render,
        *,
        source: SnapshotSource,
        parent: RenderContext | None = None,
    ) -> CacheResult:
        """Serve the entry of ``key``, rendered if need be.

        ``source`` is what a render would read from. ``parent`` is the render that this piece goes
        into: it inherits the piece's dependencies and expiry. What ``render`` raises is raised.
        """

        def render_one(contexts: Mapping[str, RenderContext]) -> Mapping[str, Rendered]:
            return {each: render(context) for each, context in contexts.items()}

        return self.get_or_render_multi([key], render_one, source=source, parent=parent)[0]

    def get_or_render_multi(
        self,
        keys: Sequence[str],
        render: RenderMany,
        *,
        source: SnapshotSource,
        parent: RenderContext | None = None,
    ) -> list[CacheResult]:
        """Serve the entries of ``keys``, in their order, with one fetch for all.

        ``render`` is given the keys to render, each with a context of its own, and returns a
        payload for each. It may be called more than once, with other keys.
        """
        served = ReadOperation(self._parts, keys, render, source, parent).run()
        for key, each in served.items():
            self._parts.observer.served(self.name, each.status)
            if each.refresh_due:
                self._note(key, each.entry)
        return [served[key] for key in keys]

    def refresh(self, key: str, render: Render, *, source: SnapshotSource) -> CacheResult | None:
        """Renew the entry of ``key`` although it may still be true; None if someone is at it.

        For renewals in the background, before a hot entry expires. ``source`` must be one of its
        own, begun after this call was decided on: a renewal obeys the same rule for ``started``.
        """
        return self._refreshed(key, self._timed(key, render), source)

    def _timed(self, key: str, render: Render) -> Render:
        def timed(context: RenderContext) -> Rendered:
            began = time.perf_counter()
            rendered = render(context)
            self._parts.observer.rendered(self.name, time.perf_counter() - began, [key])
            return rendered

        return timed

    def _refreshed(self, key: str, render: Render, source: SnapshotSource) -> CacheResult | None:
        token = self._parts.leases.try_acquire(key)
        if token is None:
            return None
        try:
            left = (1 - self.policy.refresh_after) * self.policy.expiration_time
            context = RenderContext(source, refresh_before=self._parts.now() + left)
            return self._made(key, context, render)
        finally:
            self._parts.leases.release(key, token)

    def _made(self, key: str, context: RenderContext, render: Render) -> CacheResult:
        rendered = {key: render(context)}
        return store_rendered(self._parts, context.source, {key: context}, rendered)[key]

    def reject(self, key: str) -> None:
        """Count the entry of ``key`` as corrupt and forget it, as well as the stores let us."""
        self._parts.observer.corrupt(self.name)
        with suppress(CacheError):
            self.delete(key)

    def replace(
        self,
        key: str,
        render: Render,
        *,
        source: SnapshotSource,
        parent: RenderContext | None = None,
    ) -> CacheResult:
        """Reject the entry of ``key`` and make it anew, whatever lies there and whoever is at it.

        For an entry that is true and yet cannot be served. A store that keeps what it is asked to
        remove would hand it out at the next read, so nothing is read.
        """
        self.reject(key)
        context = RenderContext(source)
        served = self._made(key, context, self._timed(key, render))
        if parent is not None:
            parent.recorder.include_child(context.recorder)
            parent.recorder.cap(served.entry.expires)
        self._parts.observer.served(self.name, served.status)
        return served

    def renew(self, key: str, render: Render, *, source: SnapshotSource) -> CacheResult | None:
        """Refresh the entry of ``key`` unless another process has, and was not told of."""
        parts = self._parts
        g = parts.stamps.clock()
        known = None if g is None else fetch_and_validate(parts, [key], g).valid.get(key)
        if known is not None and not is_refresh_due(self.policy, known, parts.now()):
            return None
        return self.refresh(key, render, source=source)

    def put(self, key: str, rendered: Rendered, context: RenderContext) -> CacheResult | None:
        """Store what was rendered and recorded elsewhere; None if someone is at it just now."""

        def render(empty: RenderContext) -> Rendered:
            empty.recorder = context.recorder
            return rendered

        served = self._refreshed(key, render, context.source)
        if served is not None:
            self._parts.observer.served(self.name, served.status)
        return served

    def now(self) -> float:
        """Unix time, as the region counts expiries by it."""
        return self._parts.now()

    @contextmanager
    def lock_renders(self, key: str) -> Iterator[None]:
        """Hold back renders of ``key``; one that is under way is waited for, while a lease lives.

        For purges: who renders now may have seen the data of before, and would store it afterwards.
        """
        leases = self._parts.leases
        token = leases.wait(key, leases.options.ttl)
        try:
            yield
        finally:
            if token is not None:
                leases.release(key, token)

    def delete(self, key: str) -> None:
        """Remove the entry, and let every process look again.

        Raises ``StoreError`` when the entry could not be removed, and ``PublishError`` when the
        processes could not be told.
        """
        self._parts.local_cache.discard(key)
        if not self._parts.entries.remove([key]):
            raise StoreUnreachableError(f"not removed from {self.name}: {key}")
        self._parts.stamps.invalidate_local_copies(self.name)
