"""A run: starts the stack, uses it under faults for some time, and checks every read.

``python -m tests.soak.run --seconds 600 [--seed 1]``, or ``make soak SECONDS=600``.
"""

import argparse
import json
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.orm import Session

from moziweb.db import create_engine as create_app_engine
from moziweb.db.migrations import upgrade
from moziweb.db.retry import OUTAGE_SECONDS
from moziweb.movies.calendar import week_of
from tests.services.memcached import MemcachedServer
from tests.services.postgres import PostgresServer
from tests.services.process import Service, ServiceError, child
from tests.services.web import WebServer
from tests.soak.app import SABOTAGE
from tests.soak.health import Health
from tests.soak.pages import pages, popular
from tests.soak.states import MOVIES, MovieState, add_movies, add_values, days
from tests.soak.verdict import History, Outage, Published, Seen, Verdict, Write
from tests.soak.visitors import FAILURES

LOG_CHECK = re.compile(r'^moziweb_cache_log_checks_total\{result="(\w+)"\} (\S+)$', re.MULTILINE)
LIFE = 20.0
LEASE = 2.0
PAGES_READ = 500
"""Pages that a run with faults reads at least, some of them stale within ``grace``; on a busy
machine it takes longer for them."""

LONGEST_FACTOR = 4
"""How many times as long as asked a run may take for them."""

STALE_IF_ERROR = 5.0
GRACE = 1.5
"""Seconds; shorter than a lease, so that requests have to wait if a renderer is killed."""
PATIENCE = 120.0
CLIENT_SPARE = 900.0
"""Seconds that a client may run longer than the run was asked to take."""
LAG = 4.0
"""Seconds that a row may take from its publish until its mark is visible."""
LONG_FREEZE = 1.5
"""Seconds; longer than the rest of a circuit breaker and than libmemcached's own retry."""
WINDOW = 0.5
"""Seconds after an outage of the stamps within which living writers publish what failed in it."""
RELAYED = 30.0
"""Seconds within which everything must be published after the last fault: ten, the period of a
relay, and time for a busy machine to start processes again."""


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


@dataclass
class Report:
    """The result of a run."""

    seconds: float = 0.0
    reads: int = 0
    checks: int = 0
    decided: int = 0
    """Those of ``checks`` in which the movie had to be on the page, or not to be on it."""
    writes: int = 0
    edits: dict[str, int] = field(default_factory=dict)
    """The published writes by the value that they set."""
    stale: list[str] = field(default_factory=list)
    said_stale: int = 0
    in_grace: int = 0
    """Those of ``said_stale`` that no outage of the stamps or the database excuses."""
    unpublished: int = 0
    slowest_publish: float = 0.0
    publish_windows: list[float] = field(default_factory=list)
    """For each long freeze of the stamps, seconds from its end until its writes were published."""
    faults: dict[str, int] = field(default_factory=dict)
    caches: dict[str, int] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    log_checks: dict[str, int] = field(default_factory=dict)
    """What the log said of copies and entries."""
    followed: float = 0.0
    """Share of those without a published tag that the log confirmed: no stamp was read."""
    answers_in_outages: int = 0
    answers_outside: int = 0
    errors_in_outages: int = 0
    unanswered: int = 0
    """Reads without an answer from a dead process."""
    unanswered_otherwise: int = 0
    slow_answers: int = 0
    slowest_answer: float = 0.0
    complaints: list[str] = field(default_factory=list)
    """Failed checks of the site's health (``tests.soak.health``)."""
    delays: list[str] = field(default_factory=list)
    """What took too long for a machine that does nothing else."""

    def show(self) -> None:
        """Print a table, and JSON in the last line."""
        for name, value in asdict(self).items():
            if name != "stale":
                say(f"{name:20} {value}")
        say(f"{'stale reads':20} {len(self.stale)}")
        for line in self.stale[:10]:
            say(f"  {line}")
        for line in (*self.complaints, *self.delays):
            say(f"  {line}")
        say(json.dumps({**asdict(self), "stale": len(self.stale)}))


class Stack:
    """The servers and their clients."""

    def __init__(
        self, everything: ExitStack, postgres: PostgresServer, seconds: float, seed: int, how: str
    ) -> None:
        self.client_limit = seconds + CLIENT_SPARE
        self.log_checks = Counter[str]()
        self.chance = random.Random(seed)
        self.postgres = postgres
        self.stamps = everything.enter_context(MemcachedServer())
        self.entries = everything.enter_context(MemcachedServer(megabytes=8))
        self.url = everything.enter_context(postgres.database())
        week = prepare(self.url, with_values=True)
        self.home = self.stamps.home
        self.settings = settings_of(self, how)
        (self.home / "keys.json").write_text(json.dumps(self.settings))
        self.webs = [WebServer(self.settings, "call:tests.soak.app:main") for _ in range(2)]
        for web in self.webs:
            everything.enter_context(web)
        self.pages, self.popular = pages(), popular(week)
        self.visitors: dict[str, list[ExitStack]] = {}
        everything.callback(self.dismiss)
        for what, count in (("read", 3), ("post", 2), ("write", 1)):
            self.visitors[what] = [self.visitor(what) for _ in range(count)]

    def visitor(self, what: str) -> ExitStack:
        """Start a client that reads, posts or writes; it is killed when the result is closed."""
        ports = ",".join(str(web.port) for web in self.webs)
        movies = ",".join(map(str, MOVIES))
        seed = self.chance.randrange(1 << 30)
        notes = str(self.home / f"reads-{seed}")
        given = {
            "read": [notes, ports, ",".join(self.popular), ",".join(self.pages)],
            "post": ["-", ports, movies],
            "write": [str(self.home / "keys.json"), movies],
        }[what]
        command = [sys.executable, "-W", "ignore", "-m", "tests.soak.visitors", what, str(seed)]
        client = ExitStack()
        client.enter_context(
            child([*command, *given], limit=self.client_limit, cwd=Path(__file__).parents[2])
        )
        return client

    def replace(self, what: str) -> None:
        """Kill a client (SIGKILL) and start another."""
        self.visitors[what].pop().close()
        self.visitors[what].append(self.visitor(what))

    def end_connections(self) -> None:
        """End all connections to the database, as its operator can."""
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        with self.postgres.connect() as connection:
            connection.execute(query, [make_url(self.url).database])

    def count_log_checks(self, web: WebServer) -> None:
        """Add the counters of a web process, by result. Call it before the process ends."""
        metrics = web.get("/metrics", timeout=5)[2].decode()
        for result, count in LOG_CHECK.findall(metrics):
            self.log_checks[result] += int(float(count))

    def dismiss(self, *kinds: str) -> None:
        """End clients."""
        for what in kinds or tuple(self.visitors):
            for each in self.visitors.pop(what, []):
                each.close()


def settings_of(stack: Stack, how: str) -> dict[str, str]:
    """The ini keys: those of production with short times, so that each passes within a run."""
    return {
        "site.base_url": "https://moziweb.test",
        "metrics.allow": "127.0.0.1",
        "sqlalchemy.url": stack.url,
        "storage.backend": "disk",
        "storage.disk.path": str(stack.home / "objects"),
        "cache.regions": "pages fragments feeds search",
        "cache.stamps.url": f"memcached://{stack.stamps.address}",
        "cache.default.backend": "dogpile.cache.pylibmc",
        "cache.default.arguments.url": stack.entries.address,
        "cache.default.expiration_time": f"{LIFE:g}",
        "cache.default.lease_time": f"{LEASE:g}",
        "cache.default.stale_if_error": f"{STALE_IF_ERROR:g}",
        "cache.default.grace": f"{GRACE:g}",
        "cache.fragments.mode": "strict",
        **({SABOTAGE: how} if how else {}),
    }


def prepare(url: str, *, with_values: bool = False) -> str:
    """Fill a database with movies of this week; returns the name of the week.

    ``with_values`` are those that edits other than a change of the title need.
    """
    engine = create_app_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 2})
    upgrade(engine)
    with Session(engine) as session:
        add_movies(session)
        if with_values:
            add_values(session)
        session.commit()
    engine.dispose()
    return week_of(days()[0]).name


class Faults:
    """The faults, one at a time."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.counts: Counter[str] = Counter()
        self.outages: list[Outage] = []
        self.data_outages: list[Outage] = []
        """Those of the stamps and the database, short ones too: stale pages replace errors."""
        self.long_freezes: list[Outage] = []
        self._known: dict[str, Callable[[], None]] = {
            "stamps frozen": lambda: self._freeze(stack.stamps),
            "stamps frozen 1.5 s": self._freeze_stamps,
            "stamps killed": lambda: self._kill(stack.stamps),
            "stamps flushed": stack.stamps.flush,
            "entries frozen": lambda: self._freeze(stack.entries),
            "entries killed": lambda: self._kill(stack.entries),
            "entries flushed": stack.entries.flush,
            "writer killed": lambda: stack.replace("write"),
            "client killed": lambda: stack.replace("post"),
            "web killed": self._kill_web,
            "connections ended": self._end_connections,
            "postgres restarted": self._restart_postgres,
        }
        self._turn: list[str] = []

    @property
    def is_round_complete(self) -> bool:
        """Whether every fault has happened."""
        return self.counts.keys() == self._known.keys()

    def next(self) -> None:
        """Cause the next fault. A round has all faults in random order."""
        if not self._turn:
            self._turn = list(self._known)
            self.stack.chance.shuffle(self._turn)
        name = self._turn.pop()
        self._known[name]()
        self.counts[name] += 1

    def _freeze(self, server: Service) -> None:
        with self._outage(server), server.paused():
            time.sleep(0.2 + self.stack.chance.random())

    def _freeze_stamps(self) -> None:
        with self._outage(self.stack.stamps), self.stack.stamps.paused():
            time.sleep(LONG_FREEZE)
        self.long_freezes.append(self.outages[-1])

    def _kill(self, server: Service) -> None:
        with self._outage(server):
            server.kill()
            time.sleep(self.stack.chance.random() / 2)
            server.start()

    def _kill_web(self) -> None:
        web = self.stack.chance.choice(self.stack.webs)
        with suppress(*FAILURES):
            self.stack.count_log_checks(web)
        self._kill(web)

    def _end_connections(self) -> None:
        begun = time.time()
        self.stack.end_connections()
        self.data_outages.append(Outage("postgres", begun, time.time()))

    def _restart_postgres(self) -> None:
        """Excuses no error, unless the restart takes longer than requests wait for it."""
        begun = time.time()
        self.stack.postgres.stop()
        self.stack.postgres.start()
        outage = Outage("postgres", begun, time.time())
        self.data_outages.append(outage)
        if outage.over - begun > OUTAGE_SECONDS - 1:
            self.outages.append(outage)

    @contextmanager
    def _outage(self, server: Service) -> Iterator[None]:
        """Record an outage. Other faults excuse no error of the site."""
        begun = time.time()
        yield
        port = server.port if isinstance(server, WebServer) else 0
        self.outages.append(Outage(server.name, begun, time.time(), port))
        if server is self.stack.stamps:
            self.data_outages.append(self.outages[-1])


class Watch:
    """Collects the reads and the rows of the outbox."""

    def __init__(self, stack: Stack, engine: Engine) -> None:
        self.verdict = Verdict(
            grace=GRACE,
            outage_grace=2 * LEASE + STALE_IF_ERROR,
            outage_life=LIFE + STALE_IF_ERROR,
        )
        self.health = Health()
        self._stack = stack
        self._engine = engine
        self._published = Published()
        self._histories = {movie: History(MovieState.first()) for movie in MOVIES}
        self.edits: Counter[str] = Counter()
        self._places: dict[Path, int] = {}
        self._pending: list[Seen] = []
        self._measured = 0
        self.publish_windows: list[float] = []
        self.slowest_publish = 0.0

    def begin(self) -> None:
        """Wait until all clients work."""
        until = time.monotonic() + PATIENCE
        while len(list(self._stack.home.glob("reads-*"))) < 3 or self.writes() < 3:
            self._fetch()
            if time.monotonic() > until:
                raise ServiceError("the clients do not read or write")
            time.sleep(0.2)

    def look(self, faults: "Faults", *, everything: bool = False) -> None:
        """Check reads that are old enough, or all. Call it between faults, so that none is open."""
        self._pending.extend(self._new_reads())
        self._fetch()
        until = float("inf") if everything else time.time() - LAG
        self._measure_freezes([each for each in faults.long_freezes if each.over + WINDOW < until])
        ready = [seen for seen in self._pending if seen.at < until]
        self._pending = [seen for seen in self._pending if seen.at >= until]
        self.health.judge(ready, faults.outages)
        self.verdict.judge(
            ready, self._published, self._histories, self._stack.pages, faults.data_outages
        )

    @property
    def has_enough(self) -> bool:
        """Whether enough pages were read, served in each of the ways that a run is to check."""
        seen = self.verdict
        ways = {"l1", "hit", "miss"} <= seen.caches.keys() and seen.in_grace > 0
        return ways and self.health.pages >= PAGES_READ

    def unpublished(self) -> int:
        """The number of unpublished rows in the outbox."""
        return int(self._ask("SELECT count(*) FROM cache_journal WHERE published IS NULL")[0][0])

    def writes(self) -> int:
        """The number of writes. Rows that were published long ago are no longer in the outbox."""
        return len(self._published.known) + self.unpublished()

    def _measure_freezes(self, freezes: Sequence[Outage]) -> None:
        """Note the seconds from the end of each freeze until the last of its writes was published.

        Call it when they are published, and before the outbox is pruned of them.
        """
        query = "SELECT max(published) FROM cache_journal WHERE created BETWEEN :begun AND :over"
        for each in freezes[self._measured :]:
            last = self._ask(query, begun=each.begun, over=each.over)[0][0]
            if last is not None:
                self.publish_windows.append(round(max(0.0, float(last) - each.over), 2))
        self._measured = len(freezes)

    def _fetch(self) -> None:
        query = (
            "SELECT id, reason, created, published FROM cache_journal WHERE reason <> ''"
            " AND (created > :since OR published > :since OR published IS NULL)"
        )
        for row, reason, created, at in self._ask(query, since=time.time() - 60):
            changes = json.loads(reason)
            movie = changes.pop("movie")
            complete = float("inf") if at is None else float(at)
            self._histories[movie].note(Write(int(row), changes, float(created), complete))
            if at is None or row in self._published.known:
                continue
            self.edits.update(changes.keys())
            self._published.add(int(row), movie, changes.get("version", 0), complete)
            self.slowest_publish = max(self.slowest_publish, complete - float(created))

    def _ask(self, query: str, **values: float) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(text(query), values))

    def _new_reads(self) -> Iterator[Seen]:
        for file in self._stack.home.glob("reads-*"):
            with file.open("rb") as notes:
                notes.seek(self._places.get(file, 0))
                for line in notes:
                    if not line.endswith(b"\n"):
                        break
                    self._places[file] = self._places.get(file, 0) + len(line)
                    note = json.loads(line)
                    for name in ("shown", "facts"):
                        note[name] = {int(movie): each for movie, each in note[name].items()}
                    yield Seen(**note)


def run(
    postgres: PostgresServer, seconds: float, *, seed: int = 1, how: str = "", faulty: bool = True
) -> Report:
    """Run for ``seconds``, and until every fault has happened and enough was read.

    ``how`` breaks the cache on purpose; the run then ends at the first stale read. Without
    ``faulty`` there are no faults.
    """
    with ExitStack() as everything:
        stack = Stack(everything, postgres, seconds, seed, how)
        engine = create_engine(stack.url, pool_pre_ping=True)
        everything.callback(engine.dispose)
        watch, faults = Watch(stack, engine), Faults(stack)
        watch.begin()
        began = time.monotonic()
        while not (how and watch.verdict.stale) and (
            (spent := time.monotonic() - began) < seconds
            or (faulty and not faults.is_round_complete)
            or (faulty and not watch.has_enough and spent < LONGEST_FACTOR * seconds)
        ):
            time.sleep(0.5 + stack.chance.random())
            if faulty:
                faults.next()
            watch.look(faults)
        stack.dismiss("post", "write")
        until = time.monotonic() + RELAYED
        while not how and watch.unpublished() and time.monotonic() < until:
            time.sleep(0.5)
        time.sleep(1)  # for some last reads
        stack.dismiss()
        watch.look(faults, everything=True)
        verdict, health = watch.verdict, watch.health
        for web in stack.webs:
            stack.count_log_checks(web)
        checks = stack.log_checks
        windows = watch.publish_windows
        late = [f"published {each} s after a freeze" for each in windows if each > WINDOW]
        return Report(
            seconds=round(time.monotonic() - began, 1),
            reads=verdict.reads,
            checks=verdict.checks,
            decided=verdict.decided,
            writes=watch.writes(),
            edits=dict(watch.edits),
            stale=verdict.stale,
            said_stale=verdict.said_stale,
            in_grace=verdict.in_grace,
            unpublished=watch.unpublished(),
            slowest_publish=round(watch.slowest_publish, 2),
            publish_windows=windows,
            faults=dict(faults.counts),
            caches=dict(verdict.caches),
            statuses=dict(verdict.statuses),
            log_checks=dict(checks),
            followed=round(checks["confirmed"] / max(1, checks.total() - checks["published"]), 3),
            answers_in_outages=health.answers[True],
            answers_outside=health.answers[False],
            errors_in_outages=len(health.errors[True]),
            unanswered=len(health.unanswered[True]),
            unanswered_otherwise=len(health.unanswered[False]),
            slow_answers=health.slow,
            slowest_answer=round(health.slowest, 2),
            complaints=health.complaints(),
            delays=[*health.delays(), *late],
        )


def main() -> bool:
    """Return True after a stale read, an unpublished write, a failed health check or a delay."""
    parser = argparse.ArgumentParser(description="The stale-read checker.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(2), "big"))
    asked = parser.parse_args()
    with PostgresServer() as postgres:
        say(f"seed {asked.seed}")
        report = run(postgres, asked.seconds, seed=asked.seed)
    report.show()
    return bool(report.stale or report.unpublished or report.complaints or report.delays)


if __name__ == "__main__":
    sys.exit(main())
