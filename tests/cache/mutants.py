"""Mutants of the protocol, each of which the tests must find.

Each function patches one step of the production code with a plausible mistake.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress

import pytest

from moziweb.cache.admin.purge import forget_entries
from moziweb.cache.http.routes import EntryLocation
from moziweb.cache.protocol import dependencies, invalidation_log, stamps
from moziweb.cache.protocol.clock import epoch_of
from moziweb.cache.protocol.dependencies import DependencyGroup, DependencyRecorder
from moziweb.cache.protocol.entry import Entry
from moziweb.cache.protocol.invalidation_log import (
    InvalidationLog,
    begin_record,
    record_name,
    tags_of_record,
    tags_record,
)
from moziweb.cache.protocol.publish_times import PublishTimes
from moziweb.cache.protocol.stamps import CLOCK, TOMBSTONE, StampStore
from moziweb.cache.regions import local_cache, local_reads, read, validation, write
from moziweb.cache.regions.local_reads import LocalReads
from moziweb.cache.regions.negative import NegativeEntries
from moziweb.cache.regions.parts import RegionParts
from moziweb.cache.regions.region import Render, TaggedRegion
from moziweb.cache.regions.rendering import CacheResult, CacheStatus, RenderContext, Rendered

from . import world


def no_cas(patch: pytest.MonkeyPatch) -> None:
    """A reader resolves with a plain set, which overwrites a writer's tombstone."""

    def resolve(self: StampStore, tags: Iterable[str]) -> None:
        names = [f"tag:{tag}" for tag in tags]
        found = {name: self._store.get(name) for name in names}
        now = b"%d" % self.read_clock()
        for name, value in found.items():
            if value is None or not value.isdigit():
                self._store.set_multi({name: now}, self._ttl)

    patch.setattr(StampStore, "resolve", resolve)


def no_first_step(patch: pytest.MonkeyPatch) -> None:
    """A writer sets tombstones before it steps: the next number may be an old render's clock."""

    def write_tombstones(self: StampStore, tags: Sequence[str]) -> bool:
        self.read_clock()
        self._store.set_multi({f"tag:{tag}": TOMBSTONE for tag in tags}, self._ttl)
        return self._store.incr(CLOCK) is not None

    patch.setattr(StampStore, "_write_tombstones", write_tombstones)


def no_second_step(patch: pytest.MonkeyPatch) -> None:
    """Copies validated between the step and the tombstone stay valid."""

    def write_tombstones(self: StampStore, tags: Sequence[str]) -> bool:
        self.read_clock()
        if self._store.incr(CLOCK) is None:
            return False
        self._store.set_multi({f"tag:{tag}": TOMBSTONE for tag in tags}, self._ttl)
        return True

    patch.setattr(StampStore, "_write_tombstones", write_tombstones)


def resolve_with_an_old_clock(patch: pytest.MonkeyPatch) -> None:
    """A reader reads the clock first and the stamps after it."""

    def resolve(self: StampStore, tags: Iterable[str]) -> None:
        clock = self.read_clock()
        for tag in tags:
            token = self._cas_token(f"tag:{tag}", epoch_of(clock))
            if token is not None:
                self._store.cas(f"tag:{tag}", b"%d" % clock, token, self._ttl)

    patch.setattr(StampStore, "resolve", resolve)


def copy_has_clock_from_after_stamps(patch: pytest.MonkeyPatch) -> None:
    """A copy is kept with a clock that was read after its stamps."""
    original = validation.fetch_and_validate

    def fetch_and_validate(
        parts: RegionParts, keys: Sequence[str], clock: int
    ) -> validation.ValidationResult:
        result = original(parts, keys, clock)
        later = parts.stamps.clock()
        for key, entry in result.valid.items():
            if later is not None:
                by = local_cache.Confirmation.STAMPS
                parts.local_cache.put(key, entry, later, parts.now(), by)
        return result

    patch.setattr(read, "fetch_and_validate", fetch_and_validate)


def copy_has_end_of_the_log(patch: pytest.MonkeyPatch) -> None:
    """A copy is kept with the clock that another thread has read the log up to."""
    original = validation.fetch_and_validate

    def fetch_and_validate(
        parts: RegionParts, keys: Sequence[str], clock: int
    ) -> validation.ValidationResult:
        result = original(parts, keys, clock)
        parts.entries.get_multi(keys)  # another actor may continue
        for key, entry in result.valid.items():
            by = local_cache.Confirmation.STAMPS
            parts.local_cache.put(key, entry, parts.stamps.log._end, parts.now(), by)
        return result

    patch.setattr(read, "fetch_and_validate", fetch_and_validate)


def fresh_copy_has_clock_of_its_store(patch: pytest.MonkeyPatch) -> None:
    """A copy of a render is kept at a clock that is read when it is stored."""
    original = write._resolve_tags_of

    def resolve_tags_of(
        parts: RegionParts, key: str, entry: Entry, validated_at: int | None
    ) -> None:
        original(parts, key, entry, validated_at)
        clock = parts.stamps.clock()
        if clock is not None:
            by = local_cache.Confirmation.STAMPS
            parts.local_cache.put(key, entry, clock, parts.now(), by)

    patch.setattr(write, "_resolve_tags_of", resolve_tags_of)


def page_gives_fragments_its_clock(patch: pytest.MonkeyPatch) -> None:
    """Cached fragments enter a page with the page's own, later clock."""

    def serve_valid(
        self: read.ReadOperation, key: str, entry: Entry, clock: int, status: object
    ) -> None:
        self._served[key] = CacheResult(CacheStatus.HIT, entry)
        if self._parent is not None:
            self._parent.depend(*(tag for group in entry.dependencies for tag in group.tags))

    patch.setattr(read.ReadOperation, "_serve_valid", serve_valid)


def fresh_clock_in_an_open_transaction(patch: pytest.MonkeyPatch) -> None:
    """Each fragment reads a clock of its own although its transaction began before."""

    def depend(self: RenderContext, *tags: str) -> None:
        self.source.snapshot_clock()
        self.recorder.depend(self.source._stamps.clock(), *tags)  # type: ignore[attr-defined]

    patch.setattr(RenderContext, "depend", depend)


def clock_read_after_render(patch: pytest.MonkeyPatch) -> None:
    """The clock is read after the data."""

    def snapshot_clock(self: world.Session) -> int | None:
        self.version(world.LIST)
        return original(self)

    original = world.Session.snapshot_clock
    patch.setattr(world.Session, "snapshot_clock", snapshot_clock)


def local_cache_ignores_expiry(patch: pytest.MonkeyPatch) -> None:
    """A copy is valid until the clock moves, even after its expiry."""

    def get(self: local_cache.LocalCache, key: str, clock: int, now: float) -> Entry | None:
        copy = self._copies.get(key)
        return copy.entry if copy is not None and copy.validated_at == clock else None

    patch.setattr(local_cache.LocalCache, "get", get)


def local_read_ignores_clock(patch: pytest.MonkeyPatch) -> None:
    """A local read serves a copy whenever the clock can be read."""

    def get(self: LocalReads, key: str, copy: local_cache.Copy, clock: int) -> Entry | None:
        return None if self._parts.now() >= copy.entry.expires else copy.entry

    patch.setattr(LocalReads, "revalidate", lambda *_: None)
    patch.setattr(LocalReads, "get", get)


def local_read_ignores_expiry(patch: pytest.MonkeyPatch) -> None:
    """A local read serves a copy until the clock moves, even after its expiry."""

    def get(self: LocalReads, key: str, copy: local_cache.Copy, clock: int) -> Entry | None:
        return copy.entry if copy.validated_at == clock else None

    patch.setattr(LocalReads, "get", get)


def page_copy_has_latest_clock(patch: pytest.MonkeyPatch) -> None:
    """The copy of a page has the latest clock of its fragments instead of the least."""

    def note_validation(self: DependencyRecorder, validated_at: int | None) -> None:
        if validated_at is None:
            self._has_fresh_parts = True
        else:
            self._validated_at = max(self._validated_at or 0, validated_at)

    patch.setattr(DependencyRecorder, "_note_validation", note_validation)


def page_copy_has_clock_of_another_epoch(patch: pytest.MonkeyPatch) -> None:
    """The least number of two epochs is taken, though a fragment was not validated there."""
    patch.setattr(dependencies, "epoch_of", lambda clock: 0)


def refresh_reads_clock_after_render(patch: pytest.MonkeyPatch) -> None:
    """https://github.com/ZiggyCreatures/FusionCache/issues/628, and 535."""

    def render_and_store(
        self: TaggedRegion, key: str, context: RenderContext, render: Render
    ) -> CacheResult:
        rendered = {key: render(context)}
        recorded = context.recorder
        context.recorder = DependencyRecorder()
        tags = [tag for group in recorded.dependencies() for tag in group.tags]
        context.recorder.depend(self._parts.stamps.clock(), *tags)
        return write.store_rendered(self._parts, context.source, {key: context}, rendered)[key]

    patch.setattr(TaggedRegion, "_render_and_store", render_and_store)


def tags_expanded_before_commit(patch: pytest.MonkeyPatch) -> None:
    """A transaction queries its tags without a lock, and does not see the commits of others."""

    def change(self: world.World, column: str, value: int) -> None:
        self.pause("expand")
        names = [name for name in self.database.resolved(column) if name != world.LISTS_OF_THIRD]
        self.pause("commit")
        self.publish_change(self.database.change(column, value, names))

    patch.setattr(world.World, "change", change)


def withdrawal_expanded_after_commit_only(patch: pytest.MonkeyPatch) -> None:
    """By then, the movie may have left the lists that it was shown in."""

    def resolved(self: world.Database, column: str) -> list[str]:
        return [world.LISTS_OF_THIRD] if column == "shown" else original(self, column)

    original = world.Database.resolved
    patch.setattr(world.Database, "resolved", resolved)


def negative_entry_of_another_page(patch: pytest.MonkeyPatch) -> None:
    """URLs share slots, and the key in the entry is not compared."""

    def find(self: NegativeEntries, page: str) -> CacheResult | None:
        return self.region.get_if(self._slot_key(page), lambda _: True)

    patch.setattr(NegativeEntries, "find", find)


def negative_entry_is_not_validated(patch: pytest.MonkeyPatch) -> None:
    """Negative entries are served without validation."""

    def find(self: NegativeEntries, page: str) -> CacheResult | None:
        entry = self.entries([page]).get(page)
        return None if entry is None else CacheResult(CacheStatus.HIT, entry)

    patch.setattr(NegativeEntries, "find", find)


def purge_begins_with_the_page(patch: pytest.MonkeyPatch) -> None:
    """The page is purged before its cards: it may be assembled from the old cards in between."""

    def purge(page: EntryLocation, find_others: Callable[[], list[EntryLocation]]) -> None:
        for place in (page, *find_others()):
            place.region.delete(place.key)

    patch.setattr(world, "forget_entries", purge)


def purge_lists_entries_before_it_locks(patch: pytest.MonkeyPatch) -> None:
    """A running render stores a template, cards or a negative entry after that."""

    def purge(page: EntryLocation, find_others: Callable[[], list[EntryLocation]]) -> None:
        others = find_others()
        forget_entries(page, lambda: others)

    patch.setattr(world, "forget_entries", purge)


def negative_entry_is_stored_after_the_lease(patch: pytest.MonkeyPatch) -> None:
    """A purge of the page does not wait for it."""

    def store(
        self: NegativeEntries, page: str, rendered: Rendered, context: RenderContext
    ) -> CacheResult | None:
        leases = self.region._parts.leases
        token = leases.store.get(f"{page}_lock")
        if token is not None:
            leases.release(page, token)
        return original(self, page, rendered, context)

    original = NegativeEntries.store
    patch.setattr(NegativeEntries, "store", store)


def purge_does_not_lock_renders(patch: pytest.MonkeyPatch) -> None:
    """A running render stores the old data after the purge."""
    patch.setattr(TaggedRegion, "lock_renders", lambda self, key: nullcontext())


def purge_does_not_move_clock(patch: pytest.MonkeyPatch) -> None:
    """Copies in other processes stay valid."""

    def delete(self: TaggedRegion, key: str) -> None:
        self._parts.local_cache.discard(key)
        self._parts.entries.backend.remove([key])

    patch.setattr(TaggedRegion, "delete", delete)


def delete_does_not_invalidate_copies(patch: pytest.MonkeyPatch) -> None:
    """A delete only moves the clock; the copies are then valid by their stamps."""
    patch.setattr(StampStore, "invalidate_local_copies", lambda self, region: self.publish(()))


def revalidated_copies_get_next_clock(patch: pytest.MonkeyPatch) -> None:
    """A revalidated copy gets a clock that was read after its stamps."""
    original = validation.revalidate_copies

    def revalidate_copies(
        parts: RegionParts, copies: Mapping[str, local_cache.Copy], clock: int
    ) -> None:
        original(parts, copies, clock)
        later = parts.stamps.clock()
        for copy in copies.values():
            if copy.validated_at == clock and later is not None:
                copy.validated_at = later

    patch.setattr(local_reads, "revalidate_copies", revalidate_copies)


def log_confirms_everything(patch: pytest.MonkeyPatch) -> None:
    """What the log says is not compared with the tags."""
    patch.setattr(invalidation_log, "_is_published", lambda *_: False)
    patch.setattr(InvalidationLog, "_is_published_since", lambda *_: False)


def log_has_tags_at_first_step(patch: pytest.MonkeyPatch) -> None:
    """The tags are in the first record; a copy may be validated after it, before the tombstone."""

    def write_tombstones(self: StampStore, tags: Sequence[str]) -> bool:
        self.read_clock()
        first = self._store.incr(CLOCK)
        if first is None:
            return False
        tombstones = {f"tag:{tag}": TOMBSTONE for tag in tags}
        self._store.set_multi({record_name(first): tags_record(first, tags)} | tombstones)
        second = self._store.incr(CLOCK)
        if second is None:
            return False
        self._store.set_multi({record_name(second): begin_record(second)})
        return True

    patch.setattr(StampStore, "_write_tombstones", write_tombstones)


def log_has_tags_before_second_step(patch: pytest.MonkeyPatch) -> None:
    """The tags are recorded under the next number, which another writer may take."""

    def write_tombstones(self: StampStore, tags: Sequence[str]) -> bool:
        self.read_clock()
        first = self._store.incr(CLOCK)
        if first is None:
            return False
        tombstones = {f"tag:{tag}": TOMBSTONE for tag in tags}
        self._store.set_multi({record_name(first): begin_record(first)} | tombstones)
        self._store.set_multi({record_name(first + 1): tags_record(first + 1, tags)})
        return self._store.incr(CLOCK) is not None

    patch.setattr(StampStore, "_write_tombstones", write_tombstones)


def log_is_read_before_clock(patch: pytest.MonkeyPatch) -> None:
    """The records that exist are read, then the clock; all up to it counts as read."""

    def read_clock(self: StampStore) -> int:
        end = self.log._end
        found = self._store.get_multi([record_name(end + ahead) for ahead in range(1, 9)])
        clock = original(self)
        if epoch_of(end) == epoch_of(clock):
            for number in range(end + 1, clock + 1):
                with suppress(LookupError):
                    tags = tags_of_record(found.get(record_name(number), b""), number) or ()
                    self.log._last.update(dict.fromkeys(tags, number))
            self.log._end = max(self.log._end, clock)
        return clock

    original = StampStore.read_clock
    patch.setattr(StampStore, "read_clock", read_clock)


def confirmed_copy_gets_clock_of_now(patch: pytest.MonkeyPatch) -> None:
    """A copy that the log confirms is valid at a clock that is read after that."""

    def confirm_copy(parts: RegionParts, copy: local_cache.Copy, clock: int) -> bool:
        confirmed = original(parts, copy, clock)
        later = parts.stamps.clock() if confirmed else None
        if later is not None:
            copy.validated_at = later
        return confirmed

    original = validation._confirm_copy
    patch.setattr(validation, "_confirm_copy", confirm_copy)


def log_ignores_tag_of_copies(patch: pytest.MonkeyPatch) -> None:
    """The log confirms copies of entries that were deleted by their keys."""
    patch.setattr(validation, "_tags_of", lambda _, copy: frozenset(copy.entry.tags))


def log_judges_entry_by_its_latest_part(patch: pytest.MonkeyPatch) -> None:
    """All tags of an entry are compared with the latest snapshot clock of its parts."""
    original = InvalidationLog.confirms

    def confirms(
        self: InvalidationLog, pairs: Iterable[tuple[int, Iterable[str]]], clock: int
    ) -> bool:
        parts = list(pairs)
        latest = max(since for since, _ in parts)
        return original(self, [(latest, tags) for _, tags in parts], clock)

    patch.setattr(InvalidationLog, "confirms", confirms)


def stale_entries_have_no_grace(patch: pytest.MonkeyPatch) -> None:
    """An outdated entry is served however long it is outdated."""
    patch.setattr(StampStore, "was_valid", lambda *_: True)


def grace_ignores_expiry(patch: pytest.MonkeyPatch) -> None:
    """An entry is in grace if its tags were valid, even if it expired long ago."""

    def was_valid(
        parts: RegionParts, entry: Entry, stamps: Mapping[str, int], clock: int, now: float
    ) -> bool:
        return parts.stamps.was_valid(entry.dependencies, stamps, clock, parts.policy.grace)

    patch.setattr(validation, "_was_valid", was_valid)


def clock_is_read_before_its_time(patch: pytest.MonkeyPatch) -> None:
    """The time of a read of the clock is taken after it."""

    def read_clock(self: StampStore) -> int:
        clock = original(self)
        self._store.get("anything")  # another actor may continue
        self.log.note_clock(clock, self._monotonic())
        return clock

    original = StampStore.read_clock
    patch.setattr(StampStore, "read_clock", read_clock)


def unread_records_are_taken_as_read(patch: pytest.MonkeyPatch) -> None:
    """A read of the clock counts although the records up to it were not read."""

    def note_times(self: InvalidationLog) -> None:
        self._times.known_at = max(self._times.known_at, self._clock_read[1])

    patch.setattr(InvalidationLog, "_note_times", note_times)


def each_publish_renews_the_grace(patch: pytest.MonkeyPatch) -> None:
    """Only the time of a tag's last publish is kept."""

    def add(self: PublishTimes, number: int, tags: tuple[str, ...], now: float) -> None:
        for tag in tags:
            self._old.pop(tag, None)
        earlier = [each for each in self._recent if not set(each[2]) & set(tags)]
        self._recent.clear()
        self._recent.extend(earlier)
        original(self, number, tags, now)

    original = PublishTimes.add
    patch.setattr(PublishTimes, "add", add)


def lost_record_is_taken_as_new(patch: pytest.MonkeyPatch) -> None:
    """After a record that is missing, nothing before it counts as published."""

    def start_at(self: InvalidationLog, number: int) -> None:
        self._end = number
        self._last = {}
        self._times.forget()
        self._times.known_at = self._monotonic()

    patch.setattr(InvalidationLog, "_start_at", start_at)


def missing_record_is_passed_over(patch: pytest.MonkeyPatch) -> None:
    """A missing record is taken for one without tags."""

    def tags(record: bytes, number: int) -> tuple[str, ...] | None:
        try:
            return original(record, number)
        except LookupError:
            return ()

    original = invalidation_log.tags_of_record
    patch.setattr(invalidation_log, "tags_of_record", tags)


def number_of_record_is_not_compared(patch: pytest.MonkeyPatch) -> None:
    """The record of another number, in the same place, is taken for this one."""

    def tags(record: bytes, number: int) -> tuple[str, ...] | None:
        found = record.partition(b" ")[0]
        return original(record, int(found) if found.isdigit() else number)

    original = invalidation_log.tags_of_record
    patch.setattr(invalidation_log, "tags_of_record", tags)


def log_keeps_its_start(patch: pytest.MonkeyPatch) -> None:
    """After a record that is given up, copies from before it are confirmed."""

    def start_at(self: InvalidationLog, number: int) -> None:
        self._end = number
        self._last = {}
        self._times.forget()
        if epoch_of(self._start) != epoch_of(number):
            self._start = number

    patch.setattr(InvalidationLog, "_start_at", start_at)


def epochs_are_compared_as_numbers(patch: pytest.MonkeyPatch) -> None:
    """A copy of an old epoch is valid if its number is above that of the new epoch."""
    for module in (local_cache, local_reads, validation):
        patch.setattr(module, "reaches", lambda validated_at, clock: validated_at >= clock)


def writer_sets_number(patch: pytest.MonkeyPatch) -> None:
    """A writer sets its own number instead of a tombstone; of two writers the slow one wins."""

    def write_tombstones(self: StampStore, tags: Sequence[str]) -> bool:
        self.read_clock()
        number = self._store.incr(CLOCK)
        if number is None:
            return False
        self._store.set_multi({f"tag:{tag}": b"%d" % number for tag in tags}, self._ttl)
        return self._store.incr(CLOCK) is not None

    patch.setattr(StampStore, "_write_tombstones", write_tombstones)


def strictly_below(patch: pytest.MonkeyPatch) -> None:
    """The snapshot clock must be above the stamp, so nothing is a hit again."""

    def is_valid(
        dependencies: Iterable[DependencyGroup], found: Mapping[str, int], clock: int
    ) -> bool:
        return all(
            found.get(tag, group.snapshot_clock) < group.snapshot_clock <= clock
            for group in dependencies
            for tag in group.tags
        )

    for module in (stamps, validation):
        patch.setattr(module, "is_valid", is_valid)


def missing_stamp_gets_clock_at_once(patch: pytest.MonkeyPatch) -> None:
    """A missing stamp is added as a number, without a tombstone before the swap."""

    def resolve(self: StampStore, tags: Iterable[str]) -> None:
        clock = self.read_clock()
        for tag in tags:
            pair = self._store.gets(f"tag:{tag}")
            if pair is None:
                self._store.add(f"tag:{tag}", b"%d" % clock, self._ttl)
            elif pair[0] == TOMBSTONE:
                self._store.cas(f"tag:{tag}", b"%d" % self.read_clock(), pair[1], self._ttl)

    patch.setattr(StampStore, "resolve", resolve)
