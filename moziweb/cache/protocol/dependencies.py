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
        self._clock_by_tag: dict[str, int] = {}
        self._clocks: set[int] = set()
        self.clock_unknown = False
        self.stale = False
        self._expires = NEVER
        self._period_end = NEVER
        self._validated_at: int | None = None
        self._has_fresh_parts = False

    @property
    def expires(self) -> float:
        """The earliest moment that a piece runs out, in Unix time; ``NEVER`` if none does."""
        return self._expires

    @property
    def period_end(self) -> float:
        """The end of the part of the present that the payload, or a part of it, shows: ``end``."""
        return self._period_end

    @property
    def validated_at(self) -> int | None:
        """The least clock that the parts were checked with; None unless every part was.

        A page made of nothing but checked parts is itself known to be true at that clock, and only
        at that: with the latest one, it would vouch for parts that were looked at before.
        """
        return None if self._has_fresh_parts else self._validated_at

    def depend(self, started: int | None, *tags: str) -> None:
        """Record that the render shows what ``tags`` name, as of the clock ``started``.

        Without tags it records the clock alone, which ties the payload to the clock's epoch.
        """
        self._has_fresh_parts = True
        if started is None:
            self.clock_unknown = True
            return
        self._clocks.add(started)
        for tag in tags:
            self._add(check(tag), started)

    def include_cached(
        self,
        dependencies: Iterable[DependencyGroup],
        expires: float,
        *,
        validated_at: int | None,
        period_end: float = NEVER,
        stale: bool = False,
    ) -> None:
        """Take in a part that came from the cache, with its own pairs.

        ``validated_at`` is the clock its stamps were checked with, None for one just rendered.
        ``period_end`` is the end of the period that the part shows.
        """
        for group in dependencies:
            self._clocks.add(group.snapshot_clock)
            for tag in group.tags:
                self._add(tag, group.snapshot_clock)
        self.stale |= stale
        self._period_end = min(self._period_end, period_end)
        self.cap(expires)
        self._note_validation(validated_at)

    def include_child(self, inner: "DependencyRecorder") -> None:
        """Take in a part rendered just now, whether or not it could be stored.

        One that recorded nothing is of unknown age, and so is whatever it goes into.
        """
        dependencies = inner.dependencies()
        self.include_cached(
            dependencies,
            inner.expires,
            validated_at=None,
            period_end=inner.period_end,
            stale=inner.stale,
        )
        self.clock_unknown |= inner.clock_unknown or not dependencies

    def cap(self, expires: float) -> None:
        """Let the payload expire no later than ``expires``, in Unix time: time is a dependency."""
        self._expires = min(self._expires, expires)

    def cap_at_period_end(self, period_end: float) -> None:
        """Cap at the end of the part of the present that is shown: made anew, it ends then, too."""
        self._period_end = min(self._period_end, period_end)
        self.cap(period_end)

    def dependencies(self) -> tuple[DependencyGroup, ...]:
        """The pairs, grouped by ``started``, in one order for one content."""
        grouped: dict[int, list[str]] = defaultdict(list)
        for started in self._clocks:
            grouped[started] = []
        for tag, started in self._clock_by_tag.items():
            grouped[started].append(tag)
        return tuple(
            DependencyGroup(started, tuple(sorted(grouped[started]))) for started in sorted(grouped)
        )

    def not_stored_reason(self, *, wrote: bool, now: float) -> NotStoredReason | None:
        """Why the payload must not be stored, as far as the render knows; None if it may be."""
        if self.stale:
            return NotStoredReason.STALE_PART  # first: it is what a visitor has to be told
        if self.clock_unknown or not self._clocks:
            return NotStoredReason.SNAPSHOT_CLOCK_UNKNOWN
        if wrote:
            return NotStoredReason.WROTE
        return NotStoredReason.EXPIRED if now >= self._expires else None

    def _add(self, tag: str, started: int) -> None:
        known = self._clock_by_tag.get(tag)
        self._clock_by_tag[tag] = started if known is None else min(known, started)

    def _note_validation(self, validated_at: int | None) -> None:
        if validated_at is None:
            self._has_fresh_parts = True
        elif self._validated_at is None:
            self._validated_at = validated_at
        else:
            self._validated_at = min(self._validated_at, validated_at)
