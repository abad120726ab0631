"""Looking into the cache: what lies under a key, whether it is true, and why it is not.

For commands and debug pages. Looking changes nothing: no tag is resolved, no lease is taken, no
copy is kept. Entries that lie in another process's memory cannot be seen from here."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..errors import EntryCorruptError, StoreError
from ..http.fragments import FRAGMENTS, PageTemplate, fragment_key, template_key
from ..http.page_cache import PageCache
from ..http.routes import EntryLocation
from ..invalidation.outbox import OutboxRow
from ..protocol.dependencies import DependencyGroup
from ..protocol.entry import Entry
from ..protocol.stamps import StampStore, epoch_of, is_valid
from ..regions.config import Cache
from ..regions.negative import NegativeEntries
from ..regions.region import TaggedRegion

CausesOf = Callable[[frozenset[str]], Mapping[str, OutboxRow]]
"""The latest invalidation of each of some tags: ``Outbox.concerning``."""


class Verdict(StrEnum):
    """What a reader would find now."""

    TRUE = "true"
    """It would be served."""
    OUTDATED = "outdated"
    """Something that it shows has changed since it was rendered."""
    EXPIRED = "expired"
    """Its time is over."""
    OLD_EPOCH = "old_epoch"
    """The clock was lost, or everything was purged, since it was rendered."""
    ABSENT = "absent"
    """Nothing lies there."""
    UNKNOWN = "unknown"
    """The stamps cannot be reached."""


MEANINGS: Final = {
    Verdict.TRUE: "true now: it would be served",
    Verdict.OUTDATED: "outdated: something that it shows has changed",
    Verdict.EXPIRED: "expired: its time is over",
    Verdict.OLD_EPOCH: "of an old epoch: the clock was lost, or everything was purged, since",
    Verdict.ABSENT: "nothing is stored",
    Verdict.UNKNOWN: "unknown: the stamps cannot be reached",
}
"""The verdicts in words."""


class Stamp(StrEnum):
    """What lies in the stamp store for a tag."""

    NUMBER = "number"
    TOMB = "tomb"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class TagState:
    """A pair (tag, started) of an entry, beside the tag's stamp.

    ``holds`` says that the pair is true now. ``cause`` is the latest invalidation of the tag, if
    the outbox still has it.
    """

    name: str
    started: int
    stamp: Stamp
    number: int | None
    holds: bool
    cause: OutboxRow | None = None


@dataclass(frozen=True, slots=True)
class Inspected:
    """What lies under a key of a region, judged at ``clock`` and ``now`` (Unix time)."""

    region: str
    key: str
    clock: int | None
    now: float
    entry: Entry | None
    verdict: Verdict
    tags: tuple[TagState, ...]

    @property
    def cause(self) -> OutboxRow | None:
        """The latest invalidation of anything that the entry shows."""
        causes = [tag.cause for tag in self.tags if tag.cause is not None]
        return max(causes, key=lambda row: row.id, default=None)


def inspect(
    stamps: StampStore,
    region: TaggedRegion,
    keys: Sequence[str],
    *,
    causes: CausesOf = lambda tags: {},
) -> list[Inspected]:
    """What lies under ``keys``, in their order.

    ``causes`` is asked for the latest invalidations of all their tags.
    """
    clock = stamps.clock()
    entries = region.stored(keys)
    tags = frozenset(tag for entry in entries.values() for tag in entry.tags)
    look = _Look(clock, _stamps_of(stamps, tags), time.time(), causes(tags))
    return [look.at(region.name, key, entries.get(key)) for key in keys]


def _stamps_of(stamps: StampStore, tags: Iterable[str]) -> Mapping[str, int | None] | None:
    try:
        return stamps.read_raw(tags)
    except StoreError:
        return None


@dataclass(frozen=True, slots=True)
class _Look:
    """Everything that entries are judged by."""

    clock: int | None
    found: Mapping[str, int | None] | None
    now: float
    causes: Mapping[str, OutboxRow]

    def at(self, region: str, key: str, entry: Entry | None) -> Inspected:
        if entry is None:
            return Inspected(region, key, self.clock, self.now, None, Verdict.ABSENT, ())
        tags = tuple(
            self._tag(name, group.snapshot_clock)
            for group in entry.dependencies
            for name in group.tags
        )
        verdict = self._verdict(entry, tags)
        return Inspected(region, key, self.clock, self.now, entry, verdict, tags)

    def _tag(self, name: str, started: int) -> TagState:
        found = self.found or {}
        number = found.get(name)
        known = {} if number is None else {name: number}
        stamp = Stamp.TOMB if name in found else Stamp.MISSING
        holds = self.clock is not None and is_valid(
            [DependencyGroup(started, (name,))], known, self.clock
        )
        return TagState(
            name, started, Stamp.NUMBER if known else stamp, number, holds, self.causes.get(name)
        )

    def _verdict(self, entry: Entry, tags: Iterable[TagState]) -> Verdict:
        if self.clock is None or self.found is None:
            return Verdict.UNKNOWN
        if self.now >= entry.expires:
            return Verdict.EXPIRED
        epoch = epoch_of(self.clock)
        if any(epoch_of(group.snapshot_clock) != epoch for group in entry.dependencies):
            return Verdict.OLD_EPOCH
        return Verdict.TRUE if all(tag.holds for tag in tags) else Verdict.OUTDATED


def clock_text(clock: int | None) -> str:
    """``1a2b3c4d:42``: an epoch and a count, for nobody can compare nineteen digits."""
    return "unreachable" if clock is None else f"{epoch_of(clock):08x}:{clock & 0xFFFFFFFF}"


def span_text(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h`` or ``5 d``: as much as one wants to know."""
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def entries_of_url(pages: PageCache, address: str) -> list[EntryLocation]:
    """The places of an address's entries: the page's first, then its shell's and its cards'.

    None where no cached page has this address. Which cards there are, the stored shell tells. The
    second is that of a "not found" or a redirect, where one is stored.
    """
    place = pages.routes.location_of(address)
    if place is None:
        return []
    return [place, *_stray_of(pages.cache, place), *_parts_of(pages, place)]


def _stray_of(cache: Cache, page: EntryLocation) -> Iterator[EntryLocation]:
    at = NegativeEntries(page.region, cache.keys[page.region.name]).key_of(page.key)
    if at is not None:
        yield EntryLocation(page.region, at, page.until)


def _parts_of(pages: PageCache, page: EntryLocation) -> Iterator[EntryLocation]:
    cache = pages.cache
    region, keys = cache.regions.get(FRAGMENTS), cache.keys.get(FRAGMENTS)
    if region is None or keys is None:
        return
    at = template_key(keys, page.key)
    stored = region.stored([at]).get(at)
    if stored is None:
        return
    yield EntryLocation(region, at, page.until)
    try:
        fragments = PageTemplate.decode(stored.payload).keys
    except EntryCorruptError:
        return
    for name in dict.fromkeys(fragments):
        yield EntryLocation(region, fragment_key(keys, pages.digest, name), page.until)


def inspect_url(pages: PageCache, address: str, causes: CausesOf) -> list[Inspected]:
    """What lies at the places of a page's entries, its own first, one fetch for each region."""
    return list(_inspected(pages.cache, entries_of_url(pages, address), causes))


def _inspected(cache: Cache, places: list[EntryLocation], causes: CausesOf) -> Iterator[Inspected]:
    for region in dict.fromkeys(place.region for place in places):
        keys = [place.key for place in places if place.region is region]
        yield from inspect(cache.stamps, region, keys, causes=causes)
