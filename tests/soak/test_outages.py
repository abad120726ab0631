"""Outages over HTTP on the real stack: the site answers at once, keeps its pages and recovers."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from tests.services.memcached import MemcachedServer
from tests.services.postgres import PostgresServer
from tests.services.web import WebServer
from tests.soak.run import LONG_FREEZE, WINDOW, prepare
from tests.soak.states import MOVIES

TIMEOUT = 0.5
"""Timeout of the memcached for entries, in seconds; that for stamps has 0.2."""

AT_ONCE = 3.0
"""Seconds: less than the default timeout of the driver (5), and enough for a few timeouts on a busy
machine."""

HEALED = 20.0


@dataclass
class Stack:
    """The site with its own servers."""

    postgres: PostgresServer
    stamps: MemcachedServer
    entries: MemcachedServer
    web: WebServer
    week: str

    def get(self, path: str) -> tuple[int, str, float]:
        """Status, ``X-Cache`` and seconds."""
        began = time.perf_counter()
        status, headers, _ = self.web.get(path)
        return status, headers.get("X-Cache", ""), time.perf_counter() - began

    def warm(self, path: str) -> None:
        """Wait until a page is in the local cache of the process, so all servers are back."""
        eventually(lambda: self.get(path)[1] == "l1")

    def keeps(self, path: str) -> None:
        """Check that a page is served from the local cache.

        On a busy machine a read of the clock may time out: then the page is marked as stale, but it
        is served, and soon valid again.
        """
        seen = []

        def is_valid() -> bool:
            status, cache, _ = self.get(path)
            seen.append(cache)
            assert (status, cache) in {(200, "l1"), (200, "stale")}, seen
            return cache == "l1"

        eventually(is_valid)


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait for a condition."""
    until = time.monotonic() + HEALED
    while not is_so():
        assert time.monotonic() < until, "it does not recover"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Started once: every test ends with a recovered site."""
    with ExitStack() as everything:
        postgres = everything.enter_context(PostgresServer())
        stamps = everything.enter_context(MemcachedServer())
        entries = everything.enter_context(MemcachedServer())
        url = postgres.url(postgres.create())
        week = prepare(url)
        web = WebServer(
            {
                "site.base_url": "https://moziweb.test",
                "sqlalchemy.url": url,
                "storage.backend": "disk",
                "storage.disk.path": f"{stamps.home}/objects",
                "cache.regions": "pages fragments",
                "cache.stamps.url": f"memcached://{stamps.address}",
                "cache.default.backend": "dogpile.cache.pylibmc",
                "cache.default.arguments.url": entries.address,
                "cache.default.arguments.behaviors._poll_timeout": f"{TIMEOUT * 1000:.0f}",
                "cache.default.expiration_time": "600",
                "cache.default.stale_if_error": "600",
                "cache.fragments.mode": "strict",
            },
            "call:tests.soak.app:main",
        )
        yield Stack(postgres, stamps, entries, everything.enter_context(web), week)


@pytest.fixture(autouse=True)
def rested() -> None:
    """Wait: the client of each thread skips a failed server of entries for a second."""
    time.sleep(1.5)


@contextmanager
def killed(server: PostgresServer | MemcachedServer) -> Iterator[None]:
    """Kill a server for a ``with`` block."""
    server.kill()
    try:
        yield
    finally:
        server.start()


def test_entries_frozen(stack: Stack) -> None:
    """The timeout is paid once a second, not for each page."""
    movies = [f"{language}/movie/{movie}-soak" for language in ("", "/en") for movie in MOVIES]
    stack.warm("/")
    for movie in MOVIES:  # a test before this one may have left a valid copy in the process
        assert stack.web.get(f"/soak/{movie}", method="POST")[0] == 200
    stack.entries.flush()
    stack.warm("/")
    with stack.entries.paused():
        stack.keeps("/")
        answers = [stack.get(path) for path in movies]
        assert {answer[:2] for answer in answers} == {(200, "bypass")}
        assert sum(took >= TIMEOUT for _, _, took in answers) < len(movies) / 2
    stack.warm(f"/week/{stack.week}")


def test_entries_killed(stack: Stack) -> None:
    stack.warm("/")
    with killed(stack.entries):
        stack.keeps("/")
        status, cache, took = stack.get("/movie/3-soak")
        assert (status, cache) == (200, "bypass")
        assert took < AT_ONCE
    stack.warm("/movie/3-soak")


@pytest.mark.parametrize("how", ["frozen", "killed"])
def test_without_stamps_recently_valid_pages_are_served(stack: Stack, how: str) -> None:
    stack.warm("/")
    with stack.stamps.paused() if how == "frozen" else killed(stack.stamps):
        for _ in range(3):
            status, cache, took = stack.get("/")
            assert (status, cache) == (200, "stale")
            assert took < AT_ONCE
        assert stack.get("/movie/4-soak")[:2] == (200, "bypass")
        assert stack.web.get("/soak/5", method="POST")[0] == 200
    stack.warm("/")


def test_write_without_stamps_is_visible_half_a_second_after_they_are_back(stack: Stack) -> None:
    stack.warm("/movie/6-soak")
    with stack.stamps.paused():
        version = stack.web.get("/soak/6", method="POST")[2]
        time.sleep(LONG_FREEZE)
    ended = time.monotonic()
    wanted = b"version %d." % int(version.partition(b":")[2].rstrip(b"} \n"))
    while wanted not in stack.web.get("/movie/6-soak")[2]:
        assert time.monotonic() - ended < WINDOW


def test_both_frozen(stack: Stack) -> None:
    stack.warm("/")
    with stack.entries.paused(), stack.stamps.paused():
        status, cache, took = stack.get("/")
        assert (status, cache) == (200, "stale")
        assert took < AT_ONCE
        assert stack.get("/movie/7-soak")[:2] == (200, "bypass")
    stack.warm("/")


def test_both_killed(stack: Stack) -> None:
    stack.warm("/")
    with killed(stack.entries), killed(stack.stamps):
        assert stack.get("/")[:2] == (200, "stale")
        assert stack.get("/movie/7-soak")[:2] == (200, "bypass")
    stack.warm("/")


def test_cached_pages_survive_the_database(stack: Stack) -> None:
    """From the local cache, and from memcached after a restart of the process."""
    # An earlier outage may have emptied memcached but not the local cache.
    stack.web.stop()
    stack.web.start()
    stack.warm("/")
    stack.warm("/movie/2-soak")
    with killed(stack.postgres):
        for path in ("/", "/movie/2-soak"):
            stack.keeps(path)
        stack.web.stop()
        stack.web.start()
        eventually(lambda: stack.get("/")[:2] == (200, "hit"))
        stack.keeps("/")
        assert stack.get("/movie/8-soak")[0] == 503
    eventually(lambda: stack.get("/movie/8-soak")[0] == 200)
