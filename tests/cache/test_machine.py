"""A Hypothesis state machine over the cache: any actors, interleavings and failures."""

import random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from moziweb.cache.protocol.stamps import CLOCK, StampStore
from tests.cache.world import (
    CARDS,
    LIST,
    Act,
    World,
    hides,
    lists,
    purges_negative,
    purges_page,
    purges_tag,
    reads,
    reads_fast,
    reads_negative,
    refreshes,
    settle,
    shows,
    unlists,
    writes,
)
from tests.cache.yielding_store import RecordFaults

MAX_ACTORS = 5


class CacheMachine(RuleBasedStateMachine):
    """Writers, readers and a relay, one operation at a time; the oracle checks after each.

    In soft mode it checks the age of what was served as stale, too.
    """

    @initialize(grace=st.sampled_from((0.0, 5.0)), faults=st.none() | st.integers(0, 1000))
    def begin(self, grace: float, faults: int | None) -> None:
        """With ``faults``, records of the log are lost, evicted and delayed."""
        of_records = None if faults is None else RecordFaults(random.Random(faults))
        self.world = World(grace=grace, faults=of_records)

    @precondition(lambda self: len(self.world.alive()) < MAX_ACTORS)
    @rule(tag=st.sampled_from((LIST, *CARDS)))
    def start_writer(self, tag: str) -> None:
        self.world.start(writes(tag))

    @precondition(lambda self: len(self.world.alive()) < MAX_ACTORS)
    @rule(process=st.integers(0, 1))
    def start_reader(self, process: int) -> None:
        self.world.start(reads(process))

    @precondition(lambda self: len(self.world.alive()) < MAX_ACTORS)
    @rule(process=st.integers(0, 1))
    def start_reader_on_the_fast_path(self, process: int) -> None:
        self.world.start(reads_fast(process))

    @precondition(lambda self: len(self.world.alive()) < MAX_ACTORS)
    @rule(process=st.integers(0, 1), path=st.sampled_from(("a", "b")))
    def start_reader_of_a_negative_entry(self, process: int, path: str) -> None:
        self.world.start(reads_negative(process, path))

    @precondition(lambda self: len(self.world.alive()) < MAX_ACTORS)
    @rule(process=st.integers(0, 1))
    def start_refresh(self, process: int) -> None:
        self.world.start(refreshes(process))

    @precondition(lambda self: len(self.world.alive()) < MAX_ACTORS)
    @rule(act=st.sampled_from((shows, lists, hides, unlists)))
    def start_writer_of_a_third_movie(self, act: Act) -> None:
        self.world.start(act)

    @precondition(lambda self: not self.world.alive())
    @rule(tag=st.sampled_from((LIST, *CARDS)))
    def purge_page(self, tag: str) -> None:
        """Alone: it waits for renders until their lease ends. ``test_races`` has its races."""
        self.world.run(purges_page(tag))

    @precondition(lambda self: not self.world.alive())
    @rule(path=st.sampled_from(("a", "b")))
    def purge_negative_entry(self, path: str) -> None:
        """Alone, as ``purge_page``."""
        self.world.run(purges_negative(path))

    @precondition(lambda self: len(self.world.alive()) < MAX_ACTORS)
    @rule(tag=st.sampled_from((LIST, *CARDS)))
    def start_purge_of_a_tag(self, tag: str) -> None:
        self.world.start(purges_tag(tag))

    @precondition(lambda self: len(self.world.alive()) < MAX_ACTORS)
    @rule()
    def start_relay(self) -> None:
        self.world.start(World.relay)

    @precondition(lambda self: self.world.alive())
    @rule(which=st.integers(0, MAX_ACTORS), steps=st.sampled_from((1, 1, 1, 2, 3, 5, 8, 13, 40)))
    def step(self, which: int, steps: int) -> None:
        alive = self.world.alive()
        actor = alive[which % len(alive)]
        for _ in range(steps):
            if not actor.glet.dead:
                self.world.step(actor)

    @precondition(lambda self: self.world.alive())
    @rule(which=st.integers(0, MAX_ACTORS))
    def crash(self, which: int) -> None:
        alive = self.world.alive()
        self.world.crash(alive[which % len(alive)])

    @precondition(lambda self: self.world.atomic_store.names())
    @rule(which=st.integers(0, 20))
    def evict(self, which: int) -> None:
        names = self.world.atomic_store.names()
        self.world.atomic_store.evict(names[which % len(names)])

    @rule(keeps=st.booleans())
    def lose_records(self, keeps: bool) -> None:
        """From now on, or no longer: a writer stops before its record, or it is evicted."""
        self.world.atomic_store.keeps_log = keeps

    @rule(process=st.integers(0, 1))
    def forget_the_log(self, process: int) -> None:
        """The tags of the log are too many."""
        log = self.world.process[process].stamps.log
        log._start_at(log._end)

    @rule()
    def flush(self) -> None:
        self.world.flush()

    @rule()
    def lose_entries(self) -> None:
        self.world.evict_entries()

    @rule()
    def purge_everything(self) -> None:
        self.world.run(World.purge)

    @rule(seconds=st.sampled_from((1, 3, 7, 50)))
    def wait(self, seconds: int) -> None:
        self.world.now += seconds

    @invariant()
    def no_stale_page_was_served(self) -> None:
        assert list(self.world.violations()) == []

    def teardown(self) -> None:
        assert settle(self.world) == []


class GraceMachine(RuleBasedStateMachine):
    """Soft mode: whole writes and reads, while renders hold the lease and time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(grace=5.0)
        for process in (0, 1):
            self.world.run(reads(process))

    @rule(tag=st.sampled_from((LIST, *CARDS)))
    def write(self, tag: str) -> None:
        self.world.run(writes(tag))

    @rule(process=st.integers(0, 1))
    def read(self, process: int) -> None:
        self.world.run(reads(process))

    @precondition(lambda self: len(self.world.alive()) < MAX_ACTORS)
    @rule(process=st.integers(0, 1))
    def begin_render(self, process: int) -> None:
        """A reader until it renders, if it does not get an entry."""
        reader = self.world.start(reads(process))
        while not reader.glet.dead and reader.where not in ("snapshot", "sleep"):
            self.world.step(reader)

    @precondition(lambda self: self.world.alive())
    @rule()
    def finish_renders(self) -> None:
        self.world.finish()

    @precondition(lambda self: self.world.alive())
    @rule(which=st.integers(0, MAX_ACTORS))
    def crash(self, which: int) -> None:
        alive = self.world.alive()
        self.world.crash(alive[which % len(alive)])

    @rule(seconds=st.sampled_from((1, 3, 6)))
    def wait(self, seconds: int) -> None:
        self.world.now += seconds

    @rule(keeps=st.booleans())
    def lose_records(self, keeps: bool) -> None:
        self.world.atomic_store.keeps_log = keeps

    @rule(name=st.sampled_from((CLOCK, f"tag:{CARDS[0]}")))
    def evict(self, name: str) -> None:
        self.world.atomic_store.evict(name)

    @invariant()
    def no_stale_page_was_served_for_too_long(self) -> None:
        assert list(self.world.violations()) == []

    def teardown(self) -> None:
        assert settle(self.world) == []


for machine in (CacheMachine, GraceMachine):
    machine.TestCase.settings = settings(
        max_examples=40,
        stateful_step_count=50,
        suppress_health_check=list(HealthCheck),
    )


TestCacheMachine = CacheMachine.TestCase
TestGraceMachine = GraceMachine.TestCase


def test_machine_finds_stale_pages_without_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StampStore, "was_valid", lambda *_: True)
    often = settings(
        max_examples=300,
        stateful_step_count=30,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    with pytest.raises(AssertionError, match="stale without"):
        run_state_machine_as_test(GraceMachine, settings=often)
