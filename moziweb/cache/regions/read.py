"""The read algorithm, for one key or many.

1. Read the clock. A local copy is served if it was valid at the same clock, or if the invalidation
   log has none of its tags since then (``local_cache.py``).
2. Otherwise fetch the entry and validate it, by the log or by the stamps (``validation.py``).
3. If it is not valid, resolve its tags and try to take its lease. The request that gets the lease
   reads once more, with a new clock, and renders. The others are served the outdated entry if it
   was valid within ``Policy.grace``, or wait for the new one until a deadline.

The clock is read again after resolving, after taking the lease and at each poll. With the first
clock, an entry stored in the meantime would seem too new to be valid, and would be rendered again.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from ..protocol.dependencies import NEVER
from ..protocol.entry import Entry
from ..protocol.snapshots import SnapshotSource
from .parts import RegionParts
from .rendering import PERIOD_END, CacheResult, CacheStatus, RenderContext, Rendered, Stopwatch
from .validation import confirm_copies, fetch_and_validate, was_published
from .write import store_rendered

RenderMany = Callable[[Mapping[str, RenderContext]], Mapping[str, Rendered]]


class ReadOperation:
    """One read of some keys; each is served or still missing."""

    def __init__(
        self,
        parts: RegionParts,
        keys: Iterable[str],
        render: RenderMany,
        source: SnapshotSource,
        parent: RenderContext | None,
    ) -> None:
        self._parts = parts
        self._keys = list(dict.fromkeys(keys))
        self._render_many = render
        self._source = source
        self._parent = parent
        self._served: dict[str, CacheResult] = {}
        self._outdated: dict[str, Entry] = {}
        self._in_grace: set[str] = set()
        self._unresolved_tags: set[str] = set()
        self._stopwatch = Stopwatch()

    def run(self) -> Mapping[str, CacheResult]:
        """Return a result for every key, without timings."""
        parts = self._parts
        if self._source.wrote():  # cached entries do not show its uncommitted writes
            self._render(self._keys)
            return self._served
        with self._stopwatch.measure("clock"):
            clock = parts.stamps.clock() if parts.policy.enabled else None
        if clock is None:
            self._serve_last_valid()
            self._render(self._missing())
        else:
            self._read(self._keys, clock)
            if self._missing():
                self._render_under_leases()
                self._serve_outdated()
                self._wait_for_others()
        return self._served

    def timings(self) -> tuple[tuple[str, float], ...]:
        """Return the seconds of each step until now, and of all."""
        return self._stopwatch.timings()

    def was_invalidated(self, key: str) -> bool:
        """Whether an entry of ``key`` was found that had not expired, and was outdated."""
        entry = self._outdated.get(key)
        return entry is not None and self._parts.now() < entry.expires

    def _missing(self) -> list[str]:
        return [key for key in self._keys if key not in self._served]

    def _read(self, keys: Sequence[str], clock: int) -> None:
        """Serve the entries that are valid at ``clock``, read before this call."""
        local_cache, now = self._parts.local_cache, self._parts.now()
        copies = {key: copy for key in keys if (copy := local_cache.find(key)) is not None}
        confirm_copies(self._parts, copies, clock)
        rest = [key for key in keys if not self._serve_local_copy(key, clock, now)]
        if not rest:
            return
        with self._stopwatch.measure("fetch"):
            fetched = fetch_and_validate(self._parts, rest, clock)
        for key, entry in fetched.valid.items():
            if not self._expires_too_soon(entry):
                self._serve_valid(key, entry, clock, CacheStatus.HIT)
        self._outdated.update(fetched.outdated)
        self._in_grace.update(fetched.in_grace)
        self._unresolved_tags.update(fetched.unresolved_tags)

    def _expires_too_soon(self, entry: Entry) -> bool:
        """Whether a valid fragment expires so soon that a refresh of its page would be useless.

        One that expires with the period it shows would expire at the same moment again.
        """
        if self._parent is None or PERIOD_END in entry.debug:
            return False
        return entry.expires <= self._parent.refresh_before

    def _read_again(self, keys: Sequence[str]) -> None:
        clock = self._parts.stamps.clock()
        if clock is not None:
            self._read(keys, clock)

    def _render_under_leases(self) -> None:
        """Render the missing keys whose leases are free, unless their entries are valid now."""
        self._parts.resolve(self._unresolved_tags)
        self._unresolved_tags.clear()
        leases = self._parts.leases
        taken = ((key, leases.try_acquire(key)) for key in self._missing())
        tokens = {key: token for key, token in taken if token is not None}
        try:
            if tokens:
                self._read_again(list(tokens))
                self._render([key for key in tokens if key not in self._served])
        finally:
            for key, token in tokens.items():
                leases.release(key, token)

    def _wait_for_others(self) -> None:
        """Wait for entries that others render; render them if those fail or at the deadline."""
        leases = self._parts.leases
        deadline = leases.deadline()
        while missing := self._missing():
            if leases.expired(deadline):
                self._render(missing)
                return
            leases.pause()
            self._read_again(missing)
            self._render_under_leases()

    def _render(self, keys: Sequence[str]) -> None:
        if not keys:
            return
        contexts = {key: RenderContext(self._source) for key in keys}
        began = time.perf_counter()
        try:
            with self._stopwatch.measure("render"):
                rendered = self._render_many(contexts)
        except self._parts.policy.recoverable:
            if not self._recover(keys):
                raise
            return
        elapsed = time.perf_counter() - began
        self._parts.observer.rendered(self._parts.name, elapsed, keys)
        served = store_rendered(self._parts, self._source, contexts, rendered)
        for key, each in served.items():
            self._served[key] = each
            if self._parent is not None:
                self._parent.recorder.include_child(contexts[key].recorder)
                self._parent.recorder.cap(each.entry.expires)

    def _serve_local_copy(self, key: str, clock: int, now: float) -> bool:
        entry = self._parts.local_cache.get(key, clock, now)
        if entry is None or self._expires_too_soon(entry):
            return False
        self._serve_valid(key, entry, clock, CacheStatus.L1)
        return True

    def _serve_valid(self, key: str, entry: Entry, clock: int, status: CacheStatus) -> None:
        self._served[key] = CacheResult(status, entry)
        if self._parent is not None:
            period_end = entry.expires if PERIOD_END in entry.debug else NEVER
            self._parent.recorder.include_cached(
                entry.dependencies, entry.expires, validated_at=clock, period_end=period_end
            )

    def _serve_stale(self, key: str, entry: Entry) -> None:
        self._served[key] = CacheResult(CacheStatus.STALE, entry)
        if self._parent is not None:
            recorder = self._parent.recorder
            recorder.include_cached(
                entry.dependencies, entry.expires, validated_at=None, stale=True
            )

    def _serve_outdated(self) -> None:
        """Another request holds the lease: serve outdated entries that were valid within grace.

        The keys are read again first: an entry that seemed outdated may be new, rendered at a later
        clock than ours, or stored a moment before its tags are resolved. And time has passed if
        other keys were rendered.
        """
        outdated = [key for key in self._missing() if key in self._outdated]
        if self._parts.policy.grace <= 0 or not outdated:
            return
        self._in_grace.clear()
        self._read_again(outdated)
        for key in self._missing():
            if key in self._in_grace:
                self._serve_stale(key, self._outdated[key])

    def _serve_last_valid(self) -> None:
        """The clock cannot be read: serve local copies that were hits within ``stale_if_error``.

        Not those that are known to be outdated.
        """
        window = self._parts.policy.stale_if_error
        if window <= 0:
            return
        since = self._parts.now() - window
        for key in self._missing():
            copy = self._parts.local_cache.last_valid(key, since)
            if copy is not None and not was_published(self._parts, copy):
                self._serve_stale(key, copy.entry)

    def _recover(self, keys: Sequence[str]) -> bool:
        """Serve outdated entries for all of ``keys``, if all are within ``stale_if_error``."""
        expired_after = self._parts.now() - self._parts.policy.stale_if_error
        outdated = {key: self._outdated[key] for key in keys if key in self._outdated}
        if len(outdated) < len(keys) or any(
            entry.expires <= expired_after for entry in outdated.values()
        ):
            return False
        for key, entry in outdated.items():
            self._serve_stale(key, entry)
        return True
