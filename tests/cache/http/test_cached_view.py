"""Cached views: what is stored, what is not, and damaged entries."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import brotli
import pytest
from pyramid.events import NewRequest
from pyramid.httpexceptions import (
    HTTPForbidden,
    HTTPFound,
    HTTPNotFound,
    HTTPServiceUnavailable,
)
from pyramid.response import Response
from webob import Request

from moziweb.cache import (
    Kind,
)
from moziweb.cache.errors import CacheError, StoreUnreachableError
from moziweb.cache.http import representations, responses
from moziweb.cache.http.fragments import slots_of
from moziweb.cache.http.refresh import wsgi_fetcher
from moziweb.cache.http.representations import compress
from moziweb.cache.http.routes import TimeWindow
from moziweb.cache.http.view_deriver import mark_negative
from moziweb.cache.protocol.entry import decode, encode
from moziweb.cache.regions.negative import NegativeEntries
from moziweb.cache.stores.dogpile_adapter import split_frame
from tests.cache.database import Movie
from tests.cache.http.cached_site import Site, listed

LONG = "premiere " * 500


def test_head_is_rendered_as_get(site: Site) -> None:
    site.look = lambda request: request.method
    assert site.app.head("/page/a").body == b""
    assert (site.get().text, site.renders) == ("GET", 1)


def ask(site: Site, accepted: str) -> Any:
    """GET with this Accept-Encoding; WebTest would decode the body."""
    request = Request.blank("/page/a", headers={"Accept-Encoding": accepted})
    return request.get_response(site.app.app)


@pytest.fixture
def compressed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The codings in which bodies are compressed from now on."""
    codings: list[str] = []

    def counted(body: bytes, coding: str) -> bytes:
        codings.append(coding)
        return compress(body, coding)

    for module in (representations, responses):
        monkeypatch.setattr(module, "compress", counted)
    return codings


def test_page_is_compressed_once_in_each_coding_that_is_asked_for(
    site: Site, compressed: list[str]
) -> None:
    other = Site(store=site)
    site.look = lambda request: LONG
    for one in (site, other, site, other):
        for accepted, coding in (("gzip", "gzip"), ("gzip, br", "br"), ("", None)):
            page = ask(one, accepted)
            assert page.headers.get("Content-Encoding") == coding
            assert page.headers["Vary"] == "Accept-Encoding"
            one.cache.stamps.publish(["page:other"])  # local copies are validated again
    assert compressed == ["gzip", "br"]
    assert (site.renders, other.renders) == (1, 0)


def test_background_refresh_makes_brotli(site: Site, compressed: list[str]) -> None:
    site.look = lambda request: LONG
    wsgi_fetcher(lambda: site.app.app)({"PATH_INFO": "/page/a", "QUERY_STRING": ""})
    assert compressed == ["br"]
    assert ask(site, "br").headers["X-Cache"] == "hit"
    assert compressed == ["br"]


def test_page_that_is_asked_for_plain_is_not_compressed(site: Site, compressed: list[str]) -> None:
    site.look = lambda request: LONG
    assert [site.get().text for _ in range(3)] == [LONG] * 3
    assert compressed == []


def test_assembled_page_is_compressed_as_asked_for(compressed: list[str]) -> None:
    site = listed()
    site.look = lambda request: f"<{slots_of(request).take('7')}>{LONG}"
    page = ask(site, "br")
    assert brotli.decompress(page.body).decode() == f"<card 7>{LONG}"
    assert compressed == ["br"]


def test_threads_that_ask_at_once_have_it_compressed_once(
    site: Site, compressed: list[str]
) -> None:
    site.look = lambda request: LONG
    for _ in range(2):
        site.get()
    barrier = Barrier(6)

    def coding(_: int) -> str:
        barrier.wait()
        return str(ask(site, "gzip").headers["Content-Encoding"])

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(coding, range(6))) == {"gzip"}
    assert compressed == ["gzip"]


def test_negative_entry_is_compressed_when_it_is_stored(site: Site, compressed: list[str]) -> None:
    site.look = lambda request: Response(LONG, status=404)
    for coding in ("gzip", "br", "gzip"):
        shown = ask(site, coding)
        assert (shown.status_int, shown.headers["Content-Encoding"]) == (404, coding)
    assert sorted(compressed) == ["br", "gzip"]


def test_response_with_a_cookie_is_not_cached(site: Site) -> None:
    def look(request: Any) -> Response:
        response = Response("for you")
        response.set_cookie("user", "you")
        return response

    site.look = look
    pages = [site.get() for _ in range(2)]
    assert [page.headers["X-Cache"] for page in pages] == ["bypass"] * 2
    assert [page.headers["Cache-Control"] for page in pages] == ["no-cache"] * 2, "for a CDN"


def test_request_that_wrote_gets_and_stores_no_entry(site: Site) -> None:
    """Its writes may be shown, and they are not committed."""

    def write(event: Any) -> None:
        if "write" in event.request.GET:
            site.pages.clock.snapshot_clock(event.request.dbsession)
            event.request.dbsession.add(Movie(id=1, title="Macskafogó", week="1"))

    site.get("/page/b")
    site.app.app.registry.registerHandler(write, (NewRequest,))
    for path in ("/page/a?write=1", "/page/b?write=1"):
        assert [site.get(path).headers["X-Cache"] for _ in range(2)] == ["bypass"] * 2
    assert [site.get(path).headers["X-Cache"] for path in ("/page/a", "/page/b")] == ["miss", "hit"]


def test_view_that_writes_stores_no_entry() -> None:
    """Its page may show what is not committed."""

    def look(request: Any) -> Response:
        if site.renders <= 2:
            request.dbsession.add(Movie(id=1, title="Macskafogó", week="1"))
        text = slots_of(request).take("7") if has_slots else "nothing"
        return Response(text, status=status)

    for has_slots, status in ((True, 200), (False, 200), (False, 404)):
        site = listed() if has_slots else Site()
        site.look = look
        shown = [site.app.get("/page/a", status=status).headers["X-Cache"] for _ in range(4)]
        assert shown == ["bypass", "bypass", "miss", "hit"]


@pytest.mark.parametrize("status", [200, 404])
def test_raised_and_returned_not_found_are_the_same(site: Site, status: int) -> None:
    def look(request: Any) -> Response:
        if status == 404:
            return Response("nothing", status=404)
        raise HTTPNotFound

    site.look = look
    shown = [site.app.get("/page/a", status=404) for _ in range(2)]
    assert [each.headers["X-Cache"] for each in shown] == ["miss", "hit"]
    assert {each.text for each in shown} == {"nothing"}
    site.cache.stamps.publish(["page:a"])
    assert site.app.get("/page/a", status=404).headers["X-Cache"] == "miss"


def test_redirect_is_invalidated_by_its_tags(site: Site) -> None:
    def look(request: Any) -> Response:
        raise HTTPFound("https://site.example/page/b")

    site.look = look
    assert site.app.get("/page/a", status=302).headers["X-Cache"] == "miss"
    assert site.app.get("/page/a", status=302).headers["Location"].endswith("/page/b")
    assert site.renders == 1
    site.look = lambda request: "page"
    site.cache.stamps.publish(["page:a"])
    assert site.get().text == "page"


@pytest.mark.parametrize("status", [200, 302, 404])
def test_negative_entry_ends_with_its_time_window(status: int) -> None:
    """A redirect to the movie of the day, a "not found" that shows this week."""
    ends = time.time() + 30
    site = Site(cache_moment=lambda _: TimeWindow("today", ends))

    def look(request: Any) -> Response:
        mark_negative(request)
        location = {"Location": "https://site.example/"} if status == 302 else {}
        return Response(b"today's", status, [("Content-Type", "text/plain"), *location.items()])

    site.look = look
    assert site.app.get("/page/a", status=status).headers["X-Cache"] == "miss"
    assert site.app.get("/page/a", status=status).headers["X-Cache"] == "hit"
    (value,) = site.cache.dogpile["pages"].actual_backend._values.values()
    assert decode(split_frame(value)[1]).expires == ends


def test_negative_entries_are_bounded_and_invalidated_by_tags() -> None:
    site = Site({"cache.pages.negative_slots": "20"})

    def look(request: Any) -> str:
        mark_negative(request)
        return "empty"

    site.look = look
    kept = site.cache.dogpile["pages"].actual_backend._values
    pages = [site.get(f"/page/{number}") for number in range(100)]
    assert {(each.text, each.headers["X-Cache"]) for each in pages} == {("empty", "miss")}
    assert len(kept) <= 20
    assert site.cache.regions["pages"].local_cache_bytes == 0
    for status in ("hit", "hit"):
        again = site.get("/page/99")
        assert (again.text, again.headers["X-Cache"]) == ("empty", status)
        assert site.get("/page/99", If_None_Match=again.headers["ETag"]).status_int == 304
    site.cache.stamps.publish(["page:99"])
    site.look = lambda request: "full"
    assert [site.get("/page/99").text for _ in range(2)] == ["full"] * 2
    assert site.get("/page/99").headers["X-Cache"] == "l1"


def test_negative_entry_is_stored_under_the_lease_of_its_page(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it could be stored after a purge of the page, from the data of before."""
    held, original = [], NegativeEntries.store

    def store(self: NegativeEntries, page: str, *given: Any) -> Any:
        held.append(self.region._parts.leases.is_locked(page))
        return original(self, page, *given)

    monkeypatch.setattr(NegativeEntries, "store", store)
    site.look = lambda request: Response("gone", status=404)
    shown = [site.app.get("/page/a", status=404).headers["X-Cache"] for _ in range(2)]
    assert (shown, held) == (["miss", "hit"], [True])


def test_negative_entry_must_not_have_slots() -> None:
    def look(request: Any) -> str:
        mark_negative(request)
        return f"<{slots_of(request).take('7')}>"

    site = listed()
    site.look = look
    with pytest.raises(CacheError, match="cannot contain slots"):
        site.get()


def test_page_at_a_long_url_is_cached(site: Site) -> None:
    path = "/page/" + "x" * 5000
    assert [site.get(path).headers["X-Cache"] for _ in range(2)] == ["miss", "hit"]


def test_two_megabytes_are_served_and_not_stored(site: Site) -> None:
    site.look = lambda request: Response(bytes(range(256)) * 8192, content_type="text/plain")
    for _ in range(2):
        page = Request.blank("/page/a").get_response(site.app.app)
        assert (len(page.body), page.headers["X-Cache"]) == (2 << 20, "bypass")


@pytest.fixture
def poisoned(site: Site) -> SimpleNamespace:
    """A site with its page cached, and the values of the store."""
    site.get()
    store = site.cache.dogpile["pages"].actual_backend
    return SimpleNamespace(site=site, values=store._values)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: b"",
        lambda value: b"junk",
        lambda value: value[:-1],
        lambda value: value + b"x",
        lambda value: value.replace(b"page", b"evil", 1),
        lambda value: value.replace(b"MZ\x01", b"MZ\x00", 1),
        lambda value: b"\x80\x04cos\nsystem\n",
        lambda value: value[: len(value) // 2],
    ],
)
def test_corrupt_value_is_a_miss(poisoned: SimpleNamespace, spoil: Any) -> None:
    for key in poisoned.values:
        poisoned.values[key] = spoil(poisoned.values[key])
    poisoned.site.cache.stamps.invalidate_local_copies("pages")  # so that no copy is used
    page = poisoned.site.get()
    assert (page.text, page.headers["X-Cache"]) == ("page", "miss")
    assert poisoned.site.get().headers["X-Cache"] in {"hit", "l1"}


def poison(site: Site, region: str, which: Kind, /, **spoiled: Any) -> None:
    """Replace entries by valid ones with wrong content, as an attacker with the store could."""
    values = site.cache.dogpile[region].actual_backend._values
    for key, value in values.items():
        head, data = split_frame(value)
        entry = decode(data)
        if entry.kind is which:
            values[key] = b"%b|%b" % (head, encode(replace(entry, **spoiled)))
    site.cache.stamps.publish(["page:b"])  # so that no copy is used


@pytest.mark.parametrize("removable", [True, False])
@pytest.mark.parametrize(
    ("kind", "spoiled"),
    [
        (Kind.TEMPLATE, {"payload": b"junk"}),
        (Kind.TEMPLATE, {"payload": b'{"keys": [], "lengths": [-1]}\n'}),
        (Kind.TEMPLATE, {"content": {}}),
        (Kind.TEMPLATE, {"content": {"status": 404}}),
        (Kind.TEMPLATE, {"content": {"status": 200, "Location": "/\r\nSet-Cookie: a=b"}}),
        (Kind.TEMPLATE, {"kind": Kind.PAGE}),
        (Kind.FRAGMENT, {"kind": Kind.PAGE, "payload": b"junk"}),
    ],
)
def test_valid_entry_that_is_not_the_part_is_replaced(
    kind: Kind, spoiled: dict[str, Any], removable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = listed()
    assert site.get().text == "<card 7>"
    poison(site, "fragments", kind, **spoiled)
    poison(site, "pages", Kind.PAGE, expires=0.0)
    if not removable:
        backend = site.cache.dogpile["fragments"].actual_backend
        monkeypatch.setattr(backend, "delete_multi", unreachable)
    assert [site.get().text for _ in range(2)] == ["<card 7>"] * 2
    site.cache.stamps.publish(["page:a", "card:8"])
    assert site.get().text == "<card 7>"


def unreachable(*_: object) -> None:
    """A store that is down."""
    raise StoreUnreachableError("gone")


@pytest.mark.parametrize("spoiled", [{"content": {}}, {"content": {"status": 999, "etag": "e"}}])
def test_valid_entry_that_is_not_a_page_is_replaced_though_the_store_is_down(
    site: Site, spoiled: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.get()
    poison(site, "pages", Kind.PAGE, **spoiled)
    backend = site.cache.dogpile["pages"].actual_backend
    for name in ("delete_multi", "set_serialized_multi"):
        monkeypatch.setattr(backend, name, unreachable)
    assert [site.get().text for _ in range(3)] == ["page"] * 3
    assert site.get().headers["X-Cache"] == "bypass"


def test_post_is_not_cached(site: Site) -> None:
    site.look = lambda request: request.method
    assert [site.app.post("/page/a").text for _ in range(2)] == ["POST"] * 2
    assert site.renders == 2
    assert site.cache.dogpile["pages"].actual_backend._values == {}


@pytest.mark.parametrize(
    ("answer", "status"),
    [(HTTPForbidden, 403), (HTTPServiceUnavailable, 503), (Response("x", status=201), 201)],
)
def test_other_statuses_are_not_stored(site: Site, answer: Any, status: int) -> None:
    def look(request: Any) -> Response:
        if isinstance(answer, Response):
            return answer
        raise answer

    site.look = look
    for _ in range(2):
        assert site.app.get("/page/a", status=status).headers.get("X-Cache") in {None, "bypass"}
    assert site.renders == 2
    assert site.cache.dogpile["pages"].actual_backend._values == {}


def test_own_cache_control_of_a_page_that_is_not_stored_is_kept(site: Site) -> None:
    def look(request: Any) -> Response:
        response = Response("for you", cache_control="private")
        response.set_cookie("user", "you")
        return response

    site.look = look
    assert site.get().headers["Cache-Control"] == "private"


def test_exception_during_a_render_ends_it(site: Site) -> None:
    def look(request: Any) -> str:
        raise LookupError

    site.look = look
    with pytest.raises(LookupError):
        site.get()
    site.look = lambda request: "page"
    assert [site.get().headers["X-Cache"] for _ in range(2)] == ["miss", "hit"]
