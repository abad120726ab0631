"""Outages, through HTTP on the real stack: it answers at once, keeps its pages, and heals."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from tests.services.memcached import MemcachedServer
from tests.services.postgres import PostgresServer
from tests.services.web import WebServer
from tests.soak.run import MOVIES, prepare

TIMEOUT = 0.5
"""Seconds after which the site gives up on a frozen memcached for entries; 0.2 for stamps."""

AT_ONCE = 3.0
"""Seconds: short of the five that a driver left to itself waits, and enough for a few time-outs on
a machine that is busy with other tests."""

HEALED = 20.0

pytestmark = pytest.mark.xdist_group("soak")


@dataclass
class Stack:
    """The site with each of its servers its own, to maltreat."""

    postgres: PostgresServer
    stamps: MemcachedServer
    entries: MemcachedServer
    web: WebServer
    week: str

    def get(self, path: str) -> tuple[int, str, float]:
        """Status, how it was served, seconds."""
        began = time.perf_counter()
        status, headers, _ = self.web.get(path)
        return status, headers.get("X-Cache", ""), time.perf_counter() - began

    def warm(self, path: str) -> None:
        """Have a page in this process's memory; which also waits until all is well again."""
        eventually(lambda: self.get(path)[1] == "l1")

    def keeps(self, path: str) -> None:
        """See a page served from this process's memory throughout.

        A machine that is busy with other tests may take longer for the clock than the stamps'
        time-out: then a page is called stale, but it is served, and soon called true again.
        """
        said = []

        def is_true() -> bool:
            status, cache, _ = self.get(path)
            said.append(cache)
            assert (status, cache) in {(200, "l1"), (200, "stale")}, said
            return cache == "l1"

        eventually(is_true)


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait for it."""
    until = time.monotonic() + HEALED
    while not is_so():
        assert time.monotonic() < until, "it does not heal"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Started once: every outage ends healed, which is half of what is tested."""
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
    """Each thread's client leaves a server that failed alone for a second, then tries it again."""
    time.sleep(1.5)


@contextmanager
def killed(server: PostgresServer | MemcachedServer) -> Iterator[None]:
    """A server that is gone for the length of a ``with`` block."""
    server.kill()
    try:
        yield
    finally:
        server.start()


def test_entries_frozen(stack: Stack) -> None:
    """A time-out for all pages of a second, and not for each of them."""
    movies = [f"{language}/movie/{movie}-soak" for language in ("", "/en") for movie in MOVIES]
    stack.warm("/")
    stack.entries.flush()
    stack.warm("/")
    with stack.entries.paused():
        stack.keeps("/")
        answers = [stack.get(path) for path in movies]
        assert {answer[:2] for answer in answers} == {(200, "bypass")}
        assert sum(took for _, _, took in answers) < len(movies) * TIMEOUT / 2
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
def test_without_stamps_what_was_true_a_moment_ago_is_served(stack: Stack, how: str) -> None:
    stack.warm("/")
    with stack.stamps.paused() if how == "frozen" else killed(stack.stamps):
        for _ in range(3):
            status, cache, took = stack.get("/")
            assert (status, cache) == (200, "stale")
            assert took < AT_ONCE
        assert stack.get("/movie/4-soak")[:2] == (200, "bypass")
        assert stack.web.get("/soak/5", method="POST")[0] == 200
    stack.warm("/")


def test_a_write_without_stamps_is_published_when_they_are_back(stack: Stack) -> None:
    stack.warm("/movie/6-soak")
    with stack.stamps.paused():
        version = stack.web.get("/soak/6", method="POST")[2]
    wanted = b"version %d." % int(version.partition(b":")[2].rstrip(b"} \n"))
    eventually(lambda: wanted in stack.web.get("/movie/6-soak")[2])


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
    """From this process's memory, and from memcached after the process was started anew, too."""
    # What an outage before this one has lost from memcached may still be in the process's memory.
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
