"""Servers of the model: requests are answered by copies, entries or renders."""

from .process_log import (
    MISSING,
    Record,
    catch_up,
    confirms_copy,
    is_known,
    is_published,
    is_published_since,
    logs_after,
    record_of,
    was_valid_lately,
)
from .renders import is_valid
from .state import (
    COPIES,
    GRACE,
    Copy,
    Entry,
    Model,
    Moves,
    Mutant,
    Stale,
    State,
    Step,
    epoch,
    put,
    with_clock,
)


def ask(model: Model, state: State, me: int, request: int) -> Moves:
    """Begin a request."""
    if model.mutant is Mutant.LOG_BEFORE_CLOCK:
        return records_first(model, state, me, request)
    if model.world.ticks:
        return ((state, (look, request, state.now)),)
    return look(model, state, me, request, 0)


def look(model: Model, state: State, me: int, request: int, read_at: int) -> Moves:
    """Read the clock."""
    moves: list[tuple[State, Step]] = []
    for ready, clock in with_clock(state):
        must = ready.published[-1]
        if model.mutant is Mutant.SEEN_AFTER_CLOCK:
            moves.append((ready, (looked, request, clock, must)))
        else:
            moves += after_clock(model, with_look(model, ready, me, clock, read_at),
                                 me, request, clock, must)  # fmt: skip
    return moves


def looked(model: Model, state: State, me: int, request: int, clock: int, must: int) -> Moves:
    """Mutant: take the time after the clock was read."""
    return after_clock(
        model, with_look(model, state, me, clock, state.now), me, request, clock, must
    )


def with_look(model: Model, state: State, me: int, clock: int, read_at: int) -> State:
    """Note the time from before the clock was read."""
    if not model.world.ticks:
        return state
    place = model.place(me)
    log = state.logs[place]
    if clock == log.end or model.mutant is Mutant.SEEN_BEFORE_RECORDS:
        log = log._replace(seen=max(log.seen, read_at))
    else:
        log = log._replace(look=(clock, read_at))
    return state._replace(logs=put(state.logs, place, log))


def records_first(model: Model, state: State, me: int, request: int) -> Moves:
    """Mutant: read the records that there are, before the clock."""
    log = state.logs[model.place(me)]
    found: list[Record] = []
    while (record := record_of(model, state, log.end + 1 + len(found))) is not MISSING:
        found.append(record)
    return ((state, (clock_last, request, log.end + 1, tuple(found))),)


def clock_last(
    model: Model, state: State, me: int, request: int, first: int, found: tuple[Record, ...]
) -> Moves:
    """Mutant: read the clock, and take it that all up to it was read."""
    place = model.place(me)
    moves: list[tuple[State, Step]] = []
    for ready, clock in with_clock(state):
        must, log = ready.published[-1], ready.logs[place]
        if epoch(log.end) == epoch(clock) and log.end + 1 == first:
            log = logs_after(model, log, clock, found, 0)[-1]
            log = log._replace(end=max(log.end, clock))
        after = ready._replace(logs=put(ready.logs, place, log))
        moves += after_clock(model, after, me, request, clock, must)
    return moves


def after_clock(model: Model, state: State, me: int, request: int, clock: int, must: int) -> Moves:
    """Serve the local copy if it is valid at the clock; else ask the log."""
    copy = state.copies[model.place(me)]
    if copy is None:
        return ((state, (fetch_entry, request, clock, must)),)
    if model.reaches(copy.validated_at, clock):
        return serve_copy(model, state, me, request, clock, must, copy, "same clock")
    return catch_up(model, state, me, clock, (check_copy, request, clock, must, copy))


def current(model: Model, state: State, me: int, copy: Copy) -> Copy:
    """The copy, as another thread may have validated it."""
    mine: Copy | None = state.copies[model.place(me)]
    return mine if mine is not None and mine.entry == copy.entry else copy


def tags_of(copy: Copy) -> frozenset[int]:
    """The tags of a copy, and that of all copies."""
    return frozenset((*(tag for tag, _ in copy.entry.pairs), COPIES))


def check_copy(
    model: Model, state: State, me: int, request: int, clock: int, must: int, copy: Copy
) -> Moves:
    """Serve a copy that the log confirms; the loop then asks the stamps, a view fetches."""
    copy = current(model, state, me, copy)
    if model.reaches(copy.validated_at, clock):
        return serve_copy(model, state, me, request, clock, must, copy, "same clock")
    log, tags, since = state.logs[model.place(me)], tags_of(copy), copy.validated_at
    if model.mutant is Mutant.CHECK_IN_TWO_PARTS:
        parts = [(tag, since) for tag in tags]
        if is_known(model, log, parts, clock, Mutant.COPY_BEFORE_START):
            return ((state, (check_tags, request, clock, must, copy)),)
    elif confirms_copy(model, log, tags, since, clock):
        return serve_copy(model, state, me, request, clock, must, copy, "copy by log")
    return unconfirmed(model, state, request, clock, must, copy)


def unconfirmed(
    model: Model, state: State, request: int, clock: int, must: int, copy: Copy
) -> Moves:
    """What may happen to a copy that the log does not confirm."""
    moves: list[tuple[State, Step]] = [(state, (read_stamps, request, clock, must, copy))]
    if model.world.view:
        moves.append((state, (fetch_entry, request, clock, must)))
    return moves


def check_tags(
    model: Model, state: State, me: int, request: int, clock: int, must: int, copy: Copy
) -> Moves:
    """Mutant: the second part of the check."""
    log = state.logs[model.place(me)]
    if is_published_since(model, log, tags_of(copy), copy.validated_at):
        return unconfirmed(model, state, request, clock, must, copy)
    return serve_copy(model, state, me, request, clock, must, copy, "copy by log")


def read_stamps(
    model: Model, state: State, me: int, request: int, clock: int, must: int, copy: Copy
) -> Moves:
    """Read the stamps of a copy."""
    fetched_at = copy.fetched_at
    if model.mutant is Mutant.COPIES_SINCE_VALIDATION:
        fetched_at = copy.validated_at
    pairs = (*copy.entry.pairs, (COPIES, fetched_at))
    if not model.deletes:
        pairs = copy.entry.pairs
    if is_valid(pairs, state.stamps, clock):
        if model.is_alone(model.place(me)):
            return validated(model, state, me, request, clock, must, copy)
        return ((state, (validated, request, clock, must, copy)),)
    place = model.place(me)
    if state.copies[place] == copy:
        state = state._replace(copies=put(state.copies, place, None))
    return ((state, (fetch_entry, request, clock, must)),)


def validated(
    model: Model, state: State, me: int, request: int, clock: int, must: int, copy: Copy
) -> Moves:
    """Serve a copy whose stamps were valid; other threads may have done something since."""
    return serve_copy(model, state, me, request, clock, must, copy, "copy by stamps")


def serve_copy(
    model: Model, state: State, me: int, request: int, clock: int, must: int, copy: Copy, kind: str
) -> Moves:
    """Serve a copy, and note the clock that it is valid at."""
    model.answer(state, copy.entry, must, kind)
    place = model.place(me)
    end = state.logs[place].end
    if kind == "copy by stamps" and model.mutant is Mutant.REVALIDATED_AT_END:
        clock = max(clock, end)
    if kind == "copy by log" and model.mutant is Mutant.CONFIRMED_AT_END:
        clock = end
    if kind == "copy by log" and model.mutant is Mutant.CONFIRMED_AT_CLOCK_OF_NOW:
        clock = state.clock or clock
    mine = state.copies[place]
    if mine is not None and mine.entry == copy.entry and kind != "same clock":
        if not model.reaches(mine.validated_at, clock):
            mine = mine._replace(validated_at=clock)
        state = state._replace(copies=put(state.copies, place, mine))
    return next_request(model, state, request)


def next_request(model: Model, state: State, request: int) -> Moves:
    """End a request."""
    more = request + 1 < model.world.requests
    return ((state, (ask, request + 1) if more else ()),)


def fetch_entry(model: Model, state: State, me: int, request: int, clock: int, must: int) -> Moves:
    """Fetch the entry; if there is none, the page is rendered."""
    entry = state.entry
    if entry is None:
        return next_request(model, state, request)
    if model.mutant is Mutant.SLOT_NOT_VALIDATED:
        return serve_entry(model, state, me, request, clock, must, entry, "entry by log")
    return catch_up(model, state, me, clock, (check_entry, request, clock, must, entry))


def check_entry(
    model: Model, state: State, me: int, request: int, clock: int, must: int, entry: Entry
) -> Moves:
    """Serve an entry that the log confirms, each part since its snapshot."""
    pairs = entry.pairs
    if model.mutant is Mutant.LATEST_PART:
        latest = max(since for _, since in pairs)
        pairs = tuple((tag, latest) for tag, _ in pairs)
    log = state.logs[model.place(me)]
    above = model.mutant is Mutant.SNAPSHOT_ABOVE_CLOCK
    in_time = above or all(since <= clock for _, since in pairs)
    known = is_known(model, log, pairs, clock, Mutant.ENTRY_BEFORE_START)
    if in_time and known and not model.world.by_stamps and not is_published(model, log, pairs):
        return serve_entry(model, state, me, request, clock, must, entry, "entry by log")
    return ((state, (read_stamps_of_entry, request, clock, must, entry)),)


def read_stamps_of_entry(
    model: Model, state: State, me: int, request: int, clock: int, must: int, entry: Entry
) -> Moves:
    """Read the stamps of an entry; an outdated one is rendered, or served within the grace."""
    if is_valid(entry.pairs, state.stamps, clock):
        if model.mutant is Mutant.KEPT_AT_CLOCK_AFTER_STAMPS:
            return ((state, (kept_late, request, must, entry)),)
        return serve_entry(model, state, me, request, clock, must, entry, "entry by stamps")
    place = model.place(me)
    state = state._replace(copies=put(state.copies, place, None))
    moves = list(next_request(model, state, request))
    if model.world.ticks:
        moves.append((state, (serve_stale, request, entry)))
    return moves


def serve_stale(model: Model, state: State, me: int, request: int, entry: Entry) -> Moves:
    """Another process has the lease: serve what was valid within the grace, else wait."""
    if not was_valid_lately(model, state.logs[model.place(me)], entry, state.now):
        return ()
    before = state.now - GRACE - 1
    model.answer(state, entry, state.published[before] if before >= 0 else 0, "stale")
    return next_request(model, state, request)


def kept_late(model: Model, state: State, me: int, request: int, must: int, entry: Entry) -> Moves:
    """Mutant: read the clock after the stamps."""
    moves: list[tuple[State, Step]] = []
    for ready, clock in with_clock(state):
        moves += serve_entry(model, ready, me, request, clock, must, entry, "entry by stamps")
    return moves


def serve_entry(
    model: Model, state: State, me: int, request: int, clock: int, must: int, entry: Entry,
    kind: str,
) -> Moves:  # fmt: skip
    """Serve an entry, and keep a copy."""
    if model.world.negative:
        path = model.place(me) % 2
        if entry.path != path and model.mutant is not Mutant.SLOT_OF_ANY_PAGE:
            return next_request(model, state, request)
        model.answer(state, entry, must, kind)
        if entry.path != path:
            raise Stale("a negative entry of another page")
        return next_request(model, state, request)
    model.answer(state, entry, must, kind)
    if model.is_alone(model.place(me)):
        return keep(model, state, me, request, clock, entry)
    return ((state, (keep, request, clock, entry)),)


def keep(model: Model, state: State, me: int, request: int, clock: int, entry: Entry) -> Moves:
    """Keep a copy at the clock from before the entry was fetched."""
    place = model.place(me)
    at = clock
    if model.mutant is Mutant.KEPT_AT_END:
        at = max(clock, state.logs[place].end)
    after = state._replace(copies=put(state.copies, place, Copy(entry, at, clock)))
    return next_request(model, after, request)
