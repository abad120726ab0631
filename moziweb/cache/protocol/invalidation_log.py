"""The invalidation log: for each number of the clock a record of the tags that were published.

A publish takes two numbers, and writes a record for each. The record of the first one only says
that a publish has begun. That of the second one has the tags: from this number on, what shows the
old data is outdated. A record contains its number, so a record that was overwritten, evicted or not
yet written is never mistaken for another: it is missing.

A process follows the log (``InvalidationLog``) and so knows which tags were published between two
values of the clock, without reading a stamp. Data that was valid at the earlier value is valid at
the later one if none of its tags is among them. This includes the snapshot clock of a render. A
process that misses a record knows nothing about the time before it; then stamps decide.

Why this is correct. Let data be valid at the clock ``since``: it shows every write with one of its
tags whose second number is not above ``since``. Consider a write with one of its tags and a second
number above that, but not above ``clock``. If all records between the two clocks were read, so was
the one of this number, and the tag is known to be published after ``since``. If no tag is, there is
no such write, and the data is valid at ``clock``. A request that begins after a publish reads a
clock that is not below its second number.
"""

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Final

from ..errors import StoreError
from .clock import epoch_of, reaches
from .publish_times import DEFAULT_GRACE, PublishTimes

RING: Final = 1024
"""Records that the store keeps; a later one replaces the one of 1,024 numbers before."""

MAX_RECORD_BYTES: Final = 16_000
"""Longest record. A publish of more tags is recorded without them."""

MANY: Final = None
"""The tags of a record without them: any tag may have been published."""

_BEGIN: Final = b"begin"
_TAGS: Final = b"tags"
_MANY: Final = b"many"


def record_name(number: int) -> str:
    """Return the name of the record of a number of the clock."""
    return f"log:{number % RING}"


def begin_record(number: int) -> bytes:
    """Return the record of the first number of a publish."""
    return b"%d %b" % (number, _BEGIN)


def tags_record(number: int, tags: Collection[str]) -> bytes:
    """Return the record of the second number of a publish of ``tags``."""
    text = "\n".join(tags)
    if text.isascii() and text.count("\n") == max(0, len(tags) - 1):
        record = b"%d %b\n%b" % (number, _TAGS, text.encode("ascii"))
        if len(record) <= MAX_RECORD_BYTES:
            return record
    return b"%d %b" % (number, _MANY)


def tags_of_record(record: bytes, number: int) -> tuple[str, ...] | None:
    """Return the tags that were published at ``number``, or ``MANY``.

    Raises ``LookupError`` for the record of another number, and for what is no record.
    """
    head, _, tags = record.partition(b"\n")
    kind = head.removeprefix(b"%d " % number)
    if kind == head or kind not in {_BEGIN, _TAGS, _MANY} or not record.isascii():
        raise LookupError(number)
    if kind == _MANY:
        return MANY
    return tuple(tags.decode("ascii").split("\n")) if tags else ()


RECORD_PATIENCE: Final = 0.2
"""Seconds for which a missing record is expected: its writer may be about to write it."""

FETCHES: Final = 4
"""Fetches in one call, if a record is missing that was not missing before. With one, a busy
process found half of the records of 100 publishes a second not yet written, and read the stamps of
the page each time: 1.8 ms for those of the index."""

MAX_BEHIND: Final = 512
"""Records that are read at once. A process that is further behind starts again."""

MAX_KNOWN_TAGS: Final = 20_000
"""Published tags that a process remembers; about 2.7 MB."""

_RECENT: Final = 8
"""Publishes that a copy may be behind to be compared with them alone. Their tags are put together
once for all copies, and not each of its own tags is looked up in all that is known."""

_NO_CLOCK: Final = -1


class LogCheck(StrEnum):
    """Results of ``InvalidationLog.confirms``, and labels in the metrics."""

    CONFIRMED = "confirmed"
    PUBLISHED = "published"
    """One of the tags was published."""
    BEFORE_START = "before_start"
    """It was valid at a clock from which on not all records were read."""
    NOT_READ = "not_read"
    """The latest records are not known yet."""


class LogReset(StrEnum):
    """Why a process started to follow the log again, and labels in the metrics."""

    MISSING = "missing"
    """A record was missing for longer than ``RECORD_PATIENCE``."""
    MANY = "many"
    """A publish was recorded without its tags."""
    BEHIND = "behind"
    """There were more than ``MAX_BEHIND`` records to read."""
    EPOCH = "epoch"
    """The clock began a new epoch."""
    FULL = "full"
    """There were more than ``MAX_KNOWN_TAGS`` tags."""


@dataclass(frozen=True, slots=True)
class LogCounts:
    """Counters of a process: ``fetches`` of records, results of checks, resets by reason."""

    fetches: int
    checks: Mapping[LogCheck, int]
    resets: Mapping[LogReset, int]


@dataclass(frozen=True, slots=True)
class _Gap:
    """Records up to the number ``until`` were expected at ``since``, a monotonic time."""

    since: float
    until: int


class InvalidationLog:
    """What this process knows of the log. Thread-safe; no store is read under its lock.

    All records above the number ``_start`` and up to ``_end`` were read. ``_last`` has the latest
    of these numbers at which a tag was published, ``_recent`` the latest publishes, newest first.
    ``_recent_since`` has the tags of ``_recent`` above a number, or None if these are not all.
    """

    def __init__(
        self,
        fetch: Callable[[Iterable[str]], Mapping[str, bytes]],
        *,
        patience: float = RECORD_PATIENCE,
        max_behind: int = MAX_BEHIND,
        max_tags: int = MAX_KNOWN_TAGS,
        longest_grace: float = DEFAULT_GRACE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``fetch`` is ``get_multi`` of the store of the records.

        ``longest_grace`` is the most seconds that ``was_valid`` is asked for.
        """
        self._fetch = fetch
        self._patience = patience
        self._max_behind = max_behind
        self._max_tags = max_tags
        self._monotonic = monotonic
        self._lock = Lock()
        self._start = self._end = _NO_CLOCK
        self._last: dict[str, int] = {}
        self._recent = deque[tuple[int, tuple[str, ...]]](maxlen=_RECENT)
        self._recent_since: dict[int, frozenset[str] | None] = {}
        self._gap: _Gap | None = None
        self._times = PublishTimes(longest_grace, max_tags)
        self._clock_read = (_NO_CLOCK, -math.inf)
        self._fetches = 0
        self._checks = Counter[LogCheck]()
        self._resets = Counter[LogReset]()

    def note_clock(self, clock: int, read_at: float) -> None:
        """Record that the clock was ``clock``, read after the monotonic time ``read_at``.

        The first one begins to follow the log.
        """
        with self._lock:
            is_first = self._end == _NO_CLOCK
            self._clock_read = (clock, read_at)
            self._note_times()
        if is_first:
            self.catch_up(clock)

    def catch_up(self, clock: int) -> None:
        """Read the records up to ``clock``, which was read before this call.

        A record that was not missing before is fetched up to ``FETCHES`` times. If the store does
        not answer, nothing changes.
        """
        known_gap = self._gap
        for _ in range(FETCHES):
            if reaches(self._end, clock):  # most calls, without the lock
                return
            if not self._fetch_up_to(clock) or self._gap is known_gap:
                return

    def _fetch_up_to(self, clock: int) -> bool:
        """Fetch the records once, and read them; return whether the store has answered."""
        with self._lock:
            self._start_again_if_out_of_reach(clock)
            first = self._end + 1
            if first > clock:
                self._note_times()
                return True
            self._fetches += 1
        try:
            found = self._fetch([record_name(number) for number in range(first, clock + 1)])
        except StoreError:
            return False
        with self._lock:
            if epoch_of(self._end) == epoch_of(clock) and self._end + 1 >= first:
                self._read(found, clock)  # else another thread has started again
            self._note_times()
        return True

    def confirms(self, pairs: Iterable[tuple[int, Iterable[str]]], clock: int) -> bool:
        """Return whether data is valid at ``clock``, by the log alone.

        Each of ``pairs`` is a clock that a part of the data was valid at, and the tags of the part.
        False means unknown, not invalid.
        """
        with self._lock:
            result = self._check(pairs, clock)
            self._checks[result] += 1
        return result is LogCheck.CONFIRMED

    def confirms_copy(self, tags: frozenset[str], since: int, clock: int) -> bool:
        """As ``confirms``, for data of one clock, which is usually a few publishes old."""
        with self._lock:
            result = self._covers(since, clock)
            if result is LogCheck.CONFIRMED and self._is_published_since(since, tags):
                result = LogCheck.PUBLISHED
            self._checks[result] += 1
        return result is LogCheck.CONFIRMED

    def has_published(self, tags: Iterable[str], since: int) -> bool:
        """Return whether any of ``tags`` is known to be published after the clock ``since``."""
        with self._lock:
            return self._start <= since and _is_published(self._last, tags, since)

    def was_valid(self, pairs: Iterable[tuple[int, Iterable[str]]], within: float) -> bool:
        """Return whether data was valid at some time of the last ``within`` seconds, by the log.

        Each of ``pairs`` is the snapshot clock of a part of the data, and the tags of the part.
        False means no or unknown.
        """
        with self._lock:
            now = self._monotonic()
            if self._times.known_at < now - within:
                return False
            published = self._times.latest_before(now - within, now)
            return all(
                self._start <= since
                and epoch_of(since) == epoch_of(self._end)
                and not _is_published(published, tags, since)
                for since, tags in pairs
            )

    def counts(self) -> LogCounts:
        """Return the counters."""
        with self._lock:
            return LogCounts(self._fetches, dict(self._checks), dict(self._resets))

    def _check(self, pairs: Iterable[tuple[int, Iterable[str]]], clock: int) -> LogCheck:
        newest = self._recent[0][0] if self._recent else _NO_CLOCK
        for since, tags in pairs:
            covered = self._covers(since, clock)
            if covered is not LogCheck.CONFIRMED:
                return covered
            if since < newest and _is_published(self._last, tags, since):
                return LogCheck.PUBLISHED
        return LogCheck.CONFIRMED

    def _covers(self, since: int, clock: int) -> LogCheck:
        """``CONFIRMED`` if all records between two clocks were read."""
        if not reaches(self._end, clock):
            return LogCheck.NOT_READ
        if not self._start <= since <= clock:  # numbers between two of an epoch are of it, too
            return LogCheck.BEFORE_START
        return LogCheck.CONFIRMED

    def _is_published_since(self, since: int, tags: frozenset[str]) -> bool:
        try:
            published = self._recent_since[since]
        except KeyError:
            published = self._recent_since[since] = self._published_since(since)
        if published is None:
            return _is_published(self._last, tags, since)
        return not published.isdisjoint(tags)

    def _published_since(self, since: int) -> frozenset[str] | None:
        if len(self._recent) == _RECENT and self._recent[-1][0] > since:
            return None
        return frozenset().union(*(tags for number, tags in self._recent if number > since))

    def _start_again_if_out_of_reach(self, clock: int) -> None:
        if epoch_of(clock) != epoch_of(self._end):
            if self._end != _NO_CLOCK:
                self._resets[LogReset.EPOCH] += 1
        elif clock - self._end > self._max_behind:
            self._resets[LogReset.BEHIND] += 1
        else:
            return
        self._start_at(clock)
        self._times.known_at = -math.inf
        self._gap = None

    def _start_at(self, number: int) -> None:
        """Forget what was published at ``number`` or before."""
        self._start = self._end = number
        self._last = {}
        self._recent.clear()
        self._recent_since.clear()
        self._times.forget()

    def _note_times(self) -> None:
        """Note the time of the last read of the clock, if all records up to it were read."""
        clock, read_at = self._clock_read
        if reaches(self._end, clock) and read_at > self._times.known_at:
            self._times.known_at = read_at

    def _read(self, found: Mapping[str, bytes], clock: int) -> None:
        """Read the records up to ``clock`` in order, up to one that is still expected."""
        for number in range(self._end + 1, clock + 1):
            try:
                tags = tags_of_record(found.get(record_name(number), b""), number)
            except LookupError:
                if self._is_expected(number, clock):
                    return
                self._start_at(number)
                self._resets[LogReset.MISSING] += 1
                continue
            if tags is MANY:
                self._start_at(number)
                self._resets[LogReset.MANY] += 1
                continue
            self._last.update(dict.fromkeys(tags, number))
            if tags:
                self._recent.appendleft((number, tags))
                self._recent_since.clear()
            self._times.add(number, tags, self._monotonic())
            self._end = number
        self._gap = None
        if len(self._last) > self._max_tags:
            self._start_at(self._end)
            self._resets[LogReset.FULL] += 1

    def _is_expected(self, number: int, clock: int) -> bool:
        """Whether to wait for a missing record; all up to ``clock`` are waited for at once."""
        now = self._monotonic()
        if self._gap is None or number > self._gap.until:
            self._gap = _Gap(now, clock)
        return now - self._gap.since < self._patience


def _is_published(last: Mapping[str, int], tags: Iterable[str], since: int) -> bool:
    if last.keys().isdisjoint(tags):
        return False
    return any(last[tag] > since for tag in last.keys() & tags)
