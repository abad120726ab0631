"""The site in a server process with memcached, behind Varnish."""

import gzip
import http.client
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import brotli
import pytest
from sqlalchemy.orm import Session

from moziweb.clock import utc_now
from moziweb.db import create_engine
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import add_user
from moziweb.manager.auth.models import Role
from tests.services.memcached import MemcachedServer
from tests.services.raw_http import connected
from tests.services.varnish import VarnishServer
from tests.services.web import WebServer, ask
from tests.soak.pages import popular
from tests.soak.run import prepare

PLACES = 20
SECONDS = 20.0
"""Time limit for asynchronous effects, on a busy machine."""

PASSWORD = "nine quiet projectors"  # of these tests only


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


def add_editor(url: str) -> None:
    """Add a user of the manager."""
    engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 1})
    with Session(engine) as session:
        add_user(session, "editor", PASSWORD, Role.EDITOR, by=COMMAND, now=utc_now())
        session.commit()
    engine.dispose()


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
    add_editor(url)
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
                yield Running(web, entries, varnish, popular(week))


def test_raw_utf_8_in_a_query_is_read(running: Running) -> None:
    with connected(running.web.port) as client:
        for query in ("űr", "%C5%B1r"):
            client.send(f"GET /search?q={query} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            status, _, body = client.answer()
            assert status == 200
            assert 'value="űr"' in body.decode()


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
    shown, others = ["/", "/en/", "/movie/3-soak"], ["/undated", "/week/2020-W10"]
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
    path = "/movie/5-soak.ics"  # no other test purges it
    running.fill_cdn(path)
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


@pytest.mark.parametrize("home", ["/manager", "/en/manager"])
def test_editor_signs_in_through_the_cdn(running: Running, home: str) -> None:
    browser = Browser(running.varnish.port)
    page = browser.ask(f"{home}/sign-in")
    token = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', page.body)
    assert token is not None
    fields = {"csrf_token": token[1].decode(), "name": "editor", "password": PASSWORD}
    assert browser.ask(f"{home}/sign-in", fields).status == 303
    inside = [browser.ask(f"{home}{path}") for path in ("", "?show=1", "/movies", "/account")]
    assert [each.status for each in inside] == [200] * 4
    assert not any(each.is_hit for each in inside)
    assert b"editor" in inside[0].body
    other = {"/manager": "/en/manager", "/en/manager": "/manager"}[home]
    assert browser.ask(other).status == 200
    assert Browser(running.varnish.port).ask(home).status == 303  # a visitor is not signed in


def test_cookies_reach_only_the_manager(running: Running) -> None:
    running.fill_cdn("/en/movie/8-soak")
    for path in ("/en/movie/8-soak", "/en/movie/8-soak?x=/manager"):
        eventually(lambda: running.seen(path, Cookie="session=1").is_hit)  # noqa: B023 - at once
    assert running.seen("/managers", Cookie="session=1").status == 404


class Browser:
    """Keeps the cookies of each path, and sends them even without HTTPS."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[tuple[str, str], str] = {}

    def ask(self, path: str, fields: dict[str, str] | None = None) -> Seen:
        """The response to a GET, or to a form."""
        sent = [
            f"{name}={value}"
            for (name, folder), value in self.cookies.items()
            if path.partition("?")[0].rstrip("/").startswith(folder)
        ]
        headers = {"Cookie": "; ".join(sent)} if sent else {}
        if fields is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            body = None if fields is None else urlencode(fields)
            connection.request("GET" if fields is None else "POST", path, body, headers)
            response = connection.getresponse()
            self._remember(response.headers.get_all("Set-Cookie") or [])
            given = {name.lower(): value for name, value in response.getheaders()}
            return Seen(response.status, given, response.read())
        finally:
            connection.close()

    def _remember(self, cookies: list[str]) -> None:
        for text in cookies:
            for name, morsel in SimpleCookie(text).items():
                self.cookies[name, morsel["path"]] = morsel.value
