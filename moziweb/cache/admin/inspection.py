"""Inspects cached entries: whether they are valid, and which invalidation made them outdated.

For commands and debug pages. Inspection changes nothing: it resolves no tag, acquires no lease and
keeps no local copy. It cannot see entries in the memory of another process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Final

from ..errors import EntryCorruptError, StoreError
from ..http.fragments import FRAGMENTS, PageTemplate, fragment_key, template_key
from ..http.page_cache import PageCache
from ..http.routes import EntryLocation
from ..invalidation.outbox import OutboxRow
from ..protocol.clock import epoch_of, reaches
from ..protocol.dependencies import DependencyGroup
from ..protocol.entry import Entry
from ..protocol.stamps import StampStore, is_valid
from ..regions.local_cache import Confirmation
from ..regions.negative import NegativeEntries
from ..regions.region import TaggedRegion

if TYPE_CHECKING:
    from ..regions.config import Cache

CausesOf = Callable[[frozenset[str]], Mapping[str, OutboxRow]]
"""Returns the latest invalidation of each of some tags, as ``Outbox.concerning`` does."""


class Verdict(StrEnum):
    """The state of an entry, as a reader would find it now."""

    VALID = "valid"
    OUTDATED = "outdated"
    EXPIRED = "expired"
    OLD_EPOCH = "old_epoch"
    ABSENT = "absent"
    UNKNOWN = "unknown"


VERDICT_MEANINGS: Final = {
    Verdict.VALID: "valid: it would be served",
    Verdict.OUTDATED: "outdated: something that it shows has changed",
    Verdict.EXPIRED: "expired: its lifetime is over",
    Verdict.OLD_EPOCH: "of an old epoch: the clock was lost since then, or everything was purged",
    Verdict.ABSENT: "nothing is stored",
    Verdict.UNKNOWN: "unknown: the stamp store is down",
}
"""The verdicts in words."""


class StampState(StrEnum):
    """What the stamp store has for a tag."""

    NUMBER = "number"
    TOMBSTONE = "tombstone"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class TagState:
    """A tag of an entry, with its snapshot clock, beside the tag's stamp.

    ``is_valid`` says whether the entry is valid by this tag. ``cause`` is the latest invalidation
    of the tag, if the outbox still has it.
    """

    name: str
    snapshot_clock: int
    stamp: StampState
    number: int | None
    is_valid: bool
    cause: OutboxRow | None = None


@dataclass(frozen=True, slots=True)
class CopyState:
    """A local copy: the clock at which it was last confirmed, and by what; its last hit.

    The next hit reads nothing else if the clock has not moved since then.
    """

    confirmed_by: Confirmation
    clock: int
    last_hit: float


@dataclass(frozen=True, slots=True)
class Inspected:
    """The entry of a key in a region, judged at ``clock`` and ``now`` (Unix time).

    ``copy`` is the local copy of this process, if it has one.
    """

    region: str
    key: str
    clock: int | None
    now: float
    entry: Entry | None
    verdict: Verdict
    tags: tuple[TagState, ...]
    copy: CopyState | None = None

    @property
    def cause(self) -> OutboxRow | None:
        """The latest invalidation of any of the entry's tags."""
        causes = [tag.cause for tag in self.tags if tag.cause is not None]
        return max(causes, key=lambda row: row.id, default=None)


def inspect(
    stamps: StampStore,
    region: TaggedRegion,
    keys: Sequence[str],
    *,
    causes: CausesOf = lambda tags: {},
) -> list[Inspected]:
    """Inspect the entries of ``keys``, in this order.

    ``causes`` is called once, for the latest invalidations of all their tags.
    """
    clock = stamps.clock()
    entries = region.stored(keys)
    tags = frozenset(tag for entry in entries.values() for tag in entry.tags)
    inspector = _Inspector(clock, _stamps_of(stamps, tags), time.time(), causes(tags))
    return [
        replace(inspector.inspect(region.name, key, entries.get(key)), copy=_copy_of(region, key))
        for key in keys
    ]


def _copy_of(region: TaggedRegion, key: str) -> CopyState | None:
    copy = region.local.find(key)
    if copy is None:
        return None
    return CopyState(copy.confirmed_by, copy.validated_at, copy.last_hit)


def _stamps_of(stamps: StampStore, tags: Iterable[str]) -> Mapping[str, int | None] | None:
    try:
        return stamps.read_raw(tags)
    except StoreError:
        return None


@dataclass(frozen=True, slots=True)
class _Inspector:
    """The clock, stamps, time and causes by which entries are judged."""

    clock: int | None
    stamps: Mapping[str, int | None] | None
    now: float
    causes: Mapping[str, OutboxRow]

    def inspect(self, region: str, key: str, entry: Entry | None) -> Inspected:
        if entry is None:
            return Inspected(region, key, self.clock, self.now, None, Verdict.ABSENT, ())
        tags = tuple(
            self._tag(name, group.snapshot_clock)
            for group in entry.dependencies
            for name in group.tags
        )
        verdict = self._verdict(entry, tags)
        return Inspected(region, key, self.clock, self.now, entry, verdict, tags)

    def _tag(self, name: str, snapshot_clock: int) -> TagState:
        stamps = self.stamps or {}
        number = stamps.get(name)
        known = {} if number is None else {name: number}
        without_number = StampState.TOMBSTONE if name in stamps else StampState.MISSING
        return TagState(
            name,
            snapshot_clock,
            StampState.NUMBER if known else without_number,
            number,
            self.clock is not None
            and is_valid([DependencyGroup(snapshot_clock, (name,))], known, self.clock),
            self.causes.get(name),
        )

    def _verdict(self, entry: Entry, tags: Iterable[TagState]) -> Verdict:
        if self.clock is None or self.stamps is None:
            return Verdict.UNKNOWN
        if self.now >= entry.expires:
            return Verdict.EXPIRED
        epoch = epoch_of(self.clock)
        if any(epoch_of(group.snapshot_clock) != epoch for group in entry.dependencies):
            return Verdict.OLD_EPOCH
        return Verdict.VALID if all(tag.is_valid for tag in tags) else Verdict.OUTDATED


def clock_text(clock: int | None) -> str:
    """Format a clock as epoch and count, such as ``1a2b3c4d:42``."""
    return "unreachable" if clock is None else f"{epoch_of(clock):08x}:{clock & 0xFFFFFFFF}"


CONFIRMATIONS: Final = {
    Confirmation.LOG: "the invalidation log",
    Confirmation.STAMPS: "its stamps",
    Confirmation.FRAGMENTS: "its fragments",
}
"""The confirmations of copies in words."""


def copy_text(copy: CopyState, clock: int | None, now: float) -> str:
    """Describe by what a local copy was last confirmed, and whether ``clock`` has moved since."""
    by, at = CONFIRMATIONS[copy.confirmed_by], clock_text(copy.clock)
    hit = f"last hit {span_text(max(0.0, now - copy.last_hit))} ago"
    return f"confirmed by {by} at {at}; {_moved_text(copy.clock, clock)}; {hit}"


def _moved_text(since: int, clock: int | None) -> str:
    if clock is None:
        return "the clock is unreachable"
    if reaches(since, clock):
        return "the clock has not moved since then"
    if epoch_of(since) != epoch_of(clock):
        return "a new epoch has begun since then"
    return f"the clock has moved by {clock - since} since then"


def span_text(seconds: float) -> str:
    """Format a duration in its largest unit, such as ``45 s``, ``12 min``, ``3 h`` or ``5 d``."""
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def entries_of_url(pages: PageCache, path: str) -> list[EntryLocation]:
    """Return the locations of all entries of a URL; an empty list if no cached page has it.

    The first is the page's own. The others are those of its negative entry, its page template and
    its fragments, as far as they are stored; the stored template names the fragments.
    """
    page = pages.routes.location_of(path)
    if page is None:
        return []
    return [page, *_negative_entry_of(pages.cache, page), *_fragments_of(pages, page)]


def _negative_entry_of(cache: Cache, page: EntryLocation) -> Iterator[EntryLocation]:
    key = NegativeEntries(page.region, cache.keys[page.region.name]).key_of(page.key)
    if key is not None:
        yield EntryLocation(page.region, key, page.until)


def _fragments_of(pages: PageCache, page: EntryLocation) -> Iterator[EntryLocation]:
    cache = pages.cache
    region, keys = cache.regions.get(FRAGMENTS), cache.keys.get(FRAGMENTS)
    if region is None or keys is None:
        return
    key = template_key(keys, page.key)
    stored = region.stored([key]).get(key)
    if stored is None:
        return
    yield EntryLocation(region, key, page.until)
    try:
        fragments = PageTemplate.decode(stored.payload).keys
    except EntryCorruptError:
        return
    for name in dict.fromkeys(fragments):
        yield EntryLocation(region, fragment_key(keys, pages.digest, name), page.until)


def inspect_url(pages: PageCache, path: str, causes: CausesOf) -> list[Inspected]:
    """Inspect all entries of a URL, the page's own first, with one fetch for each region."""
    keys: dict[TaggedRegion, list[str]] = {}
    for location in entries_of_url(pages, path):
        keys.setdefault(location.region, []).append(location.key)
    found = (inspect(pages.cache.stamps, each, keys[each], causes=causes) for each in keys)
    return list(chain.from_iterable(found))
