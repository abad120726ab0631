"""Races: named ones step by step, others by search. Each mutant must be found."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import count

import pytest

from moziweb.cache.protocol import invalidation_log
from moziweb.cache.protocol.stamps import CLOCK
from moziweb.cache.protocol.store import AtomicStore
from moziweb.cache.stores.memcached_client import MemcachedClient
from tests.cache import mutants
from tests.cache.world import (
    CARDS,
    LIST,
    Act,
    World,
    evicts,
    hides,
    lists,
    play,
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
    waits,
    writes,
)
from tests.cache.yielding_store import RecordFault, RecordFaults
from tests.services.memcached import MemcachedServer

Mutant = Callable[[pytest.MonkeyPatch], None]

CARD = CARDS[0]
GRACE = 5.0


def without_page(world: World) -> None:
    """Lose the page, not its fragments."""
    world.backends["pages"].values.clear()


def without_log(world: World) -> None:
    """Lose each record of the invalidation log, so that stamps decide."""
    world.atomic_store.keeps_log = False


def reads_clock(world: World) -> None:
    """A process reads the clock, and not the records of the log."""
    world.process[1].stamps.clock()


WARM = (reads(0), reads(1))
NO_LOG = (without_log, *WARM, writes(LIST), World.evict_entries, *WARM)
"""All was rendered after a step of the clock whose record no process could read."""

FRAGMENTS = (*WARM, without_page)

negative_a = reads_negative(0, "a")

SCENARIOS: dict[str, tuple[Sequence[Act], Sequence[Act]]] = {
    "a write, warm": (WARM, (writes(CARD), reads(0), reads(1))),
    "a write, one process": (WARM, (writes(CARD), reads(0), reads(0))),
    "a write, cold": ((), (writes(CARD), reads(0), reads(1))),
    "a write after a write": ((*WARM, writes(CARD)), (writes(CARD), reads(0), reads(1))),
    "a write, fragments only": (FRAGMENTS, (writes(CARD), reads(0), reads(1))),
    "two writes of one tag": (WARM, (writes(CARD), writes(CARD), reads(0), reads(1))),
    "two writes of two tags": (FRAGMENTS, (writes(LIST), writes(CARD), reads(0), reads(0))),
    "an evicted stamp": (WARM, (writes(CARD), evicts(f"tag:{CARD}"), reads(0), reads(1))),
    "an evicted stamp, no log": (
        NO_LOG,
        (writes(CARD), evicts(f"tag:{CARD}"), reads(0), reads(1)),
    ),
    "a write, no log": (NO_LOG, (writes(CARD), reads(0), reads(1))),
    "a new epoch": (
        (*WARM, *WARM),
        (writes(CARD), evicts("clock"), reads_fast(0), reads_fast(1), reads_fast(0)),
    ),
    "an evicted clock": (WARM, (writes(CARD), evicts("clock"), reads(0), reads(1))),
    "a write, fast": (WARM, (writes(CARD), reads_fast(0), reads_fast(0), reads(1))),
    "a write, fast and fragments": (FRAGMENTS, (writes(CARD), reads_fast(0), reads_fast(0))),
    "time passes, fast": ((*WARM, reads_fast(0)), (waits(70), reads_fast(0), reads_fast(0))),
    "time passes": ((*WARM, reads(0)), (waits(70), reads(0), reads(0))),
    "a refresh": (WARM, (writes(CARD), refreshes(0), reads(0), reads(1))),
    "a refresh of fragments": (FRAGMENTS, (writes(CARD), writes(LIST), refreshes(0), reads(0))),
    "shown while it is listed": (WARM, (shows, lists, reads(0))),
    "hidden while it is removed": (
        (shows, lists, *WARM),
        (hides, unlists, reads(0), reads(1)),
    ),
    "two negative entries": (
        (negative_a,),
        (reads_negative(0, "b"), reads_negative(1, "a"), reads_negative(1, "b")),
    ),
    "a negative entry and a write": (
        (negative_a,),
        (writes(LIST), reads_negative(0, "a"), reads_negative(1, "a")),
    ),
    "a purge of a page": (WARM, (purges_page(CARD), reads(0), reads(1))),
    "a purge, cold": ((), (purges_page(CARD), reads(0), reads(1))),
    "a purge of a page, fast": (WARM, (purges_page(CARD), reads_fast(1), reads_fast(1))),
    "writes and a purge, fast": (
        WARM,
        (writes(CARD), purges_page(LIST), reads_fast(0), reads_fast(1)),
    ),
    "a purge of a tag": (WARM, (purges_tag(CARD), reads(0), reads_fast(1))),
    "a purge and a negative entry": (
        (),
        (reads_negative(0, "a"), purges_negative("a"), reads_negative(0, "a"), negative_a),
    ),
    "a purge of fragments": (FRAGMENTS, (purges_page(CARD), reads(0), reads_fast(0))),
    "a write, then time passes": (
        WARM,
        (writes(CARD), waits(6), reads(0), reads(0), reads(1), reads(1)),
    ),
    "writes of one tag and time": (
        WARM,
        (writes(CARD), waits(3), waits(3), writes(CARD), reads(0), reads(1), reads(1)),
    ),
    "a late read of the log": (
        (*WARM, writes(CARD), waits(6), reads_clock),
        (writes(LIST), reads(0), reads(1), reads(1)),
    ),
    "a lost record and time": (
        (*WARM, without_log, writes(LIST), waits(6)),
        (writes(CARD), waits(1), reads(0), reads(1), reads(1)),
    ),
}


def search(scenario: str, seeds: Iterable[int], *, grace: float = 0) -> str | None:
    """The first violation among some schedules of a scenario."""
    prepare, actors = SCENARIOS[scenario]
    runs = (play(prepare, actors, seed, grace=grace) for seed in seeds)
    return next((found[0] for found in runs if found), None)


@pytest.mark.parametrize("grace", [0, GRACE], ids=["strict", "soft"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_schedule_serves_stale(scenario: str, grace: float) -> None:
    assert search(scenario, range(50), grace=grace) is None


def search_with_faults(
    scenario: str, seeds: Iterable[int], store: Callable[[int], AtomicStore | None]
) -> tuple[str | None, Counter[RecordFault]]:
    """As ``search``, strict and soft; records are lost, evicted, delayed and overwritten."""
    prepare, actors = SCENARIOS[scenario]
    seen = Counter[RecordFault]()
    for seed in seeds:
        faults = RecordFaults(random.Random(seed))
        grace, ring = GRACE * (seed % 2), (2, 2, 8)[seed % 3]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(invalidation_log, "RING", ring)
            found = play(prepare, actors, seed, grace=grace, store=store(seed), faults=faults)
        seen += faults.seen
        if found:
            return f"seed {seed}: {found[0]}", seen
    return None, seen


def test_no_schedule_on_memcached_with_faults_of_records_serves_stale(
    memcached_server: MemcachedServer, prefix: str
) -> None:
    def store(_seed: int) -> AtomicStore:
        return MemcachedClient([memcached_server.address], prefix=f"{prefix}{next(number)}:")

    number = count()
    seen_in_all = Counter[RecordFault]()
    for scenario in SCENARIOS:
        found, seen = search_with_faults(scenario, range(8), store)
        assert found is None, scenario
        seen_in_all.update(seen)
    assert set(seen_in_all) == set(RecordFault)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_schedule_with_faults_of_records_serves_stale(scenario: str) -> None:
    found, _ = search_with_faults(scenario, range(100, 120), lambda _: None)
    assert found is None


FOUND_WITH_FAULTS: list[tuple[Mutant, str]] = [
    (mutants.missing_record_is_passed_over, "a write, fast"),
    (mutants.number_of_record_is_not_compared, "two writes of two tags"),
    (mutants.log_keeps_its_start, "a write, fast"),
]


@pytest.mark.parametrize(("mutant", "scenario"), FOUND_WITH_FAULTS)
def test_search_with_faults_of_records_finds_mutant(
    mutant: Mutant, scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    found, _ = search_with_faults(scenario, range(1500), lambda _: None)
    assert found is not None


def steps_of(prepare: Sequence[Act], act: Act) -> int:
    """The number of operations of an actor that runs alone."""
    world = World()
    for each in prepare:
        world.run(each)
    before = world.tick
    world.run(act)
    world.close()
    return world.tick - before


def interleave(prepare: Sequence[Act], first: Act, second: Act, i: int, j: int) -> list[str]:
    """Run ``i`` operations of ``first``, ``j`` of ``second``, then the rest of both."""
    world = World()
    for each in prepare:
        world.run(each)
    actors = (world.start(first), world.start(second))
    for actor, steps in zip(actors, (i, j), strict=True):
        for _ in range(steps):
            if not actor.glet.dead:
                world.step(actor)
    return settle(world)


@pytest.mark.parametrize("prepare", [(), WARM, FRAGMENTS], ids=["cold", "warm", "fragments"])
@pytest.mark.parametrize("order", [(writes(CARD), reads(0)), (reads(0), writes(CARD))])
def test_all_schedules_of_writer_and_reader_with_two_switches(
    prepare: Sequence[Act], order: tuple[Act, Act]
) -> None:
    first, second = order
    for i in range(steps_of(prepare, first) + 1):
        for j in range(0, steps_of(prepare, second) + 1, 2):
            assert interleave(prepare, first, second, i, j) == []


FOUND_BY_SEARCH: list[tuple[Mutant, str]] = [
    (mutants.no_cas, "an evicted stamp, no log"),
    (mutants.no_first_step, "a write, fragments only"),
    (mutants.no_second_step, "a write, warm"),
    (mutants.resolve_with_an_old_clock, "an evicted stamp, no log"),
    (mutants.copy_has_clock_from_after_stamps, "a write, one process"),
    (mutants.copy_has_end_of_the_log, "a write, one process"),
    (mutants.fresh_copy_has_clock_of_its_store, "a write, cold"),
    (mutants.fresh_clock_in_an_open_transaction, "a write, cold"),
    (mutants.clock_read_after_render, "a write, cold"),
    (mutants.local_cache_ignores_expiry, "time passes"),
    (mutants.local_read_ignores_clock, "a write, fast"),
    (mutants.local_read_ignores_expiry, "time passes, fast"),
    (mutants.strictly_below, "a write, no log"),
    (mutants.refresh_reads_clock_after_render, "a refresh"),
    (mutants.tags_expanded_before_commit, "shown while it is listed"),
    (mutants.withdrawal_expanded_after_commit_only, "hidden while it is removed"),
    (mutants.negative_entry_of_another_page, "two negative entries"),
    (mutants.negative_entry_is_not_validated, "a negative entry and a write"),
    (mutants.purge_begins_with_the_page, "a purge of a page"),
    (mutants.purge_lists_entries_before_it_locks, "a purge, cold"),
    (mutants.purge_lists_entries_before_it_locks, "a purge and a negative entry"),
    (mutants.negative_entry_is_stored_after_the_lease, "a purge and a negative entry"),
    (mutants.purge_does_not_lock_renders, "a purge, cold"),
    (mutants.purge_does_not_move_clock, "a purge of a page"),
    (mutants.delete_does_not_invalidate_copies, "a purge of a page, fast"),
    (mutants.revalidated_copies_get_next_clock, "a write, fast"),
    (mutants.log_confirms_everything, "a write, warm"),
    (mutants.log_has_tags_at_first_step, "a write, fast"),
    (mutants.log_is_read_before_clock, "a write, fast"),
    (mutants.confirmed_copy_gets_clock_of_now, "a write, fast"),
    (mutants.log_ignores_tag_of_copies, "a purge of a page, fast"),
    (mutants.log_judges_entry_by_its_latest_part, "two writes of two tags"),
    (mutants.epochs_are_compared_as_numbers, "a new epoch"),
]


STALE_FOR_TOO_LONG: list[tuple[Mutant, str]] = [
    (mutants.stale_entries_have_no_grace, "a write, then time passes"),
    (mutants.grace_ignores_expiry, "time passes"),
    (mutants.clock_is_read_before_its_time, "a write, then time passes"),
    (mutants.unread_records_are_taken_as_read, "a late read of the log"),
    (mutants.each_publish_renews_the_grace, "writes of one tag and time"),
    (mutants.lost_record_is_taken_as_new, "a lost record and time"),
]


@pytest.mark.parametrize(("mutant", "scenario"), STALE_FOR_TOO_LONG)
def test_search_finds_mutant_of_grace(
    mutant: Mutant, scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    assert search(scenario, range(1500), grace=GRACE) is not None


@pytest.mark.parametrize(("mutant", "scenario"), FOUND_BY_SEARCH)
def test_search_finds_mutant(
    mutant: Mutant, scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    assert search(scenario, range(1500)) is not None


def page_with_old_card(world: World) -> None:
    """A page includes a card between a writer's first step and its tombstone."""
    for act in FRAGMENTS:
        world.run(act)
    writer = world.start(writes(CARD))
    world.advance(writer, "set")
    reader = world.start(reads(0))
    world.advance(reader, "store")
    world.advance(writer, "incr")
    while not reader.glet.dead:
        world.step(reader)


def fragments_of_two_epochs(world: World) -> None:
    """The clock is lost between the reads of the template and of the cards; the list has changed.

    The new epoch is the lower number.
    """
    world.atomic_store.add(CLOCK, b"%d" % (9 << 32 | 1))
    for act in FRAGMENTS:
        world.run(act)
    reader = world.start(reads(0))
    world.advance(reader, "fetch", 3)  # the page twice, the template
    world.advance(reader, "get")
    world.flush()
    world.atomic_store.add(CLOCK, b"%d" % (7 << 32 | 1))
    world.run(writes(LIST))
    world.run(reads(1))  # renders the cards again


def fragments_of_two_clocks(world: World) -> None:
    """A write between the reads of the template and of the cards of one page."""
    for act in FRAGMENTS:
        world.run(act)
    reader = world.start(reads(0))
    world.advance(reader, "fetch", 3)  # the page twice, the template
    world.advance(reader, "get")
    world.run(writes(LIST))


def two_writers(world: World) -> None:
    """A slow writer sets its tombstone long after its step; another one was faster."""
    world.run(reads(0))
    slow = world.start(writes(CARD))
    world.advance(slow, "set")
    world.evict_entries()
    world.run(reads(0))
    world.run(writes(CARD))
    while not slow.glet.dead:
        world.step(slow)


def stamp_lost_while_resolving(world: World) -> None:
    """A reader resolves a missing stamp; a writer sets its tombstone and memcached loses it."""
    world.run(reads(0))
    world.run(evicts(f"tag:{CARD}"))
    world.run(writes(LIST))
    reader = world.start(reads(0))
    world.advance(reader, "add")
    started_before = world.start(reads(1))
    world.advance(started_before, "store", 3)  # the shell's, the card's, the page's
    world.run(writes(CARD))
    world.run(evicts(f"tag:{CARD}"))


def number_of_another_writer(world: World) -> None:
    """Two writers take steps in turn, so the second number of the first is not its next one."""
    for act in WARM:
        world.run(act)
    first, second = world.start(writes(CARD)), world.start(writes(LIST))
    for writer in (first, second):
        world.advance(writer, "set")
        for _ in range(2):  # the first record, the tombstone
            world.step(writer)
    world.step(second)
    world.run(reads_fast(1))
    world.step(first)
    while not first.glet.dead:
        world.step(first)
    world.run(reads_fast(1))


NAMED: dict[Callable[[World], None], Mutant] = {
    page_with_old_card: mutants.page_gives_fragments_its_clock,
    fragments_of_two_clocks: mutants.page_copy_has_latest_clock,
    fragments_of_two_epochs: mutants.page_copy_has_clock_of_another_epoch,
    number_of_another_writer: mutants.log_has_tags_before_second_step,
    two_writers: mutants.writer_sets_number,
    stamp_lost_while_resolving: mutants.missing_stamp_gets_clock_at_once,
}


@pytest.mark.parametrize("schedule", NAMED)
def test_named_schedule_does_not_serve_stale(schedule: Callable[[World], None]) -> None:
    world = World()
    schedule(world)
    assert settle(world) == []


@pytest.mark.parametrize(("schedule", "mutant"), NAMED.items())
def test_named_schedule_finds_its_mutant(
    schedule: Callable[[World], None], mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    world = World()
    schedule(world)
    assert settle(world) != []


@pytest.mark.parametrize("dies_before", ["get", "incr", "set", "mark"])
def test_write_of_crashed_writer_is_relayed(dies_before: str) -> None:
    world = World()
    for act in WARM:
        world.run(act)
    writer = world.start(writes(CARD))
    world.advance(writer, dies_before)
    world.crash(writer)
    world.run(World.relay)
    world.run(reads(0))
    assert b'"movie:1": 1' in world.responses[-1].served.entry.payload
    assert settle(world) == []


def test_writer_that_crashes_before_commit_leaves_nothing() -> None:
    world = World()
    world.run(reads(0))
    writer = world.start(writes(CARD))
    world.advance(writer, "commit")
    world.crash(writer)
    assert world.database.rows() == []
    world.run(reads(0))
    assert world.responses[-1].served.status == "hit"
    world.close()


def test_soft_mode_serves_stale_only_during_render() -> None:
    world = World(grace=GRACE)
    for act in (*WARM, writes(CARD)):
        world.run(act)
    renderer = world.start(reads(0))
    world.advance(renderer, "store")
    world.run(reads(1))
    assert world.responses[-1].served.status == "stale"
    assert settle(world) == []


def test_crashed_render_delays_others_for_its_lease_at_most() -> None:
    world = World()
    renderer = world.start(reads(0))
    world.advance(renderer, "store")
    world.crash(renderer)
    world.run(reads(1))
    assert world.responses[-1].served.status == "miss"
    assert settle(world) == []
