"""From what was rendered to an entry in the store, or to the reason why it is not kept."""

from collections.abc import Mapping

from ..protocol.dependencies import NotStoredReason, tags_of
from ..protocol.entry import Entry, encode
from ..protocol.snapshots import SnapshotSource
from ..protocol.stamps import tags_to_resolve
from .http_policy import KEY
from .parts import RegionParts
from .rendering import CacheResult, RenderContext, Rendered, Status
from .validation import resolve, stamps_of


def store_rendered(
    parts: RegionParts,
    source: SnapshotSource,
    contexts: Mapping[str, RenderContext],
    rendered: Mapping[str, Rendered],
) -> dict[str, CacheResult]:
    """Make entries of what was rendered, and store those that may be stored."""
    now = parts.now()
    until = now + parts.policy.expiration_time
    wrote = source.wrote()
    served: dict[str, CacheResult] = {}
    for key, context in contexts.items():
        recorder = context.recorder
        entry = rendered[key].entry(recorder, now, until)
        entry.derived[KEY] = parts.policy.http_policy
        refusal = recorder.not_stored_reason(wrote=wrote, now=now)
        if refusal is None:
            parts.local_cache.discard(key)  # whether or not the store takes what comes in its place
            refusal = _stored(parts, key, entry)
        if refusal is None:
            _resolve_tags_of(parts, key, entry, recorder.validated_at)
        else:
            parts.observer.not_stored(parts.name, refusal)
        parts.observer.created(parts.name, entry.kind.name.lower())
        served[key] = CacheResult(_status(refusal), entry, refusal)
    return served


def _status(refusal: NotStoredReason | None) -> Status:
    """Of what was just rendered; a page with an outdated part is itself outdated."""
    if refusal is None:
        return Status.MISS
    return Status.STALE if refusal is NotStoredReason.STALE_PART else Status.BYPASS


def _stored(parts: RegionParts, key: str, entry: Entry) -> NotStoredReason | None:
    if not parts.policy.enabled:
        return NotStoredReason.SWITCHED_OFF
    data = encode(entry)
    if not parts.entries.fits(data):
        return NotStoredReason.TOO_BIG
    if not parts.entries.store({key: data}, entry.created):
        return NotStoredReason.STORE_DOWN
    parts.observer.stored(parts.name, len(data))
    return None


def _resolve_tags_of(parts: RegionParts, key: str, entry: Entry, validated_at: int | None) -> None:
    """Give every tag of a stored entry a number, without which the entry would never hit.

    A page made of checked parts alone is true at the least of their clocks, and may be kept.
    """
    stamps = stamps_of(parts, [entry]) or {}
    of_this_epoch = entry.dependencies[-1].snapshot_clock
    resolve(parts, tags_to_resolve(tags_of(entry.dependencies), stamps, of_this_epoch))
    if validated_at is not None:
        parts.local_cache.put(key, entry, validated_at, parts.now())
