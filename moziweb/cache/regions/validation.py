"""Validates stored entries and local copies against the stamps of their tags.

The clock is read first; the entries and the stamps that they are compared with are read after it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..protocol.dependencies import DependencyGroup
from ..protocol.entry import Entry
from ..protocol.stamps import copies_tag, is_valid, tags_to_resolve
from .http_policy import DERIVED_KEY
from .local_cache import Copy
from .parts import RegionParts


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Fetched entries by key, and the tags of the outdated ones that have no number."""

    valid: Mapping[str, Entry]
    outdated: Mapping[str, Entry]
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
    copies = copies_tag(parts.name)
    known = parts.stamps_of(found.values(), (copies,) if keep_copies and found else ())
    stamps = known or {}
    now = parts.now()
    valid = {
        key: entry
        for key, entry in found.items()
        if now < entry.expires and is_valid(entry.dependencies, stamps, clock)
    }
    if valid and keep_copies:
        for key, entry in valid.items():
            parts.local_cache.put(key, entry, clock, now)
        parts.resolve(tags_to_resolve([copies], stamps, clock))
    outdated = {key: entry for key, entry in found.items() if key not in valid}
    if known is not None:
        for key in outdated:
            parts.local_cache.discard(key)
    tags = {tag for entry in outdated.values() for tag in entry.tags}
    return ValidationResult(valid, outdated, frozenset(tags_to_resolve(tags, stamps, clock)))


def revalidate_copies(parts: RegionParts, copies: Mapping[str, Copy], clock: int) -> None:
    """Validate local ``copies``, by key, at ``clock``, read before this call.

    Reads all stamps at once and fetches no entry. A copy that is not valid is dropped, so the next
    read fetches the entry (``fetch_and_validate``). If the stamps cannot be read, nothing changes.
    """
    now = parts.now()
    alive = {key: copy for key, copy in copies.items() if now < copy.entry.expires}
    tag = copies_tag(parts.name)
    stamps = parts.stamps_of((copy.entry for copy in alive.values()), (tag,)) if alive else None
    if stamps is None:
        return
    for key, copy in alive.items():
        fetched = DependencyGroup(copy.fetched_at, (tag,))
        if is_valid((*copy.entry.dependencies, fetched), stamps, clock):
            parts.local_cache.mark_valid(copy, clock)
        else:
            parts.local_cache.discard(key)
