"""Background refresh, and the race that it must not lose."""

import threading
from collections.abc import Mapping

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from moziweb.cache.events import CacheEvents
from moziweb.cache.http.refresh import BackgroundRefresher
from moziweb.cache.invalidation.session_clock import SessionClock
from moziweb.cache.protocol.snapshots import SnapshotSource
from moziweb.cache.protocol.stamps import StampStore
from moziweb.cache.regions.rendering import CacheStatus, RenderContext, Rendered
from tests.cache.database import Movie
from tests.cache.regions.bench import LIFE, Bench


class Fetched:
    """Records the URLs that are fetched; blocks while ``go`` is cleared."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, url: Mapping[str, str]) -> None:
        self.go.wait(10)
        self.paths.append(url["PATH_INFO"] + url["QUERY_STRING"])


class Failures(CacheEvents):
    """Records the reasons of failed refreshes."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def refresh_failed(self, reason: str) -> None:
        self.reasons.append(reason)


@pytest.fixture
def fetched() -> Fetched:
    return Fetched()


def started(refresher: BackgroundRefresher, *keys: str) -> BackgroundRefresher:
    for key in keys:
        refresher.remember(key, {"PATH_INFO": f"/{key}"}, "")
    refresher.start()
    return refresher


def test_scheduled_key_is_fetched_once(fetched: Fetched) -> None:
    refresher = started(BackgroundRefresher(fetched), "a", "b")
    for _ in range(5):
        refresher.schedule("a")
    refresher.schedule("b")
    refresher.join()
    assert sorted(fetched.paths) == ["/a", "/b"]


def test_key_is_fetched_again_after_the_pause(fetched: Fetched) -> None:
    now = [0.0]
    refresher = started(BackgroundRefresher(fetched, pause=10, clock=lambda: now[0]), "a")
    for seconds in (0.0, 9.0, 10.0):
        now[0] = seconds
        refresher.schedule("a")
        refresher.join()
    assert fetched.paths == ["/a", "/a"]


def test_key_without_url_is_ignored(fetched: Fetched) -> None:
    refresher = started(BackgroundRefresher(fetched))
    refresher.schedule("a fragment")
    refresher.join()
    assert fetched.paths == []


def test_full_queue_drops_keys_without_blocking(fetched: Fetched) -> None:
    fetched.go.clear()
    keys = [str(number) for number in range(50)]
    refresher = started(BackgroundRefresher(fetched, waiting=3), *keys)
    for key in keys:
        refresher.schedule(key)  # returns although the only worker is busy
    fetched.go.set()
    refresher.join()
    assert 3 <= len(fetched.paths) <= 5


def test_failed_refresh_does_not_end_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    paths = []

    def fetch(url: Mapping[str, str]) -> None:
        paths.append(url["PATH_INFO"])
        raise RuntimeError("broken")

    recorded = Failures()
    refresher = started(BackgroundRefresher(fetch, observer=recorded), "a", "b")
    refresher.schedule("a")
    refresher.join()
    refresher.schedule("b")
    refresher.join()
    assert paths == ["/a", "/b"]
    assert "not refreshed: /a: broken" in caplog.text
    assert recorded.reasons == ["raised", "raised"]


def test_threads_begin_at_start_and_never_when_a_key_is_scheduled(
    fetched: Fetched, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    start = threading.Thread.start

    def record(thread: threading.Thread) -> None:
        begun.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", record)
    refresher = BackgroundRefresher(fetched, workers=2)
    refresher.remember("a", {"PATH_INFO": "/a"}, "")
    refresher.schedule("a")
    refresher.join()  # nothing was queued
    assert begun == []
    refresher.start()
    refresher.start()
    assert begun == ["cache-refresh", "cache-refresh"]
    refresher.schedule("a")
    refresher.join()
    assert fetched.paths == ["/a"]
    assert len(begun) == 2


def test_region_reports_due_entries_for_all_kinds_of_hits() -> None:
    bench = Bench(refresh_after=0.5)
    due: list[str] = []
    bench.region.on_refresh_due(due.append)
    bench.read()
    bench.now += LIFE * 0.4
    assert bench.read().status is CacheStatus.HIT
    assert due == []
    bench.now += LIFE * 0.2
    assert bench.read().status is CacheStatus.L1
    assert bench.region.get_valid("a") is not None
    assert due == ["a", "a"]


def test_entry_that_ends_with_its_day_is_not_due() -> None:
    """A refreshed page would expire at the same midnight."""
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
    bench.use_other_process()
    bench.region.on_refresh_due(due.append)
    assert bench.read(render=render).status is CacheStatus.HIT
    assert bench.region.refresh_if_due("a", render, source=bench.source()) is None
    assert due == []


@pytest.mark.parametrize("cached", [True, False])
def test_page_that_ends_with_one_of_its_parts_is_not_due(cached: bool) -> None:
    """Otherwise it would be due at 0.8 of the rest, again and again until midnight."""
    bench = Bench(refresh_after=0.5)
    due: list[str] = []
    midnight, rendered = bench.now + LIFE * 0.9, []

    def part(context: RenderContext) -> Rendered:
        rendered.append("part")
        context.depend("movie:1")
        context.cap(midnight)
        return Rendered(b"today")

    def page(context: RenderContext) -> Rendered:
        rendered.append("page")
        context.depend("week:1")
        source = bench.source()
        served = bench.region.get_or_render("part", part, source=source, parent=context)
        return Rendered(b"<%b>" % served.entry.payload)

    if cached:
        bench.region.get_or_render("part", part, source=bench.source())
    bench.read("page", render=page)
    bench.region.on_refresh_due(due.append)
    bench.now += LIFE * 0.8
    for status in (CacheStatus.HIT, CacheStatus.L1):
        assert bench.read("page", render=page).status is status
    assert bench.region.refresh_if_due("page", page, source=bench.source()) is None
    assert due == []
    assert rendered == (["part", "page"] if cached else ["page", "part"])


def test_part_that_ends_with_its_day_is_not_refreshed_with_its_page() -> None:
    bench = Bench(refresh_after=0.5)
    midnight, rendered = bench.now + LIFE * 1.2, []

    def part(context: RenderContext) -> Rendered:
        rendered.append("part")
        context.depend("movie:1")
        context.cap(midnight)
        return Rendered(b"today")

    def page(context: RenderContext) -> Rendered:
        rendered.append("page")
        source = bench.source()
        served = bench.region.get_or_render("part", part, source=source, parent=context)
        return Rendered(b"<%b>" % served.entry.payload)

    bench.now += LIFE * 0.5
    bench.read("page", render=page)
    bench.now += LIFE * 0.1
    bench.region.refresh("page", page, source=bench.source())
    assert rendered == ["page", "part", "page"]


def test_refresh_is_counted_as_a_render() -> None:
    bench = Bench(refresh_after=0.5)
    bench.region.refresh("a", bench.render(), source=bench.source())
    assert ("rendered", 1) in bench.recorded.events


def test_one_process_refreshes_for_all() -> None:
    bench = Bench(refresh_after=0.5)
    here, there = bench.region, bench.open(bench.region.policy)
    for region in (here, there):
        bench.region = region
        bench.read()
    bench.now += LIFE * 0.6
    renewed = here.refresh_if_due("a", bench.render(), source=bench.source())
    assert renewed is not None
    assert there.refresh_if_due("a", bench.render(), source=bench.source()) is None
    for region in (here, there):
        bench.region = region
        assert bench.read().entry.payload == b"2"
    assert bench.renders == 2


def test_refreshed_page_outlives_its_former_parts() -> None:
    """Parts that would expire with the old page are refreshed with it; others are not."""
    bench = Bench(refresh_after=0.8)
    rendered: list[str] = []

    def part(key: str, context: RenderContext) -> bytes:
        def render(inner: RenderContext) -> Rendered:
            rendered.append(key)
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
    assert rendered == ["old", "new"]
    renewed = bench.region.refresh("page", page, source=bench.source())
    assert rendered == ["old", "new", "old"]
    assert renewed is not None
    assert renewed.entry.expires > bench.now + LIFE * 0.2


class LateSource:
    """A wrong source: it reads the clock after the snapshot was taken."""

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
    """A refresh whose snapshot is older than an invalidation."""

    def __init__(self, engine: Engine) -> None:
        self.bench = Bench()
        self.engine = engine
        self.readers = sessionmaker(engine)
        self.bench.read("movie", render=self.bench.render("movie:1", payload=b"before"))

    def renew(self, source: SnapshotSource, session: Session, *, late: bool) -> None:
        """The movie changes between the query of the refresh and the storing of its result."""

        def render(context: RenderContext) -> Rendered:
            if not late:
                context.depend("movie:1")
            seen = session.execute(text("SELECT title FROM movie")).scalar_one()
            session.rollback()  # ends the transaction: SQLite allows one writer at a time
            with self.engine.begin() as connection:
                connection.execute(text("UPDATE movie SET title = 'after'"))
            self.bench.stamps.publish(["movie:1"])
            self.bench.stamps.resolve(["movie:1"])  # by any reader
            if late:
                context.depend("movie:1")
            return Rendered(seen.encode())

        self.bench.region.refresh("movie", render, source=source)

    def next_page(self) -> bytes:
        """The page that the next request gets."""
        fresh = self.bench.render("movie:1", payload=b"after")
        return self.bench.read("movie", render=fresh).entry.payload


def test_refresh_that_began_before_an_invalidation_is_not_served_after_it(stale: Race) -> None:
    """https://github.com/ZiggyCreatures/FusionCache/issues/628"""
    with stale.readers() as session:
        source = SessionClock(stale.bench.stamps).source(session)
        source.snapshot_clock()
        stale.renew(source, session, late=False)
    assert stale.next_page() == b"after"


def test_clock_that_is_read_after_the_snapshot_loses_the_invalidation(stale: Race) -> None:
    """Proves that the test above can fail: with the wrong source, the old title stays."""
    with stale.readers() as session:
        stale.renew(LateSource(stale.bench.stamps), session, late=True)
    assert stale.next_page() == b"before"
