"""What a process of the model knows of the invalidation log."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from .state import GRACE, NEVER, PAGE, Entry, Log, Model, Moves, Mutant, State, Step, do, epoch, put


def catch_up(model: Model, state: State, me: int, clock: int, then: Step) -> Moves:
    """Read the records up to ``clock``, then do the next step."""
    place = model.place(me)
    log = state.logs[place]
    if is_out_of_reach(model, log, clock):
        fresh = seen(forgotten(model, log)._replace(start=clock, end=clock, seen=NEVER))
        return do(model, state._replace(logs=put(state.logs, place, fresh)), me, then)
    if log.end >= clock:
        return do(model, state, me, then)
    return ((state, (fetch_records, clock, log.end + 1, (), then)),)


def is_out_of_reach(model: Model, log: Log, clock: int) -> bool:
    """Whether a log is of another epoch."""
    if log.end == 0 or clock - log.end > 60:
        return True
    return epoch(log.end) != epoch(clock) and model.mutant is not Mutant.EPOCH_NOT_FOLLOWED


Record = tuple[int, ...] | None | str


MISSING: Final = "missing"


def record_of(model: Model, state: State, number: int) -> Record:
    """The tags of the record of a number, None if it has none, or ``MISSING``."""
    for found, tags in state.records:
        if found == number:
            return tags
        if model.mutant is Mutant.NUMBER_NOT_COMPARED and (found - number) % model.world.ring == 0:
            return tags
    return MISSING


def fetch_records(
    model: Model, state: State, me: int, clock: int, first: int, found: tuple[Record, ...],
    then: Step,
) -> Moves:  # fmt: skip
    """Read the records from ``first`` on; with ``piecewise``, one at a time."""
    end = first + len(found) + 1 if model.world.piecewise else clock + 1
    found += tuple(record_of(model, state, n) for n in range(first + len(found), end))
    if end <= clock:
        return ((state, (fetch_records, clock, first, found, then)),)
    if model.is_alone(model.place(me)):
        return read_records(model, state, me, clock, first, found, then)
    return ((state, (read_records, clock, first, found, then)),)


def read_records(
    model: Model, state: State, me: int, clock: int, first: int, found: tuple[Record, ...],
    then: Step,
) -> Moves:  # fmt: skip
    """Take in what was read, unless another thread has started again."""
    place = model.place(me)
    log = state.logs[place]
    moves: list[tuple[State, Step]] = []
    if is_out_of_reach(model, log, clock) or log.end + 1 < first:
        return do(model, state, me, then)
    for after in logs_after(model, log, clock, found[log.end + 1 - first :], state.now):
        if model.mutant is Mutant.END_BEFORE_TAGS and after.last != log.last:
            moved = after._replace(last=log.last, recent=log.recent)
            early = state._replace(logs=put(state.logs, place, moved))
            moves.append((early, (note_tags, after.last, after.recent, then)))
            continue
        moves += do(model, state._replace(logs=put(state.logs, place, after)), me, then)
    return moves


def note_tags(
    model: Model, state: State, me: int, last: tuple[int, ...], recent: Any, then: Step
) -> Moves:
    """Mutant: the tags are noted after the end has moved."""
    place = model.place(me)
    log = state.logs[place]
    merged = log._replace(last=tuple(map(max, log.last, last)), recent=recent)
    after = state._replace(logs=put(state.logs, place, merged))
    return do(model, after, me, then)


def logs_after(
    model: Model, log: Log, clock: int, records: Sequence[Record], now: int
) -> list[Log]:
    """All that a log may be after it has read records.

    At a missing one it stops, or gives it up: that depends on the time.
    """
    done: list[Log] = []
    for record in records:
        number = log.end + 1
        if number > clock:
            break
        if record is MISSING and model.mutant is not Mutant.MISSING_IS_NOTHING:
            done.append(seen(log))
            log = without_record(model, log, number, Mutant.GIVEN_UP_START_STAYS, now)
        elif record is None:
            log = without_record(model, log, number, Mutant.MANY_START_STAYS, now)
        else:
            log = with_tags(model, log, number, () if record is MISSING else record, now)
    return [*done, seen(log)]


def without_record(model: Model, log: Log, number: int, stays: Mutant, now: int) -> Log:
    """Know nothing about the time before ``number``."""
    if model.mutant is stays:
        return log._replace(end=number)
    if model.mutant is Mutant.GIVEN_UP_SEEN_NOW:
        log = log._replace(seen=now)
    return forgotten(model, log)._replace(start=number, end=number)


def forgotten(model: Model, log: Log) -> Log:
    """Forget what was published."""
    recent = log.recent if model.mutant is Mutant.RECENT_STAY else ()
    return log._replace(last=(0, 0, 0), recent=recent, noted=())


def with_tags(model: Model, log: Log, number: int, tags: Any, now: int) -> Log:
    """Note the tags that were published at ``number``."""
    last, noted = log.last, log.noted
    for tag in tags:
        last = put(last, tag, number)
        if tag == PAGE and model.world.ticks:
            noted = (*noted, (number, now if model.mutant is Mutant.NOTED_AT_READ else log.seen))
    return log._replace(
        end=number, last=last, noted=noted, recent=with_recent(model, log, number, tags)
    )


def with_recent(model: Model, log: Log, number: int, tags: Any) -> tuple[Any, ...]:
    """Note a publish that has tags among the recent ones."""
    return ((number, tags), *log.recent)[: model.world.recent] if tags else log.recent


def seen(log: Log) -> Log:
    """Note the time of the last look at the clock, if all up to that clock was read."""
    clock, read_at = log.look
    if clock <= log.end and epoch(clock) == epoch(log.end) and read_at > log.seen:
        return log._replace(seen=read_at)
    return log


def confirms(model: Model, log: Log, parts: Iterable[tuple[int, int]], clock: int) -> bool:
    """``InvalidationLog.confirms``: each part is a tag, and a clock that it was valid at."""
    return is_known(model, log, parts, clock, Mutant.COPY_BEFORE_START) and not is_published(
        model, log, parts
    )


def confirms_copy(model: Model, log: Log, tags: frozenset[int], since: int, clock: int) -> bool:
    """``InvalidationLog.confirms_copy``: all tags were valid at the clock ``since``."""
    parts = [(tag, since) for tag in tags]
    known = is_known(model, log, parts, clock, Mutant.COPY_BEFORE_START)
    return known and not is_published_since(model, log, tags, since)


def is_published_since(model: Model, log: Log, tags: frozenset[int], since: int) -> bool:
    """``InvalidationLog._is_published_since``: compare with the recent publishes, if these are all.

    Without ``_recent_since``, what is put together for several copies: it only saves time.
    """
    mutant = model.mutant
    is_full = len(log.recent) == model.world.recent and log.recent[-1][0] > since
    if (is_full and mutant is not Mutant.RECENT_ALONE) or mutant is Mutant.TAGS_IGNORED:
        return is_published(model, log, [(tag, since) for tag in tags])
    first = since if mutant is Mutant.RECENT_AT_EQUAL else since + 1
    return any(number >= first and not tags.isdisjoint(each) for number, each in log.recent)


def is_known(
    model: Model, log: Log, parts: Iterable[tuple[int, int]], clock: int, mistake: Mutant
) -> bool:
    """Whether the log was read from the clocks of all parts up to ``clock``."""
    mutant = model.mutant
    if mutant is not Mutant.EPOCHS_AS_NUMBERS and epoch(log.end) != epoch(clock):
        return False
    if clock > log.end and mutant is not Mutant.END_IGNORED:
        return False
    for _, since in parts:
        if since < log.start and mutant is not mistake:
            return False
        if mutant is not Mutant.EPOCHS_AS_NUMBERS and epoch(since) != epoch(clock):
            return False
    return True


def is_published(model: Model, log: Log, parts: Iterable[tuple[int, int]]) -> bool:
    """Whether a tag was published after the clock of its part."""
    if model.mutant is Mutant.TAGS_IGNORED:
        return False
    if model.mutant is Mutant.EQUAL_IS_PUBLISHED:
        return any(log.last[tag] >= since for tag, since in parts)
    return any(log.last[tag] > since for tag, since in parts)


def was_valid_lately(model: Model, log: Log, entry: Entry, now: int) -> bool:
    """Whether an entry was valid at some moment within the grace, by the log."""
    limit = now - GRACE
    if log.seen < limit and model.mutant is not Mutant.NOT_SEEN_LATELY:
        return False
    for _, since in entry.pairs:
        if epoch(since) != epoch(log.end):
            return False
        if since < log.start and model.mutant is not Mutant.GRACE_BEFORE_START:
            return False
        forgets = model.mutant is Mutant.OLD_RECORDS_FORGOTTEN
        if not forgets and any(n > since and then < limit for n, then in log.noted):
            return False
    return True
