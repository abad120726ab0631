"""A model of the protocol, small enough to look at every state that it can reach.

One tag, one entry. A writer that may die anywhere, and a relay; somebody who fills the entry and
resolves its tag; a process with a first level that answers two requests; one eviction, of stamp,
clock or entry. In another beginning, somebody who changes the data by hand and removes the entry by
its address, and a process that resolves the tag of the region's copies. Every operation on a store
is one step, and every order of steps is tried. The model states what the code in ``stamps.py`` and
``reading.py`` does, operation by operation; its rules can be broken one by one, and each broken one
must show. Change the protocol here first.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

Clock = tuple[int, int]
"""Epoch and count; compared as in the real clock, where the epoch stands in the high bits."""

TOMB: Clock = (-1, -1)


class Copy(NamedTuple):
    """An entry: the version it shows, and its clock."""

    version: int
    started: Clock


class State(NamedTuple):
    """Everything. ``published`` says that a publish of the write has been completed.

    ``swappable`` says that nobody has written the stamp since the filler's ``gets``. The remaining
    fields are what each process has read, and where it stands.
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
    fetched: Clock = TOMB
    mark: Clock | None = None
    mark_swappable: bool = False
    remover: str = "over"
    keeper: str = "over"
    keeper_clock: Clock = TOMB
    evicted: bool = False
    writer: str = "commit"
    relay: str = "look"
    filler: str = "start"
    filler_clock: Clock = TOMB
    filled: Copy = Copy(0, TOMB)
    server: str = "ask"
    g: Clock = TOMB
    seen: Copy = Copy(0, TOMB)
    knew: bool = False
    requests: int = 0
    stale: bool = False


COLD = State()
"""Nothing is stored; the filler is the first."""


@dataclass(frozen=True)
class Rules:
    """The protocol, each point of which may be left out."""

    first_step: bool = True
    second_step: bool = True
    cas: bool = True
    clock_after_gets: bool = True
    tomb_before_swap: bool = True
    g_before_entry: bool = True
    started_before_snapshot: bool = True
    outbox: bool = True
    at_most: bool = True
    check_tags: bool = True
    check_mark: bool = True
    mark_after_fetch: bool = True


def stamped(state: State, value: Clock | None) -> State:
    """A write to the stamp."""
    return state._replace(stamp=value, swappable=False)


def with_clock(state: State) -> tuple[State, Clock]:
    """The clock; a lost one is drawn anew, in an epoch of its own."""
    if state.clock is not None:
        return state, state.clock
    fresh = (state.epoch + 1, 1)
    return state._replace(clock=fresh, epoch=state.epoch + 1), fresh


def stepped(state: State) -> State | None:
    """The clock one further; None where it is lost."""
    if state.clock is None:
        return None
    return state._replace(clock=(state.clock[0], state.clock[1] + 1))


def marked(state: State, value: Clock | None) -> State:
    """A write to the stamp of the region's copies."""
    return state._replace(mark=value, mark_swappable=False)


def publish(
    state: State, at: str, rules: Rules, buried: Callable[[State, Clock], State] = stamped
) -> tuple[State, str]:
    """One step of a publish from where it stands: the state after it, and where it stands then."""
    if at == "clock":
        return with_clock(state)[0], "step" if rules.first_step else "bury"
    if at == "bury":
        return buried(state, TOMB), "step again" if rules.second_step else "done"
    if at == "done":
        return state._replace(published=True), "over"
    after = stepped(state)
    if after is None:
        return state, "clock"
    return after, "bury" if at == "step" else "done"


def writer(state: State, rules: Rules) -> Iterator[State]:
    """Commit, publish; die anywhere in between."""
    if state.writer == "commit":
        yield state._replace(version=1, writer="clock")
    elif state.writer not in {"over", "dead"}:
        after, at = publish(state, state.writer, rules)
        yield after._replace(writer=at)
        yield state._replace(writer="dead")


def relay(state: State, rules: Rules) -> Iterator[State]:
    """Publish what its writer has left."""
    if state.relay == "look":
        if rules.outbox and state.writer == "dead":
            yield state._replace(relay="clock")
    elif state.relay != "over":
        after, at = publish(state, state.relay, rules)
        yield after._replace(relay=at)


def remover(state: State, rules: Rules) -> Iterator[State]:
    """Change the data by hand, remove the entry, and have copies looked up again; no outbox."""
    if state.remover == "commit":
        yield state._replace(version=1, remover="remove")
    elif state.remover == "remove":
        yield state._replace(entry=None, remover="clock")
    elif state.remover != "over":
        after, at = publish(state, state.remover, rules, marked)
        yield after._replace(remover=at)


def keeper(state: State, rules: Rules) -> Iterator[State]:
    """A process that keeps a copy of something else resolves the tag of the region's copies."""
    if state.keeper == "gets" and state.mark is None:
        yield marked(state, TOMB)
    elif state.keeper == "gets":
        yield state._replace(mark_swappable=True, keeper="clock")
    elif state.keeper == "clock":
        ready, clock = with_clock(state)
        yield ready._replace(keeper_clock=clock, keeper="swap")
    elif state.keeper == "swap":
        won = state.mark_swappable
        yield (marked(state, state.keeper_clock) if won else state)._replace(keeper="over")


def fill_start(state: State, rules: Rules) -> State:
    """The clock, before the snapshot."""
    if not rules.started_before_snapshot:
        return state._replace(filled=Copy(state.version, TOMB), filler="snapshot")
    ready, clock = with_clock(state)
    return ready._replace(filler_clock=clock, filler="snapshot")


def fill_snapshot(state: State, rules: Rules) -> State:
    """The snapshot; the mutant has it already, and reads the clock now."""
    if rules.started_before_snapshot:
        return state._replace(filled=Copy(state.version, state.filler_clock), filler="store")
    ready, clock = with_clock(state)
    return ready._replace(filled=Copy(state.filled.version, clock), filler="store")


def fill_store(state: State, rules: Rules) -> State:
    """The entry is stored."""
    return state._replace(entry=state.filled, filler="gets" if rules.clock_after_gets else "early")


def fill_early(state: State, rules: Rules) -> State:
    """The mutant that reads the clock before the stamp."""
    ready, clock = with_clock(state)
    return ready._replace(filler_clock=clock, filler="gets")


def fill_gets(state: State, rules: Rules) -> State:
    """The stamp, with a token."""
    if state.stamp is None:
        return state._replace(filler="add" if rules.tomb_before_swap else "clock to add")
    if state.clock is not None and state.stamp[0] == state.clock[0]:
        return state._replace(filler="over")
    return state._replace(swappable=True, filler="clock" if rules.clock_after_gets else "swap")


def fill_add(state: State, rules: Rules) -> State:
    """A TOMB where there is nothing."""
    return (state if state.stamp else stamped(state, TOMB))._replace(filler="gets")


def fill_clock_to_add(state: State, rules: Rules) -> State:
    """The mutant that would add a number."""
    ready, clock = with_clock(state)
    return ready._replace(filler_clock=clock, filler="add number")


def fill_add_number(state: State, rules: Rules) -> State:
    """The mutant that adds a number where there is nothing."""
    return (state if state.stamp else stamped(state, state.filler_clock))._replace(filler="over")


def fill_clock(state: State, rules: Rules) -> State:
    """The clock, after the stamp."""
    ready, clock = with_clock(state)
    return ready._replace(filler_clock=clock, filler="swap")


def fill_swap(state: State, rules: Rules) -> State:
    """The number, unless somebody wrote meanwhile."""
    won = state.swappable if rules.cas else state.stamp is not None
    return (stamped(state, state.filler_clock) if won else state)._replace(filler="over")


FILL: dict[str, Callable[[State, Rules], State]] = {
    "start": fill_start,
    "snapshot": fill_snapshot,
    "store": fill_store,
    "early": fill_early,
    "gets": fill_gets,
    "add": fill_add,
    "clock to add": fill_clock_to_add,
    "add number": fill_add_number,
    "clock": fill_clock,
    "swap": fill_swap,
}


def filler(state: State, rules: Rules) -> Iterator[State]:
    """Render, store, resolve."""
    if state.filler != "over":
        yield FILL[state.filler](state, rules)


def answered(state: State, copy: Copy | None) -> State:
    """A request is answered, with a copy or by a render; stale if the write was known before."""
    stale = copy is not None and state.knew and copy.version == 0
    after = state._replace(server="ask", requests=state.requests + 1, stale=stale)
    return after._replace(g=TOMB, seen=Copy(0, TOMB), knew=False)


def valid(copy: Copy, stamp: Clock | None, g: Clock, rules: Rules) -> bool:
    """What a reader decides."""
    if stamp is None or not stamp[0] == copy.started[0] == g[0]:
        return False
    below = stamp <= copy.started if rules.at_most else stamp < copy.started
    return below and copy.started <= g


def serve_ask(state: State, rules: Rules) -> State:
    """A request begins: what has been published by now, it must see."""
    return state._replace(knew=state.published, server="clock")


def serve_clock(state: State, rules: Rules) -> State:
    """The clock first, then the first level."""
    ready, clock = with_clock(state)
    if state.copy is not None and state.copy_at == clock:
        return answered(ready, state.copy)
    return ready._replace(g=clock, server="entry" if state.copy is None else "recheck")


def serve_recheck(state: State, rules: Rules) -> State:
    """The stamps of a copy that belongs to another clock, read at once."""
    if state.copy is None or not copy_is_true(state, state.copy, rules):
        return state._replace(server="entry")
    return answered(state._replace(copy_at=state.g), state.copy)


def copy_is_true(state: State, copy: Copy, rules: Rules) -> bool:
    """Its tags say so, and no entry was removed since it was fetched."""
    fetched = state.fetched if rules.mark_after_fetch else state.copy_at
    removed = Copy(0, fetched or TOMB)
    return (not rules.check_tags or valid(copy, state.stamp, state.g, rules)) and (
        not rules.check_mark or valid(removed, state.mark, state.g, rules)
    )


def serve_entry(state: State, rules: Rules) -> State:
    """The entry; a miss is rendered, and is fresh."""
    if state.entry is None:
        return answered(state, None)
    return state._replace(seen=state.entry, server="stamp")


def serve_stamp(state: State, rules: Rules) -> State:
    """The stamp, and the answer."""
    if not valid(state.seen, state.stamp, state.g, rules):
        return answered(state, None)
    if not rules.g_before_entry:
        return state._replace(server="late clock")
    return answered(state._replace(copy=state.seen, copy_at=state.g, fetched=state.g), state.seen)


def serve_late_clock(state: State, rules: Rules) -> State:
    """The mutant that remembers its copy at a clock read after the stamp."""
    ready, clock = with_clock(state)
    return answered(ready._replace(copy=state.seen, copy_at=clock, fetched=clock), state.seen)


SERVE: dict[str, Callable[[State, Rules], State]] = {
    "ask": serve_ask,
    "clock": serve_clock,
    "recheck": serve_recheck,
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
        yield stamped(less, None)
        yield less._replace(clock=None)
        yield marked(less, None)
        yield less._replace(entry=None)


PROCESSES = (writer, relay, remover, keeper, filler, server, eviction)


@dataclass(frozen=True)
class Outcome:
    """What a search of all states found."""

    states: int
    stale: bool
    """Whether a request was answered without a write that had been published before it."""
    hits_after_the_write: bool
    """Whether, somewhere, an entry that shows the write is valid, as it should be."""
    lost: bool
    """Whether, somewhere, the write is committed and nobody is left to publish it."""
    rechecked: bool = False
    """Whether, somewhere, a copy was found true at another clock than it was fetched at."""


RENEWAL = State(stamp=(0, 1), entry=Copy(0, (0, 1)), evicted=True)
"""An entry that is true; the filler makes it anew behind everybody's back. Nothing is evicted."""


WARM = State(
    stamp=(0, 1),
    mark=(0, 1),
    entry=Copy(0, (0, 1)),
    copy=Copy(0, (0, 1)),
    copy_at=(0, 1),
    fetched=(0, 1),
    evicted=True,
)
"""An entry that is true and copied; the filler makes it anew. Nothing is evicted."""

REMOVAL = WARM._replace(
    evicted=False, writer="over", filler="over", remover="commit", keeper="gets"
)
"""An entry that is true and copied, of which the data is changed by hand before it is removed."""


def explore(rules: Rules, start: State = COLD) -> Outcome:
    """Look at every state from ``start`` on; stop at the first stale answer."""
    todo, known = [start], {start}
    hits = lost = rechecked = False
    while todo:
        state = todo.pop()
        if state.stale:
            return Outcome(len(known), True, hits, lost)
        hits = hits or _hits(state, rules)
        lost = lost or _lost(state, rules)
        rechecked = rechecked or (state.copy is not None and state.copy_at != state.fetched)
        for process in PROCESSES:
            for after in process(state, rules):
                if after not in known:
                    known.add(after)
                    todo.append(after)
    return Outcome(len(known), False, hits, lost, rechecked)


def _hits(state: State, rules: Rules) -> bool:
    if state.entry is None or state.clock is None or not state.published:
        return False
    return state.entry.version == 1 and valid(state.entry, state.stamp, state.clock, rules)


def _lost(state: State, rules: Rules) -> bool:
    if not state.version or state.published:
        return False
    return not any(True for process in (writer, relay) for _ in process(state, rules))
