"""Stamps: which entries are still true. The heart of the cache, in four operations.

There is one clock, a counter, and a stamp for every tag in use. A stamp is either TOMB, written by
whoever changes what the tag names, or the clock's value from which on entries are valid again.

* A **writer** publishes after its commit: step the clock, set the tags to TOMB, step it again.
* A **reader** looks at the clock, then at its entry and the stamps of the entry's tags; the entry
  is valid where each stamp is a number not above the clock that its piece was *started* with.
* A reader who finds a TOMB resolves it: reads the clock and swaps it in, unless someone wrote
  meanwhile.

Why it holds. An entry that does not show write W was started before W committed, so before W's
first step of the clock. A number that stands after W's TOMB comes from a clock read after that
step. So the stamp is above ``started``, and the entry is invalid, for ever. The second step is for
copies that a process keeps beside their clock (``l1.py``): one validated between the first step and
the TOMB would otherwise be good until the next write.

Writers never write numbers: with two of them, a stamp set from a counter runs backwards (400 times
in 12,000 runs). And a stamp *equal* to ``started`` is valid: with ``<``, nothing ever hits again
after an invalidation, because who resolves and who renders next read the same clock.

Losing the store is safe at any moment. A lost stamp is a TOMB for the next reader. A lost clock is
drawn anew with another epoch in its high bits, and whatever was of the old one is invalid.
"""

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final

from ..errors import PublishError, StoreError, StoreUnreachableError
from .dependencies import DependencyGroup
from .store import AtomicStore

log = logging.getLogger(__name__)

TOMBSTONE: Final = b"~"
CLOCK: Final = "clock"
_TAG_PREFIX: Final = "tag:"
_EPOCH_SHIFT: Final = 32
_ATTEMPTS: Final = 3


def new_clock() -> int:
    """A clock at its first tick, in a random epoch: 31 bits of epoch, 32 bits of count."""
    return secrets.randbits(31) << _EPOCH_SHIFT | 1


def epoch_of(clock: int) -> int:
    """The epoch that a clock's value, or a stamp, belongs to."""
    return clock >> _EPOCH_SHIFT


def copies_tag(region: str) -> str:
    """The tag of all copies that processes keep of a region's entries (``l1.py``)."""
    return f"copies:{region}"


def tags_to_resolve(tags: Iterable[str], stamps: Mapping[str, int], g: int) -> list[str]:
    """The tags without a number of ``g``'s epoch: what a reader has to resolve."""
    epoch = epoch_of(g)
    return [tag for tag in tags if tag not in stamps or epoch_of(stamps[tag]) != epoch]


def is_valid(dependencies: Iterable[DependencyGroup], stamps: Mapping[str, int], g: int) -> bool:
    """Whether an entry with these dependencies is true at the clock ``g``.

    ``stamps`` must have been read after ``g``, and so must the entry. Every pair (tag, started)
    must satisfy ``stamp <= started <= g`` within one epoch; a group without tags still ties its
    entry to the epoch, so that a new one drops it.
    """
    first = epoch_of(g) << _EPOCH_SHIFT
    for group in dependencies:
        started = group.snapshot_clock
        if not first <= started <= g:
            return False
        for tag in group.tags:
            stamp = stamps.get(tag)
            if stamp is None or not first <= stamp <= started:
                return False
    return True


class StampStore:
    """The protocol over a store of cells.

    ``ttl`` is the life of a stamp in seconds and must be above the longest life of any entry:
    an entry that outlives a stamp of its own would be a needless miss, never a stale page.
    """

    def __init__(
        self,
        cells: AtomicStore,
        ttl: float,
        told: Callable[[Iterable[str] | None], None] | None = None,
    ) -> None:
        """``told`` hears which tags have been published; None is everything."""
        self._store = cells
        self._ttl = ttl
        self._on_publish = told

    def clock(self) -> int | None:
        """The clock, started if there is none; None when the store does not answer."""
        try:
            return self.read_clock()
        except StoreError:
            return None

    def read_clock(self) -> int:
        """The clock; ``StoreError`` when the store does not answer."""
        value = _number(self._store.get(CLOCK))
        if value is None:
            self._start_clock()
            value = _number(self._store.get(CLOCK))
        if value is None:
            raise StoreUnreachableError("the clock cannot be read back")
        return value

    def _start_clock(self) -> None:
        """Begin an epoch where there is no clock, or something that is none."""
        fresh = b"%d" % new_clock()
        if self._store.add(CLOCK, fresh):
            return
        pair = self._store.gets(CLOCK)
        if pair is not None and _number(pair[0]) is None:
            self._store.cas(CLOCK, fresh, pair[1])

    def get_multi(self, tags: Iterable[str]) -> dict[str, int]:
        """The stamps of ``tags`` that are numbers, of whichever epoch."""
        found = self._store.get_multi([_TAG_PREFIX + tag for tag in tags])
        skip = len(_TAG_PREFIX)
        numbers = ((name[skip:], _number(value)) for name, value in found.items())
        return {tag: number for tag, number in numbers if number is not None}

    def read_raw(self, tags: Iterable[str]) -> dict[str, int | None]:
        """The stamps of ``tags`` as they lie there, None for a TOMB; a missing one is left out.

        For looking, not for judging: a reader has no use for the difference.
        """
        found = self._store.get_multi([_TAG_PREFIX + tag for tag in tags])
        skip = len(_TAG_PREFIX)
        return {name[skip:]: _number(value) for name, value in found.items()}

    def publish(self, tags: Iterable[str]) -> None:
        """Make an invalidation of ``tags`` visible to every process.

        ``PublishError`` when any step was not acknowledged: then nothing can be said about what the
        store holds, and the whole must be published again.
        """
        published = list(tags)
        self._publish_tags(published)
        self._notify(published)

    def _publish_tags(self, tags: Iterable[str]) -> None:
        tombs = {_TAG_PREFIX + tag: TOMBSTONE for tag in tags}
        try:
            for _ in range(_ATTEMPTS):
                if self._write_tombstones(tombs):
                    return
        except StoreError as error:
            raise PublishError(str(error)) from error
        raise PublishError("the clock is lost again and again")

    def _write_tombstones(self, tombs: Mapping[str, bytes]) -> bool:
        """Step, set, step. False where the clock was lost under way, and the tombs maybe too."""
        self.read_clock()
        if self._store.incr(CLOCK) is None:
            return False
        self._store.set_multi(tombs, self._ttl)
        return self._store.incr(CLOCK) is not None

    def resolve(self, tags: Iterable[str]) -> None:
        """Give every tag without a number of this epoch the clock of now.

        One clock serves all: it is read after the last ``gets``, which is all that the proof asks.
        A swap that is lost is fine, someone wrote: a writer its TOMB, or another reader a number.
        """
        epoch = epoch_of(self.read_clock())
        tokens = [(tag, self._cas_token(_TAG_PREFIX + tag, epoch)) for tag in tags]
        stale = [(tag, token) for tag, token in tokens if token is not None]
        if not stale:
            return
        now = b"%d" % self.read_clock()
        for tag, token in stale:
            self._store.cas(_TAG_PREFIX + tag, now, token, self._ttl)

    def _cas_token(self, name: str, epoch: int) -> int | None:
        """The token to swap a stamp with; None where it is a number of ``epoch`` already."""
        pair = self._store.gets(name)
        if pair is None:
            self._store.add(name, TOMBSTONE, self._ttl)
            pair = self._store.gets(name)
        if pair is None:
            return None
        number = _number(pair[0])
        return None if number is not None and epoch_of(number) == epoch else pair[1]

    def invalidate_local_copies(self, region: str) -> None:
        """Have copies of a region's entries that any process keeps looked up again.

        Raises ``PublishError`` as ``publish`` does. Nobody is told of it: no page shows the tag.
        """
        tag = copies_tag(region)
        self._publish_tags([tag])
        with suppress(StoreError):  # whoever keeps the next copy resolves it
            self.resolve([tag])

    def new_epoch(self) -> None:
        """Invalidate everything at once: for a database restored, or changed by hand."""
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
        """What is published is published, whatever becomes of the news of it."""
        if self._on_publish is None:
            return
        try:
            self._on_publish(tags)
        except Exception:
            log.exception("cache: published, but whoever listens failed")


def _number(value: bytes | None) -> int | None:
    return int(value) if value is not None and value.isdigit() else None
