"""Renewal in the background, and the race that it must not lose."""

import threading
from collections.abc import Mapping
from queue import Empty

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from moziweb.cache.events import CacheEvents
from moziweb.cache.http.refresh import BackgroundRefresher
from moziweb.cache.invalidation.session_clock import SessionClock
from moziweb.cache.protocol.snapshots import SnapshotSource
from moziweb.cache.protocol.stamps import StampStore
from moziweb.cache.regions.rendering import RenderContext, Rendered, Status
from tests.cache.database import Movie
from tests.cache.regions.test_region import LIFE, Bench


class Asked:
    """Remembers what it was asked for; waits for ``go`` where told to."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, address: Mapping[str, str]) -> None:
        self.go.wait(10)
        self.paths.append(address["PATH_INFO"] + address["QUERY_STRING"])


class Failures(CacheEvents):
    """Remembers why what was not renewed."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def renewal_failed(self, reason: str) -> None:
        self.reasons.append(reason)


@pytest.fixture
def asked() -> Asked:
    return Asked()


def learned(renewer: BackgroundRefresher, *keys: str) -> BackgroundRefresher:
    for key in keys:
        renewer.learn(key, {"PATH_INFO": f"/{key}"}, "")
    return renewer


def test_what_is_due_is_asked_for_once(asked: Asked) -> None:
    renewer = learned(BackgroundRefresher(asked), "a", "b")
    for _ in range(5):
        renewer.due("a")
    renewer.due("b")
    renewer.join()
    assert sorted(asked.paths) == ["/a", "/b"]


def test_and_again_after_a_pause(asked: Asked) -> None:
    now = [0.0]
    renewer = learned(BackgroundRefresher(asked, pause=10, clock=lambda: now[0]), "a")
    for seconds in (0.0, 9.0, 10.0):
        now[0] = seconds
        renewer.due("a")
        renewer.join()
    assert asked.paths == ["/a", "/a"]


def test_what_is_not_known_by_an_address_is_let_be(asked: Asked) -> None:
    renewer = BackgroundRefresher(asked)
    renewer.due("a card")
    renewer.join()
    assert asked.paths == []


def test_a_full_queue_drops_and_nobody_waits(asked: Asked) -> None:
    asked.go.clear()
    keys = [str(number) for number in range(50)]
    renewer = learned(BackgroundRefresher(asked, waiting=3), *keys)
    for key in keys:
        renewer.due(key)  # returns although the only worker is busy
    asked.go.set()
    renewer.join()
    assert 3 <= len(asked.paths) <= 5


def test_a_failure_ends_neither_the_worker_nor_the_site(
    caplog: pytest.LogCaptureFixture,
) -> None:
    paths = []

    def ask(address: Mapping[str, str]) -> None:
        paths.append(address["PATH_INFO"])
        raise RuntimeError("broken")

    heard = Failures()
    renewer = learned(BackgroundRefresher(ask, observer=heard), "a", "b")
    renewer.due("a")
    renewer.join()
    renewer.due("b")
    renewer.join()
    assert paths == ["/a", "/b"]
    assert "not renewed: /a: broken" in caplog.text
    assert heard.reasons == ["raised", "raised"]


def test_what_is_queued_as_a_thread_gives_up_waiting_is_not_left_to_it(asked: Asked) -> None:
    renewer = learned(BackgroundRefresher(asked, idle=0.01), "a", "b")
    queue = renewer._queue
    wait = queue.get
    threads: list[threading.Thread] = []

    def get(timeout: float) -> str:
        try:
            return wait(timeout=timeout)
        except Empty:
            if not threads:
                threads.append(threading.current_thread())
                renewer.due("b")  # it is counted as one at work, and it is not
            raise

    queue.get = get  # type: ignore[method-assign,assignment]
    renewer.due("a")
    while not threads:
        threading.Event().wait(0.001)
    threads[0].join(10)  # it ends when it has done what came late, and is idle again
    assert asked.paths == ["/a", "/b"]
    assert renewer._threads == set()


def test_without_a_thread_nothing_is_raised_and_the_next_one_does_both(
    asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    heard = Failures()
    renewer = learned(BackgroundRefresher(asked, observer=heard), "a", "b")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        renewer.due("a")
    assert "can't start new thread" in caplog.text
    assert heard.reasons == ["no_thread"]
    renewer.due("b")
    renewer.join()
    assert asked.paths == ["/a", "/b"]


def test_a_region_tells_what_is_due_however_it_is_hit() -> None:
    bench = Bench(refresh_after=0.5)
    due: list[str] = []
    bench.region.on_refresh_due(due.append)
    bench.read()
    bench.now += LIFE * 0.4
    assert bench.read().status is Status.HIT
    assert due == []
    bench.now += LIFE * 0.2
    assert bench.read().status is Status.L1
    assert bench.region.get_valid("a") is not None
    assert due == ["a", "a"]


def test_what_ends_with_its_day_is_not_due_however_often_it_is_hit() -> None:
    """Rendered anew, it would run out at the same midnight."""
    bench = Bench(refresh_after=0.5)
    due: list[str] = []
    bench.region.on_refresh_due(due.append)
    midnight = bench.now + LIFE * 0.9

    def render(context: RenderContext) -> Rendered:
        context.depend("movie:1")
        context.cap(midnight)
        return Rendered(b"today")

    bench.read(render=render)
    bench.now += LIFE * 0.8
    bench.read(render=render)
    bench.another()
    bench.region.on_refresh_due(due.append)
    assert bench.read(render=render).status is Status.HIT
    assert bench.region.renew("a", render, source=bench.source()) is None
    assert due == []


@pytest.mark.parametrize("cached", [True, False])
def test_nor_is_a_page_that_ends_with_one_of_its_parts(cached: bool) -> None:
    """Due at 0.8 of what is left, and at 0.8 of what is left then: again and again to midnight."""
    bench = Bench(refresh_after=0.5)
    due: list[str] = []
    midnight, made = bench.now + LIFE * 0.9, []

    def part(context: RenderContext) -> Rendered:
        made.append("part")
        context.depend("movie:1")
        context.cap(midnight)
        return Rendered(b"today")

    def page(context: RenderContext) -> Rendered:
        made.append("page")
        context.depend("week:1")
        source = bench.source()
        served = bench.region.get_or_render("part", part, source=source, parent=context)
        return Rendered(b"<%b>" % served.entry.payload)

    if cached:
        bench.region.get_or_render("part", part, source=bench.source())
    bench.read("page", render=page)
    bench.region.on_refresh_due(due.append)
    bench.now += LIFE * 0.8
    for status in (Status.HIT, Status.L1):
        assert bench.read("page", render=page).status is status
    assert bench.region.renew("page", page, source=bench.source()) is None
    assert due == []
    assert made == (["part", "page"] if cached else ["page", "part"])


def test_a_part_that_ends_with_its_day_is_not_renewed_with_its_page() -> None:
    bench = Bench(refresh_after=0.5)
    midnight, made = bench.now + LIFE * 1.2, []

    def part(context: RenderContext) -> Rendered:
        made.append("part")
        context.depend("movie:1")
        context.cap(midnight)
        return Rendered(b"today")

    def page(context: RenderContext) -> Rendered:
        made.append("page")
        source = bench.source()
        served = bench.region.get_or_render("part", part, source=source, parent=context)
        return Rendered(b"<%b>" % served.entry.payload)

    bench.now += LIFE * 0.5
    bench.read("page", render=page)
    bench.now += LIFE * 0.1
    bench.region.refresh("page", page, source=bench.source())
    assert made == ["page", "part", "page"]


def test_a_renewal_is_counted_as_a_render() -> None:
    bench = Bench(refresh_after=0.5)
    bench.region.refresh("a", bench.render(), source=bench.source())
    assert ("rendered", 1) in bench.heard.events


def test_one_process_renews_for_all() -> None:
    bench = Bench(refresh_after=0.5)
    here, there = bench.region, bench.open(bench.region.policy)
    for region in (here, there):
        bench.region = region
        bench.read()
    bench.now += LIFE * 0.6
    renewed = here.renew("a", bench.render(), source=bench.source())
    assert renewed is not None
    assert there.renew("a", bench.render(), source=bench.source()) is None
    for region in (here, there):
        bench.region = region
        assert bench.read().entry.payload == b"2"
    assert bench.renders == 2


def test_a_renewed_page_outlives_what_it_was_made_of() -> None:
    """Parts that would run out with the old page are renewed with it; others are not."""
    bench = Bench(refresh_after=0.8)
    made: list[str] = []

    def part(key: str, context: RenderContext) -> bytes:
        def render(inner: RenderContext) -> Rendered:
            made.append(key)
            inner.depend(f"part:{key}")
            return Rendered(key.encode())

        served = bench.region.get_or_render(key, render, source=bench.source(), parent=context)
        return served.entry.payload

    def page(context: RenderContext) -> Rendered:
        return Rendered(part("old", context) + part("new", context))

    part("old", RenderContext(bench.source()))
    bench.now += LIFE * 0.5
    bench.read("page", render=page)
    bench.now += LIFE * 0.4
    assert made == ["old", "new"]
    renewed = bench.region.refresh("page", page, source=bench.source())
    assert made == ["old", "new", "old"]
    assert renewed is not None
    assert renewed.entry.expires > bench.now + LIFE * 0.2


class LateSource:
    """The mistake: a clock that is read after the snapshot was taken."""

    def __init__(self, stamps: StampStore) -> None:
        self._stamps = stamps

    def snapshot_clock(self) -> int | None:
        return self._stamps.clock()

    def wrote(self) -> bool:
        return False


@pytest.fixture
def stale(engine: Engine) -> "Race":
    with Session(engine) as session:
        session.add(Movie(id=1, title="before", week="1"))
        session.commit()
    return Race(engine)


class Race:
    """A renewal whose snapshot is older than an invalidation that it does not see."""

    def __init__(self, engine: Engine) -> None:
        self.bench = Bench()
        self.engine = engine
        self.readers = sessionmaker(engine)
        self.bench.read("movie", render=self.bench.render("movie:1", payload=b"before"))

    def renew(self, source: SnapshotSource, session: Session, *, late: bool) -> None:
        """The movie changes between the renewal's look at it and the storing of what it saw."""

        def render(context: RenderContext) -> Rendered:
            if not late:
                context.depend("movie:1")
            seen = session.execute(text("SELECT title FROM movie")).scalar_one()
            session.rollback()  # the look is over: SQLite lets one write at a time
            with self.engine.begin() as connection:
                connection.execute(text("UPDATE movie SET title = 'after'"))
            self.bench.stamps.publish(["movie:1"])
            self.bench.stamps.resolve(["movie:1"])  # by any reader
            if late:
                context.depend("movie:1")
            return Rendered(seen.encode())

        self.bench.region.refresh("movie", render, source=source)

    def shown(self) -> bytes:
        """What the next visitor sees."""
        fresh = self.bench.render("movie:1", payload=b"after")
        return self.bench.read("movie", render=fresh).entry.payload


def test_a_renewal_that_began_before_an_invalidation_is_not_served_after_it(stale: Race) -> None:
    """https://github.com/ZiggyCreatures/FusionCache/issues/628"""
    with stale.readers() as session:
        source = SessionClock(stale.bench.stamps).source(session)
        source.snapshot_clock()
        stale.renew(source, session, late=False)
    assert stale.shown() == b"after"


def test_a_clock_read_after_the_snapshot_would_lose_it(stale: Race) -> None:
    """The test above can fail: with the mistake, the old title stays."""
    with stale.readers() as session:
        stale.renew(LateSource(stale.bench.stamps), session, late=True)
    assert stale.shown() == b"before"
