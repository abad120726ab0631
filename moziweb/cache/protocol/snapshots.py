"""The snapshot that a render reads from, and the clock from before it.

With a database, the snapshot is the transaction (``invalidation/session_clock.py``): its clock is
read before it begins, though it may begin before the cached view runs. Without one, the clock is
read before the data. A background refresh has its own session, and so its own snapshot clock.
"""

from typing import Protocol


class SnapshotSource(Protocol):
    """The data that a render reads."""

    def snapshot_clock(self) -> int | None:
        """Return the clock from before the snapshot, the same at every call; None if unreadable.

        Raises ``SnapshotClockUnknownError`` if the snapshot began before the clock was read.
        """

    def wrote(self) -> bool:
        """Return whether the render's transaction has written anything."""
