"""A model of the invalidation protocol, small enough to explore all of its states.

One tag, one entry. A writer that may crash at any step, and a relay; a renderer that stores the
entry and resolves its tag; a process with a local cache that answers two requests; one eviction, of
the stamp, the clock or the entry. In another start state, data is changed by hand and the entry is
deleted by its key, while a process resolves the tag of the region's copies. Every operation on a
store is one step, and all orders of steps are tried. The model repeats ``protocol/stamps.py`` and
``regions/read.py``, operation by operation. Each of its rules can be broken, and the broken model
must serve a stale page. Change the protocol here first.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

Clock = tuple[int, int]
"""Epoch and count; compared as in the real clock, where the epoch is in the high bits."""

TOMBSTONE: Clock = (-1, -1)


class Copy(NamedTuple):
    """An entry: the version it shows, and its snapshot clock."""

    version: int
    snapshot_clock: Clock


class State(NamedTuple):
    """``published``: a publish of the write was completed. ``swappable``: the stamp was not written
    since the renderer's ``gets``. The other fields are what each process has read, and its next
    step.
    """

    clock: Clock | None = (0, 1)
    epoch: int = 0
    stamp: Clock | None = None
    swappable: bool = False
    version: int = 0
    published: bool = False
    entry: Copy | None = None
    copy: Copy | None = None
    copy_at: Clock | None = None
    fetched_at: Clock = TOMBSTONE
    copies_stamp: Clock | None = None
    copies_stamp_swappable: bool = False
    deleter: str = "over"
    keeper: str = "over"
    keeper_clock: Clock = TOMBSTONE
    evicted: bool = False
    writer: str = "commit"
    relay: str = "look"
    renderer: str = "start"
    renderer_clock: Clock = TOMBSTONE
    rendered: Copy = Copy(0, TOMBSTONE)
    server: str = "ask"
    read_clock: Clock = TOMBSTONE
    read_entry: Copy = Copy(0, TOMBSTONE)
    must_see: bool = False
    requests: int = 0
    stale: bool = False


COLD = State()
"""Nothing is stored yet."""


@dataclass(frozen=True)
class Rules:
    """The rules of the protocol; each may be broken."""

    first_step: bool = True
    second_step: bool = True
    cas: bool = True
    clock_after_gets: bool = True
    tombstone_before_swap: bool = True
    clock_before_entry: bool = True
    clock_before_snapshot: bool = True
    outbox: bool = True
    at_most: bool = True
    check_tags: bool = True
    check_copies_stamp: bool = True
    copies_stamp_after_fetch: bool = True


def with_stamp(state: State, value: Clock | None) -> State:
    """Write the stamp."""
    return state._replace(stamp=value, swappable=False)


def with_clock(state: State) -> tuple[State, Clock]:
    """Return the clock; a lost one is replaced, with a new epoch."""
    if state.clock is not None:
        return state, state.clock
    fresh = (state.epoch + 1, 1)
    return state._replace(clock=fresh, epoch=state.epoch + 1), fresh


def with_step(state: State) -> State | None:
    """Step the clock; None if it is lost."""
    if state.clock is None:
        return None
    return state._replace(clock=(state.clock[0], state.clock[1] + 1))


def with_copies_stamp(state: State, value: Clock | None) -> State:
    """Write the stamp of the region's copies."""
    return state._replace(copies_stamp=value, copies_stamp_swappable=False)


def publish(
    state: State, at: str, rules: Rules, set_tombstone: Callable[[State, Clock], State] = with_stamp
) -> tuple[State, str]:
    """Do one step of a publish; return the state and the next step."""
    if at == "clock":
        return with_clock(state)[0], "step" if rules.first_step else "tombstone"
    if at == "tombstone":
        return set_tombstone(state, TOMBSTONE), "step again" if rules.second_step else "done"
    if at == "done":
        return state._replace(published=True), "over"
    after = with_step(state)
    if after is None:
        return state, "clock"
    return after, "tombstone" if at == "step" else "done"


def writer(state: State, rules: Rules) -> Iterator[State]:
    """Commit, publish; may crash before each step."""
    if state.writer == "commit":
        yield state._replace(version=1, writer="clock")
    elif state.writer not in {"over", "dead"}:
        after, at = publish(state, state.writer, rules)
        yield after._replace(writer=at)
        yield state._replace(writer="dead")


def relay(state: State, rules: Rules) -> Iterator[State]:
    """Publish the write of a crashed writer."""
    if state.relay == "look":
        if rules.outbox and state.writer == "dead":
            yield state._replace(relay="clock")
    elif state.relay != "over":
        after, at = publish(state, state.relay, rules)
        yield after._replace(relay=at)


def deleter(state: State, rules: Rules) -> Iterator[State]:
    """Change the data by hand, delete the entry, invalidate the copies; without the outbox."""
    if state.deleter == "commit":
        yield state._replace(version=1, deleter="delete")
    elif state.deleter == "delete":
        yield state._replace(entry=None, deleter="clock")
    elif state.deleter != "over":
        after, at = publish(state, state.deleter, rules, with_copies_stamp)
        yield after._replace(deleter=at)


def keeper(state: State, rules: Rules) -> Iterator[State]:
    """A process that keeps a copy of something else resolves the tag of the region's copies."""
    if state.keeper == "gets" and state.copies_stamp is None:
        yield with_copies_stamp(state, TOMBSTONE)
    elif state.keeper == "gets":
        yield state._replace(copies_stamp_swappable=True, keeper="clock")
    elif state.keeper == "clock":
        ready, clock = with_clock(state)
        yield ready._replace(keeper_clock=clock, keeper="swap")
    elif state.keeper == "swap":
        won = state.copies_stamp_swappable
        yield (with_copies_stamp(state, state.keeper_clock) if won else state)._replace(
            keeper="over"
        )


def render_start(state: State, rules: Rules) -> State:
    """Read the clock, before the snapshot."""
    if not rules.clock_before_snapshot:
        return state._replace(rendered=Copy(state.version, TOMBSTONE), renderer="snapshot")
    ready, clock = with_clock(state)
    return ready._replace(renderer_clock=clock, renderer="snapshot")


def render_snapshot(state: State, rules: Rules) -> State:
    """Take the snapshot; the mutant has it already, and reads the clock now."""
    if rules.clock_before_snapshot:
        return state._replace(rendered=Copy(state.version, state.renderer_clock), renderer="store")
    ready, clock = with_clock(state)
    return ready._replace(rendered=Copy(state.rendered.version, clock), renderer="store")


def render_store(state: State, rules: Rules) -> State:
    """Store the entry."""
    return state._replace(
        entry=state.rendered, renderer="gets" if rules.clock_after_gets else "early"
    )


def render_early(state: State, rules: Rules) -> State:
    """Mutant: read the clock before the stamp."""
    ready, clock = with_clock(state)
    return ready._replace(renderer_clock=clock, renderer="gets")


def render_gets(state: State, rules: Rules) -> State:
    """Read the stamp, with a token."""
    if state.stamp is None:
        return state._replace(renderer="add" if rules.tombstone_before_swap else "clock to add")
    if state.clock is not None and state.stamp[0] == state.clock[0]:
        return state._replace(renderer="over")
    return state._replace(swappable=True, renderer="clock" if rules.clock_after_gets else "swap")


def render_add(state: State, rules: Rules) -> State:
    """Add a tombstone if there is no stamp."""
    return (state if state.stamp else with_stamp(state, TOMBSTONE))._replace(renderer="gets")


def render_clock_to_add(state: State, rules: Rules) -> State:
    """Mutant: read the clock, to add a number."""
    ready, clock = with_clock(state)
    return ready._replace(renderer_clock=clock, renderer="add number")


def render_add_number(state: State, rules: Rules) -> State:
    """Mutant: add a number if there is no stamp."""
    return (state if state.stamp else with_stamp(state, state.renderer_clock))._replace(
        renderer="over"
    )


def render_clock(state: State, rules: Rules) -> State:
    """Read the clock, after the stamp."""
    ready, clock = with_clock(state)
    return ready._replace(renderer_clock=clock, renderer="swap")


def render_swap(state: State, rules: Rules) -> State:
    """Set the number, unless the stamp was written since it was read."""
    won = state.swappable if rules.cas else state.stamp is not None
    return (with_stamp(state, state.renderer_clock) if won else state)._replace(renderer="over")


RENDER: dict[str, Callable[[State, Rules], State]] = {
    "start": render_start,
    "snapshot": render_snapshot,
    "store": render_store,
    "early": render_early,
    "gets": render_gets,
    "add": render_add,
    "clock to add": render_clock_to_add,
    "add number": render_add_number,
    "clock": render_clock,
    "swap": render_swap,
}


def renderer(state: State, rules: Rules) -> Iterator[State]:
    """Render, store, resolve."""
    if state.renderer != "over":
        yield RENDER[state.renderer](state, rules)


def answer(state: State, copy: Copy | None) -> State:
    """Answer a request with a copy or a render; stale if it lacks a write published before it."""
    stale = copy is not None and state.must_see and copy.version == 0
    after = state._replace(server="ask", requests=state.requests + 1, stale=stale)
    return after._replace(read_clock=TOMBSTONE, read_entry=Copy(0, TOMBSTONE), must_see=False)


def valid(copy: Copy, stamp: Clock | None, read_clock: Clock, rules: Rules) -> bool:
    """Return whether an entry is valid."""
    if stamp is None or not stamp[0] == copy.snapshot_clock[0] == read_clock[0]:
        return False
    below = stamp <= copy.snapshot_clock if rules.at_most else stamp < copy.snapshot_clock
    return below and copy.snapshot_clock <= read_clock


def serve_ask(state: State, rules: Rules) -> State:
    """Begin a request: it must see what is published by now."""
    return state._replace(must_see=state.published, server="clock")


def serve_clock(state: State, rules: Rules) -> State:
    """Read the clock, then the local cache."""
    ready, clock = with_clock(state)
    if state.copy is not None and state.copy_at == clock:
        return answer(ready, state.copy)
    return ready._replace(read_clock=clock, server="entry" if state.copy is None else "revalidate")


def serve_revalidate(state: State, rules: Rules) -> State:
    """Revalidate a copy of another clock by its stamps, read at once."""
    if state.copy is None or not copy_is_valid(state, state.copy, rules):
        return state._replace(server="entry")
    return answer(state._replace(copy_at=state.read_clock), state.copy)


def copy_is_valid(state: State, copy: Copy, rules: Rules) -> bool:
    """Return whether its tags are valid, and no entry was deleted since it was fetched."""
    fetched_at = state.fetched_at if rules.copies_stamp_after_fetch else state.copy_at
    removed = Copy(0, fetched_at or TOMBSTONE)
    return (not rules.check_tags or valid(copy, state.stamp, state.read_clock, rules)) and (
        not rules.check_copies_stamp or valid(removed, state.copies_stamp, state.read_clock, rules)
    )


def serve_entry(state: State, rules: Rules) -> State:
    """Fetch the entry; a miss is rendered, and is not stale."""
    if state.entry is None:
        return answer(state, None)
    return state._replace(read_entry=state.entry, server="stamp")


def serve_stamp(state: State, rules: Rules) -> State:
    """Read the stamp, and answer."""
    if not valid(state.read_entry, state.stamp, state.read_clock, rules):
        return answer(state, None)
    if not rules.clock_before_entry:
        return state._replace(server="late clock")
    return answer(
        state._replace(
            copy=state.read_entry, copy_at=state.read_clock, fetched_at=state.read_clock
        ),
        state.read_entry,
    )


def serve_late_clock(state: State, rules: Rules) -> State:
    """Mutant: keep the copy with a clock read after the stamp."""
    ready, clock = with_clock(state)
    return answer(
        ready._replace(copy=state.read_entry, copy_at=clock, fetched_at=clock), state.read_entry
    )


SERVE: dict[str, Callable[[State, Rules], State]] = {
    "ask": serve_ask,
    "clock": serve_clock,
    "revalidate": serve_revalidate,
    "entry": serve_entry,
    "stamp": serve_stamp,
    "late clock": serve_late_clock,
}


def server(state: State, rules: Rules) -> Iterator[State]:
    """Two requests to one process."""
    if state.requests < 2:
        yield SERVE[state.server](state, rules)


def eviction(state: State, rules: Rules) -> Iterator[State]:
    """memcached loses one thing."""
    if not state.evicted:
        less = state._replace(evicted=True)
        yield with_stamp(less, None)
        yield less._replace(clock=None)
        yield with_copies_stamp(less, None)
        yield less._replace(entry=None)


PROCESSES = (writer, relay, deleter, keeper, renderer, server, eviction)


@dataclass(frozen=True)
class Outcome:
    """What a search of all states found."""

    states: int
    stale: bool
    """Whether a request was answered without a write that was published before it."""
    hits_after_the_write: bool
    """Whether an entry that shows the write is valid in some state, as it should be."""
    lost: bool
    """Whether the write is committed in some state and will not be published."""
    revalidated: bool = False
    """Whether a copy was valid in some state at a later clock than it was fetched at."""


REFRESH = State(stamp=(0, 1), entry=Copy(0, (0, 1)), evicted=True)
"""A valid entry; the renderer refreshes it in the background. Nothing is evicted."""


WARM = State(
    stamp=(0, 1),
    copies_stamp=(0, 1),
    entry=Copy(0, (0, 1)),
    copy=Copy(0, (0, 1)),
    copy_at=(0, 1),
    fetched_at=(0, 1),
    evicted=True,
)
"""A valid entry with a local copy; the renderer refreshes it. Nothing is evicted."""

DELETION = WARM._replace(
    evicted=False, writer="over", renderer="over", deleter="commit", keeper="gets"
)
"""A valid entry with a local copy; its data is changed by hand before it is deleted."""


def explore(rules: Rules, start: State = COLD) -> Outcome:
    """Explore all states from ``start``; stop at the first stale answer."""
    todo, seen = [start], {start}
    hits = lost = revalidated = False
    while todo:
        state = todo.pop()
        if state.stale:
            return Outcome(len(seen), True, hits, lost)
        hits = hits or _hits(state, rules)
        lost = lost or _lost(state, rules)
        revalidated = revalidated or (state.copy is not None and state.copy_at != state.fetched_at)
        for process in PROCESSES:
            for after in process(state, rules):
                if after not in seen:
                    seen.add(after)
                    todo.append(after)
    return Outcome(len(seen), False, hits, lost, revalidated)


def _hits(state: State, rules: Rules) -> bool:
    if state.entry is None or state.clock is None or not state.published:
        return False
    return state.entry.version == 1 and valid(state.entry, state.stamp, state.clock, rules)


def _lost(state: State, rules: Rules) -> bool:
    if not state.version or state.published:
        return False
    return not any(True for process in (writer, relay) for _ in process(state, rules))
