"""Search of all states of a world of the model."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from .process_log import forgotten
from .renders import assemble, render, resolve_gets
from .servers import ask
from .state import (
    COPIES,
    OTHER,
    PAGE,
    Job,
    Model,
    Mutant,
    Stale,
    State,
    Step,
    World,
    put,
    with_stamp,
)
from .writers import (
    PUBLISHING,
    change_by_hand,
    commit,
    completed,
    dead,
    delete,
    first_step,
    publish,
    purge_everything,
    relay,
    second_record,
    second_step,
)


def model_of(world: World) -> Model:
    """Return the model of a world."""
    actors: list[tuple[str, Step]] = [
        (f"writer {number} of {what}", (commit, what)) for number, what in enumerate(world.writers)
    ]
    if world.relay:
        actors.append(("relay", (relay,)))
    actors += [(f"renderer {number}", (render, number)) for number in range(world.renderers)]
    actors += [(f"assembler {number}", (assemble,)) for number in range(world.assemblers)]
    if world.resolver:
        actors.append(("resolver", (resolve_gets, (PAGE,), (), ())))
    if world.deleter:
        actors.append(("deleter", (delete,)))
    if world.keeper:
        actors.append(("keeper", (resolve_gets, (COPIES,), (), ())))
    if world.purger:
        actors.append(("purger", (change_by_hand, (purge_everything,))))
    actors += [(f"thread of process {place}", (ask, 0)) for place in world.places]
    return Model(world, actors)


def moves_of(model: Model, state: State) -> Iterator[tuple[int | str, State]]:
    """Yield all states that may follow, each with the actor or the accident that leads to it."""
    for me, step in enumerate(state.actors):
        if not step:
            continue
        for after, then in step[0](model, state, me, *step[1:]):
            yield me, after._replace(actors=put(after.actors, me, then))
        if step[0] in PUBLISHING or step[0] is publish:
            yield from failures_of(model, state, me, step)
    yield from evictions_of(model, state)
    yield from losses_of(model, state)
    if state.late:
        yield "a late operation", done_late(model, state)
    if state.forgets:
        for place, log in enumerate(state.logs):
            stays = model.mutant is Mutant.FORGOTTEN_START_STAYS
            start = log.start if stays else log.end
            gone = forgotten(model, log)._replace(start=start)
            logs = put(state.logs, place, gone)
            yield "tags are forgotten", state._replace(forgets=state.forgets - 1, logs=logs)
    if state.ticks:
        published = (*state.published, state.published[-1])
        yield "time passes", state._replace(ticks=state.ticks - 1, published=published)


def failures_of(model: Model, state: State, me: int, step: Step) -> Iterator[tuple[str, State]]:
    """A writer crashes, or one of its operations fails: not done, done, or done later."""
    job: Job = step[1]
    if state.crashes and me in model.writers:
        marked = model.mutant is Mutant.MARKED_FIRST
        after = put(state.actors, me, () if marked else (dead, job))
        yield "a crash", state._replace(crashes=state.crashes - 1, actors=after)
    if not state.failures or step[0] is publish:
        return
    less = state._replace(failures=state.failures - 1)
    again: Step = (publish if job.expands else first_step, job)
    if step[0] is second_record:
        again = job.then
    elif model.mutant is Mutant.STEP_REPEATED:
        again = step
    elif model.mutant is Mutant.UNACKNOWLEDGED_STEP and step[0] is second_step:
        yield (
            "not done, taken for done",
            completed(less, job)._replace(actors=put(state.actors, me, job.then)),
        )
        return
    actors = put(state.actors, me, again)
    yield "not done", less._replace(actors=actors)
    for after, _ in step[0](model, less, me, *step[1:]):
        yield "done without an answer", after._replace(actors=actors, published=state.published)
    if not state.late:
        yield "done later", less._replace(actors=actors, late=(me, *step))


def done_late(model: Model, state: State) -> State:
    """Do what timed out."""
    me, step, *arguments = state.late
    done = state._replace(late=())
    if step in {first_step, second_step}:
        return done if state.clock is None else done._replace(clock=state.clock + 1)
    ((after, _),) = step(model, done, me, *arguments)
    return after  # type: ignore[no-any-return]


def evictions_of(model: Model, state: State) -> Iterator[tuple[str, State]]:
    """A store loses one value, or a server comes back with an old one."""
    if not state.evictions:
        return
    less = state._replace(evictions=state.evictions - 1)
    for what in model.world.evict:
        if what == "r":
            for index, (number, _) in enumerate(state.records):
                rest = state.records[:index] + state.records[index + 1 :]
                yield f"record {number} is lost", less._replace(records=rest)
        else:
            yield f"loss of {what}", lost(model, less, what)


def lost(model: Model, state: State, what: str) -> State:
    """Lose a value that is not a record."""
    if what == "s":
        return with_stamp(state, PAGE, None)
    if what == "m":
        return with_stamp(state, COPIES, None)
    if what == "c":
        return state._replace(card=None)
    return state._replace(entry=model.start.entry if what == "o" else None)


def losses_of(model: Model, state: State) -> Iterator[tuple[str, State]]:
    """The store loses the clock, or everything."""
    if not state.losses or state.clock is None:
        return
    gone = state._replace(clock=None, losses=state.losses - 1)
    yield "the clock is lost", gone
    if model.world.restart:
        for tag in (PAGE, OTHER, COPIES):
            gone = with_stamp(gone, tag, None)
        yield "the store restarts", gone._replace(records=())


@dataclass(frozen=True)
class Outcome:
    """What a search found. ``stale`` are the steps to a stale answer; empty without one.

    ``lost``: a committed write will not be published in some state. ``useless`` counts the ends of
    the world from which the log does not confirm anything again. ``kinds`` counts the answers.
    """

    states: int
    stale: tuple[str, ...]
    lost: bool
    useless: int
    kinds: Counter[str]
    complete: bool


def explore(
    world: World, *, limit: int = 1_000_000, trace: bool = False, breadth: bool = True
) -> Outcome:
    """Explore the states of a world up to a stale answer, or to the ``limit``.

    States are remembered by their hashes, with ``trace`` themselves, to tell the steps.
    """
    model = model_of(world)
    before: dict[Any, Any] = {model.start if trace else hash(model.start): None}
    todo = deque([model.start])
    lost_write, useless, ends = False, 0, set[State]()
    while todo and len(before) < limit:
        state = todo.popleft() if breadth else todo.pop()
        try:
            if is_over(model, state):
                if len(ends) < MOST_ENDS and is_settled(model, state) and state not in ends:
                    ends.add(state)
                    useless += not settles(model, state)
                continue
            for label, found in moves_of(model, state):
                after = canonical(model, found)
                key = after if trace else hash(after)
                if key not in before:
                    before[key] = (label, state) if trace else None
                    todo.append(after)
        except Stale as stale:
            steps = (*path_to(model, before, state), str(stale)) if trace else (str(stale),)
            return Outcome(len(before), steps, lost_write, useless, model.kinds, False)
        lost_write = lost_write or is_lost(model, state)
    return Outcome(len(before), (), lost_write, useless, model.kinds, not todo)


def canonical(model: Model, state: State) -> State:
    """The state without the records that no process will read again."""
    if model.keeps_records or not state.records:
        return state
    least = min(log.end for log in state.logs)
    if all(number > least for number, _ in state.records):
        return state
    return state._replace(records=tuple(each for each in state.records if each[0] > least))


MOST_ENDS: Final = 300
"""Ends of a world that are examined."""


def is_over(model: Model, state: State) -> bool:
    """Whether all requests of a world with servers are answered."""
    return bool(model.servers) and not any(state.actors[me] for me in model.servers)


def is_settled(model: Model, state: State) -> bool:
    """Whether all writers have ended, and nothing is done late, in a world that keeps copies."""
    world = model.world
    if world.negative or world.assemblers or world.ticks or world.by_stamps:
        return False
    alive = (state.actors[me] for me in model.writers)
    return not state.late and not any(step and step[0] is not dead for step in alive)


def is_lost(model: Model, state: State) -> bool:
    """Whether a write is committed and nothing will publish it."""
    if state.version <= state.published[-1] or state.crashes or model.servers:
        return False
    return next(moves_of(model, state), None) is None


def path_to(model: Model, before: dict[Any, Any], state: State) -> list[str]:
    """The steps to a state."""
    steps: list[str] = []
    while before[state] is not None:
        label, earlier = before[state]
        if isinstance(label, int):
            step = earlier.actors[label]
            label = f"{model.names[label]}: {step[0].__name__}"
        steps.append(f"{label}  [clock {state.clock}, stamps {state.stamps}]")
        state = earlier
    return steps[::-1]


def settles(model: Model, end: State) -> bool:
    """Whether the log soon confirms copies again, after all has ended.

    A render, three requests, a publish of another tag, a request. The first three must be hits in
    the end, and the last be answered by the log.
    """
    world = replace(
        model.world, writers=("u",), relay=False, renderers=1, resolver=False, places=(0,),
        requests=4, deleter=False, keeper=False, purger=False,
    )  # fmt: skip
    alone = model_of(world)
    alone.deletes = model.deletes
    writer, renderer, server = range(3)
    state = end._replace(
        actors=alone.start.actors, logs=end.logs[:1], copies=end.copies[:1], tokens=0, leases=0,
        evictions=0, losses=0, crashes=0, failures=0, forgets=0,
    )  # fmt: skip
    state = run(alone, state, renderer)
    for request in (1, 2, 3):
        alone.kinds.clear()
        state = run(alone, state, server, until=(ask, request))
    if set(alone.kinds) - {"same clock", "copy by log"}:
        return False
    state = run(alone, state, writer)
    alone.kinds.clear()
    run(alone, state, server)
    return set(alone.kinds) == {"copy by log"}


def run(model: Model, state: State, me: int, until: Step = ()) -> State:
    """Let one actor run; where it may do several things, it does the last."""
    while True:
        step = state.actors[me]
        *_, (state, then) = step[0](model, state, me, *step[1:])
        state = state._replace(actors=put(state.actors, me, then))
        if then == until or not then:
            return state
