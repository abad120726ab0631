"""Cached views in a minimal application."""

import time
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPFound, HTTPNotFound
from pyramid.response import Response
from pyramid.session import SignedCookieSessionFactory
from sqlalchemy import MetaData, create_engine
from sqlalchemy.orm import Session
from webob import Request
from webtest import TestApp

from moziweb.cache import (
    CacheEvents,
    Kind,
    Outbox,
    OutboxRelay,
    RelayThread,
    RenderContext,
    SessionClock,
    UndeclaredInputError,
    from_settings,
)
from moziweb.cache.errors import CacheError, StoreUnreachableError
from moziweb.cache.http.fragments import slots_of
from moziweb.cache.http.page_cache import PageCache
from moziweb.cache.http.routes import CachedRoutes, TimeWindow
from moziweb.cache.http.view_deriver import add_cached_views, depend, mark_negative
from moziweb.cache.protocol.entry import decode, encode
from moziweb.cache.stores.dogpile_adapter import split_frame
from moziweb.cache.stores.memory import MemoryAtomicStore

SETTINGS = {"cache.regions": "pages", "cache.pages.expiration_time": "60"}

Look = Any


class Site:
    """An application with one cached page at ``/page/{name}``, whose view is ``look``."""

    def __init__(
        self, settings: dict[str, str] | None = None, store: "Site | None" = None, **options: Any
    ) -> None:
        """``store``: another site, whose entries and stamps are used."""
        self.look: Look = lambda request: "page"
        self.renders = 0
        self.stamps: MemoryAtomicStore = store.stamps if store else MemoryAtomicStore()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("moziweb.cache.regions.config.open_atomic_store", lambda *_: self.stamps)
            self.cache = from_settings(SETTINGS | (settings or {}))
        if store is not None:
            mine, theirs = (each.cache.dogpile["pages"].actual_backend for each in (self, store))
            mine._values = theirs._values
        engine = create_engine("sqlite://")
        with Configurator(session_factory=SignedCookieSessionFactory("secret")) as config:
            outbox, events = Outbox(MetaData()), CacheEvents()
            self.pages = PageCache(
                cache=self.cache,
                clock=SessionClock(self.cache.stamps),
                routes=CachedRoutes(config.registry),
                digest="1",
                base_tags=("list:all",),
                base_url="https://site.example",
                events=events,
                outbox=outbox,
                relay=RelayThread(OutboxRelay(engine, outbox, self.cache.stamps, events)),
            )
            add_cached_views(config, self.pages)
            config.add_request_method(lambda _: Session(engine), "dbsession", reify=True)
            config.add_route("page", "/page/{name}")
            config.add_view(self.view, route_name="page", cache="pages", **options)
            config.add_notfound_view(lambda request: Response("nothing", status=404))
            self.app = TestApp(config.make_wsgi_app())

    def view(self, request: Any) -> Response:
        """The page."""
        self.renders += 1
        depend(request, f"page:{request.matchdict['name'][:20]}")
        shown = self.look(request)
        return shown if isinstance(shown, Response) else Response(str(shown))

    def get(self, path: str = "/page/a", **headers: str) -> Any:
        """GET with these headers."""
        return self.app.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def paged() -> Site:
    return Site(cache_params=("page", "sort"))


@pytest.mark.parametrize(
    ("look", "what"),
    [
        (lambda r: r.session["user"], "the session"),
        (lambda r: r.session.get("user"), "the session"),
        (lambda r: r.session.flash("x"), "the session"),
        (lambda r: "x" if r.session else "y", "the session"),
        (lambda r: r.cookies["user"], "a cookie"),
        (lambda r: r.cookies.get("user"), "a cookie"),
        (lambda r: "user" in r.cookies, "a cookie"),
        (lambda r: dict(r.cookies), "a cookie"),
        (lambda r: r.GET["q"], "parameter 'q'"),
        (lambda r: r.GET.get("q"), "parameter 'q'"),
        (lambda r: r.GET.getall("q"), "parameter 'q'"),
        (lambda r: "q" in r.GET, "parameter 'q'"),
        (lambda r: r.params.get("q"), "parameter 'q'"),
    ],
)
def test_reading_data_of_one_visitor_raises(site: Site, look: Look, what: str) -> None:
    site.look = look
    with pytest.raises(UndeclaredInputError, match=what):
        site.get("/page/a?q=1", Cookie="user=me")


def test_request_is_restored_after_the_render(site: Site) -> None:
    seen: list[Any] = []
    site.app.app.registry["seen"] = seen

    def look(request: Any) -> str:
        request.add_response_callback(
            lambda r, _: seen.append((r.GET["q"], r.cookies["user"], r.host, r.session.new))
        )
        return "page"

    site.look = look
    site.get("/page/a?q=1", Cookie="user=me", Host="other.example")
    assert seen == [("1", "me", "other.example", True)]


@pytest.mark.parametrize(
    "look",
    [
        lambda r: sorted(k for k in r.environ if k.startswith("HTTP_")),
        lambda r: dict(r.GET),
        lambda r: r.url,
        lambda r: r.host_url + r.path_qs,
        lambda r: (r.remote_addr, r.user_agent, r.method, r.body),
        lambda r: r.route_url("page", name="b"),
        lambda r: str(r.accept_language) + str(r.accept_encoding),
    ],
)
def test_page_is_the_same_for_all_requests(look: Look) -> None:
    plain, odd = Site(), Site()
    plain.look = odd.look = look
    headers = {
        "Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher",
        "Forwarded": "host=evil.example", "User-Agent": "<script>", "Cookie": "_LOCALE_=en",
        "Accept-Language": "en", "X-HTTP-Method-Override": "POST", "X-Original-URL": "/evil",
        "Authorization": "Basic x", "Referer": "https://evil.example",
    }  # fmt: skip
    one = plain.app.get("/page/a")
    other = odd.app.get("/page/a?q=evil&page=9", headers=headers)
    assert one.body == other.body
    assert "evil" not in other.text


def test_head_is_rendered_as_get(site: Site) -> None:
    site.look = lambda request: request.method
    assert site.app.head("/page/a").body == b""
    assert (site.get().text, site.renders) == ("GET", 1)


def test_declared_parameters_are_part_of_the_key(paged: Site) -> None:
    paged.look = lambda r: (r.GET.get("page"), r.GET.getall("sort"), r.params.get("page"))
    assert paged.get("/page/a?page=2").text == "('2', [], '2')"
    assert paged.get("/page/a").text == "(None, [], None)"
    assert paged.get("/page/a?page=2").text == "('2', [], '2')"
    assert paged.renders == 2


@pytest.mark.parametrize(
    "query", ["?page=2&sort=a", "?sort=a&page=2", "?sort=a&utm=x&page=2", "?page=2&sort=%61"]
)
def test_order_of_parameters_and_undeclared_ones_do_not_matter(paged: Site, query: str) -> None:
    paged.look = lambda r: r.query_string
    assert paged.get("/page/a?page=2&sort=a").text == "page=2&sort=a"
    assert paged.get(f"/page/a{query}").text == "page=2&sort=a"
    assert paged.renders == 1


def test_value_cannot_look_like_another_parameter(paged: Site) -> None:
    paged.look = lambda r: (r.GET.get("page"), r.GET.get("sort"))
    pages = {
        paged.get(f"/page/a?{query}").text
        for query in ("page=1%26sort%3D2", "page=1&sort=2", "sort=1&page=2", "page=1", "page=")
    }
    assert len(pages) == paged.renders == 5


def test_query_that_is_not_utf8_is_rejected(paged: Site) -> None:
    paged.app.get("/page/a?page=%ff", status=400)
    assert paged.renders == 0


def test_response_with_a_cookie_is_not_cached(site: Site) -> None:
    def look(request: Any) -> Response:
        response = Response("for you")
        response.set_cookie("user", "you")
        return response

    site.look = look
    pages = [site.get() for _ in range(2)]
    assert [page.headers["X-Cache"] for page in pages] == ["bypass"] * 2
    assert [page.headers["Cache-Control"] for page in pages] == ["no-cache"] * 2, "for a CDN"


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


def listed(**settings: str) -> Site:
    """A site whose page is a template with one fragment."""

    def cards(request: Any, contexts: Mapping[str, RenderContext]) -> Mapping[str, bytes]:
        for key, context in contexts.items():
            context.depend(f"card:{key}")
        return {key: f"card {key}".encode() for key in contexts}

    regions = {"cache.regions": "pages fragments", "cache.fragments.expiration_time": "60"}
    site = Site(regions | settings, cache_fragments=cards)
    site.look = lambda request: f"<{slots_of(request).take('7')}>"
    return site


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
