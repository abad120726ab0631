"""Ways to get the protocol wrong, each of which the tests must catch.

Each function patches one step of the production code with a plausible mistake.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext

import pytest

from moziweb.cache.http.routes import EntryLocation
from moziweb.cache.protocol import stamps
from moziweb.cache.protocol.dependencies import DependencyGroup, DependencyRecorder, tags_of
from moziweb.cache.protocol.entry import Entry
from moziweb.cache.protocol.stamps import CLOCK, TOMBSTONE, StampStore, epoch_of
from moziweb.cache.regions import local_cache, local_reads, read, validation, write
from moziweb.cache.regions.local_reads import LocalReads
from moziweb.cache.regions.negative import NegativeEntries
from moziweb.cache.regions.parts import RegionParts
from moziweb.cache.regions.region import Render, TaggedRegion
from moziweb.cache.regions.rendering import CacheResult, RenderContext, Status

from . import world


def no_cas(patch: pytest.MonkeyPatch) -> None:
    """A reader resolves with a plain set: it buries a writer's TOMB."""

    def resolve(self: StampStore, tags: Iterable[str]) -> None:
        names = [f"tag:{tag}" for tag in tags]
        found = {name: self._store.get(name) for name in names}
        now = b"%d" % self.read_clock()
        for name, value in found.items():
            if value is None or not value.isdigit():
                self._store.set_multi({name: now}, self._ttl)

    patch.setattr(StampStore, "resolve", resolve)


def no_first_step(patch: pytest.MonkeyPatch) -> None:
    """A writer buries before it steps: the number after its TOMB may be that of an old render."""

    def write_tombstones(self: StampStore, tombs: Mapping[str, bytes]) -> bool:
        self.read_clock()
        self._store.set_multi(tombs, self._ttl)
        return self._store.incr(CLOCK) is not None

    patch.setattr(StampStore, "_write_tombstones", write_tombstones)


def no_second_step(patch: pytest.MonkeyPatch) -> None:
    """Copies that processes validated between the step and the TOMB stay good."""

    def write_tombstones(self: StampStore, tombs: Mapping[str, bytes]) -> bool:
        self.read_clock()
        if self._store.incr(CLOCK) is None:
            return False
        self._store.set_multi(tombs, self._ttl)
        return True

    patch.setattr(StampStore, "_write_tombstones", write_tombstones)


def resolve_with_an_old_clock(patch: pytest.MonkeyPatch) -> None:
    """A reader reads the clock first and the tags after it."""

    def resolve(self: StampStore, tags: Iterable[str]) -> None:
        clock = self.read_clock()
        for tag in tags:
            token = self._cas_token(f"tag:{tag}", epoch_of(clock))
            if token is not None:
                self._store.cas(f"tag:{tag}", b"%d" % clock, token, self._ttl)

    patch.setattr(StampStore, "resolve", resolve)


def clock_after_the_tags(patch: pytest.MonkeyPatch) -> None:
    """A copy is remembered at the clock read after its tags."""
    original = validation.fetch_and_validate

    def judge(parts: RegionParts, keys: Sequence[str], g: int) -> validation.ValidationResult:
        judged = original(parts, keys, g)
        later = parts.stamps.clock()
        for key, entry in judged.valid.items():
            if later is not None:
                parts.local_cache.put(key, entry, later, parts.now())
        return judged

    patch.setattr(read, "fetch_and_validate", judge)


def page_vouches_for_its_cards(patch: pytest.MonkeyPatch) -> None:
    """Pieces from the cache enter a page with the page's own, later clock."""

    def serve_valid(
        self: read.ReadOperation, key: str, entry: Entry, g: int, status: object
    ) -> None:
        self._served[key] = CacheResult(Status.HIT, entry)
        if self._parent is not None:
            self._parent.depend(*(tag for group in entry.dependencies for tag in group.tags))

    patch.setattr(read.ReadOperation, "_serve_valid", serve_valid)


def fresh_clock_in_an_open_transaction(patch: pytest.MonkeyPatch) -> None:
    """Each piece reads a clock of its own although its transaction began before."""

    def depend(self: RenderContext, *tags: str) -> None:
        self.source.snapshot_clock()
        self.recorder.depend(self.source._stamps.clock(), *tags)  # type: ignore[attr-defined]

    patch.setattr(RenderContext, "depend", depend)


def started_after_the_render(patch: pytest.MonkeyPatch) -> None:
    """The clock is read once the data has been seen, as a background factory is tempted to."""

    def snapshot_clock(self: world.Session) -> int | None:
        self.version(world.LIST)
        return original(self)

    original = world.Session.snapshot_clock
    patch.setattr(world.Session, "snapshot_clock", snapshot_clock)


def l1_ignores_expiry(patch: pytest.MonkeyPatch) -> None:
    """A copy is good for as long as the clock stands still."""

    def get(self: local_cache.LocalCache, key: str, g: int, now: float) -> Entry | None:
        copy = self._copies.get(key)
        return copy.entry if copy is not None and copy.validated_at == g else None

    patch.setattr(local_cache.LocalCache, "get", get)


def recall_ignores_the_clock(patch: pytest.MonkeyPatch) -> None:
    """The fast path serves a copy for as long as the clock can be read at all."""

    def get(self: LocalReads, key: str, copy: local_cache.Copy, clock: int) -> Entry | None:
        return None if self._parts.now() >= copy.entry.expires else copy.entry

    patch.setattr(LocalReads, "revalidate", lambda *_: None)
    patch.setattr(LocalReads, "get", get)


def recall_ignores_expiry(patch: pytest.MonkeyPatch) -> None:
    """The fast path serves a copy for as long as the clock stands still."""

    def get(self: LocalReads, key: str, copy: local_cache.Copy, clock: int) -> Entry | None:
        return copy.entry if copy.validated_at == clock else None

    patch.setattr(LocalReads, "get", get)


def l1_takes_the_latest_clock(patch: pytest.MonkeyPatch) -> None:
    """An assembled page is remembered at the latest clock of its parts instead of the least."""

    def note(self: DependencyRecorder, validated_at: int | None) -> None:
        if validated_at is None:
            self._has_fresh_parts = True
        else:
            self._validated_at = max(self._validated_at or 0, validated_at)

    patch.setattr(DependencyRecorder, "_note_validation", note)


def renewal_stamped_after_its_render(patch: pytest.MonkeyPatch) -> None:
    """https://github.com/ZiggyCreatures/FusionCache/issues/628, and 535."""

    def render_and_store(
        self: TaggedRegion, key: str, context: RenderContext, render: Render
    ) -> CacheResult:
        rendered = {key: render(context)}
        seen = context.recorder
        context.recorder = DependencyRecorder()
        context.recorder.depend(self._parts.stamps.clock(), *tags_of(seen.dependencies()))
        return write.store_rendered(self._parts, context.source, {key: context}, rendered)[key]

    patch.setattr(TaggedRegion, "_render_and_store", render_and_store)


def expanded_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """What a tag stands for is asked in the transaction, which does not see what others commit."""

    def change(self: world.World, column: str, told: str) -> None:
        self.pause("expand")
        names = world.EXPANSIONS.expanded(self.database, [told])  # type: ignore[arg-type]
        original(self, column, next(iter(names), "list:nowhere"))

    original = world.World.change
    patch.setattr(world.World, "change", change)


def stray_is_whoever_lies_there(patch: pytest.MonkeyPatch) -> None:
    """Addresses share places, and nobody looks whose answer it is."""

    def find(self: NegativeEntries, page: str) -> CacheResult | None:
        return self.region.get_if(self._slot_key(page), lambda _: True)

    patch.setattr(NegativeEntries, "find", find)


def stray_is_not_judged(patch: pytest.MonkeyPatch) -> None:
    """An answer that shows nothing cannot be out of date."""

    def find(self: NegativeEntries, page: str) -> CacheResult | None:
        entry = self.entries([page]).get(page)
        return None if entry is None else CacheResult(Status.HIT, entry)

    patch.setattr(NegativeEntries, "find", find)


def purge_begins_with_the_page(patch: pytest.MonkeyPatch) -> None:
    """A page that is put together of cards which are purged a moment later."""

    def purge(places: Sequence[EntryLocation]) -> None:
        for place in places:
            place.region.delete(place.key)

    patch.setattr(world, "forget_entries", purge)


def purge_waits_for_nobody(patch: pytest.MonkeyPatch) -> None:
    """Who is rendering it just now stores what it saw before."""
    patch.setattr(TaggedRegion, "lock_renders", lambda self, key: nullcontext())


def purge_without_a_step(patch: pytest.MonkeyPatch) -> None:
    """Copies in other processes are as good as before."""

    def delete(self: TaggedRegion, key: str) -> None:
        self._parts.local_cache.discard(key)
        self._parts.entries.remove([key])

    patch.setattr(TaggedRegion, "delete", delete)


def removed_entries_are_not_recalled(patch: pytest.MonkeyPatch) -> None:
    """A step of the clock is enough for copies, which are then checked by their stamps."""
    patch.setattr(StampStore, "invalidate_local_copies", lambda self, region: self.publish(()))


def rechecked_copies_are_of_the_next_clock(patch: pytest.MonkeyPatch) -> None:
    """A copy is remembered at a clock that was read after its stamps."""
    original = validation.revalidate_copies

    def rechecked(parts: RegionParts, copies: Mapping[str, local_cache.Copy], g: int) -> None:
        original(parts, copies, g)
        later = parts.stamps.clock()
        for copy in copies.values():
            if copy.validated_at == g and later is not None:
                copy.validated_at = later

    patch.setattr(local_reads, "revalidate_copies", rechecked)


def stamp_from_a_step(patch: pytest.MonkeyPatch) -> None:
    """Trap 2: a writer sets its own number, and of two writers the slow one wins."""

    def write_tombstones(self: StampStore, tombs: Mapping[str, bytes]) -> bool:
        self.read_clock()
        number = self._store.incr(CLOCK)
        if number is None:
            return False
        self._store.set_multi(dict.fromkeys(tombs, b"%d" % number), self._ttl)
        return self._store.incr(CLOCK) is not None

    patch.setattr(StampStore, "_write_tombstones", write_tombstones)


def strictly_below(patch: pytest.MonkeyPatch) -> None:
    """Trap 1: an entry must be younger than its stamp, and so nothing ever hits again."""

    def is_valid(dependencies: Iterable[DependencyGroup], found: Mapping[str, int], g: int) -> bool:
        return all(
            found.get(tag, group.snapshot_clock) < group.snapshot_clock <= g
            for group in dependencies
            for tag in group.tags
        )

    for module in (stamps, validation):
        patch.setattr(module, "is_valid", is_valid)


def add_the_clock(patch: pytest.MonkeyPatch) -> None:
    """A missing stamp is added as a number at once, without the TOMB that guards the swap."""

    def resolve(self: StampStore, tags: Iterable[str]) -> None:
        clock = self.read_clock()
        for tag in tags:
            pair = self._store.gets(f"tag:{tag}")
            if pair is None:
                self._store.add(f"tag:{tag}", b"%d" % clock, self._ttl)
            elif pair[0] == TOMBSTONE:
                self._store.cas(f"tag:{tag}", b"%d" % self.read_clock(), pair[1], self._ttl)

    patch.setattr(StampStore, "resolve", resolve)
