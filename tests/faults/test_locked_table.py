"""A locked table: cached pages are served, other requests get 503, no thread waits for long."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from sqlalchemy import create_engine, text

from tests.services.memcached import MemcachedServer
from tests.services.postgres import PostgresServer
from tests.services.web import WebServer, ask
from tests.soak.run import prepare

THREADS = 4
VALID = tuple(f"/movie/{movie}-soak" for movie in (5, 6, 7, 8))
STALE = tuple(f"/movie/{movie}-soak" for movie in (1, 2, 3, 4))
UNCACHED = tuple(f"/en/movie/{movie}-soak" for movie in (1, 2, 3, 4))


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Hold the lock of a migration or of VACUUM FULL."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE movie IN ACCESS EXCLUSIVE MODE"))
        yield
    engine.dispose()


def test_locked_table_costs_only_uncached_requests(
    postgres_server: PostgresServer, memcached_server: MemcachedServer
) -> None:
    memcached_server.flush()
    with postgres_server.database() as url:
        prepare(url)
        settings = {
            "site.base_url": "https://moziweb.test",
            "sqlalchemy.url": url,
            "sqlalchemy.lock_timeout": "0.2",
            "storage.backend": "disk",
            "storage.disk.path": str(memcached_server.home / "objects"),
            "posters.background": "off",
            "posters.inline_slots": "1",
            "cache.regions": "pages fragments",
            "cache.stamps.url": f"memcached://{memcached_server.address}",
            "cache.default.backend": "dogpile.cache.pylibmc",
            "cache.default.arguments.url": memcached_server.address,
            "cache.default.expiration_time": "600",
            "cache.default.stale_if_error": "600",
        }
        with WebServer(settings, "call:tests.soak.app:main", threads=THREADS) as web:
            for path in (*VALID, *STALE):
                assert web.get(path)[0] == 200
            for movie in (1, 2, 3, 4):
                assert web.get(f"/soak/{movie}", method="POST")[0] == 200
            requests = [("GET", path) for path in (*VALID, *STALE, *UNCACHED)] * 3
            requests += [("POST", f"/soak/{movie}") for movie in (5, 6, 7, 8)]
            with (
                locked(url),
                Balancer(web.port) as balancer,
                ThreadPoolExecutor(3 * THREADS) as visitors,
            ):
                answers = list(visitors.map(lambda each: request(web.port, *each), requests))
            found = Counter(answers)
            assert found[("GET", "valid", 200, False)] == 3 * len(VALID)
            assert found[("GET", "stale", 200, False)] == 3 * len(STALE)
            assert found[("GET", "uncached", 503, True)] == 3 * len(UNCACHED)
            assert found[("POST", "uncached", 503, True)] == 4
            assert found.total() == len(requests)
            assert set(balancer.statuses) == {200}
            for path in (*STALE, *UNCACHED):  # healed at once
                status, headers, body = web.get(path)
                assert (status, headers["X-Cache"]) == (200, "miss")
                assert b"version 1." in body


def request(port: int, method: str, path: str) -> tuple[str, str, int, bool]:
    """Method, state of the page before, status, and whether there is Retry-After."""
    status, headers, _ = ask(port, path, method=method)
    known = "valid" if path in VALID else "stale" if path in STALE else "uncached"
    if known == "stale":
        assert headers["X-Cache"] == "stale"
    return method, known, status, "Retry-After" in headers


class Balancer:
    """Checks the process all the time."""

    def __init__(self, port: int) -> None:
        self.statuses: Counter[int] = Counter()
        self._port = port
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._check)

    def __enter__(self) -> "Balancer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _check(self) -> None:
        while not self._stopping.wait(0.02):
            self.statuses[ask(self._port, "/__lbheartbeat__")[0]] += 1
