"""A deterministic scheduler for the production cache: one store or database operation at a time.

Actors (writers, readers, a relay) are greenlets that run the production code. Every operation on
the atomic store, the entry store and the database returns control to the scheduler first. So a
schedule decides which actor runs next, which one crashes and what is evicted. The database has a
version per tag and an outbox of the writes, and is the oracle: a payload contains the versions that
its render read, and it is stale if a published version is missing.
"""

import json
import math
import random
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dogpile.cache.api import NO_VALUE, BytesBackend, SerializedReturnType
from greenlet import getcurrent, greenlet

from moziweb.cache.admin.purge import forget_entries
from moziweb.cache.errors import CacheError, PublishError
from moziweb.cache.events import CacheEvents
from moziweb.cache.http.routes import EntryLocation
from moziweb.cache.invalidation.tag_expansion import TagExpansions
from moziweb.cache.protocol.entry import Kind
from moziweb.cache.protocol.keys import KeyBuilder
from moziweb.cache.protocol.leases import LeaseOptions, Leases
from moziweb.cache.protocol.stamps import StampStore
from moziweb.cache.protocol.store import AtomicStore
from moziweb.cache.regions.local_cache import LocalCache
from moziweb.cache.regions.negative import NegativeEntries
from moziweb.cache.regions.parts import RegionParts
from moziweb.cache.regions.policy import Policy
from moziweb.cache.regions.region import Render, TaggedRegion
from moziweb.cache.regions.rendering import CacheResult, CacheStatus, RenderContext, Rendered
from moziweb.cache.stores.dogpile_adapter import EntryStore, FailSafeBackend
from moziweb.cache.stores.memory import MemoryAtomicStore
from tests.cache.yielding_store import RecordFaults, YieldingStore

LIST = "list:x"
CARDS = ("movie:1", "movie:2")
PAGE_LIFE = 100.0
CARD_LIFE = 60.0
LEASE = 5.0

SCHEMA = """
CREATE TABLE movie (tag TEXT PRIMARY KEY, version INTEGER NOT NULL);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    tag TEXT NOT NULL,
    version INTEGER NOT NULL,
    published_tag TEXT NOT NULL,
    marked INTEGER NOT NULL DEFAULT 0,
    published_at INTEGER,
    published_time REAL
);
CREATE TABLE third (shown INTEGER NOT NULL, listed INTEGER NOT NULL);
INSERT INTO third VALUES (0, 0);
"""
ROWS = "SELECT id, tag, version, published_tag FROM outbox"


class Crash(BaseException):
    """Ends an actor at once. A ``BaseException``, so the production code does not catch it."""


class YieldingBackend(BytesBackend):
    """A store of entries that returns to the scheduler before each operation."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.values: dict[str, bytes] = {}

    def get_serialized_multi(self, keys: Iterable[str]) -> Sequence[SerializedReturnType]:
        self._world.pause("fetch")
        return [self.values.get(key, NO_VALUE) for key in keys]

    def set_serialized_multi(self, mapping: Mapping[str, bytes]) -> None:
        self._world.pause("store")
        self.values.update(mapping)

    def delete_multi(self, keys: Iterable[str]) -> None:
        self._world.pause("remove")
        for key in keys:
            self.values.pop(key, None)


@dataclass(frozen=True)
class Row:
    """A row of the outbox: a committed write of ``tag``, and the tags to publish, with spaces."""

    id: int
    tag: str
    version: int
    published_tag: str


class Database:
    """Versions by tag, and the outbox. It is the oracle, too.

    One transaction changes both. ``published_at`` is the step at which a publish was complete, and
    ``published_time`` its time.
    """

    def __init__(self) -> None:
        # Any thread may close it: that of the next garbage collection.
        self._sql = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._sql.close)  # Python 3.13 warns of a connection left open
        self._sql.executescript(SCHEMA)
        self._sql.executemany("INSERT INTO movie VALUES (?, 0)", [(LIST,), *((c,) for c in CARDS)])

    def snapshot(self) -> dict[str, int]:
        """All versions, read at once."""
        return dict(self._sql.execute("SELECT tag, version FROM movie"))

    def commit(self, tag: str) -> Row:
        """Commit the next version of ``tag``; return its outbox row."""
        self._sql.execute("BEGIN")
        row = self._recorded(tag, tag)
        self._sql.execute("COMMIT")
        return row

    def change(self, column: str, value: int, names: Sequence[str] | None = None) -> Row | None:
        """Set ``shown`` or ``listed`` of a third movie; None if nothing is published or changed.

        The list has a new version if the movie appears in it or disappears. ``names`` are the tags
        to record, by default those of ``resolved``.
        """
        self._sql.execute("BEGIN")
        before = self._third("shown AND listed")
        self._sql.execute(f"UPDATE third SET {column} = ?", (value,))
        changed = self._third("shown AND listed") != before
        found = self.resolved(column) if names is None else names
        row = self._recorded(LIST, " ".join(found), changed) if found or changed else None
        self._sql.execute("COMMIT")
        return row

    def resolved(self, column: str) -> list[str]:
        """The tags of a change; the movie is locked (``movies/tag_declarations.py``)."""
        if column == "shown":
            return [LISTS_OF_THIRD, *self.lists()]
        return [LIST] if self._third("shown") else []

    def lists(self) -> list[str]:
        """The lists that the third movie is in."""
        return [LIST] if self._third("listed") else []

    def _third(self, what: str) -> int:
        (found,) = self._sql.execute(f"SELECT {what} FROM third").fetchone()
        return int(found)

    def change_by_hand(self, tag: str) -> Row:
        """Commit the next version by hand, without an outbox row to publish."""
        row = self.commit(tag)
        self.mark(row)
        return row

    def _recorded(self, tag: str, published_tag: str, changed: int = 1) -> Row:
        """Insert a row for the next version of ``tag``; version 0 if it has not changed."""
        self._sql.execute("UPDATE movie SET version = version + ? WHERE tag = ?", (changed, tag))
        (row,) = self._rows(
            "INSERT INTO outbox (tag, version, published_tag) SELECT tag, version * ?, ? FROM movie"
            " WHERE tag = ? RETURNING id, tag, version, published_tag",
            changed, published_tag, tag,
        )  # fmt: skip
        return row

    def published(self, row: Row, at: int, now: float) -> None:
        """Record the step and the time at which a publish was complete; the first one counts."""
        self._sql.execute(
            "UPDATE outbox SET published_at = ?, published_time = ?"
            " WHERE id = ? AND published_at IS NULL",
            (at, now, row.id),
        )

    def mark(self, row: Row) -> None:
        """Mark a row as published."""
        self._sql.execute("UPDATE outbox SET marked = 1 WHERE id = ?", (row.id,))

    def rows(self) -> list[Row]:
        """The outbox."""
        return self._rows(f"{ROWS} ORDER BY id")

    def unmarked(self) -> list[Row]:
        """The rows that the relay has to publish."""
        return self._rows(f"{ROWS} WHERE NOT marked ORDER BY id")

    def required_versions(self, began: int) -> dict[str, int]:
        """Return the versions that a request from step ``began`` must show: of each tag the newest
        whose publish was complete."""
        query = "SELECT tag, max(version) FROM outbox WHERE published_at <= ? GROUP BY tag"
        return dict(self._sql.execute(query, (began,)))

    def required_of_stale(self, since: float) -> dict[str, int]:
        """Return the versions that were published before a time, which a stale page must show."""
        query = "SELECT tag, max(version) FROM outbox WHERE published_time < ? GROUP BY tag"
        return dict(self._sql.execute(query, (since,)))

    def close(self) -> None:
        """Close the database."""
        self._sql.close()

    def _rows(self, query: str, *values: str | int) -> list[Row]:
        return [Row(*found) for found in self._sql.execute(query, values)]


class Session:
    """A transaction: its snapshot begins with the first read, after its clock was read."""

    def __init__(self, world: "World", stamps: StampStore) -> None:
        self._world = world
        self._stamps = stamps
        self._started: int | None = None
        self._begun = False
        self._snapshot: dict[str, int] | None = None

    def snapshot_clock(self) -> int | None:
        if not self._begun:
            self._begun = True
            self._started = self._stamps.clock()
        return self._started

    def wrote(self) -> bool:
        return False

    def version(self, tag: str) -> int:
        if self._snapshot is None:
            self._world.pause("snapshot")
            self._snapshot = self._world.database.snapshot()
        return self._snapshot[tag]


@dataclass
class Process:
    """A web process: its own local caches over the shared stores."""

    pages: TaggedRegion
    shells: TaggedRegion
    cards: TaggedRegion
    stamps: StampStore

    @property
    def negative_entries(self) -> NegativeEntries:
        """Negative entries with one slot."""
        return NegativeEntries(self.pages, NEGATIVE_KEYS)


@dataclass
class Response:
    """An answered request; ``path`` is set if a negative entry was wanted."""

    process: int
    began: int
    now: float
    served: CacheResult
    path: str = ""


class _Answered(Exception):
    """Ends a render with a negative entry; None if it is not stored."""

    def __init__(self, served: CacheResult | None) -> None:
        super().__init__()
        self.served = served


@dataclass
class Actor:
    """A greenlet, and the operation that it does next."""

    glet: greenlet
    where: str = "start"


@dataclass(eq=False)
class World:
    """The stores, the processes and the scheduler. ``tick`` counts the steps.

    ``store`` is the atomic store, in memory by default.
    """

    grace: float = 0.0
    processes: int = 2
    now: float = 1000.0
    tick: int = 0
    database: Database = field(default_factory=Database)
    responses: list[Response] = field(default_factory=list)
    actors: list[Actor] = field(default_factory=list)
    store: AtomicStore | None = None
    faults: RecordFaults | None = None

    def __post_init__(self) -> None:
        self.main = getcurrent()
        self.dead: set[greenlet] = set()
        store = self.store or MemoryAtomicStore(clock=lambda: self.now)
        self.atomic_store = YieldingStore(store, self._pause_in_store, self.faults)
        self.backends = {name: YieldingBackend(self) for name in ("pages", "shells", "cards")}
        self.process = [self._process() for _ in range(self.processes)]

    # Actions of actors

    def pause(self, where: str) -> None:
        """Return to the scheduler, unless the scheduler itself calls."""
        me = getcurrent()
        if me is self.main:
            return
        if me in self.dead:
            raise Crash
        for actor in self.actors:
            if actor.glet is me:
                actor.where = where
        self.main.switch()
        if me in self.dead:
            raise Crash

    def _pause_in_store(self, operation: str) -> None:
        self.pause(operation)
        if self.faults is not None:
            self.now += self.faults.seconds

    def write(self, tag: str) -> None:
        """Commit, publish, mark."""
        self.pause("commit")
        self._publish(self.database.commit(tag), self.process[0].stamps)

    def change(self, column: str, value: int) -> None:
        """Change the third movie: shown, or listed."""
        self.pause("commit")
        self.publish_change(self.database.change(column, value))

    def publish_change(self, row: Row | None) -> None:
        """Publish a change of the third movie. One without tags must not have changed the list."""
        if row is not None:
            self._publish(row, self.process[0].stamps)

    def purge_tag(self, tag: str) -> None:
        """Change data by hand, and purge its tag."""
        self.pause("commit")
        row = self.database.change_by_hand(tag)
        try:
            self.process[0].stamps.publish([tag])
        except PublishError:
            return
        self.database.published(row, self.tick, self.now)

    def purge_page(self, tag: str) -> None:
        """Change data by hand, and purge the page by its URL."""
        here = self.process[0]

        def find_others() -> list[EntryLocation]:
            """The template and its cards, if the template is stored."""
            places = [(here.shells, "shell"), *((here.cards, KEYS.key(card)) for card in CARDS)]
            stored = here.shells.stored(["shell"])
            return [EntryLocation(*place, math.inf) for place in places if stored]

        self._purge(tag, "page", find_others)

    def purge_negative(self, path: str) -> None:
        """Change data by hand, and purge the negative entry of a URL."""
        here = self.process[0]

        def find_others() -> list[EntryLocation]:
            key = here.negative_entries.key_of(path)
            return [EntryLocation(here.pages, key, math.inf)] if key else []

        self._purge(LIST, path, find_others)

    def _purge(self, tag: str, key: str, find_others: Callable[[], list[EntryLocation]]) -> None:
        self.pause("commit")
        row = self.database.change_by_hand(tag)
        try:
            forget_entries(EntryLocation(self.process[0].pages, key, math.inf), find_others)
        except CacheError:
            return
        self.database.published(row, self.tick, self.now)

    def refresh(self, number: int) -> None:
        """Refresh the page in the background, though it may be valid."""
        process = self.process[number]
        session = Session(self, process.stamps)
        process.pages.refresh("page", self._render(process, session), source=session)

    def read_negative(self, number: int, path: str) -> None:
        """Answer a request with a negative entry, as a cached view does."""
        began, now = self.tick, self.now
        process = self.process[number]
        session = Session(self, process.stamps)

        def render(context: RenderContext) -> Rendered:
            known = process.negative_entries.find(path)
            if known is not None:
                raise _Answered(known)
            context.depend(LIST)
            shown = {LIST: session.version(LIST), "path": path}
            rendered = Rendered(json.dumps(shown).encode())
            raise _Answered(process.negative_entries.store(path, rendered, context))

        try:
            process.pages.get_or_render(path, render, source=session)
        except _Answered as answer:
            if answer.served is not None:
                self.responses.append(Response(number, began, now, answer.served, path))

    def relay(self) -> None:
        """Publish the rows that crashed writers left."""
        for row in self.database.unmarked():
            self._publish(row, self.process[-1].stamps)

    def read(self, number: int) -> None:
        """Answer a request for the page, in one of the processes."""
        began, now = self.tick, self.now
        served = self._page(self.process[number])
        self.responses.append(Response(number, began, now, served))

    def read_fast(self, number: int) -> None:
        """The same through the fast path: the server's loop, then a thread, then the view."""
        began, now = self.tick, self.now
        pages = self.process[number].pages
        served = (
            self._in_loop(pages, "page")
            or pages.get_valid("page")
            or self._page(self.process[number])
        )
        self.responses.append(Response(number, began, now, served))

    def _in_loop(self, region: TaggedRegion, key: str) -> CacheResult | None:
        """The read of the server's event loop: the local cache alone."""
        copy = region.local.find(key)
        if copy is None:
            return None
        clock = region.local.clock()
        region.local.revalidate({key: copy}, clock)
        entry = region.local.get(key, copy, clock)
        return CacheResult(CacheStatus.L1, entry) if entry else None

    def purge(self) -> None:
        """Invalidate everything."""
        self.process[0].stamps.new_epoch()

    # The scheduler

    def start(self, act: "Act") -> Actor:
        """Return a new actor, before its first operation."""

        def body() -> None:
            try:
                self.pause("start")
                act(self)
            except Crash:
                return

        actor = Actor(greenlet(body, parent=self.main))
        self.actors.append(actor)
        actor.glet.switch()
        return actor

    def alive(self) -> list[Actor]:
        """The actors that have not ended."""
        return [actor for actor in self.actors if not actor.glet.dead]

    def step(self, actor: Actor) -> None:
        """Let an actor do one operation."""
        self.tick += 1
        actor.glet.switch()

    def crash(self, actor: Actor) -> None:
        """End an actor; it does no further operation, not even in ``finally``."""
        self.dead.add(actor.glet)
        actor.glet.switch()

    def finish(self) -> None:
        """Let all actors run to their end, one after the other."""
        for actor in self.alive():
            while not actor.glet.dead:
                self.step(actor)

    def run(self, act: "Act") -> None:
        """Run an actor from its beginning to its end, without interruption."""
        actor = self.start(act)
        while not actor.glet.dead:
            self.step(actor)

    def advance(self, actor: Actor, until: str, times: int = 1) -> None:
        """Let an actor run until it does an operation next, for the ``times``-th time."""
        for _ in range(times):
            self.step(actor)
            while actor.where != until:
                assert not actor.glet.dead, f"it never reaches {until}"
                self.step(actor)

    def flush(self) -> None:
        """Lose all stamps and the clock, as when memcached restarts."""
        for name in self.atomic_store.names():
            self.atomic_store.evict(name)

    def evict_entries(self) -> None:
        """Lose all entries."""
        for backend in self.backends.values():
            backend.values.clear()

    def close(self) -> None:
        """End every actor."""
        for actor in self.alive():
            self.crash(actor)
        self.database.close()

    # The oracle

    def violations(self) -> Iterator[str]:
        """Yield the responses that are stale or expired; if marked as stale, for too long."""
        for response in self.responses:
            if response.served.status is CacheStatus.STALE:
                since = response.now - self.grace
                yield from self._stale(response, self.database.required_of_stale(since))
                yield from self._expired(response, since - 1e-6)
            else:
                required = self.database.required_versions(response.began)
                yield from self._stale(response, required)
                yield from self._expired(response, response.now)

    def _stale(self, response: Response, required: Mapping[str, int]) -> Iterator[str]:
        shown = json.loads(response.served.entry.payload)
        for tag, version in required.items():
            if shown.get(tag, version) < version:
                yield f"{response.served.status} without {tag} v{version}: {shown}"
        if response.path != shown.get("path", ""):
            yield f"{response.served.status} for {response.path}: {shown}"

    def _expired(self, response: Response, since: float) -> Iterator[str]:
        if response.served.entry.expires <= since:
            yield f"{response.served.status} although it had expired"

    # Set-up

    def _process(self) -> Process:
        stamps = StampStore(
            self.atomic_store, 10_000, longest_grace=self.grace, monotonic=lambda: self.now
        )
        return Process(
            pages=self._region("pages", stamps, PAGE_LIFE),
            shells=self._region("shells", stamps, PAGE_LIFE),
            cards=self._region("cards", stamps, CARD_LIFE),
            stamps=stamps,
        )

    def _region(self, name: str, stamps: StampStore, life: float) -> TaggedRegion:
        leases = Leases(
            self.atomic_store,
            LeaseOptions(ttl=LEASE, wait=3 if self.faults else 1, poll=0.4),
            sleep=self._sleep,
            clock=lambda: self.now,
        )
        fail_safe = FailSafeBackend(name, leases, CacheEvents()).wrap(self.backends[name])
        return TaggedRegion(
            RegionParts(
                name=name,
                policy=Policy(life, grace=self.grace, refresh_after=0.8, negative_slots=1),
                entries=EntryStore(name, fail_safe, CacheEvents()),
                stamps=stamps,
                leases=leases,
                local_cache=LocalCache(100_000),
                observer=CacheEvents(),
                now=lambda: self.now,
            )
        )

    def _sleep(self, seconds: float) -> None:
        self.pause("sleep")
        self.now += seconds / 10

    def _publish(self, row: Row, stamps: StampStore) -> None:
        self.pause("expand")
        tags = EXPANSIONS.expanded(self.database, row.published_tag.split())  # type: ignore[arg-type]
        try:
            stamps.publish(tags)
        except PublishError:
            return
        self.database.published(row, self.tick, self.now)
        self.pause("mark")
        self.database.mark(row)

    def _page(self, process: Process) -> CacheResult:
        session = Session(self, process.stamps)
        return process.pages.get_or_render("page", self._render(process, session), source=session)

    def _render(self, process: Process, session: Session) -> Render:
        """Render the page from a template and cards, each of which may be cached."""

        def card(context: RenderContext, tag: str) -> Rendered:
            context.depend(tag)
            return Rendered(b"%d" % session.version(tag), kind=Kind.FRAGMENT)

        def cards(contexts: Mapping[str, RenderContext]) -> Mapping[str, Rendered]:
            by_key = {KEYS.key(tag): tag for tag in CARDS}
            return {key: card(context, by_key[key]) for key, context in contexts.items()}

        def shell(context: RenderContext) -> Rendered:
            return card(context, LIST)

        def page(context: RenderContext) -> Rendered:
            fragments = [
                process.shells.get_or_render("shell", shell, source=session, parent=context),
                *process.cards.get_or_render_multi(
                    [KEYS.key(tag) for tag in CARDS], cards, source=session, parent=context
                ),
            ]
            shown = {
                tag: int(fragment.entry.payload)
                for tag, fragment in zip((LIST, *CARDS), fragments, strict=True)
            }
            return Rendered(json.dumps(shown).encode())

        return page


KEYS = KeyBuilder("world", "cards")
NEGATIVE_KEYS = KeyBuilder("world", "negative")

LISTS_OF_THIRD = "lists:3"
EXPANSIONS = TagExpansions()
EXPANSIONS.add("lists", lambda database, _: database.lists())  # type: ignore[attr-defined]

Act = Callable[[World], None]


def writes(tag: str) -> Act:
    """A writer of ``tag``."""
    return lambda world: world.write(tag)


def reads(process: int) -> Act:
    """A request to one of the processes."""
    return lambda world: world.read(process)


def reads_fast(process: int) -> Act:
    """A request to one of the processes, through its fast path."""
    return lambda world: world.read_fast(process)


def reads_negative(process: int, path: str) -> Act:
    """A request that is answered with a negative entry."""
    return lambda world: world.read_negative(process, path)


def refreshes(process: int) -> Act:
    """A background refresh."""
    return lambda world: world.refresh(process)


def purges_page(tag: str) -> Act:
    """An operator who changes the data of ``tag`` by hand, and purges the page."""
    return lambda world: world.purge_page(tag)


def purges_tag(tag: str) -> Act:
    """An operator who changes the data of ``tag`` by hand, and purges the tag."""
    return lambda world: world.purge_tag(tag)


def purges_negative(path: str) -> Act:
    """An operator who changes the list by hand, and purges the negative entry of a URL."""
    return lambda world: world.purge_negative(path)


def shows(world: World) -> None:
    """The third movie is shown on the site, in the lists that it is in."""
    world.change("shown", 1)


def lists(world: World) -> None:
    """The third movie is added to the list."""
    world.change("listed", 1)


def hides(world: World) -> None:
    """The third movie is withdrawn from the site."""
    world.change("shown", 0)


def unlists(world: World) -> None:
    """The third movie is removed from the list; nothing is published if it is not shown."""
    world.change("listed", 0)


def evicts(name: str) -> Act:
    """memcached loses a value."""

    def act(world: World) -> None:
        world.pause("evict")
        world.atomic_store.evict(name)

    return act


def waits(seconds: float) -> Act:
    """Time passes."""

    def act(world: World) -> None:
        world.pause("wait")
        world.now += seconds

    return act


def play(
    prepare: Sequence[Act],
    actors: Sequence[Act],
    seed: int,
    *,
    grace: float = 0,
    store: AtomicStore | None = None,
    faults: RecordFaults | None = None,
) -> list[str]:
    """Run one random schedule and return its violations.

    The actions of ``prepare`` run one after the other, then the actors together. The probability
    of a switch is random too: some races need long runs of one actor, others short ones.
    """
    chance = random.Random(seed)
    world = World(grace=grace, store=store, faults=faults)
    for act in prepare:
        world.run(act)
    for act in actors:
        world.start(act)
    switch_probability = chance.choice((0.05, 0.15, 0.4))
    actor = chance.choice(world.actors)
    while alive := world.alive():
        if actor.glet.dead or actor.where == "sleep" or chance.random() < switch_probability:
            actor = chance.choice(alive)
        world.step(actor)
    return settle(world)


def settle(world: World) -> list[str]:
    """Let all actors and the relay finish, read the page in all processes, return the violations.

    Before that, the leases of crashed actors end.
    If nothing has changed since, the page must be a hit in the end. The second read of a process
    may assemble the page once more: a card may be valid by the log and outdated by its stamp, if
    that was lost and resolved again. Then the page is kept in the local cache.
    """
    world.finish()
    world.now += LEASE
    world.run(World.relay)
    for process in (0, 1, 0, 0):
        world.run(reads(process))
    found = list(world.violations())
    if world.responses[-1].served.status not in (CacheStatus.HIT, CacheStatus.L1):
        found.append("nothing is ever a hit")
    world.close()
    return found
