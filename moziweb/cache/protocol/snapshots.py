"""Where a render's ``started`` comes from.

``started`` belongs to the snapshot that a render reads from: it is the clock, read before the
snapshot exists. With a database that is the transaction (``sessions.py``), whoever began it and
whatever was loaded in it before the cached view ran. With anything else it is the moment before
the first look at the data. The same holds for a renewal in the background: it has a session of its
own and so a ``started`` of its own, never one that is stamped afterwards.
"""

from typing import Protocol

from .stamps import StampStore


class SnapshotSource(Protocol):
    """What a render reads from."""

    def snapshot_clock(self) -> int | None:
        """The clock before the snapshot, the same at every call; None if it could not be read.

        Raises ``SnapshotClockUnknownError`` when it is asked for too late to be known.
        """

    def wrote(self) -> bool:
        """Whether the transaction that the render reads in has written anything."""


class ClockSource:
    """A source for renders without a database: the clock of when the source was made.

    Make one for each render, before anything is read.
    """

    def __init__(self, stamps: StampStore) -> None:
        self._started = stamps.clock()

    def snapshot_clock(self) -> int | None:
        """The clock of the beginning."""
        return self._started

    def wrote(self) -> bool:
        """Never: nothing is written without a database."""
        return False
