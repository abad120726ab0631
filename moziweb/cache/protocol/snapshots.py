"""The snapshot that a render reads from, and the clock from before it.

With a database, the snapshot is the transaction (``invalidation/session_clock.py``): its clock is
read before it begins, though it may begin before the cached view runs. Without one, the clock is
read before the data. A background refresh has its own session, and so its own snapshot clock.
"""

from typing import Protocol

from .stamps import StampStore


class SnapshotSource(Protocol):
    """The data that a render reads."""

    def snapshot_clock(self) -> int | None:
        """Return the clock from before the snapshot, the same at every call; None if unreadable.

        Raises ``SnapshotClockUnknownError`` if the snapshot began before the clock was read.
        """

    def wrote(self) -> bool:
        """Return whether the render's transaction has written anything."""


class ClockSource:
    """A source for renders without a database. Create one per render, before reading any data."""

    def __init__(self, stamps: StampStore) -> None:
        self._clock = stamps.clock()

    def snapshot_clock(self) -> int | None:
        """Return the clock from the creation of this source."""
        return self._clock

    def wrote(self) -> bool:
        """Return False: nothing is written without a database."""
        return False
