"""The read algorithm, from the clock to the bytes, for one key or many.

One read goes like this. The clock is read first. A copy that this process found true at the very
same clock is served at once (``l1.py``). Otherwise the entry and the stamps of its tags are
fetched, both after the clock, and judged (``judging.py``). What is not true is renewed: its tags
are resolved, its lease is taken, and whoever got the lease looks once more, with a clock of then,
and renders. Who did not get it is served the outdated entry (soft), or waits for the new one until
a deadline (strict, or nothing to serve).

The clock is read anew after resolving, after the lease and at each poll: with an old one, an entry
that was made meanwhile would look too new to be true, and would be made again.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from ..protocol.dependencies import NEVER
from ..protocol.entry import Entry
from ..protocol.snapshots import SnapshotSource
from .parts import RegionParts
from .policy import Policy
from .rendering import ENDS, CacheResult, RenderContext, Rendered, Status, Stopwatch
from .validation import fetch_and_validate, resolve
from .write import store_rendered

RenderMany = Callable[[Mapping[str, RenderContext]], Mapping[str, Rendered]]


class ReadOperation:
    """One read of some keys: each is either served or still missing."""

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
        self._unresolved: set[str] = set()
        self._stopwatch = Stopwatch()

    def run(self) -> dict[str, CacheResult]:
        """Serve every key."""
        parts = self._parts
        if self._source.wrote():  # it would not see what it has written itself
            self._render(self._keys)
            return dict(self._served)
        with self._stopwatch.measure("clock"):
            g = parts.stamps.clock() if parts.policy.enabled else None
        if g is None:
            self._serve_last_valid()
            self._render(self._missing())
        else:
            self._read(self._keys, g)
            if self._missing():
                self._render_under_leases()
                self._serve_outdated()
                self._wait_for_others()
        spent = self._stopwatch.timings()
        return {key: replace(served, timings=spent) for key, served in self._served.items()}

    def _missing(self) -> list[str]:
        return [key for key in self._keys if key not in self._served]

    def _read(self, keys: Sequence[str], g: int) -> None:
        """Serve what is true at ``g``, which was read before this call."""
        now = self._parts.now()
        rest = [key for key in keys if not self._serve_local_copy(key, g, now)]
        if not rest:
            return
        with self._stopwatch.measure("fetch"):
            judged = fetch_and_validate(self._parts, rest, g)
        for key, entry in judged.valid.items():
            if not self._expires_too_soon(entry):
                self._serve_valid(key, entry, g, Status.HIT)
        self._outdated.update(judged.outdated)
        self._unresolved.update(judged.unresolved_tags)

    def _expires_too_soon(self, entry: Entry) -> bool:
        """Whether a true entry runs out so soon that what it goes into is renewed in vain.

        One that runs out because its day is over would run out just then again.
        """
        if self._parent is None or ENDS in entry.debug:
            return False
        return entry.expires <= self._parent.refresh_before

    def _read_again(self, keys: Sequence[str]) -> None:
        g = self._parts.stamps.clock()
        if g is not None:
            self._read(keys, g)

    def _render_under_leases(self) -> None:
        """Render the missing keys whose leases are free, unless someone was faster."""
        resolve(self._parts, self._unresolved)
        self._unresolved.clear()
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
        """Wait for what others render; render it ourselves if they fail or the deadline passes."""
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

    def _serve_local_copy(self, key: str, g: int, now: float) -> bool:
        entry = self._parts.local_cache.get(key, g, now)
        if entry is None or self._expires_too_soon(entry):
            return False
        self._serve_valid(key, entry, g, Status.L1)
        return True

    def _serve_valid(self, key: str, entry: Entry, g: int, status: Status) -> None:
        self._served[key] = hit_result(self._parts, entry, status)
        if self._parent is not None:
            self._parent.recorder.include_cached(
                entry.dependencies, entry.expires, validated_at=g, period_end=_period_end_of(entry)
            )

    def _serve_stale(self, key: str, entry: Entry) -> None:
        self._served[key] = CacheResult(Status.STALE, entry)
        if self._parent is not None:
            recorder = self._parent.recorder
            recorder.include_cached(
                entry.dependencies, entry.expires, validated_at=None, stale=True
            )

    def _serve_outdated(self) -> None:
        """Soft mode, and somebody else holds the lease: what there is, for as long as a lease.

        Not without a second look. What seemed outdated may be brand-new: made with a later clock
        than ours, or stored a moment before its maker resolves its tags.
        """
        if not self._parts.policy.soft:
            return
        doubtful = [key for key in self._missing() if key in self._outdated]
        if doubtful:
            self._read_again(doubtful)
        alive = self._parts.now() - self._parts.leases.options.ttl
        for key in self._missing():
            entry = self._outdated.get(key)
            if entry is not None and entry.expires > alive:
                self._serve_stale(key, entry)

    def _serve_last_valid(self) -> None:
        """Nothing can be judged: what this process knew to be true a moment ago."""
        window = self._parts.policy.stale_if_error
        if window <= 0:
            return
        since = self._parts.now() - window
        for key in self._missing():
            entry = self._parts.local_cache.last_valid(key, since)
            if entry is not None:
                self._serve_stale(key, entry)

    def _recover(self, keys: Sequence[str]) -> bool:
        """Serve outdated entries for all of ``keys``, if there are some within the window."""
        alive = self._parts.now() - self._parts.policy.stale_if_error
        known = {key: self._outdated[key] for key in keys if key in self._outdated}
        if len(known) < len(keys) or any(entry.expires <= alive for entry in known.values()):
            return False
        for key, entry in known.items():
            self._serve_stale(key, entry)
        return True


def hit_result(
    parts: RegionParts, entry: Entry, status: Status, spent: tuple[tuple[str, float], ...] = ()
) -> CacheResult:
    """A hit, with a note when it is due for renewal."""
    return CacheResult(status, entry, None, is_refresh_due(parts.policy, entry, parts.now()), spent)


def is_refresh_due(policy: Policy, entry: Entry, now: float) -> bool:
    """Whether a true entry is past the share of its life after which it is to be renewed.

    One that runs out because its day is over is not: made anew, it would run out just then.
    """
    if ENDS in entry.debug:
        return False
    return now >= entry.created + policy.refresh_after * (entry.expires - entry.created)


def _period_end_of(entry: Entry) -> float:
    """When the part of the present is over that an entry shows, if it ends with that."""
    return entry.expires if ENDS in entry.debug else NEVER
