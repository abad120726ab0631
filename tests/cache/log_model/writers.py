"""Writers of the model: publishes, their relay, and purges."""

from collections.abc import Callable
from typing import Final

from .state import (
    COPIES,
    EPOCH,
    EPOCHS,
    LEASE,
    OTHER,
    PAGE,
    SLOT_LEASE,
    TOMBSTONE,
    Job,
    Model,
    Moves,
    Mutant,
    State,
    Step,
    is_shown,
    with_clock,
    with_lease,
    with_record,
    with_stamp,
)


def commit(model: Model, state: State, me: int, what: str) -> Moves:
    """Commit, then publish."""
    if what in BITS:
        return before_change(model, state, me, what)
    if what == "u":
        return ((state, (publish, Job((OTHER,), 0, "tags", False, ()))),)
    version = state.version + 1
    record = {"T": "many", "x": "none"}.get(what, "tags")
    job = Job((PAGE,), version, record, False, ())
    return ((state._replace(version=version), (publish, job)),)


BITS: Final = {"show": (1, 1), "list": (2, 2), "hide": (1, 0), "unlist": (2, 0)}
"""The bit of the third movie that a change sets, and its value."""


def before_change(model: Model, state: State, me: int, what: str) -> Moves:
    """Change the third movie; the mutant looks up its lists before that, without a lock."""
    if model.mutant is Mutant.EXPANDED_BEFORE_COMMIT:
        return ((state, (change, what, lists_of(state, what))),)
    return change(model, state, me, what, None)


def lists_of(state: State, what: str) -> tuple[int, ...]:
    """The lists that a change concerns; the page is the only one."""
    other_bit = 3 - BITS[what][0]
    return (PAGE,) if state.third & other_bit else ()


def change(model: Model, state: State, me: int, what: str, known: tuple[int, ...] | None) -> Moves:
    """Commit a change of the third movie with a row of the outbox; the movie is locked."""
    bit, value = BITS[what]
    third = state.third & ~bit | value
    flips = is_shown(third) != is_shown(state.third)
    version = state.version + flips
    after = state._replace(third=third, version=version)
    tags = lists_of(after, what) if known is None else known
    if model.mutant is Mutant.WITHDRAWN_AFTER_COMMIT and bit == 1:
        tags = ()
    expands = bit == 1 and known is None
    if not tags and not expands:
        return ((completed(after, Job((), version * flips, "", False, ())), ()),)
    return ((after, (publish, Job(tags, version * flips, "tags", expands, (), tags))),)


def publish(model: Model, state: State, me: int, job: Job) -> Moves:
    """Expand the tags by a query after the commit, then publish."""
    if not job.expands:
        return first_step(model, state, me, job)
    relays = model.mutant is Mutant.RELAY_DOES_NOT_EXPAND and me not in model.writers
    found = (PAGE,) if state.third & 2 and not relays else job.recorded
    return ((state, (first_step, job._replace(tags=found))),)


def first_step(model: Model, state: State, me: int, job: Job) -> Moves:
    """Step the clock."""
    if model.mutant is Mutant.NO_FIRST_STEP:
        return ((state, (tombstones, job, 0)),)
    skips = job.record == "none" or (model.mutant is not None and model.mutant in NOT_AT_FIRST)
    return stepped(state, job, tombstones if skips else first_record)


NOT_AT_FIRST: Final = {Mutant.NO_FIRST_RECORD, Mutant.FIRST_RECORD_LATE, Mutant.BOTH_RECORDS_LATE}


def stepped(state: State, job: Job, then: Callable[..., Moves]) -> Moves:
    """Step the clock; if it is lost, begin again."""
    if state.clock is None:
        return [(fresh, (first_step, job)) for fresh, _ in with_clock(state)]
    number = state.clock + 1
    return ((state._replace(clock=number), (then, job, number)),)


def first_record(model: Model, state: State, me: int, job: Job, number: int) -> Moves:
    """Write the record that a publish has begun."""
    tags: tuple[int, ...] | None = ()
    if model.mutant is Mutant.TAGS_AT_FIRST_STEP:
        tags = job.tags
    then = second_step if model.mutant is Mutant.FIRST_RECORD_LATE else tombstones
    return ((with_record(state, number, tags, model.world.ring), (then, job, number)),)


def tombstones(model: Model, state: State, me: int, job: Job, number: int) -> Moves:
    """Set the tombstones."""
    after = state
    for tag in job.tags:
        after = with_stamp(after, tag, TOMBSTONE)
    then: Callable[..., Moves] = second_step
    if model.mutant is not None:
        then = INSTEAD_OF_SECOND_STEP.get(model.mutant, second_step)
    return ((after, (then, job, number)),)


def record_too_early(model: Model, state: State, me: int, job: Job, number: int) -> Moves:
    """Mutant: the number may be taken by another writer."""
    return (
        (with_record(state, number + 1, job.tags, model.world.ring), (second_step, job, number)),
    )


def no_second_step(model: Model, state: State, me: int, job: Job, number: int) -> Moves:
    """Mutant."""
    return ((completed(state, job), (second_record, job, number)),)


def completed(state: State, job: Job) -> State:
    """The publish is complete: requests that begin now must be answered with its version."""
    if job.version <= state.published[-1]:
        return state
    return state._replace(published=(*state.published[:-1], job.version))


def second_step(model: Model, state: State, me: int, job: Job, number: int) -> Moves:
    """Step the clock again; with it, the tags are published."""
    if state.clock is None:
        return stepped(state, job, first_step)
    then: Step = (second_record, job, state.clock + 1)
    if model.mutant is Mutant.BOTH_RECORDS_LATE:
        then = (late_first_record, job, number, state.clock + 1)
    elif job.record == "none" or (model.mutant is not None and model.mutant in NOT_AT_SECOND):
        then = job.then
    return ((completed(state._replace(clock=state.clock + 1), job), then),)


NOT_AT_SECOND: Final = {Mutant.NO_SECOND_RECORD, Mutant.RECORD_BEFORE_STEP}


def late_first_record(
    model: Model, state: State, me: int, job: Job, first: int, second: int
) -> Moves:
    """Mutant."""
    return ((with_record(state, first, (), model.world.ring), (second_record, job, second)),)


def second_record(model: Model, state: State, me: int, job: Job, number: int) -> Moves:
    """Write the record of the published tags."""
    tags: tuple[int, ...] | None = None if job.record == "many" else job.tags
    if model.mutant is Mutant.TAGS_AT_FIRST_STEP:
        tags = ()
    if model.mutant is Mutant.DELETE_WITHOUT_TAG and job.tags == (COPIES,):
        tags = ()
    return ((with_record(state, number, tags, model.world.ring), job.then),)


INSTEAD_OF_SECOND_STEP: Final = {
    Mutant.FIRST_RECORD_LATE: first_record,
    Mutant.RECORD_BEFORE_STEP: record_too_early,
    Mutant.NO_SECOND_STEP: no_second_step,
}


PUBLISHING = (first_step, first_record, tombstones, second_step, second_record)


def dead(model: Model, state: State, me: int, job: Job) -> Moves:
    """A writer has crashed; the relay finds its row."""
    return ()


def relay(model: Model, state: State, me: int) -> Moves:
    """Publish the row of a crashed writer; with ``eager``, of a slow one, too."""
    return [
        (state, (publish, step[1]))
        for step in (state.actors[writer] for writer in model.writers)
        if step and (step[0] is dead or (model.world.eager and step[0] in PUBLISHING))
    ]


def change_by_hand(model: Model, state: State, me: int, then: Step) -> Moves:
    """Change the data of the page without a row in the outbox."""
    version = state.version + 1
    return ((state._replace(version=version), (*then, version)),)


def purge_everything(model: Model, state: State, me: int, version: int) -> Moves:
    """Begin a new epoch."""
    done = completed(state, Job((), version, "", False, ()))
    return [
        (done._replace(clock=each * EPOCH + 1, epochs=state.epochs + 1), ())
        for each in EPOCHS[state.epochs + 1]
    ]


def delete(model: Model, state: State, me: int) -> Moves:
    """Change the data by hand, and purge the page by its URL."""
    if model.mutant is Mutant.LISTED_BEFORE_LEASE:
        return change_by_hand(model, state, me, (list_entries,))
    return change_by_hand(model, state, me, (lock, LEASE, True))


def list_entries(model: Model, state: State, me: int, version: int) -> Moves:
    """Mutant: a render that is running may store more entries."""
    part = state.entry if model.world.negative else state.card
    return ((state, (lock, LEASE, part is not None, version)),)


def lock(model: Model, state: State, me: int, lease: int, all_: bool, version: int) -> Moves:
    """Wait for a render of the page, and lock it; then for the slot of the negative entry."""
    world = model.world
    if model.mutant is Mutant.DELETE_WITHOUT_LEASE:
        return remove(model, state, me, version)
    if state.leases & lease:
        return ()
    after = with_lease(state, lease)
    if world.negative and not all_:
        return ((completed(after, Job((), version, "", False, ())), (unlock, lease)),)
    if world.negative and lease == LEASE:
        return ((after, (lock, SLOT_LEASE, all_, version)),)
    return ((after, (remove_card if world.assemblers and all_ else remove, version)),)


def remove_card(model: Model, state: State, me: int, version: int) -> Moves:
    """Delete the card, before the page that is assembled from it."""
    return ((state._replace(card=None), (remove, version)),)


def remove(model: Model, state: State, me: int, version: int) -> Moves:
    """Delete the entry, and invalidate the copies."""
    gone = state._replace(entry=None)
    then: Step = (unlock, LEASE | SLOT_LEASE if model.world.negative else LEASE)
    if model.mutant is Mutant.DELETE_WITHOUT_LEASE:
        then = ()
    job = Job((COPIES,), version, "tags", False, then)
    if model.mutant is Mutant.NO_STEP_AFTER_DELETE:
        return ((completed(gone, job), then),)
    return ((gone, (first_step, job)),)


def unlock(model: Model, state: State, me: int, held: int) -> Moves:
    """Give the leases back."""
    return ((with_lease(state, held), ()),)
