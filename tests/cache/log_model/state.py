"""The states of the model, its worlds, and the mistakes that it can make."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

EPOCH: Final = 1000
"""A clock is its epoch times this plus its count; numbers compare as those of the real clock do."""

EPOCHS: Final = ((5,), (3, 7), (2, 8))
"""The first epoch, and those that follow it: one with a lower number, one with a higher."""

TOMBSTONE: Final = -1

PAGE, OTHER, COPIES = range(3)
"""The tags: of the page (of its card, its list), of something else, of the copies of the region."""

LEASE, SLOT_LEASE = 1, 2
"""Bits of the leases: of the page, of the slot of its negative entry."""

GRACE: Final = 1
"""Ticks of the time."""

NEVER: Final = -9
"""A time before all others."""


class Mutant(StrEnum):
    """Mistakes, each in one rule."""

    # Writers
    NO_FIRST_STEP = "no first step of the clock"
    NO_SECOND_STEP = "no second step: the tags are recorded at the first number"
    TAGS_AT_FIRST_STEP = "the tags are in the first record"
    RECORD_BEFORE_STEP = "the tags are recorded before the second step, at the next number"
    UNACKNOWLEDGED_STEP = "a second step without an answer counts as done"
    MARKED_FIRST = "the outbox row is marked before the publish"
    NO_FIRST_RECORD = "no record of the first number"
    NO_SECOND_RECORD = "no record of the second number"
    FIRST_RECORD_LATE = "the first record is written after the tombstones"
    BOTH_RECORDS_LATE = "both records are written after the second step"
    STEP_REPEATED = "only the step that failed is done again"
    # Renders and stamps
    NO_CAS = "a stamp is resolved by a plain set"
    CLOCK_BEFORE_GETS = "a stamp is resolved to a clock read before it"
    SNAPSHOT_BEFORE_CLOCK = "the clock is read after the snapshot"
    KEPT_AT_CLOCK_OF_STORE = "a render is kept in the process, at the clock of its store"
    KEPT_AT_SNAPSHOT = "a render is kept in the process, at its snapshot clock"
    # The log of a process
    MISSING_IS_NOTHING = "a missing record is passed over"
    GIVEN_UP_START_STAYS = "a record is given up and the start stays"
    MANY_START_STAYS = "a record without tags has no effect"
    NUMBER_NOT_COMPARED = "the number in a record is not compared"
    LOG_BEFORE_CLOCK = "the records are read before the clock"
    EPOCH_NOT_FOLLOWED = "the log stays in its epoch"
    EPOCHS_AS_NUMBERS = "clocks of two epochs are compared"
    COPY_BEFORE_START = "a copy from before the start is confirmed"
    ENTRY_BEFORE_START = "an entry from before the start is confirmed"
    END_IGNORED = "the log confirms clocks that it was not read up to"
    TAGS_IGNORED = "published tags are not compared"
    EQUAL_IS_PUBLISHED = "a tag published at the very clock counts as published after it"
    FORGOTTEN_START_STAYS = "the tags are forgotten and the start stays"
    SNAPSHOT_ABOVE_CLOCK = "an entry of a snapshot above the clock is confirmed"
    RECENT_ALONE = "a copy is compared with the recent publishes alone"
    RECENT_AT_EQUAL = "a recent publish at the very clock of a copy counts as published after it"
    RECENT_STAY = "the recent publishes stay when the log starts again"
    CHECK_IN_TWO_PARTS = "start and tags are compared without one lock"
    END_BEFORE_TAGS = "the end is moved before the tags are noted"
    # Copies
    KEPT_AT_CLOCK_AFTER_STAMPS = "a copy is kept at a clock read after its stamps"
    KEPT_AT_END = "a copy is kept at the end of the log"
    REVALIDATED_AT_END = "a copy that stamps validated gets the end of the log"
    CONFIRMED_AT_CLOCK_OF_NOW = "a copy that the log confirms gets the clock of now"
    CONFIRMED_AT_END = "a copy that the log confirms gets the end of the log"
    # Purges
    DELETE_WITHOUT_TAG = "a purge by URL does not record the tag of the copies"
    COPIES_SINCE_VALIDATION = "the stamp of the copies is compared with the last validation"
    DELETE_WITHOUT_LEASE = "a purge by URL does not wait for renders"
    NO_STEP_AFTER_DELETE = "a purge by URL publishes nothing"
    LISTED_BEFORE_LEASE = "the entries of a purge by URL are listed before it waits for renders"
    # Negative entries
    SLOT_OF_ANY_PAGE = "a negative entry of another page is served"
    SLOT_NOT_VALIDATED = "a negative entry is served without validation"
    SLOT_AFTER_LEASE = "a negative entry is stored after the lease of its page was released"
    # Pages of cards
    CARD_AT_CLOCK_OF_PAGE = "a page gives its card its own, later clock"
    LATEST_PART = "all tags of a page are compared with the latest of its clocks"
    PAGE_KEPT_AT_CLOCK_OF_STORE = "a page of valid cards is kept at the clock of its store"
    CARD_WITH_CLOCK_OF_ITS_OWN = "a card rendered in an open transaction reads the clock again"
    # Expansions
    EXPANDED_BEFORE_COMMIT = "tags are expanded before the commit"
    WITHDRAWN_AFTER_COMMIT = "the lists of a withdrawn movie are looked up after the commit only"
    RELAY_DOES_NOT_EXPAND = "the relay publishes the tags of the row as they are"
    # Grace
    GIVEN_UP_SEEN_NOW = "a record that is given up counts as seen now"
    SEEN_AFTER_CLOCK = "the time is taken after the clock was read"
    SEEN_BEFORE_RECORDS = "a clock counts as seen before the records up to it were read"
    GRACE_BEFORE_START = "an entry from before the start was valid lately"
    NOTED_AT_READ = "a record is noted with the time of its reading"
    OLD_RECORDS_FORGOTTEN = "records that are older than the grace are forgotten"
    NOT_SEEN_LATELY = "the time of the last look is not compared"


class Entry(NamedTuple):
    """An entry: the version that it shows, and its tags, each with a snapshot clock."""

    version: int
    pairs: tuple[tuple[int, int], ...]
    path: int = 0


class Copy(NamedTuple):
    """A local copy, as ``local_cache.Copy``."""

    entry: Entry
    validated_at: int
    fetched_at: int


class Log(NamedTuple):
    """What a process knows, as ``InvalidationLog``. ``last`` is the latest number of each tag,
    ``recent`` are the latest publishes, newest first: numbers and tags.

    ``seen`` is a time at which the clock was not above ``end``. ``noted`` are the numbers of the
    page's tag, each with the ``seen`` of then. ``look`` is a clock read, and the time before it.
    """

    start: int = 0
    end: int = 0
    last: tuple[int, ...] = (0, 0, 0)
    recent: tuple[tuple[int, tuple[int, ...]], ...] = ()
    seen: int = NEVER
    look: tuple[int, int] = (0, NEVER)
    noted: tuple[tuple[int, int], ...] = ()


class Job(NamedTuple):
    """A publish: the tags, the version of the page whose write it is (0: of no page).

    ``record`` is how it is logged. ``expands``: the lists of the third movie are published, beside
    the ``recorded`` tags. ``then`` is the next step of the actor.
    """

    tags: tuple[int, ...]
    version: int
    record: str
    expands: bool
    then: "Step"
    recorded: tuple[int, ...] = ()


Step = tuple[Any, ...]


class State(NamedTuple):
    """The stores, what each process has, and the next step of each actor.

    ``tokens`` has a bit for each actor and tag: the stamp was not written since its ``gets``.
    ``published`` has for each tick of the time the version that was published by its end.
    ``late`` is an operation that timed out, and is done later. The rest are budgets of accidents.
    """

    clock: int | None
    stamps: tuple[int | None, ...]
    records: tuple[tuple[int, tuple[int, ...] | None], ...]
    entry: Entry | None
    card: Entry | None
    actors: tuple[Step, ...]
    logs: tuple[Log, ...]
    copies: tuple[Copy | None, ...]
    evictions: int
    losses: int
    crashes: int
    failures: int
    forgets: int
    ticks: int
    tokens: int = 0
    epochs: int = 0
    version: int = 0
    third: int = 0
    published: tuple[int, ...] = (0,)
    leases: int = 0
    late: Step = ()

    @property
    def now(self) -> int:
        """The time in ticks."""
        return len(self.published) - 1


NO_RING: Final = 64
"""More records than any world writes."""


@dataclass(frozen=True)
class World:
    """Who takes part, how many accidents happen, and which rule is broken.

    Writers publish the page's tag (``t``), another one (``u``), more tags than a record holds
    (``T``), or the page's tag without a record, as the version before (``x``). ``show``, ``list``,
    ``hide`` and ``unlist`` change a third movie; the page is a list, and shows it if it is both.
    ``places`` are the processes of the servers, one thread each. ``evict`` are initials: stamp,
    record, entry, mark of the copies, card, or an old entry that comes back.
    """

    writers: tuple[str, ...] = ("t",)
    relay: bool = False
    eager: bool = False
    renderers: int = 1
    resolver: bool = False
    assemblers: int = 0
    places: tuple[int, ...] = (0,)
    requests: int = 2
    deleter: bool = False
    keeper: bool = False
    purger: bool = False
    negative: bool = False
    third: int = 0
    evictions: int = 0
    evict: str = "sre"
    losses: int = 0
    restart: bool = False
    crashes: int = 0
    failures: int = 0
    forgets: int = 0
    ticks: int = 0
    ring: int = NO_RING
    recent: int = 2
    piecewise: bool = False
    view: bool = False
    by_stamps: bool = False
    warm: bool = True
    behind: int = 0
    mutant: Mutant | None = None


class Stale(Exception):
    """An answer without a write that was published before."""


Moves = Iterable[tuple[State, Step]]


def epoch(clock: int) -> int:
    """Return the epoch of a clock."""
    return clock // EPOCH


def put(items: tuple[Any, ...], index: int, item: Any) -> tuple[Any, ...]:
    """Return the tuple with one other item."""
    return (*items[:index], item, *items[index + 1 :])


def with_clock(state: State) -> Iterator[tuple[State, int]]:
    """Read the clock. A lost one is replaced by one of another epoch."""
    if state.clock is not None:
        yield state, state.clock
        return
    for each in EPOCHS[state.epochs + 1]:
        fresh = each * EPOCH + 1
        yield state._replace(clock=fresh, epochs=state.epochs + 1), fresh


def with_stamp(state: State, tag: int, value: int | None) -> State:
    """Write a stamp; a swap of it fails from now on."""
    every_actor = sum(1 << 3 * actor + tag for actor in range(len(state.actors)))
    return state._replace(stamps=put(state.stamps, tag, value), tokens=state.tokens & ~every_actor)


def with_record(state: State, number: int, tags: tuple[int, ...] | None, ring: int) -> State:
    """Write the record of a number, in the place of the one of ``ring`` numbers before."""
    others = (other for other in state.records if (other[0] - number) % ring)
    return state._replace(records=(*others, (number, tags)))


def with_lease(state: State, lease: int) -> State:
    """Take a lease, or give it back."""
    return state._replace(leases=state.leases ^ lease)


def is_shown(third: int) -> bool:
    """Whether the third movie is both shown and listed."""
    return third == 3


def first_state(world: World, actors: tuple[Step, ...]) -> State:
    """Return the first state of a world; ``actors`` are the first steps."""
    clock = EPOCHS[0][0] * EPOCH + 1
    pairs = ((PAGE, clock), (OTHER, clock)) if world.assemblers else ((PAGE, clock),)
    entry = Entry(0, pairs)
    processes = max(world.places, default=0) + 1
    keeps = world.warm and not world.negative
    known = world.warm or world.assemblers > 0
    log = Log(clock - world.behind, clock - world.behind) if known else Log()
    return State(
        clock=clock,
        stamps=(clock, clock, clock) if known else (None,) * 3,
        records=(),
        entry=entry if world.warm else None,
        card=Entry(0, ((PAGE, clock),)) if world.assemblers else None,
        actors=actors,
        logs=(log,) * processes,
        copies=(Copy(entry, clock, clock) if keeps else None,) * processes,
        evictions=world.evictions,
        losses=world.losses,
        crashes=world.crashes,
        failures=world.failures,
        forgets=world.forgets,
        ticks=world.ticks,
        third=world.third,
    )


class Model:
    """The actors of a world, its first state, and how its requests were answered."""

    def __init__(self, world: World, actors: Sequence[tuple[str, Step]]) -> None:
        """``actors`` are names and first steps: the writers first, the servers last."""
        self.world = world
        self.mutant = world.mutant
        self.deletes = world.deleter
        self.keeps_records = bool(world.losses or world.purger) or world.ring < NO_RING
        self.kinds: Counter[str] = Counter()
        self.names = [name for name, _ in actors]
        self.writers = range(len(world.writers))
        self.servers = range(len(actors) - len(world.places), len(actors))
        self.start = first_state(world, tuple(step for _, step in actors))

    def place(self, actor: int) -> int:
        """The process of a server; others are of process 0."""
        return self.world.places[actor - self.servers.start] if actor in self.servers else 0

    def is_alone(self, place: int) -> bool:
        """Whether a process has one thread."""
        return self.world.places.count(place) < 2

    def reaches(self, validated_at: int, clock: int) -> bool:
        """``clock.reaches``."""
        same = epoch(validated_at) == epoch(clock) or self.mutant is Mutant.EPOCHS_AS_NUMBERS
        return validated_at >= clock and same

    def answer(self, state: State, entry: Entry, must: int, kind: str) -> None:
        """Answer a request, begun when the version ``must`` was published."""
        self.kinds[kind] += 1
        shown = entry.version
        if shown >= must:
            return
        # A third movie that was added and removed again: the list is as it was.
        if self.world.third or (self.world.writers and "show" in self.world.writers):
            later = range(must, state.version + 1)
            if any((version - shown) % 2 == 0 for version in later):
                return
        raise Stale(kind)


def do(model: Model, state: State, me: int, step: Step) -> Moves:
    """Do a step at once."""
    moves: Moves = step[0](model, state, me, *step[1:])
    return moves
