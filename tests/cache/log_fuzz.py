"""A fuzz of the invalidation log: writers, renders and readers on one store, in random order.

Actors are greenlets that run the production code of stamps and log. Each operation on the store
lets another actor continue. Records, stamps and the clock are lost at random, and actors end at any
step. The oracle is a version for each tag, as in ``world.py``.
"""

import random
import types
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from greenlet import getcurrent, greenlet

from moziweb.cache.errors import PublishError, StoreError, StoreUnreachableError
from moziweb.cache.protocol import invalidation_log
from moziweb.cache.protocol.clock import reaches
from moziweb.cache.protocol.dependencies import DependencyGroup
from moziweb.cache.protocol.stamps import StampStore, is_valid
from moziweb.cache.stores.memory import MemoryAtomicStore

TAGS = ("a:1", "b:1", "c:1", "d:1")
RING = 8
RECENT = 2
"""Patched in, so that records are overwritten."""

MAX_BYTES = 33
"""Patched in: three tags do not fit."""


GRACE = 5.0


class Stale(AssertionError):
    """An answer without a write that was published before its request.

    Or one in grace, without a write that was published more than ``GRACE`` seconds before it.
    """


class FuzzedStore(MemoryAtomicStore):
    """Pauses before each operation; loses some records of the log."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(clock=lambda: 0.0)
        self._chance = chance
        self._main = getcurrent()
        self.completed: dict[greenlet, Callable[[], None]] = {}
        """Called by a writer's second record: it is written after the publish is complete."""

    def pause(self) -> None:
        """Let another actor continue."""
        self._main.switch()

    def get(self, name: str) -> bytes | None:
        self.pause()
        return super().get(name)

    def get_multi(self, names: Iterable[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for name in names:
            if self._chance.random() < 0.5:
                self.pause()
            found |= super().get_multi([name])
        return found

    def gets(self, name: str) -> tuple[bytes, int] | None:
        self.pause()
        return super().gets(name)

    def cas(self, name: str, value: bytes, token: int, ttl: float = 0) -> bool:
        self.pause()
        return super().cas(name, value, token, ttl)

    def add(self, name: str, value: bytes, ttl: float = 0) -> bool:
        self.pause()
        return super().add(name, value, ttl)

    def incr(self, name: str) -> int | None:
        self.pause()
        return super().incr(name)

    def set_multi(self, values: Mapping[str, bytes], ttl: float = 0) -> None:
        is_second_record = all(name.startswith("log:") for name in values)
        if is_second_record:
            self.completed.pop(getcurrent())()
        for name, value in values.items():
            self.pause()
            if name.startswith("log:") and self._chance.random() < 0.1:
                if is_second_record:
                    raise StoreUnreachableError("gone")
                continue
            super().set_multi({name: value}, ttl)

    def evict(self) -> None:
        """Lose one value."""
        if self._items:
            super().delete(self._chance.choice(sorted(self._items)))

    def flush(self) -> None:
        """Lose all values."""
        self._items.clear()


@dataclass(eq=False)
class Entry:
    """An entry: what it depends on, and the versions that it shows."""

    dependencies: tuple[DependencyGroup, ...]
    shown: dict[str, int]

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(tag for group in self.dependencies for tag in group.tags)


@dataclass
class Process:
    """What a process keeps: a log, and a copy with its clock."""

    log: Any
    copy: Entry | None = None
    copy_at: int = 0


@dataclass
class Fuzz:
    """One run; ``kinds`` counts how the requests were answered."""

    seed: int
    log_module: Any = invalidation_log
    now: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.store = FuzzedStore(self.chance)
        self.stamps = StampStore(self.store, 3600)
        self.written = dict.fromkeys(TAGS, 0)
        self.published = dict.fromkeys(TAGS, 0)
        self.published_at: list[tuple[str, int, float]] = []
        self.entry: Entry | None = None
        self.processes = [self._process() for _ in range(2)]

    def run(self, steps: int = 250) -> None:
        """Run random steps."""
        alive: list[greenlet] = []
        for _ in range(steps):
            self.now += self.chance.choice((0.0, 0.01, 0.2, 1.0))
            if len(alive) < 5:
                alive.append(greenlet(self._guarded))
            self._disturb(alive)
            if alive:
                actor = self.chance.choice(alive)
                for _ in range(self.chance.choice((1, 1, 2, 5))):
                    if not actor.dead:
                        actor.switch()
                if actor.dead:
                    alive.remove(actor)

    def _process(self) -> Process:
        return Process(
            self.log_module.InvalidationLog(
                self.store.get_multi,
                patience=0.5,
                max_behind=6,
                max_tags=3,
                longest_grace=GRACE,
                monotonic=lambda: self.now,
            )
        )

    def _guarded(self) -> None:
        act = self._some_actor()
        with suppress(StoreError):  # the clock or the store was lost: the request renders
            act()

    def _some_actor(self) -> Callable[[], None]:
        choice = self.chance.random()
        if choice < 0.3:
            return self._write
        if choice < 0.5:
            return self._render
        process = self.chance.choice(self.processes)
        return lambda: self._read(process)

    def _disturb(self, alive: list[greenlet]) -> None:
        chance = self.chance.random()
        if chance < 0.01:
            self.store.evict()
        elif chance < 0.012:
            self.store.flush()
        elif chance < 0.017:
            alive.pop(self.chance.randrange(len(alive)))
        elif chance < 0.022:
            self.entry = None

    def _write(self) -> None:
        tags = self.chance.sample(TAGS, self.chance.choice((1, 1, 2, 3)))
        for tag in tags:
            self.written[tag] += 1
        versions = {tag: self.written[tag] for tag in tags}

        def completed() -> None:
            for tag, version in versions.items():
                self.published[tag] = max(self.published[tag], version)
                self.published_at.append((tag, version, self.now))

        self.store.completed[getcurrent()] = completed
        self.store.pause()
        with suppress(PublishError):
            self.stamps.publish(tags)

    def _render(self) -> None:
        tags = self.chance.sample(TAGS, self.chance.randrange(1, 4))
        groups, shown = [], {}
        for tag in tags:  # each a fragment of its own snapshot
            clock = self.stamps.read_clock()
            groups.append(DependencyGroup(clock, (tag,)))
            shown[tag] = self.written[tag]
        self.entry = Entry(tuple(groups), shown)
        self.stamps.resolve(tags)

    def _read(self, process: Process) -> None:
        required, began = dict(self.published), self.now
        clock = self.stamps.read_clock()
        process.log.note_clock(clock, began)
        copy = process.copy
        if copy is not None and reaches(process.copy_at, clock):
            self._answer(copy, required, "same clock")
            return
        process.log.catch_up(clock)
        if self.chance.random() < 0.3:
            self.store.pause()
        if copy is not None and self._is_valid_copy(process, copy, clock):
            self._answer(copy, required, "copy")
            return
        self.store.pause()
        entry = self.entry
        if entry is None:
            return
        pairs = [(group.snapshot_clock, group.tags) for group in entry.dependencies]
        by_log = process.log.confirms(pairs, clock)
        self.store.pause()
        if by_log or is_valid(entry.dependencies, self.stamps.get_multi(entry.tags), clock):
            process.copy, process.copy_at = entry, clock
            self._answer(entry, required, "entry by log" if by_log else "entry by stamps")
            return
        if process.log.was_valid(pairs, GRACE):
            self._answer(entry, self._required_in_grace(), "entry in grace")
        self.stamps.resolve(entry.tags)

    def _required_in_grace(self) -> dict[str, int]:
        required = dict.fromkeys(TAGS, 0)
        for tag, version, at in self.published_at:
            if at < self.now - GRACE:
                required[tag] = max(required[tag], version)
        return required

    def _is_valid_copy(self, process: Process, copy: Entry, clock: int) -> bool:
        if process.copy is not copy:
            return False
        by_log = process.log.confirms_copy(frozenset(copy.tags), process.copy_at, clock)
        if not by_log:
            valid = is_valid(copy.dependencies, self.stamps.get_multi(copy.tags), clock)
            if not valid or process.copy is not copy:
                return False
        self.kinds["copy by log" if by_log else "copy by stamps"] += 1
        if not reaches(process.copy_at, clock):
            process.copy_at = clock
        return True

    def _answer(self, entry: Entry, required: Mapping[str, int], kind: str) -> None:
        self.kinds[kind] += 1
        for tag, version in entry.shown.items():
            if version < required[tag]:
                raise Stale(f"seed {self.seed}, {kind}: {tag} v{version}, not v{required[tag]}")


def search(seeds: Iterable[int], log_module: Any = invalidation_log) -> tuple[str, Counter[str]]:
    """Return the first stale answer, or "", and how requests were answered."""
    kinds: Counter[str] = Counter()
    for seed in seeds:
        fuzz = Fuzz(seed, log_module)
        try:
            fuzz.run()
        except Stale as stale:
            return str(stale), kinds
        kinds += fuzz.kinds
    return "", kinds


BROKEN_LINES: dict[str, tuple[str, str]] = {
    "number of a record": ('head.removeprefix(b"%d " % number)', 'head.partition(b" ")[2]'),
    "start": ("self._start <= since <= clock", "since <= clock"),
    "end": ("if not reaches(self._end, clock):", "if epoch_of(clock) != epoch_of(self._end):"),
    "given up, and the start stays": (
        "self._start_at(number)\n                self._resets[LogReset.MISSING]",
        "self._end = number\n                self._resets[LogReset.MISSING]",
    ),
    "a missing record is passed over": (
        "if self._is_expected(number, clock):\n                    return\n",
        "if True:\n                    self._end = number\n                    continue\n",
    ),
    "many is nothing": ("return MANY\n", "return ()\n"),
    "many, and the start stays": (
        "self._start_at(number)\n                self._resets[LogReset.MANY]",
        "self._end = number\n                self._resets[LogReset.MANY]",
    ),
    "full, and the start stays": ("self._start_at(self._end)", "self._last = {}"),
    "too far behind, and the start stays": (
        "        self._start_at(clock)\n",
        "        self._end, self._last = clock, {}\n",
    ),
    "recent publishes are compared from a later clock on": (
        "in self._recent if number > since", "in self._recent if number > since + 1",
    ),
    "only recent publishes are compared": (
        "if len(self._recent) == _RECENT and self._recent[-1][0] > since", "if False",
    ),
    "a new publish is not added to the recent tags": (
        "appendleft((number, tags))\n                self._recent_since.clear()",
        "appendleft((number, tags))",
    ),
    "recent publishes are taken for unrelated": (
        "return not published.isdisjoint(tags)", "return False",
    ),
    "tags are not noted": ("self._last.update(dict.fromkeys(tags, number))", "pass"),
    "tags are noted at an earlier number": (
        "dict.fromkeys(tags, number)", "dict.fromkeys(tags, number - 1)",
    ),
    "known time of a grace": (
        "if self._times.known_at < now - within:\n                return False", "",
    ),
    "clock whose records are not read": ("if reaches(self._end, clock) and", "if"),
    "start of a grace": ("self._start <= since\n                and", ""),
    "time is now after a lost record": (
        "self._resets[LogReset.MISSING] += 1", "self._times.known_at = self._monotonic()",
    ),
    "times of publishes": ("self._times.add(number, tags, self._monotonic())", "pass"),
    "published tags": ("return LogCheck.PUBLISHED", "continue"),
    "the oldest of the recent publishes is taken for the newest": (
        "newest = self._recent[0][0]", "newest = self._recent[-1][0]",
    ),
    "the newest publish is passed over": ("if since < newest and", "if since + 2 < newest and"),
}  # fmt: skip
"""A line of the log, and the mistake that replaces it."""


def broken(name: str) -> Any:
    """Return the module of the log with a broken line."""
    source = Path(invalidation_log.__file__).read_text(encoding="utf-8")
    line, mistake = BROKEN_LINES[name]
    assert source.count(line) == 1, line
    module = types.ModuleType(invalidation_log.__name__)
    module.__package__ = invalidation_log.__package__
    exec(compile(source.replace(line, mistake), name, "exec"), module.__dict__)
    module.__dict__.update(RING=RING, _RECENT=RECENT)
    return module
