"""Renders of the model: entries, pages of cards, and the stamps that are resolved for them."""

from collections.abc import Iterable, Sequence

from .process_log import catch_up, confirms
from .state import (
    LEASE,
    OTHER,
    PAGE,
    SLOT_LEASE,
    TOMBSTONE,
    Copy,
    Entry,
    Model,
    Moves,
    Mutant,
    State,
    Step,
    epoch,
    put,
    with_clock,
    with_lease,
    with_stamp,
)
from .writers import unlock


def render(model: Model, state: State, me: int, path: int) -> Moves:
    """Take the lease, and read the clock before the snapshot."""
    if model.world.deleter:
        if state.leases & LEASE:
            return ()
        state = with_lease(state, LEASE)
    if model.mutant is Mutant.SNAPSHOT_BEFORE_CLOCK:
        return ((state, (late_clock, path, state.version)),)
    return [(ready, (snapshot, path, clock)) for ready, clock in with_clock(state)]


def late_clock(model: Model, state: State, me: int, path: int, version: int) -> Moves:
    """Mutant: https://github.com/ZiggyCreatures/FusionCache/issues/628."""
    return [
        (ready, (store, Entry(version, ((PAGE, clock),), path)))
        for ready, clock in with_clock(state)
    ]


def snapshot(model: Model, state: State, me: int, path: int, clock: int) -> Moves:
    """Render."""
    entry = Entry(state.version, ((PAGE, clock),), path)
    if not (model.world.negative and model.world.deleter):
        return ((state, (store, entry)),)
    if model.mutant is Mutant.SLOT_AFTER_LEASE:
        state = with_lease(state, LEASE)
    return ((state, (lock_slot, entry)),)


def lock_slot(model: Model, state: State, me: int, entry: Entry) -> Moves:
    """Take the lease of the slot; without it, the answer is not stored."""
    if state.leases & SLOT_LEASE:
        return ((state._replace(leases=state.leases & ~LEASE), ()),)
    return ((with_lease(state, SLOT_LEASE), (store, entry)),)


def store(model: Model, state: State, me: int, entry: Entry) -> Moves:
    """Store the entry, and resolve its tags."""
    after = state._replace(entry=entry)
    clock = None
    if model.mutant is Mutant.KEPT_AT_CLOCK_OF_STORE:
        clock = state.clock
    elif model.mutant is Mutant.KEPT_AT_SNAPSHOT:
        clock = entry.pairs[0][1]
    if clock is not None:
        copy = Copy(entry, clock, entry.pairs[0][1])
        after = after._replace(copies=put(state.copies, 0, copy))
    tags = tuple(tag for tag, _ in entry.pairs)
    held = LEASE | SLOT_LEASE if model.world.negative else LEASE
    if model.mutant is Mutant.SLOT_AFTER_LEASE:
        held = SLOT_LEASE
    then: Step = (unlock, held) if model.world.deleter else ()
    return resolving(model, after, tags, then)


def resolving(model: Model, state: State, tags: tuple[int, ...], then: Step) -> Moves:
    """Begin to resolve tags."""
    if model.mutant is Mutant.CLOCK_BEFORE_GETS:
        return [
            (ready, (resolve_gets, tags, (), (clock, then))) for ready, clock in with_clock(state)
        ]
    return ((state, (resolve_gets, tags, (), then)),)


def resolve_gets(
    model: Model, state: State, me: int, todo: tuple[int, ...], found: tuple[int, ...], then: Step
) -> Moves:
    """Read a stamp with a token; add a tombstone if there is none."""
    tag, *more = todo
    stamp = state.stamps[tag]
    if stamp is None:
        return ((with_stamp(state, tag, TOMBSTONE), (resolve_gets, todo, found, then)),)
    if state.clock is None or epoch(stamp) != epoch(state.clock):
        state = state._replace(tokens=state.tokens | 1 << 3 * me + tag)
        found = (*found, tag)
    if more:
        return ((state, (resolve_gets, tuple(more), found, then)),)
    if not found:
        return ((state, then if model.mutant is not Mutant.CLOCK_BEFORE_GETS else then[1]),)
    if model.mutant is Mutant.CLOCK_BEFORE_GETS:
        return ((state, (resolve_swap, found, *then)),)
    return ((state, (resolve_clock, found, then)),)


def resolve_clock(model: Model, state: State, me: int, found: tuple[int, ...], then: Step) -> Moves:
    """Read the clock, after the stamps."""
    return [(ready, (resolve_swap, found, clock, then)) for ready, clock in with_clock(state)]


def resolve_swap(
    model: Model, state: State, me: int, found: tuple[int, ...], clock: int, then: Step
) -> Moves:
    """Set a stamp to the clock, unless it was written since it was read."""
    tag, *more = found
    token = 1 << 3 * me + tag
    won = bool(state.tokens & token)
    if model.mutant is Mutant.NO_CAS:
        won = state.stamps[tag] is not None
    after = state._replace(tokens=state.tokens & ~token)
    after = with_stamp(after, tag, clock) if won else after
    return ((after, (resolve_swap, tuple(more), clock, then) if more else then),)


def is_valid(pairs: Iterable[tuple[int, int]], stamps: Sequence[int | None], clock: int) -> bool:
    """``stamps.is_valid``."""
    for tag, since in pairs:
        stamp = stamps[tag]
        if stamp is None or not epoch(stamp) == epoch(since) == epoch(clock):
            return False
        if not stamp <= since <= clock:
            return False
    return True


def assemble(model: Model, state: State, me: int) -> Moves:
    """Take the lease of the page, and read the clock before the snapshot."""
    if model.world.deleter:
        if state.leases & LEASE:
            return ()
        state = with_lease(state, LEASE)
    moves: list[tuple[State, Step]] = []
    for ready, clock in with_clock(state):
        moves += catch_up(model, ready, me, clock, (take_snapshot, clock))
    return moves


def take_snapshot(model: Model, state: State, me: int, clock: int) -> Moves:
    """Begin the transaction."""
    return ((state, (take_card, clock, state.version)),)


def take_card(model: Model, state: State, me: int, clock: int, version: int) -> Moves:
    """Fetch the card, and validate it by the log or by its stamp."""
    card = state.card
    if card is None:
        return ((state, (render_card, clock, version)),)
    log = state.logs[model.place(me)]
    past = card.pairs[0][1] <= clock
    if past and not model.world.by_stamps and confirms(model, log, card.pairs, clock):
        return ((state, (store_page, clock, card.version, card.pairs[0][1], True)),)
    return ((state, (check_card, clock, version, card)),)


def check_card(model: Model, state: State, me: int, clock: int, version: int, card: Entry) -> Moves:
    """Read the stamp of the card."""
    if is_valid(card.pairs, state.stamps, clock):
        return ((state, (store_page, clock, card.version, card.pairs[0][1], True)),)
    return ((state, (render_card, clock, version)),)


def render_card(model: Model, state: State, me: int, clock: int, version: int) -> Moves:
    """Render and store the card, in the same snapshot."""
    since = clock
    if model.mutant is Mutant.CARD_WITH_CLOCK_OF_ITS_OWN:
        since = state.clock or clock
    after = state._replace(card=Entry(version, ((PAGE, since),)))
    return ((after, (store_page, clock, version, since, False)),)


def store_page(
    model: Model, state: State, me: int, clock: int, version: int, since: int, hit: bool
) -> Moves:
    """Store the page with the clock of its card; keep a copy if the card was a hit."""
    part = clock if model.mutant is Mutant.CARD_AT_CLOCK_OF_PAGE else since
    other = state.clock or clock  # another part, rendered just now by another process
    entry = Entry(version, ((PAGE, part), (OTHER, other)))
    after = state._replace(entry=entry)
    if hit:
        late = model.mutant is Mutant.PAGE_KEPT_AT_CLOCK_OF_STORE
        at = (late and state.clock) or clock
        after = after._replace(copies=put(state.copies, 0, Copy(entry, at, clock)))
    then: Step = (unlock, LEASE) if model.world.deleter else ()
    return resolving(model, after, (PAGE, OTHER), then)
