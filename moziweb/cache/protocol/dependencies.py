"""What a render showed, and since when: the pairs that decide how long its bytes are true.

A dependency is a pair (tag, started): something the payload shows, and the clock that was read
before the snapshot from which *that piece* was rendered. The pairs belong to the pieces, not to the
page. A page that takes a card from the cache must not vouch for it with its own, later clock, or a
card one invalidation behind would live on in the page for ever; and one clock for all, the least,
would make a page of one old card and one fresh one invalid for ever. Where a tag comes twice, the
lower ``started`` counts.

Dependencies are recorded explicitly, at the one door through which a thing is shown. Watching what
a database session loads cannot find them: the identity map hides whatever was loaded before. There
is no ambient recorder either; it hangs on the render context that is handed down.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .tags import check

NEVER: Final = math.inf
"""An expiry that does not come."""


@dataclass(frozen=True, slots=True)
class DependencyGroup:
    """The tags that share one ``started``; most pages have few groups, each with many tags."""

    snapshot_clock: int
    tags: tuple[str, ...]


def tags_of(dependencies: Iterable[DependencyGroup]) -> Iterator[str]:
    """Every tag of some dependencies, each once, for the recorder made them so."""
    for group in dependencies:
        yield from group.tags


class NotStoredReason(StrEnum):
    """Why a fresh render is served but not stored. The values are labels in the metrics."""

    SNAPSHOT_CLOCK_UNKNOWN = "started_unknown"
    WROTE = "wrote"
    STALE_PART = "stale_part"
    EXPIRED = "expired"
    TOO_BIG = "too_big"
    STORE_DOWN = "store_down"
    SWITCHED_OFF = "switched_off"


class DependencyRecorder:
    """Collects the pairs of one render, its expiry, and whether it may be stored.

    ``unknown`` says that some piece was rendered from a snapshot of unknown age, ``stale`` that
    some part was served stale: either keeps the payload out of the cache.
    """

    def __init__(self) -> None:
        self._pairs: dict[str, int] = {}
        self._clocks: set[int] = set()
        self.unknown = False
        self.stale = False
        self._expires = NEVER
        self._ends = NEVER
        self._checked_at: int | None = None
        self._fresh = False

    @property
    def expires(self) -> float:
        """The earliest moment that a piece runs out, in Unix time; ``NEVER`` if none does."""
        return self._expires

    @property
    def ends(self) -> float:
        """The end of the part of the present that the payload, or a part of it, shows: ``end``."""
        return self._ends

    @property
    def checked_at(self) -> int | None:
        """The least clock that the parts were checked with; None unless every part was.

        A page made of nothing but checked parts is itself known to be true at that clock, and only
        at that: with the latest one, it would vouch for parts that were looked at before.
        """
        return None if self._fresh else self._checked_at

    def depend(self, started: int | None, *tags: str) -> None:
        """Record that the render shows what ``tags`` name, as of the clock ``started``.

        Without tags it records the clock alone, which ties the payload to the clock's epoch.
        """
        self._fresh = True
        if started is None:
            self.unknown = True
            return
        self._clocks.add(started)
        for tag in tags:
            self._add(check(tag), started)

    def include_cached(
        self,
        dependencies: Iterable[DependencyGroup],
        expires: float,
        *,
        checked_at: int | None,
        ends: float = NEVER,
        stale: bool = False,
    ) -> None:
        """Take in a part that came from the cache, with its own pairs.

        ``checked_at`` is the clock its stamps were checked with, None for one just rendered.
        ``ends`` is the end of the part of the present that it shows: what it goes into shows that,
        too.
        """
        for group in dependencies:
            self._clocks.add(group.snapshot_clock)
            for tag in group.tags:
                self._add(tag, group.snapshot_clock)
        self.stale |= stale
        self._ends = min(self._ends, ends)
        self.cap(expires)
        self._note_check(checked_at)

    def include_child(self, inner: "DependencyRecorder") -> None:
        """Take in a part rendered just now, whether or not it could be stored.

        One that recorded nothing is of unknown age, and so is whatever it goes into.
        """
        dependencies = inner.dependencies()
        self.include_cached(
            dependencies, inner.expires, checked_at=None, ends=inner.ends, stale=inner.stale
        )
        self.unknown |= inner.unknown or not dependencies

    def cap(self, expires: float) -> None:
        """Let the payload expire no later than ``expires``, in Unix time: time is a dependency."""
        self._expires = min(self._expires, expires)

    def end(self, ends: float) -> None:
        """Cap at the end of the part of the present that is shown: made anew, it ends then, too."""
        self._ends = min(self._ends, ends)
        self.cap(ends)

    def dependencies(self) -> tuple[DependencyGroup, ...]:
        """The pairs, grouped by ``started``, in one order for one content."""
        grouped: dict[int, list[str]] = defaultdict(list)
        for started in self._clocks:
            grouped[started] = []
        for tag, started in self._pairs.items():
            grouped[started].append(tag)
        return tuple(
            DependencyGroup(started, tuple(sorted(grouped[started]))) for started in sorted(grouped)
        )

    def refusal(self, *, wrote: bool, now: float) -> NotStoredReason | None:
        """Why the payload must not be stored, as far as the render knows; None if it may be."""
        if self.stale:
            return NotStoredReason.STALE_PART  # first: it is what a visitor has to be told
        if self.unknown or not self._clocks:
            return NotStoredReason.SNAPSHOT_CLOCK_UNKNOWN
        if wrote:
            return NotStoredReason.WROTE
        return NotStoredReason.EXPIRED if now >= self._expires else None

    def _add(self, tag: str, started: int) -> None:
        known = self._pairs.get(tag)
        self._pairs[tag] = started if known is None else min(known, started)

    def _note_check(self, checked_at: int | None) -> None:
        if checked_at is None:
            self._fresh = True
        elif self._checked_at is None:
            self._checked_at = checked_at
        else:
            self._checked_at = min(self._checked_at, checked_at)
