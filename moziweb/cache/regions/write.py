"""Stores rendered entries, or returns the reason why one is not stored."""

from collections.abc import Mapping
from typing import Final

from ..protocol.dependencies import NotStoredReason
from ..protocol.entry import Entry, encode
from ..protocol.snapshots import SnapshotSource
from ..protocol.stamps import copies_tag, tags_to_resolve
from .http_policy import DERIVED_KEY
from .local_cache import Confirmation
from .parts import RegionParts
from .rendering import CacheResult, CacheStatus, RenderContext, Rendered

_STATUSES: Final = {None: CacheStatus.MISS, NotStoredReason.STALE_PART: CacheStatus.STALE}
"""A page with an outdated fragment is itself outdated; the other reasons are a bypass."""


def store_rendered(
    parts: RegionParts,
    source: SnapshotSource,
    contexts: Mapping[str, RenderContext],
    rendered: Mapping[str, Rendered],
) -> dict[str, CacheResult]:
    """Make an entry of each render, and store those that may be stored."""
    now = parts.now()
    until = now + parts.policy.expiration_time
    wrote = source.wrote()
    served: dict[str, CacheResult] = {}
    for key, context in contexts.items():
        recorder = context.recorder
        entry = rendered[key].entry(recorder, now, until)
        entry.derived[DERIVED_KEY] = parts.policy.http_policy
        reason = recorder.not_stored_reason(wrote=wrote, now=now)
        if reason is None:
            parts.local_cache.discard(key)  # even if the store then refuses the new entry
            reason = store(parts, key, entry)
        if reason is None:
            _resolve_tags_of(parts, key, entry, recorder.validated_at)
        else:
            parts.observer.not_stored(parts.name, reason)
        parts.observer.created(parts.name, entry.kind.name.lower())
        served[key] = CacheResult(_STATUSES.get(reason, CacheStatus.BYPASS), entry, reason)
    return served


def store(parts: RegionParts, key: str, entry: Entry) -> NotStoredReason | None:
    """Store an entry, or return the reason why it is not stored."""
    if not parts.policy.enabled:
        return NotStoredReason.SWITCHED_OFF
    data = encode(entry)
    if len(data) > parts.entries.max_bytes:
        return NotStoredReason.TOO_BIG
    if not parts.entries.store({key: data}, entry.created):
        return NotStoredReason.STORE_DOWN
    parts.observer.stored(parts.name, len(data))
    return None


def _resolve_tags_of(parts: RegionParts, key: str, entry: Entry, validated_at: int | None) -> None:
    """Resolve the tags of a stored entry; with an unresolved tag it would never be a hit.

    A page of validated fragments alone is valid at the least of their clocks: a copy is kept.
    """
    # The tag of the copies is resolved here, too: a copy may be kept without its stamp being read.
    copies = copies_tag(parts.name)
    stamps = parts.stamps_of([entry], [copies]) or {}
    clock_of_epoch = entry.dependencies[-1].snapshot_clock
    parts.resolve(tags_to_resolve([*entry.tags, copies], stamps, clock_of_epoch))
    if validated_at is not None:
        by = Confirmation.FRAGMENTS
        parts.local_cache.put(key, entry, validated_at, parts.now(), by)
