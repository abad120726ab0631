"""A tagged region: entries under keys, served only while they are valid."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final

from ..errors import CacheError, StoreUnreachableError
from ..protocol.entry import Entry
from ..protocol.snapshots import SnapshotSource
from .local_reads import LocalReads
from .parts import RegionParts
from .policy import Policy
from .read import ReadOperation, RenderMany
from .rendering import PERIOD_END, CacheResult, CacheStatus, RenderContext, Rendered
from .validation import fetch_and_validate
from .write import store, store_rendered

Render = Callable[[RenderContext], Rendered]

_HITS: Final = frozenset({CacheStatus.HIT, CacheStatus.L1})


class TaggedRegion:
    """A named set of entries with one policy. ``read.py`` has the read algorithm."""

    def __init__(self, parts: RegionParts) -> None:
        self._parts = parts
        self._on_refresh_due: Callable[[str], None] | None = None
        self.name = parts.name
        self.policy = parts.policy
        self.local = LocalReads(parts, self._note_hit)

    @property
    def local_cache_bytes(self) -> int:
        """The bytes that the local cache uses, in this process."""
        return self._parts.local_cache.used_bytes

    @property
    def local_cache_limit(self) -> int:
        """The bytes that the local cache may use, in this process."""
        return self._parts.local_cache.max_bytes

    def now(self) -> float:
        """Unix time, as the region compares expiries with it."""
        return self._parts.now()

    def check(self) -> None:
        """Raise ``StoreError`` unless the store of entries answers; a disabled region passes."""
        if self.policy.enabled:
            self._parts.entries.backend.check()

    def on_refresh_due(self, listener: Callable[[str], None]) -> None:
        """Call ``listener`` with the key of each hit that is due for a refresh (``Policy``)."""
        if self.policy.refresh_after < 1:
            self._on_refresh_due = listener

    def _note_hit(self, key: str, entry: Entry) -> None:
        self._parts.observer.read(self.name, key, entry, False)
        if self._on_refresh_due and _is_refresh_due(self.policy, entry, self._parts.now()):
            self._on_refresh_due(key)

    # Reads

    def stored(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return the stored entries of ``keys``, valid or not: for inspection, not for serving.

        One fetch for all. If the store does not answer, there are none.
        """
        return self._parts.entries.get_multi(keys)

    def get_valid(self, key: str) -> CacheResult | None:
        """Return the entry of ``key`` if it is stored and valid, else None.

        For the fast path: takes no lease and renders nothing. A hit in the local cache costs one
        read of the clock.
        """
        parts = self._parts
        if not self.policy.enabled:
            return None
        began = time.perf_counter()
        copy = self.local.find(key)
        clock = parts.stamps.clock()
        if clock is None:
            return None
        spent = time.perf_counter() - began
        status, entry = CacheStatus.L1, None
        if copy is not None:
            self.local.revalidate({key: copy}, clock)
            entry = self.local.get(key, copy, clock)
        if entry is None:
            status, entry = CacheStatus.HIT, fetch_and_validate(parts, [key], clock).valid.get(key)
            if entry is None:
                return None
            parts.observer.served(parts.name, status)
            self._note_hit(key, entry)
        timings = (("clock", spent), ("total", time.perf_counter() - began))
        return CacheResult(status, entry, timings=timings)

    def get_if(self, key: str, accepts: Callable[[Entry], bool]) -> CacheResult | None:
        """Return the entry of ``key`` if it is stored, valid and accepted, else None.

        For keys that many URLs share: no copy is kept in the local cache.
        """
        parts = self._parts
        clock = parts.stamps.clock() if self.policy.enabled else None
        if clock is None:
            return None
        entry = fetch_and_validate(parts, [key], clock, keep_copies=False).valid.get(key)
        if entry is None or not accepts(entry):
            return None
        parts.observer.served(parts.name, CacheStatus.HIT)
        return CacheResult(CacheStatus.HIT, entry)

    def get_or_render(
        self,
        key: str,
        render: Render,
        *,
        source: SnapshotSource,
        parent: RenderContext | None = None,
    ) -> CacheResult:
        """Return the entry of ``key``, rendered if it is missing or outdated.

        ``source`` is the snapshot that a render reads from. ``parent`` is the render that includes
        this fragment: it inherits the dependencies and the expiry. Exceptions of ``render`` pass.
        """

        def render_one(contexts: Mapping[str, RenderContext]) -> Mapping[str, Rendered]:
            return {each: render(context) for each, context in contexts.items()}

        operation = ReadOperation(self._parts, [key], render_one, source, parent)
        return replace(self._run(operation)[key], timings=operation.timings())

    def get_or_render_multi(
        self,
        keys: Sequence[str],
        render: RenderMany,
        *,
        source: SnapshotSource,
        parent: RenderContext | None = None,
    ) -> list[CacheResult]:
        """Return the entries of ``keys``, in their order, with one fetch for all.

        ``render`` gets the keys to render, each with its context, and returns a payload for each.
        It may be called more than once, with other keys. The results have no timings.
        """
        served = self._run(ReadOperation(self._parts, keys, render, source, parent))
        return [served[key] for key in keys]

    def _run(self, operation: ReadOperation) -> Mapping[str, CacheResult]:
        served = operation.run()
        for key, each in served.items():
            self._parts.observer.served(self.name, each.status)
            if each.status in _HITS:
                self._note_hit(key, each.entry)
            else:
                changed = each.status is CacheStatus.MISS and operation.was_invalidated(key)
                self._parts.observer.read(self.name, key, each.entry, changed)
        return served

    # Writes

    def refresh(self, key: str, render: Render, *, source: SnapshotSource) -> CacheResult | None:
        """Render the entry of ``key`` again though it may be valid; None if its lease is taken.

        ``source`` is a snapshot of its own, begun after the decision to refresh.
        """
        return self._render_under_lease(key, self._timed(key, render), source)

    def refresh_if_due(
        self, key: str, render: Render, *, source: SnapshotSource
    ) -> CacheResult | None:
        """Refresh the entry of ``key`` unless it is fresh, because another process refreshed it."""
        parts = self._parts
        clock = parts.stamps.clock()
        known = None if clock is None else fetch_and_validate(parts, [key], clock).valid.get(key)
        if known is not None and not _is_refresh_due(self.policy, known, parts.now()):
            return None
        return self.refresh(key, render, source=source)

    def replace(
        self,
        key: str,
        render: Render,
        *,
        source: SnapshotSource,
        parent: RenderContext | None = None,
    ) -> CacheResult:
        """Delete the entry of ``key`` as corrupt and render it, without a lease.

        For an entry that is valid and yet cannot be served. Nothing is read: a store that fails to
        delete the entry would return it again.
        """
        self._parts.observer.corrupt(self.name)
        with suppress(CacheError):
            self.delete(key)
        context = RenderContext(source)
        served = self._render_and_store(key, context, self._timed(key, render))
        if parent is not None:
            parent.recorder.include_child(context.recorder)
            parent.recorder.cap(served.entry.expires)
        self._parts.observer.served(self.name, served.status)
        return served

    def store(self, key: str, rendered: Rendered, context: RenderContext) -> CacheResult | None:
        """Store what was rendered and recorded elsewhere; None if the lease of ``key`` is taken."""

        def render(empty: RenderContext) -> Rendered:
            empty.recorder = context.recorder
            return rendered

        served = self._render_under_lease(key, render, context.source)
        if served is not None:
            self._parts.observer.served(self.name, served.status)
        return served

    def add_encoding(self, key: str, entry: Entry, coding: str, data: bytes) -> Entry:
        """Return ``entry`` with its payload in one more coding; the local copy gets it, too.

        It is stored if the stored entry is this one and its lease is free: without the lease, it
        could replace a newer entry, or bring back one that a purge has just deleted.
        """
        parts = self._parts
        more = {**entry.encodings, coding: data}
        fuller = replace(entry, encodings=more, derived=dict(entry.derived))
        parts.local_cache.exchange(key, entry, fuller)
        token = parts.leases.try_acquire(key) if self.policy.enabled else None
        if token is None:
            return fuller
        try:
            stored = parts.entries.get_multi([key]).get(key)
            if stored is not None and stored == replace(entry, encodings=stored.encodings):
                merged = {**stored.encodings, coding: data}
                store(parts, key, replace(stored, encodings=merged))
        finally:
            parts.leases.release(key, token)
        return fuller

    def delete(self, key: str) -> None:
        """Delete the entry of ``key``, and invalidate the copies of all processes.

        Raises ``StoreError`` if the entry could not be deleted, and ``PublishError`` if the copies
        could not be invalidated.
        """
        self._parts.local_cache.discard(key)
        if not self._parts.entries.backend.remove([key]):
            raise StoreUnreachableError(f"not removed from {self.name}: {key}")
        self._parts.stamps.invalidate_local_copies(self.name)

    @contextmanager
    def lock_renders(self, key: str) -> Iterator[None]:
        """Block renders of ``key``; waits for a running one, for the life of a lease at most.

        For purges: a running render may have read the old data, and would store it afterwards.
        """
        leases = self._parts.leases
        token = leases.wait(key, leases.options.ttl)
        try:
            yield
        finally:
            if token is not None:
                leases.release(key, token)

    def _timed(self, key: str, render: Render) -> Render:
        def timed(context: RenderContext) -> Rendered:
            began = time.perf_counter()
            rendered = render(context)
            self._parts.observer.rendered(self.name, time.perf_counter() - began, [key])
            return rendered

        return timed

    def _render_under_lease(
        self, key: str, render: Render, source: SnapshotSource
    ) -> CacheResult | None:
        token = self._parts.leases.try_acquire(key)
        if token is None:
            return None
        try:
            left = (1 - self.policy.refresh_after) * self.policy.expiration_time
            context = RenderContext(source, refresh_before=self._parts.now() + left)
            return self._render_and_store(key, context, render)
        finally:
            self._parts.leases.release(key, token)

    def _render_and_store(self, key: str, context: RenderContext, render: Render) -> CacheResult:
        rendered = {key: render(context)}
        return store_rendered(self._parts, context.source, {key: context}, rendered)[key]


def _is_refresh_due(policy: Policy, entry: Entry, now: float) -> bool:
    """Whether a valid entry is past ``refresh_after`` of its life.

    Never for one that expires with the period it shows: refreshed, it would expire just then.
    """
    if PERIOD_END in entry.debug:
        return False
    return now >= entry.created + policy.refresh_after * (entry.expires - entry.created)
