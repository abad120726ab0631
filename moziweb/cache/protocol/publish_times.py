"""When tags were published, as far as a process knows: for how long an entry has been outdated.

Only the monotonic clock of this process is used. A time in a stamp would not do: the next publish,
or the next reader, replaces the stamp.
"""

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

DEFAULT_GRACE: Final = 5.0
"""Seconds for which an outdated entry may be served while another request renders it."""


class PublishTimes:
    """The earliest time that each publish can have been complete at.

    ``known_at`` is a time at which no publish above the last number of the log was complete. So a
    publish that is read from the log afterwards was completed later, and so was each one that has
    not been read yet. Publishes of more than ``longest`` seconds ago lose their time, and so does
    the oldest if all have more than ``max_tags`` tags. Not thread-safe.
    """

    def __init__(self, longest: float, max_tags: int) -> None:
        self._longest = longest
        self._max_tags = max_tags
        self.known_at = -math.inf
        self._recent = deque[tuple[float, int, tuple[str, ...]]]()
        self._recent_tags = 0
        self._old: dict[str, int] = {}

    def add(self, number: int, tags: tuple[str, ...], now: float) -> None:
        """Add a publish that was read from the log, in the order of numbers."""
        if not tags:
            return
        self._recent.append((self.known_at, number, tags))
        self._recent_tags += len(tags)
        self._age(now)

    def forget(self) -> None:
        """Forget all publishes: nothing that is older than them will be asked for."""
        self._recent.clear()
        self._recent_tags = 0
        self._old = {}

    def latest_before(self, time: float, now: float) -> Mapping[str, int]:
        """Return the latest number of each tag whose publish may have been complete at ``time``."""
        self._age(now)
        earlier = [each for each in self._recent if each[0] < time]
        if not earlier:
            return self._old
        return {**self._old, **_numbers(earlier)}

    def _age(self, now: float) -> None:
        while self._recent and (
            self._recent[0][0] < now - self._longest or self._recent_tags > self._max_tags
        ):
            oldest = self._recent.popleft()
            self._recent_tags -= len(oldest[2])
            self._old.update(_numbers([oldest]))


def _numbers(publishes: Iterable[tuple[float, int, tuple[str, ...]]]) -> dict[str, int]:
    return {tag: number for _, number, tags in publishes for tag in tags}
