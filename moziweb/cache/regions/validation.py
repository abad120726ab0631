"""Validates stored entries and local copies, by the invalidation log or by their stamps.

The clock is read first; the entries, the records of the log and the stamps are read after it. The
log can only confirm that an entry is valid. If it does not, the stamps decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..protocol.clock import reaches
from ..protocol.dependencies import DependencyGroup
from ..protocol.entry import Entry
from ..protocol.stamps import copies_tag, is_valid, tags_to_resolve
from .http_policy import DERIVED_KEY
from .local_cache import Confirmation, Copy
from .parts import RegionParts

_TAGS: Final = "tags"
"""Name in ``Entry.derived``: see ``_tags_of``."""


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Fetched entries by key, and the tags of the outdated ones that have no number.

    ``in_grace`` are the keys of the outdated entries that were valid within ``Policy.grace``.
    """

    valid: Mapping[str, Entry]
    outdated: Mapping[str, Entry]
    in_grace: frozenset[str]
    unresolved_tags: frozenset[str]


def fetch_and_validate(
    parts: RegionParts, keys: Sequence[str], clock: int, *, keep_copies: bool = True
) -> ValidationResult:
    """Fetch the entries of ``keys`` and validate them at ``clock``, read before this call.

    With ``keep_copies`` valid entries are put into the local cache. Outdated ones are discarded
    there: a copy that was valid at an older clock must not be served while the stamps cannot be
    read (``LocalCache.last_valid``).
    """
    found = parts.entries.get_multi(keys)
    for entry in found.values():
        entry.derived[DERIVED_KEY] = parts.policy.http_policy
    now = parts.now()
    valid = _confirm_entries(parts, found, clock, now)
    unknown = {key: entry for key, entry in found.items() if key not in valid}
    copies = copies_tag(parts.name)
    known = parts.stamps_of(unknown.values(), (copies,) if keep_copies and unknown else ())
    stamps = known or {}
    for key, entry in unknown.items():
        if now < entry.expires and is_valid(entry.dependencies, stamps, clock):
            valid[key] = entry
    if valid and keep_copies:
        for key, entry in valid.items():
            by = Confirmation.STAMPS if key in unknown else Confirmation.LOG
            parts.local_cache.put(key, entry, clock, now, by)
        if unknown:
            parts.resolve(tags_to_resolve([copies], stamps, clock))
    outdated = {key: entry for key, entry in unknown.items() if key not in valid}
    if known is not None:
        for key in outdated:
            parts.local_cache.discard(key)
    in_grace = frozenset(
        key for key, entry in outdated.items() if _was_valid(parts, entry, stamps, clock, now)
    )
    tags = {tag for entry in outdated.values() for tag in entry.tags}
    unresolved = frozenset(tags_to_resolve(tags, stamps, clock))
    return ValidationResult(valid, outdated, in_grace, unresolved)


def _was_valid(
    parts: RegionParts, entry: Entry, stamps: Mapping[str, int], clock: int, now: float
) -> bool:
    """Return whether an outdated entry was valid within the grace of its region."""
    grace = parts.policy.grace
    return (
        grace > 0
        and now - entry.expires <= grace
        and parts.stamps.was_valid(entry.dependencies, stamps, clock, grace)
    )


def _confirm_entries(
    parts: RegionParts, entries: Mapping[str, Entry], clock: int, now: float
) -> dict[str, Entry]:
    """Return the entries that are valid at ``clock`` by the log: each part since its snapshot."""
    log = parts.stamps.log
    if entries:
        log.catch_up(clock)
    return {
        key: entry
        for key, entry in entries.items()
        if now < entry.expires
        and log.confirms(((g.snapshot_clock, g.tags) for g in entry.dependencies), clock)
    }


def revalidate_copies(parts: RegionParts, copies: Mapping[str, Copy], clock: int) -> None:
    """Validate local ``copies``, by key, at ``clock``, read before this call.

    Fetches no entry, and reads the stamps of all copies at once that the log does not confirm. A
    copy that is not valid is dropped, so the next read fetches the entry (``fetch_and_validate``).
    If the stamps cannot be read, nothing changes.
    """
    unknown = confirm_copies(parts, copies, clock)
    tag = copies_tag(parts.name)
    stamps = parts.stamps_of((c.entry for c in unknown.values()), (tag,)) if unknown else None
    if stamps is None:
        return
    for key, copy in unknown.items():
        fetched = DependencyGroup(copy.fetched_at, (tag,))
        if is_valid((*copy.entry.dependencies, fetched), stamps, clock):
            parts.local_cache.mark_valid(copy, clock, Confirmation.STAMPS)
        else:
            parts.local_cache.discard(key)


def confirm_copies(parts: RegionParts, copies: Mapping[str, Copy], clock: int) -> dict[str, Copy]:
    """Validate local ``copies`` at ``clock`` by the log; return the others that have not expired.

    ``clock`` was read before this call.
    """
    now = parts.now()
    behind = {
        key: copy
        for key, copy in copies.items()
        if now < copy.entry.expires and not reaches(copy.validated_at, clock)
    }
    if behind:
        parts.stamps.log.catch_up(clock)
    return {key: copy for key, copy in behind.items() if not _confirm_copy(parts, copy, clock)}


def _confirm_copy(parts: RegionParts, copy: Copy, clock: int) -> bool:
    since = copy.validated_at
    if reaches(since, clock):  # by another thread
        return True
    if not parts.stamps.log.confirms_copy(_tags_of(parts, copy), since, clock):
        return False
    parts.local_cache.mark_valid(copy, clock, Confirmation.LOG)
    return True


def was_published(parts: RegionParts, copy: Copy) -> bool:
    """Return whether a local copy is known to be outdated, without reading from a store."""
    return parts.stamps.log.has_published(_tags_of(parts, copy), copy.validated_at)


def _tags_of(parts: RegionParts, copy: Copy) -> frozenset[str]:
    """Return the tags of a copy: those of its entry, and the tag of all copies."""
    derived = copy.entry.derived
    tags: frozenset[str] | None = derived.get(_TAGS)
    if tags is None:
        tags = derived[_TAGS] = frozenset((*copy.entry.tags, copies_tag(parts.name)))
    return tags
