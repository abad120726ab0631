"""A Hypothesis state machine over the cache: any actors, interleavings and failures."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.cache.world import (
    CARDS,
    LIST,
    Act,
    World,
    hides,
    lists,
    purges_page,
    reads,
    reads_fast,
    reads_negative,
    refreshes,
    settle,
    shows,
    unlists,
    writes,
)

MAX_ACTORS = 5


class CacheMachine(RuleBasedStateMachine):
    """Writers, readers and a relay, one operation at a time; the oracle checks after each."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

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

    @rule(seconds=st.sampled_from((1, 7, 50)))
    def wait(self, seconds: int) -> None:
        self.world.now += seconds

    @invariant()
    def no_stale_page_was_served(self) -> None:
        assert list(self.world.violations()) == []

    def teardown(self) -> None:
        assert settle(self.world) == []


CacheMachine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=50,
    suppress_health_check=list(HealthCheck),
)


TestCacheMachine = CacheMachine.TestCase
