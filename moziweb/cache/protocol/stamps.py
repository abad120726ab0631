"""Stamps decide which entries are valid: the invalidation protocol, in four operations.

There is one clock, a counter, and one stamp per tag. A stamp is either a tombstone, written by an
invalidation of the tag, or a value of the clock: entries rendered from that clock on are valid.

* A **writer** publishes after its commit: step the clock, set the tags to TOMBSTONE, step it again.
  For each step it writes a record to the invalidation log (``invalidation_log.py``).
* A **reader** reads the clock, then the entry and the stamps of its tags. The entry is valid if
  each stamp is a number that is not above the clock of the snapshot that its fragment was rendered
  from.
* A reader that finds a tombstone resolves the tag: it reads the clock and swaps it in, unless the
  stamp was written in between.

Why this is correct. An entry that does not show write W has a snapshot clock from before W's
commit, so from before W's first step. A number that follows W's tombstone is from a clock read
after that step. So the stamp is above the snapshot clock, and the entry stays invalid for ever.
The second step is for copies that a process keeps with their clock (``regions/local_cache.py``):
one validated between the first step and the tombstone would otherwise stay valid until the next
write.

Writers never write numbers: with two writers, a stamp set from a counter can go backwards (400
times in 12,000 runs). A stamp *equal* to the snapshot clock is valid: with ``<`` nothing would be a
hit after an invalidation, because the resolver and the next render read the same clock.

With its second step an invalidation is published. The record of that step is written after it, and
is not needed: a reader that misses a record reads stamps.

The store may lose anything at any moment. A lost stamp counts as a tombstone. A lost clock is
replaced by one with another epoch in its high bits, which invalidates everything of the old one.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from ..errors import PublishError, StoreError, StoreUnreachableError
from .clock import EPOCH_SHIFT, epoch_of, new_clock
from .dependencies import DependencyGroup
from .invalidation_log import RING, InvalidationLog, begin_record, record_name, tags_record
from .publish_times import DEFAULT_GRACE
from .store import AtomicStore

log = logging.getLogger(__name__)

TOMBSTONE: Final = b"~"
CLOCK: Final = "clock"
_TAG_PREFIX: Final = "tag:"
_MAX_CLOCK: Final = (1 << 63) - 1
_MAX_DIGITS: Final = len(str(_MAX_CLOCK))
_ATTEMPTS: Final = 3


def copies_tag(region: str) -> str:
    """Return the tag of all local copies of a region's entries (``regions/local_cache.py``)."""
    return f"copies:{region}"


def tags_to_resolve(tags: Iterable[str], stamps: Mapping[str, int], clock: int) -> list[str]:
    """Return the tags whose stamps are not numbers of the clock's epoch."""
    epoch = epoch_of(clock)
    return [tag for tag in tags if tag not in stamps or epoch_of(stamps[tag]) != epoch]


def is_valid(
    dependencies: Iterable[DependencyGroup], stamps: Mapping[str, int], clock: int
) -> bool:
    """Return whether an entry with these dependencies is valid at ``clock``.

    The stamps and the entry must have been read after the clock. Every dependency must satisfy
    ``stamp <= snapshot_clock <= clock`` within one epoch. A group without tags ties its entry to
    the epoch, so that a new epoch invalidates it.
    """
    first = epoch_of(clock) << EPOCH_SHIFT
    for group in dependencies:
        if not first <= group.snapshot_clock <= clock:
            return False
        for tag in group.tags:
            stamp = stamps.get(tag)
            if stamp is None or not first <= stamp <= group.snapshot_clock:
                return False
    return True


class StampStore:
    """The protocol over an atomic store.

    ``ttl`` is the life of a stamp in seconds. It must be above the longest life of any entry: an
    entry that outlives one of its stamps is a needless miss, never a stale page.
    """

    def __init__(
        self,
        store: AtomicStore,
        ttl: float,
        on_publish: Callable[[Iterable[str] | None], None] | None = None,
        *,
        longest_grace: float = DEFAULT_GRACE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``on_publish`` is called with the tags that were published; with None for everything.

        ``longest_grace`` is that of the regions (``regions/policy.py``).
        """
        self._store = store
        self._ttl = ttl
        self._on_publish = on_publish
        self._monotonic = monotonic
        self.log = InvalidationLog(
            lambda names: store.get_multi(names), longest_grace=longest_grace, monotonic=monotonic
        )
        """What this process knows of the invalidation log."""

    def clock(self) -> int | None:
        """Return the clock, started if there is none; None if the store does not answer."""
        try:
            return self.read_clock()
        except StoreError:
            return None

    def read_clock(self) -> int:
        """Return the clock; raise ``StoreError`` if the store does not answer."""
        began = self._monotonic()
        value = _number(self._store.get(CLOCK))
        if value is None:
            self._start_clock()
            value = _number(self._store.get(CLOCK))
        if value is None:
            raise StoreUnreachableError("the clock cannot be read back")
        self.log.note_clock(value, began)
        return value

    def _start_clock(self) -> None:
        """Start an epoch if there is no clock, or a value that is not a clock."""
        fresh = b"%d" % new_clock()
        if self._store.add(CLOCK, fresh):
            return
        pair = self._store.gets(CLOCK)
        if pair is not None and _number(pair[0]) is None:
            self._store.cas(CLOCK, fresh, pair[1])

    def get_multi(self, tags: Iterable[str]) -> dict[str, int]:
        """Return the stamps of ``tags`` that are numbers, of any epoch."""
        found = self.read_raw(tags)
        return {tag: number for tag, number in found.items() if number is not None}

    def read_raw(self, tags: Iterable[str]) -> dict[str, int | None]:
        """Return the stamps of ``tags``, None for a tombstone; missing ones are left out.

        For inspection: validation treats both alike.
        """
        found = self._store.get_multi([_TAG_PREFIX + tag for tag in tags])
        skip = len(_TAG_PREFIX)
        return {name[skip:]: _number(value) for name, value in found.items()}

    def log_size(self) -> tuple[int, int]:
        """Return the number of records of the invalidation log, and their bytes.

        Reads all of them, so it is for inspection. Raises ``StoreError``.
        """
        records = self._store.get_multi(list(map(record_name, range(RING))))
        return len(records), sum(map(len, records.values()))

    def was_valid(
        self,
        dependencies: Iterable[DependencyGroup],
        stamps: Mapping[str, int],
        clock: int,
        within: float,
    ) -> bool:
        """Return whether an entry was valid at some time of the last ``within`` seconds.

        It was if it is valid by ``stamps`` at ``clock``, both just read as for ``is_valid``, or by
        the log. Expiry is not considered. False means no or unknown.
        """
        groups = tuple(dependencies)
        return is_valid(groups, stamps, clock) or self.log.was_valid(
            ((group.snapshot_clock, group.tags) for group in groups), within
        )

    def publish(self, tags: Iterable[str]) -> None:
        """Make an invalidation of ``tags`` visible to every process.

        Raises ``PublishError`` if any step was not acknowledged. The state of the store is then
        unknown, and all of the tags must be published again.
        """
        published = list(tags)
        self._publish_tags(published)
        self._notify(published)

    def _publish_tags(self, tags: Sequence[str]) -> None:
        try:
            for _ in range(_ATTEMPTS):
                if self._write_tombstones(tags):
                    return
        except StoreError as error:
            raise PublishError(str(error)) from error
        raise PublishError(
            f"the invalidation clock was reset during {_ATTEMPTS} attempts to publish"
        )

    def _write_tombstones(self, tags: Sequence[str]) -> bool:
        """Step, set, step. False if the clock was lost in between, perhaps with the tombstones."""
        self.read_clock()
        first = self._store.incr(CLOCK)
        if first is None:
            return False
        tombstones = {_TAG_PREFIX + tag: TOMBSTONE for tag in tags}
        # The record is first, so that readers wait for it as short as possible.
        self._store.set_multi({record_name(first): begin_record(first), **tombstones}, self._ttl)
        second = self._store.incr(CLOCK)
        if second is None:
            return False
        with suppress(StoreError):
            self._store.set_multi({record_name(second): tags_record(second, tags)}, self._ttl)
        return True

    def resolve(self, tags: Iterable[str]) -> None:
        """Set the stamp of every tag without a number of this epoch to the current clock.

        One clock is enough for all, as it is read after the last ``gets``. A swap may fail: then a
        writer has set a tombstone, or another reader a number.
        """
        epoch = epoch_of(self.read_clock())
        tokens = [(tag, self._cas_token(_TAG_PREFIX + tag, epoch)) for tag in tags]
        unresolved = [(tag, token) for tag, token in tokens if token is not None]
        if not unresolved:
            return
        clock = b"%d" % self.read_clock()
        for tag, token in unresolved:
            self._store.cas(_TAG_PREFIX + tag, clock, token, self._ttl)

    def _cas_token(self, name: str, epoch: int) -> int | None:
        """Return the token to swap a stamp with; None if it already is a number of ``epoch``."""
        pair = self._store.gets(name)
        if pair is None:
            self._store.add(name, TOMBSTONE, self._ttl)
            pair = self._store.gets(name)
        if pair is None:
            return None
        number = _number(pair[0])
        return None if number is not None and epoch_of(number) == epoch else pair[1]

    def invalidate_local_copies(self, region: str) -> None:
        """Invalidate the local copies that processes keep of a region's entries.

        Raises ``PublishError`` as ``publish`` does. ``on_publish`` is not called: no page has the
        tag.
        """
        tag = copies_tag(region)
        self._publish_tags([tag])
        with suppress(StoreError):  # else it is resolved when the next copy is kept
            self.resolve([tag])

    def new_epoch(self) -> None:
        """Invalidate everything: for a database that was restored, or changed by hand."""
        try:
            before = epoch_of(self.read_clock())
            clock = new_clock()
            while epoch_of(clock) == before:
                clock = new_clock()
            self._store.set_multi({CLOCK: b"%d" % clock})
        except StoreError as error:
            raise PublishError(str(error)) from error
        self._notify(None)

    def _notify(self, tags: Iterable[str] | None) -> None:
        """Call ``on_publish``; its exceptions are logged, for the tags are already published."""
        if self._on_publish is None:
            return
        try:
            self._on_publish(tags)
        except Exception:
            log.exception("cache: published, but the on_publish listener failed")


def _number(value: bytes | None) -> int | None:
    """The number that a clock or stamp is; None for a tombstone and for what we never write."""
    if value is None or len(value) > _MAX_DIGITS or not value.isdigit():
        return None
    number = int(value)
    return number if number <= _MAX_CLOCK else None
