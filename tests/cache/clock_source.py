"""A snapshot source without a database."""

from moziweb.cache.protocol.stamps import StampStore


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
