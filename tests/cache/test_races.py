"""The races: named ones step by step, all others by search, with mutants that must be caught."""

from collections.abc import Callable, Iterable, Sequence

import pytest

from tests.cache import mutants
from tests.cache.world import (
    CARDS,
    LIST,
    Act,
    World,
    evicts,
    lists,
    play,
    purges_address,
    reads,
    reads_fast,
    reads_stray,
    renews,
    settle,
    shows,
    waits,
    writes,
)

CARD = CARDS[0]


def without_page(world: World) -> None:
    """Lose the assembled page, not its pieces."""
    world.backends["pages"].values.clear()


WARM = (reads(0), reads(1))
PIECES = (*WARM, without_page)
stray_a = reads_stray(0, "a")

SCENARIOS: dict[str, tuple[Sequence[Act], Sequence[Act]]] = {
    "a write, warm": (WARM, (writes(CARD), reads(0), reads(1))),
    "a write, one process": (WARM, (writes(CARD), reads(0), reads(0))),
    "a write, cold": ((), (writes(CARD), reads(0), reads(1))),
    "a write after a write": ((*WARM, writes(CARD)), (writes(CARD), reads(0), reads(1))),
    "a write, pieces only": (PIECES, (writes(CARD), reads(0), reads(1))),
    "two writes of one tag": (WARM, (writes(CARD), writes(CARD), reads(0), reads(1))),
    "two writes of two tags": (PIECES, (writes(LIST), writes(CARD), reads(0), reads(0))),
    "an evicted stamp": (WARM, (writes(CARD), evicts(f"tag:{CARD}"), reads(0), reads(1))),
    "an evicted clock": (WARM, (writes(CARD), evicts("clock"), reads(0), reads(1))),
    "a write, fast": (WARM, (writes(CARD), reads_fast(0), reads_fast(0), reads(1))),
    "a write, fast and pieces": (PIECES, (writes(CARD), reads_fast(0), reads_fast(0))),
    "time passes, fast": ((*WARM, reads_fast(0)), (waits(70), reads_fast(0), reads_fast(0))),
    "time passes": ((*WARM, reads(0)), (waits(70), reads(0), reads(0))),
    "a renewal": (WARM, (writes(CARD), renews(0), reads(0), reads(1))),
    "a renewal of pieces": (PIECES, (writes(CARD), writes(LIST), renews(0), reads(0))),
    "shown while it is listed": (WARM, (shows, lists, reads(0))),
    "two strays": ((stray_a,), (reads_stray(0, "b"), reads_stray(1, "a"), reads_stray(1, "b"))),
    "a stray and a write": ((stray_a,), (writes(LIST), reads_stray(0, "a"), reads_stray(1, "a"))),
    "a purge by address": (WARM, (purges_address(CARD), reads(0), reads(1))),
    "a purge, cold": ((), (purges_address(CARD), reads(0), reads(1))),
    "a purge by address, fast": (WARM, (purges_address(CARD), reads_fast(1), reads_fast(1))),
    "writes and a purge, fast": (
        WARM,
        (writes(CARD), purges_address(LIST), reads_fast(0), reads_fast(1)),
    ),
    "a purge of pieces": (PIECES, (purges_address(CARD), reads(0), reads_fast(0))),
}


def search(scenario: str, seeds: Iterable[int], *, soft: bool = False) -> str | None:
    """The first violation among some schedules of a scenario."""
    prepare, actors = SCENARIOS[scenario]
    runs = (play(prepare, actors, seed, soft=soft) for seed in seeds)
    return next((found[0] for found in runs if found), None)


@pytest.mark.parametrize("soft", [False, True], ids=["strict", "soft"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_schedule_serves_stale(scenario: str, soft: bool) -> None:
    assert search(scenario, range(50), soft=soft) is None


def steps_of(prepare: Sequence[Act], act: Act) -> int:
    """How many operations an actor takes when nobody disturbs it."""
    world = World()
    for each in prepare:
        world.run(each)
    before = world.tick
    world.run(act)
    world.close()
    return world.tick - before


def interleave(prepare: Sequence[Act], first: Act, second: Act, i: int, j: int) -> list[str]:
    """``i`` operations of one, ``j`` of the other, the rest of the one, the rest of the other."""
    world = World()
    for each in prepare:
        world.run(each)
    actors = (world.start(first), world.start(second))
    for actor, steps in zip(actors, (i, j), strict=True):
        for _ in range(steps):
            if not actor.glet.dead:
                world.step(actor)
    return settle(world)


@pytest.mark.parametrize("prepare", [(), WARM, PIECES], ids=["cold", "warm", "pieces"])
@pytest.mark.parametrize("order", [(writes(CARD), reads(0)), (reads(0), writes(CARD))])
def test_all_schedules_of_writer_and_reader_with_two_switches(
    prepare: Sequence[Act], order: tuple[Act, Act]
) -> None:
    first, second = order
    for i in range(steps_of(prepare, first) + 1):
        for j in range(0, steps_of(prepare, second) + 1, 2):
            assert interleave(prepare, first, second, i, j) == []


Mutant = Callable[[pytest.MonkeyPatch], None]

FOUND_BY_SEARCH: list[tuple[Mutant, str]] = [
    (mutants.no_cas, "an evicted stamp"),
    (mutants.no_first_step, "a write, pieces only"),
    (mutants.no_second_step, "a write, warm"),
    (mutants.resolve_with_an_old_clock, "an evicted stamp"),
    (mutants.clock_after_the_tags, "a write, one process"),
    (mutants.fresh_clock_in_an_open_transaction, "a write, cold"),
    (mutants.started_after_the_render, "a write, cold"),
    (mutants.l1_ignores_expiry, "time passes"),
    (mutants.recall_ignores_the_clock, "a write, fast"),
    (mutants.recall_ignores_expiry, "time passes, fast"),
    (mutants.strictly_below, "a write, warm"),
    (mutants.renewal_stamped_after_its_render, "a renewal"),
    (mutants.expanded_before_the_commit, "shown while it is listed"),
    (mutants.stray_is_whoever_lies_there, "two strays"),
    (mutants.stray_is_not_judged, "a stray and a write"),
    (mutants.purge_begins_with_the_page, "a purge by address"),
    (mutants.purge_waits_for_nobody, "a purge, cold"),
    (mutants.purge_without_a_step, "a purge by address"),
    (mutants.removed_entries_are_not_recalled, "a purge by address, fast"),
    (mutants.rechecked_copies_are_of_the_next_clock, "a write, fast"),
]


@pytest.mark.parametrize(("mutant", "scenario"), FOUND_BY_SEARCH)
def test_search_finds_mutant(
    mutant: Mutant, scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    assert search(scenario, range(1500)) is not None


def page_and_its_old_card(world: World) -> None:
    """A page takes a card between a writer's first step and its TOMB, and vouches for it."""
    for act in PIECES:
        world.run(act)
    writer = world.start(writes(CARD))
    world.advance(writer, "set")
    reader = world.start(reads(0))
    world.advance(reader, "store")
    world.advance(writer, "incr")
    while not reader.glet.dead:
        world.step(reader)


def parts_of_two_clocks(world: World) -> None:
    """A write between the looks at the shell and at the cards of one page."""
    for act in PIECES:
        world.run(act)
    reader = world.start(reads(0))
    world.advance(reader, "get_multi", 1)
    world.advance(reader, "get")
    world.run(writes(LIST))


def two_writers(world: World) -> None:
    """Trap 2: a slow writer buries long after its step; another was faster."""
    world.run(reads(0))
    slow = world.start(writes(CARD))
    world.advance(slow, "set")
    world.evict_entries()
    world.run(reads(0))
    world.run(writes(CARD))
    while not slow.glet.dead:
        world.step(slow)


def stamp_lost_while_resolving(world: World) -> None:
    """A reader resolves a missing stamp while a writer buries it and memcached loses it again."""
    world.run(reads(0))
    world.run(evicts(f"tag:{CARD}"))
    world.run(writes(LIST))
    reader = world.start(reads(0))
    world.advance(reader, "add")
    started_before = world.start(reads(1))
    world.advance(started_before, "store", 3)  # the shell's, the card's, the page's
    world.run(writes(CARD))
    world.run(evicts(f"tag:{CARD}"))


NAMED: dict[Callable[[World], None], Mutant] = {
    page_and_its_old_card: mutants.page_vouches_for_its_cards,
    parts_of_two_clocks: mutants.l1_takes_the_latest_clock,
    two_writers: mutants.stamp_from_a_step,
    stamp_lost_while_resolving: mutants.add_the_clock,
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
    assert b'"movie:1": 1' in world.readings[-1].served.entry.payload
    assert settle(world) == []


def test_writer_that_crashes_before_commit_leaves_nothing() -> None:
    world = World()
    world.run(reads(0))
    writer = world.start(writes(CARD))
    world.advance(writer, "commit")
    world.crash(writer)
    assert world.database.rows() == []
    world.run(reads(0))
    assert world.readings[-1].served.status == "hit"
    world.close()


def test_soft_mode_serves_stale_only_during_render() -> None:
    world = World(soft=True)
    for act in (*WARM, writes(CARD)):
        world.run(act)
    renderer = world.start(reads(0))
    world.advance(renderer, "store")
    world.run(reads(1))
    assert world.readings[-1].served.status == "stale"
    assert settle(world) == []


def test_crashed_render_delays_others_for_its_lease_at_most() -> None:
    world = World()
    renderer = world.start(reads(0))
    world.advance(renderer, "store")
    world.crash(renderer)
    world.run(reads(1))
    assert world.readings[-1].served.status == "miss"
    assert settle(world) == []
