"""The site in a server process with memcached, behind Varnish."""

import gzip
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import brotli
import pytest

from tests.services.memcached import MemcachedServer
from tests.services.varnish import VarnishServer
from tests.services.web import WebServer, ask
from tests.soak.run import pages, prepare

PLACES = 20
SECONDS = 20.0
"""Time limit for asynchronous effects, on a busy machine."""

pytestmark = pytest.mark.xdist_group("over_http")


@dataclass
class Running:
    """The running site, its servers, and the paths of popular pages."""

    web: WebServer
    entries: MemcachedServer
    varnish: VarnishServer
    asked_for: list[str]

    def states(self) -> set[str]:
        """``X-Cache`` of the popular pages."""
        return {self.web.get(path)[1]["X-Cache"] for path in self.asked_for}

    def seen(self, path: str, **headers: str) -> "Seen":
        """The response to a path through Varnish."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        status, given, body = ask(self.varnish.port, path, headers=named)
        return Seen(status, {name.lower(): value for name, value in given.items()}, body)

    def fill_cdn(self, *paths: str) -> None:
        """Request pages until Varnish has them cached."""
        for path in paths:
            eventually(lambda: self.seen(path).is_hit)  # noqa: B023 - called at once


@dataclass
class Seen:
    """A response of Varnish; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_hit(self) -> bool:
        """Whether it is from Varnish's cache: then X-Varnish has the id of the fetch as well."""
        return len(self.headers["x-varnish"].split()) == 2


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until ``condition`` is true."""
    until = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture(scope="module")
def running(
    migrated_sqlite: Path,
    memcached_server: MemcachedServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    """The site with a memcached that has room for the popular pages and few others."""
    folder = tmp_path_factory.mktemp("site")
    url = f"sqlite:///{shutil.copyfile(migrated_sqlite, folder / 'moziweb.sqlite')}"
    week = prepare(url)
    varnish = VarnishServer()
    with MemcachedServer() as entries:
        settings = {
            "site.base_url": "https://moziweb.test",
            "sqlalchemy.url": url,
            "storage.backend": "disk",
            "storage.disk.path": str(folder / "objects"),
            "cache.regions": "pages fragments feeds",
            "cache.stamps.url": f"memcached://{memcached_server.address}",
            "cache.default.backend": "dogpile.cache.pylibmc",
            "cache.default.arguments.url": entries.address,
            "cache.default.expiration_time": "600",
            "cache.pages.negative_slots": str(PLACES),
            "cache.pages.l1_bytes": "600000",
            "cache.fragments.mode": "strict",
            "cache.default.surrogate_header": "xkey",
            "cache.default.stale_while_revalidate": "30",
            "cache.pages.s_maxage": "600",
            "cache.feeds.s_maxage": "1",
            "cache.cdn.purge_url": f"{varnish.url}/",
        }
        with WebServer(settings, "call:tests.soak.app:main") as web:
            varnish.site_port = web.port
            with varnish:
                yield Running(web, entries, varnish, list(pages(week)))


def test_empty_weeks_do_not_evict_pages(running: Running) -> None:
    for _ in range(3):
        running.states()
    assert running.states() == {"l1"}
    items = int(running.entries.statistics()["curr_items"])
    empty = [f"/en/week/{year}-W{week}" for year in (2150, 2151) for week in range(10, 50)]
    for path in empty:
        status, headers, page = running.web.get(path)
        assert (status, headers["X-Cache"]) == (200, "miss")
        assert b'content="noindex"' in page
    assert int(running.entries.statistics()["curr_items"]) <= items + PLACES
    assert running.states() == {"l1"}


def test_write_purges_exactly_the_stale_cdn_objects(running: Running) -> None:
    shown, others = ["/", "/en/", "/movie/3-soak"], ["/movie/4-soak", "/movie/5-soak"]
    running.fill_cdn(*shown, *others)
    assert "xkey" not in running.seen("/").headers
    version = json.loads(running.web.get("/soak/3", method="POST")[2])["version"]
    wanted = b"Soak 3 version %d." % version
    for path in shown:
        eventually(lambda: wanted in running.seen(path).body)  # noqa: B023 - called at once
    assert all(running.seen(path).is_hit for path in others)


def test_cdn_stores_each_representation(running: Running) -> None:
    running.fill_cdn("/movie/6-soak")
    plain = running.seen("/movie/6-soak").body
    for accepted, coding, unpack in (
        ("gzip, deflate", "gzip", gzip.decompress),
        ("gzip, deflate, br", "br", brotli.decompress),
        ("BR;q=0.5,gzip", "br", brotli.decompress),
        ("br;q=0, gzip;q=1.0", "gzip", gzip.decompress),
        ("gzip;q=0", None, bytes),
        ("identity", None, bytes),
    ):
        page = running.seen("/movie/6-soak", Accept_Encoding=accepted)
        assert page.headers.get("content-encoding") == coding
        assert page.headers["vary"] == "Accept-Encoding"
        assert unpack(page.body) == plain
        again = running.seen("/movie/6-soak", Accept_Encoding=accepted)
        assert (again.is_hit, again.body) == (True, page.body)
        tag = again.headers["etag"]
        unchanged = running.seen("/movie/6-soak", Accept_Encoding=accepted, If_None_Match=tag)
        assert (unchanged.status, unchanged.body) == (304, b"")


def test_cdn_serves_stale_while_revalidating(running: Running) -> None:
    path = "/premieres.ics"
    control = running.seen(path).headers["cache-control"]
    assert control == "max-age=0, s-maxage=1, stale-while-revalidate=30"

    def fetched() -> str:
        """The id of the fetch whose response Varnish serves."""
        seen = running.seen(path)
        assert seen.is_hit, "the request was not served from the cache"
        return seen.headers["x-varnish"].split()[1]

    first = fetched()
    eventually(lambda: fetched() != first)


def test_cdn_stores_only_what_allows_it(running: Running) -> None:
    for path in ("/search?q=soak", "/manager/login", "/soak-is-nowhere", "/jump?date=2026-08-20"):
        assert not any(running.seen(path).is_hit for _ in range(2)), path
    running.fill_cdn("/movie/7-soak")
    assert running.seen("/movie/7-soak", Cookie="session=1").is_hit
    assert ask(running.varnish.port, "/", method="PURGE")[0] == 400
