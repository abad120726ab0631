"""The worlds of the model, and the mutants with the worlds that catch them."""

from enum import Enum, auto
from typing import Final

from .state import Mutant, World

SMALL: Final = {
    "a write": World(requests=3),
    "a write, read by views": World(view=True),
    "a write, entries validated by stamps": World(by_stamps=True),
    "a write, cold": World(warm=False),
    "a write, cold, entries validated by stamps": World(warm=False, by_stamps=True, requests=3),
    "a crash": World(crashes=1, relay=True, renderers=0),
    "a crash, no requests": World(crashes=1, relay=True, renderers=0, places=()),
    "a crash and a lost record": World(
        crashes=1, relay=True, evictions=1, evict="r", renderers=0, requests=1
    ),
    "a relay beside a living writer": World(relay=True, eager=True, renderers=0, requests=1),
    "a failed step, done or not or later": World(failures=1, renderers=0),
    "two failed steps": World(failures=2, renderers=0, requests=1),
    "a lost value": World(evictions=1, requests=1),
    "two writes": World(writers=("t", "u"), renderers=0),
    "two writes, records read one at a time": World(
        writers=("t", "u"), piecewise=True, renderers=0, requests=1
    ),
    "two writes, records overwritten": World(
        writers=("t", "u"), piecewise=True, ring=2, renderers=0, requests=1
    ),
    "two writes, overwritten": World(writers=("t", "u"), ring=2, renderers=0, requests=1),
    "two writes, one is recent": World(writers=("t", "u"), recent=1, renderers=0, requests=1),
    "too many tags": World(writers=("T",)),
    "a writer of the version before": World(writers=("x", "u"), renderers=0, requests=1),
    "tags are forgotten": World(forgets=1, requests=1),
    "two threads": World(places=(0, 0), renderers=0),
    "two threads, tags are forgotten": World(places=(0, 0), forgets=1, renderers=0, requests=1),
    "two processes": World(places=(0, 1), renderers=0, requests=1),
    "the clock is lost": World(losses=1, renderers=0),
    "the clock is lost twice": World(losses=2, renderers=0, requests=1),
    "the store restarts": World(losses=1, restart=True, renderers=0, requests=1),
    "a purge of everything": World(writers=("u",), purger=True, renderers=0),
    "a purge of everything, a render": World(writers=(), purger=True),
    "a purge by URL": World(
        writers=(), deleter=True, keeper=True, evictions=1, evict="mr", renderers=0
    ),
    "a purge by URL, a render": World(writers=(), deleter=True, requests=3),
    "a purge by URL, two threads": World(
        writers=(), deleter=True, places=(0, 0), renderers=0, requests=1
    ),
    "a purge by URL, a card": World(writers=(), deleter=True, assemblers=1, renderers=0),
    "a negative entry": World(negative=True, requests=1, evictions=1),
    "a slot of two negative entries": World(
        negative=True, renderers=2, places=(1,), requests=1, writers=()
    ),
    "a purge by URL, a negative entry": World(negative=True, writers=(), deleter=True),
    "a purge by URL, a negative entry, cold": World(
        negative=True, writers=(), deleter=True, warm=False
    ),
    "a card": World(assemblers=1, renderers=0, warm=False),
    "a card, validated by its stamp": World(
        assemblers=1, renderers=0, warm=False, by_stamps=True, requests=1
    ),
    "a lost card": World(assemblers=1, renderers=0, warm=False, requests=1, evictions=1, evict="c"),
    "shown while it is listed": World(writers=("show", "list"), renderers=0, requests=1),
    "shown while it is listed, a crash, no requests": World(
        writers=("show", "list"), crashes=1, relay=True, renderers=0, places=()
    ),
    "hidden while it is removed": World(
        writers=("hide", "unlist"), third=3, renderers=0, requests=1
    ),
    "grace": World(ticks=3, renderers=0),
    "grace, a record is given up": World(ticks=3, renderers=0, requests=2, behind=1),
    "grace, the clock is lost": World(ticks=2, renderers=0, losses=1, requests=1),
}
"""All of their states are explored by the tests."""

LARGE: Final = {
    "a crash, a render": World(crashes=1, relay=True, requests=3),
    "two lost values": World(evictions=2),
    "a crash, a lost record, a render": World(crashes=1, relay=True, evictions=1, evict="r"),
    "two writes of one tag": World(writers=("t", "t")),
    "two writes, a render": World(writers=("t", "u"), requests=3),
    "two writes, a crash": World(writers=("t", "u"), crashes=1, relay=True, renderers=0),
    "two writes, a lost record": World(
        writers=("t", "u"), evictions=1, evict="r", renderers=0, requests=3
    ),
    "two writes of one tag, records overwritten": World(writers=("t", "t"), ring=3),
    "two renders": World(renderers=2, resolver=True),
    "a failed step": World(failures=1),
    "a failed step, then a crash": World(failures=1, crashes=1, relay=True, renderers=0),
    "a relay beside a living writer, a render": World(relay=True, eager=True),
    "two threads, a render": World(places=(0, 0)),
    "two threads, a crash": World(places=(0, 0), crashes=1, relay=True, renderers=0),
    "two threads, two writes": World(places=(0, 0), writers=("t", "u"), renderers=0),
    "three threads": World(places=(0, 0, 0), renderers=0, requests=1),
    "two processes, a render": World(places=(0, 1)),
    "the clock is lost": World(losses=1),
    "the store restarts, a crash": World(
        losses=1, restart=True, crashes=1, relay=True, renderers=0
    ),
    "the clock is lost, two threads": World(losses=1, places=(0, 0), renderers=0),
    "a purge of everything, two threads": World(
        writers=("u",), purger=True, places=(0, 0), renderers=0
    ),
    "a purge by URL and a write": World(deleter=True, keeper=True, requests=3),
    "a purge by URL, two cards": World(
        writers=(), deleter=True, assemblers=2, renderers=0, evictions=1, evict="c"
    ),
    "negative entries": World(negative=True, renderers=2, places=(0, 1), requests=1),
    "a negative entry, a crash": World(negative=True, crashes=1, relay=True),
    "a purge by URL, negative entries": World(
        negative=True, deleter=True, renderers=2, places=(0, 1), requests=1
    ),
    "a card, a crash": World(assemblers=1, renderers=0, warm=False, crashes=1, relay=True),
    "a card, two writes": World(assemblers=1, renderers=0, warm=False, writers=("t", "u")),
    "two cards": World(assemblers=2, renderers=0, warm=False),
    "shown while it is listed, a crash": World(
        writers=("show", "list"), crashes=1, relay=True, renderers=0
    ),
    "shown while it is listed, a failed step": World(
        writers=("show", "list"), failures=1, renderers=0, requests=1
    ),
    "hidden while it is removed, a crash": World(
        writers=("hide", "unlist"), third=3, crashes=1, relay=True, renderers=0, requests=1
    ),
    "shown, then removed; a crash": World(
        writers=("show", "unlist"), third=2, crashes=1, relay=True
    ),
    "grace, a render": World(ticks=3),
    "grace, two writes": World(ticks=3, writers=("t", "u"), renderers=0),
    "grace, a crash": World(ticks=3, crashes=1, relay=True, renderers=0, requests=3),
    "grace, two threads": World(ticks=3, places=(0, 0), renderers=0),
    "grace, a lost record": World(ticks=3, evictions=1, evict="r", renderers=0, behind=1),
}
"""Explored by ``make model``, up to a number of states."""


class Verdict(Enum):
    """What a mutant does."""

    STALE = auto()
    """It serves a stale answer."""
    LOST = auto()
    """A committed write is never published."""
    USELESS = auto()
    """It is correct, but the log does not confirm copies any more."""
    SOUND = auto()
    """It is as good as the design; other ways to do the same."""


MUTANTS: Final[dict[Mutant, tuple[str, Verdict]]] = {
    Mutant.NO_FIRST_STEP: ("a write", Verdict.STALE),
    Mutant.NO_SECOND_STEP: ("a write", Verdict.STALE),
    Mutant.TAGS_AT_FIRST_STEP: ("a write", Verdict.STALE),
    Mutant.RECORD_BEFORE_STEP: ("two writes", Verdict.STALE),
    Mutant.UNACKNOWLEDGED_STEP: ("a failed step, done or not or later", Verdict.STALE),
    Mutant.MARKED_FIRST: ("a crash, no requests", Verdict.LOST),
    Mutant.NO_FIRST_RECORD: ("a write", Verdict.USELESS),
    Mutant.NO_SECOND_RECORD: ("a write", Verdict.USELESS),
    Mutant.FIRST_RECORD_LATE: ("a write", Verdict.SOUND),
    Mutant.BOTH_RECORDS_LATE: ("a write", Verdict.SOUND),
    Mutant.STEP_REPEATED: ("a failed step, done or not or later", Verdict.SOUND),
    Mutant.NO_CAS: ("a write, cold, entries validated by stamps", Verdict.STALE),
    Mutant.CLOCK_BEFORE_GETS: ("a write", Verdict.STALE),
    Mutant.SNAPSHOT_BEFORE_CLOCK: ("a write", Verdict.STALE),
    Mutant.KEPT_AT_CLOCK_OF_STORE: ("a write", Verdict.STALE),
    Mutant.KEPT_AT_SNAPSHOT: ("a write", Verdict.SOUND),
    Mutant.MISSING_IS_NOTHING: ("a write", Verdict.STALE),
    Mutant.GIVEN_UP_START_STAYS: ("a write", Verdict.STALE),
    Mutant.MANY_START_STAYS: ("too many tags", Verdict.STALE),
    Mutant.NUMBER_NOT_COMPARED: ("two writes, overwritten", Verdict.STALE),
    Mutant.LOG_BEFORE_CLOCK: ("a write", Verdict.STALE),
    Mutant.EPOCH_NOT_FOLLOWED: ("the clock is lost", Verdict.USELESS),
    Mutant.EPOCHS_AS_NUMBERS: ("a purge of everything", Verdict.STALE),
    Mutant.COPY_BEFORE_START: ("a write", Verdict.STALE),
    Mutant.ENTRY_BEFORE_START: ("a write", Verdict.STALE),
    Mutant.END_IGNORED: ("a write", Verdict.STALE),
    Mutant.TAGS_IGNORED: ("a write", Verdict.STALE),
    Mutant.EQUAL_IS_PUBLISHED: ("two writes, one is recent", Verdict.USELESS),
    Mutant.FORGOTTEN_START_STAYS: ("tags are forgotten", Verdict.STALE),
    Mutant.SNAPSHOT_ABOVE_CLOCK: ("a write", Verdict.SOUND),
    Mutant.RECENT_ALONE: ("two writes, one is recent", Verdict.STALE),
    Mutant.RECENT_AT_EQUAL: ("a write", Verdict.USELESS),
    Mutant.RECENT_STAY: ("the clock is lost", Verdict.SOUND),
    Mutant.CHECK_IN_TWO_PARTS: ("two threads, tags are forgotten", Verdict.STALE),
    Mutant.END_BEFORE_TAGS: ("two threads", Verdict.STALE),
    Mutant.KEPT_AT_CLOCK_AFTER_STAMPS: (
        "a write, cold, entries validated by stamps",
        Verdict.STALE,
    ),
    Mutant.KEPT_AT_END: ("two threads", Verdict.STALE),
    Mutant.REVALIDATED_AT_END: ("two threads", Verdict.STALE),
    Mutant.CONFIRMED_AT_CLOCK_OF_NOW: ("a write", Verdict.STALE),
    Mutant.CONFIRMED_AT_END: ("two threads", Verdict.SOUND),
    Mutant.DELETE_WITHOUT_TAG: ("a purge by URL", Verdict.STALE),
    Mutant.COPIES_SINCE_VALIDATION: ("a purge by URL", Verdict.STALE),
    Mutant.DELETE_WITHOUT_LEASE: ("a purge by URL, a render", Verdict.STALE),
    Mutant.NO_STEP_AFTER_DELETE: ("a purge by URL", Verdict.STALE),
    Mutant.LISTED_BEFORE_LEASE: ("a purge by URL, a negative entry, cold", Verdict.STALE),
    Mutant.SLOT_OF_ANY_PAGE: ("a slot of two negative entries", Verdict.STALE),
    Mutant.SLOT_NOT_VALIDATED: ("a negative entry", Verdict.STALE),
    Mutant.SLOT_AFTER_LEASE: ("a purge by URL, a negative entry", Verdict.STALE),
    Mutant.CARD_AT_CLOCK_OF_PAGE: ("a card", Verdict.STALE),
    Mutant.LATEST_PART: ("a card", Verdict.STALE),
    Mutant.PAGE_KEPT_AT_CLOCK_OF_STORE: ("a card", Verdict.STALE),
    Mutant.CARD_WITH_CLOCK_OF_ITS_OWN: ("a lost card", Verdict.STALE),
    Mutant.EXPANDED_BEFORE_COMMIT: ("shown while it is listed", Verdict.STALE),
    Mutant.WITHDRAWN_AFTER_COMMIT: ("hidden while it is removed", Verdict.STALE),
    Mutant.RELAY_DOES_NOT_EXPAND: ("shown while it is listed, a crash, no requests", Verdict.SOUND),
    Mutant.GIVEN_UP_SEEN_NOW: ("grace, a record is given up", Verdict.STALE),
    Mutant.SEEN_AFTER_CLOCK: ("grace", Verdict.STALE),
    Mutant.SEEN_BEFORE_RECORDS: ("grace", Verdict.STALE),
    Mutant.GRACE_BEFORE_START: ("grace, a record is given up", Verdict.STALE),
    Mutant.NOTED_AT_READ: ("grace", Verdict.STALE),
    Mutant.OLD_RECORDS_FORGOTTEN: ("grace", Verdict.STALE),
    Mutant.NOT_SEEN_LATELY: ("grace", Verdict.STALE),
}
"""Each mutant, the world of ``SMALL`` that shows what it does, and what that is.

Not here: mutants of what is not built, such as validations that processes share, or reading the log
backwards.
"""

BY_STAMPS: Final = (
    Mutant.NO_FIRST_STEP,
    Mutant.CLOCK_BEFORE_GETS,
    Mutant.CARD_AT_CLOCK_OF_PAGE,
    Mutant.PAGE_KEPT_AT_CLOCK_OF_STORE,
    Mutant.CARD_WITH_CLOCK_OF_ITS_OWN,
)
"""Mutants that the world "a card, validated by its stamp" finds as well: stale without the log."""
