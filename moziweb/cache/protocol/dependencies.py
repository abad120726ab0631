"""Dependencies of a render: tags, each with the clock of the snapshot that it was read from.

The clock belongs to the fragment, not to the page. A page that includes a cached fragment must not
give it the page's later clock: an outdated fragment would then stay in the page for ever. The least
clock for all would not do either: a page of an old and a new fragment could never be valid. If a
tag occurs twice, the lower clock counts.

Dependencies are recorded explicitly, where a thing is shown. They cannot be derived from what a
database session loads, because the identity map hides what was loaded before. The recorder is
passed down with the render context; it is not global.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .clock import epoch_of
from .tags import check

NEVER: Final = math.inf
"""The expiry of what does not expire."""


@dataclass(frozen=True, slots=True)
class DependencyGroup:
    """Tags with the same snapshot clock; most pages have few groups, each with many tags."""

    snapshot_clock: int
    tags: tuple[str, ...]


class NotStoredReason(StrEnum):
    """Why a fresh render is served but not stored. The values are labels in the metrics."""

    SNAPSHOT_CLOCK_UNKNOWN = "snapshot_clock_unknown"
    WROTE = "wrote"
    STALE_PART = "stale_part"
    EXPIRED = "expired"
    TOO_BIG = "too_big"
    STORE_DOWN = "store_down"
    SWITCHED_OFF = "switched_off"


class DependencyRecorder:
    """Records the dependencies of one render, its expiry, and whether it may be stored.

    ``clock_unknown``: the clock of some snapshot is unknown. ``stale``: some fragment was stale.
    Either way the payload is not stored.
    """

    def __init__(self) -> None:
        self.tags_by_clock: dict[int, set[str]] = {}
        """A tag may be in the sets of several clocks; ``dependencies`` keeps the lowest."""
        self.clock_unknown = False
        self.stale = False
        self.expires = NEVER
        """The earliest expiry of the payload and its fragments, in Unix time."""
        self.period_end = NEVER
        """The earliest end of a period that the payload or a fragment shows."""
        self._validated_at: int | None = None
        self._has_fresh_parts = False

    @property
    def validated_at(self) -> int | None:
        """The least clock that the fragments were validated at.

        None if any part is new, or if a new epoch began between two validations: the least number
        may be that of the new epoch, in which not all fragments were validated.
        A page of only validated fragments is valid at that clock. It may be invalid at a later
        clock: some fragments were last validated before it.
        """
        return None if self._has_fresh_parts else self._validated_at

    def depend(self, clock: int | None, *tags: str) -> None:
        """Record a dependency on ``tags``, read from a snapshot with this clock.

        Without tags it records the clock alone, which ties the payload to the clock's epoch.
        """
        self._has_fresh_parts = True
        if clock is None:
            self.clock_unknown = True
            return
        self._add(clock, map(check, tags))

    def include_cached(
        self,
        dependencies: Iterable[DependencyGroup],
        expires: float,
        *,
        validated_at: int | None,
        period_end: float = NEVER,
        stale: bool = False,
    ) -> None:
        """Add the dependencies of a fragment from the cache.

        ``validated_at`` is the clock that it was validated at, None if it was just rendered.
        ``period_end`` is the end of the period that it shows.
        """
        for group in dependencies:
            self._add(group.snapshot_clock, group.tags)
        self.stale |= stale
        self.period_end = min(self.period_end, period_end)
        self.cap(expires)
        self._note_validation(validated_at)

    def include_child(self, inner: "DependencyRecorder") -> None:
        """Add the dependencies of a fragment that was just rendered, stored or not.

        If it recorded nothing, its snapshot clock is unknown, and so is that of the page.
        """
        for clock, tags in inner.tags_by_clock.items():
            self._add(clock, tags)
        self.stale |= inner.stale
        self.period_end = min(self.period_end, inner.period_end)
        self.cap(inner.expires)
        self._has_fresh_parts = True
        self.clock_unknown |= inner.clock_unknown or not inner.tags_by_clock

    def cap(self, expires: float) -> None:
        """Let the payload expire at ``expires`` (Unix time) at the latest."""
        self.expires = min(self.expires, expires)

    def cap_at_period_end(self, period_end: float) -> None:
        """Cap the expiry at the end of the period shown; a refresh would not extend it."""
        self.period_end = min(self.period_end, period_end)
        self.cap(period_end)

    def dependencies(self) -> tuple[DependencyGroup, ...]:
        """Return the dependencies, grouped by clock, in a stable order."""
        groups, of_lower_clocks = [], set[str]()
        for clock in sorted(self.tags_by_clock):
            tags = self.tags_by_clock[clock]
            groups.append(DependencyGroup(clock, tuple(sorted(tags - of_lower_clocks))))
            of_lower_clocks |= tags
        return tuple(groups)

    def not_stored_reason(self, *, wrote: bool, now: float) -> NotStoredReason | None:
        """Return why the payload must not be stored, or None."""
        if self.stale:
            return NotStoredReason.STALE_PART  # first: it decides the status of the response
        if self.clock_unknown or not self.tags_by_clock:
            return NotStoredReason.SNAPSHOT_CLOCK_UNKNOWN
        if wrote:
            return NotStoredReason.WROTE
        return NotStoredReason.EXPIRED if now >= self.expires else None

    def _add(self, clock: int, tags: Iterable[str]) -> None:
        self.tags_by_clock.setdefault(clock, set()).update(tags)

    def _note_validation(self, validated_at: int | None) -> None:
        if validated_at is None:
            self._has_fresh_parts = True
        elif self._validated_at is None:
            self._validated_at = validated_at
        elif epoch_of(self._validated_at) != epoch_of(validated_at):
            self._has_fresh_parts = True
        else:
            self._validated_at = min(self._validated_at, validated_at)
