"""Judging: which entries, and which copies in this process, are true at a clock.

Whatever is judged is fetched after the clock, and so are the stamps that it is judged by.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import StoreError
from ..protocol.dependencies import DependencyGroup, tags_of
from ..protocol.entry import Entry
from ..protocol.stamps import copies_tag, is_valid, tags_to_resolve
from .http_policy import KEY
from .local_cache import Copy
from .parts import RegionParts


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What a look at the store found: entries by key, and the tags that have no number."""

    valid: Mapping[str, Entry]
    outdated: Mapping[str, Entry]
    unresolved_tags: frozenset[str]


def fetch_and_validate(
    parts: RegionParts, keys: Sequence[str], g: int, *, remember: bool = True
) -> ValidationResult:
    """Fetch the entries of ``keys`` and judge them at the clock ``g``, read before this call.

    What is true is remembered in the first level, if it is to be, and what is not is forgotten
    there: its copy, true at an older clock, must not come back when the stamps cannot be asked
    (``last_known``).
    """
    found = parts.entries.get_multi(keys)
    for entry in found.values():
        entry.derived[KEY] = parts.policy.http_policy
    copies = copies_tag(parts.name)
    known = stamps_of(parts, found.values(), (copies,) if remember and found else ())
    stamps = known or {}
    now = parts.now()
    true = {
        key: entry
        for key, entry in found.items()
        if now < entry.expires and is_valid(entry.dependencies, stamps, g)
    }
    for key, entry in true.items() if remember else ():
        parts.local_cache.put(key, entry, g, now)
    if true and remember:
        resolve(parts, tags_to_resolve([copies], stamps, g))
    outdated = {key: entry for key, entry in found.items() if key not in true}
    if known is not None:
        for key in outdated:
            parts.local_cache.discard(key)
    tags = {tag for entry in outdated.values() for tag in tags_of(entry.dependencies)}
    return ValidationResult(true, outdated, frozenset(tags_to_resolve(tags, stamps, g)))


def revalidate_copies(parts: RegionParts, copies: Mapping[str, Copy], g: int) -> None:
    """Have what is true of ``copies``, by key, be so at the clock ``g``, read before this call.

    Reads all stamps at once and fetches no entry. A copy that is not valid is dropped, so the next
    read goes to the store (``fetch_and_validate``). If the stamps cannot be read, nothing changes.
    """
    now = parts.now()
    alive = {key: copy for key, copy in copies.items() if now < copy.entry.expires}
    tag = copies_tag(parts.name)
    stamps = stamps_of(parts, (copy.entry for copy in alive.values()), (tag,)) if alive else None
    if stamps is None:
        return
    for key, copy in alive.items():
        removed = DependencyGroup(copy.fetched_at, (tag,))
        if is_valid((*copy.entry.dependencies, removed), stamps, g):
            parts.local_cache.mark_valid(copy, g)
        else:
            parts.local_cache.discard(key)


def stamps_of(
    parts: RegionParts, entries: Iterable[Entry], more: Iterable[str] = ()
) -> Mapping[str, int] | None:
    """The stamps of all tags of ``entries`` and of ``more``; None when they cannot be asked for."""
    tags = {tag for entry in entries for tag in tags_of(entry.dependencies)}
    tags.update(more)
    if not tags:
        return {}
    try:
        return parts.stamps.get_multi(tags)
    except StoreError:
        parts.observer.stamps_failed("get_multi")
        return None


def resolve(parts: RegionParts, tags: Iterable[str]) -> None:
    """Resolve, as well as the store lets us: an entry with an unresolved tag is a miss."""
    wanted = sorted(tags)
    if not wanted:
        return
    try:
        parts.stamps.resolve(wanted)
    except StoreError:
        parts.observer.stamps_failed("resolve")
