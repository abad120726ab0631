"""The fast path: what it serves, and what it passes to the application."""

import gzip
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import pytest

from moziweb.cache import Cache, RenderContext, Rendered, from_settings
from moziweb.cache.errors import StoreUnreachableError
from moziweb.cache.http.fast_path import WRAPPED, FastPathMiddleware
from moziweb.cache.http.routes import EntryLocation
from moziweb.cache.http.url_index import UrlIndex
from moziweb.cache.stores.dogpile_adapter import EntryStore
from tests.cache.clock_source import ClockSource

SECURITY = (("X-Content-Type-Options", "nosniff"),)
NEVER = float("inf")


class Inner:
    """The application: it records the requests that reach it."""

    registry = "the registry"

    def __init__(self) -> None:
        self.requests: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.requests.append(environ["REQUEST_METHOD"])
        start_response("200 OK", [])
        return [b"inner"]


@dataclass
class Site:
    """A region, a URL index and a fast path over them."""

    cache: Cache
    inner: Inner = field(default_factory=Inner)
    urls: UrlIndex = field(default_factory=UrlIndex)

    def __post_init__(self) -> None:
        self.fast = FastPathMiddleware(self.inner, self.urls, headers=SECURITY)

    def store(
        self, path: str, body: bytes, until: float = NEVER, **content: str | int
    ) -> EntryLocation:
        region, key = self.cache.regions["pages"], self.cache.keys["pages"].key(path)

        def render(context: RenderContext) -> Rendered:
            context.depend(f"page:{path.strip('/') or 'index'}")
            stored = {"status": 200, "etag": "e", "Content-Type": "text/html", **content}
            return Rendered(body, content=stored)

        region.get_or_render(key, render, source=ClockSource(self.cache.stamps))
        location = EntryLocation(region, key, until)
        self.urls.remember(path, location)
        return location

    def ask(
        self, path: str = "/", method: str = "GET", **environ: Any
    ) -> tuple[str, dict[str, str], bytes]:
        response: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]]) -> None:
            response[:] = [status, dict(headers)]

        request = {"REQUEST_METHOD": method, "PATH_INFO": path, **environ}
        body = b"".join(self.fast(request, start_response))
        return response[0], response[1], body


def open_site(**settings: str) -> Site:
    return Site(
        from_settings(
            {
                "cache.regions": "pages",
                "cache.pages.backend": "moziweb.memory",
                "cache.pages.expiration_time": "3600",
                **{f"cache.pages.{name}": value for name, value in settings.items()},
            }
        )
    )


@pytest.fixture
def site() -> Site:
    return open_site()


def test_known_page_does_not_reach_the_application(site: Site) -> None:
    site.store("/", b"page")
    states = []
    for _ in range(2):
        status, headers, body = site.ask()
        assert (status, body) == ("200 OK", b"page")
        assert headers["X-Content-Type-Options"] == "nosniff"
        states.append(headers["X-Cache"])
    assert states == ["hit", "l1"]
    assert site.inner.requests == []
    assert site.fast.registry == "the registry"


def test_max_age_ends_with_the_entry() -> None:
    site = open_site(s_maxage="600", expiration_time="60")
    site.store("/", b"page")
    for _ in range(3):
        age = int(site.ask()[1]["Cache-Control"].removeprefix("max-age=0, s-maxage="))
        assert 0 < age <= 60


@pytest.mark.parametrize("lifetime", ["max_age", "s_maxage"])
def test_page_with_a_lifetime_is_served_with_its_own_age_header(lifetime: str) -> None:
    site = open_site(**{lifetime: "600"})
    site.store("/", b"page")
    for state in ("hit", "l1", "l1"):
        status, headers, body = site.ask()
        assert (status, headers["X-Cache"], body) == ("200 OK", state, b"page")
        assert headers["X-Cache-Age"] == "0"
        assert "Age" not in headers
    assert site.ask(HTTP_IF_NONE_MATCH='"e"')[0] == "304 Not Modified"


def test_head_has_all_headers_and_no_body(site: Site) -> None:
    site.store("/", b"page")
    status, headers, body = site.ask(method="HEAD")
    assert (status, headers["Content-Length"], body) == ("200 OK", "4", b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "get", "PURGE"])
def test_other_methods_reach_the_application(site: Site, method: str) -> None:
    site.store("/", b"page")
    assert site.ask(method=method)[2] == b"inner"
    assert site.inner.requests == [method]


def test_loop_leaves_compression_to_a_thread(site: Site) -> None:
    site.store("/", b"page " * 300)
    site.ask()
    environ = {"PATH_INFO": "/", "HTTP_ACCEPT_ENCODING": "gzip"}
    assert site.fast.in_memory([environ]) == [None]
    _, headers, body = site.ask(HTTP_ACCEPT_ENCODING="gzip")
    assert (headers["X-Cache"], headers["Content-Encoding"]) == ("l1", "gzip")
    assert gzip.decompress(body) == b"page " * 300
    (answer,) = site.fast.in_memory([environ])
    assert answer is not None
    assert answer[1] == body
    assert site.inner.requests == []


def test_unknown_path_reaches_the_application(site: Site) -> None:
    site.store("/", b"page")
    assert site.ask("/other")[2] == b"inner"


def test_path_is_unknown_after_its_time_window(site: Site) -> None:
    site.store("/", b"page", until=1.0)
    assert site.ask()[2] == b"inner"


def test_invalidated_page_reaches_the_application(site: Site) -> None:
    site.store("/", b"page")
    site.ask()
    site.cache.stamps.publish(["page:index"])
    assert site.ask()[2] == b"inner"


def test_copy_survives_the_invalidation_of_other_tags(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.store("/", b"page")
    assert [site.ask()[1]["X-Cache"] for _ in range(2)] == ["hit", "l1"]
    with monkeypatch.context() as patch:
        patch.setattr(EntryStore, "get_multi", None)  # nothing is fetched
        for _ in range(3):
            site.cache.stamps.publish(["page:other"])
            assert site.ask()[1]["X-Cache"] == "l1"
    site.cache.stamps.publish(["page:index"])
    assert site.ask()[2] == b"inner"


def test_copy_of_an_entry_that_another_process_deletes_is_not_served(site: Site) -> None:
    location = site.store("/", b"page")
    assert [site.ask()[1]["X-Cache"] for _ in range(2)] == ["hit", "l1"]
    copy = location.region.local.find(location.key)
    assert copy is not None
    level = location.region._parts.local_cache
    location.region.delete(location.key)
    now, by = location.region.now(), copy.confirmed_by
    level.put(location.key, copy.entry, copy.validated_at, now, by)  # as other processes have it
    assert site.ask()[2] == b"inner"
    site.store("/week", b"week")
    assert [site.ask("/week")[1]["X-Cache"] for _ in range(2)] == ["hit", "l1"]
    site.cache.stamps.publish(["page:other"])
    assert site.ask("/week")[1]["X-Cache"] == "l1"


def test_without_stamps_requests_reach_the_application(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.store("/", b"page")
    monkeypatch.setattr(site.cache.stamps, "clock", lambda: None)
    assert site.ask()[2] == b"inner"


def test_corrupt_entry_reaches_the_application(site: Site) -> None:
    site.store("/", b"page", Location="/\r\nSet-Cookie: a=b")
    assert site.ask()[2] == b"inner"


def test_other_headers_do_not_change_the_response(site: Site) -> None:
    site.store("/", b"page")
    site.ask()
    plain = site.ask()
    poisoned = site.ask(
        QUERY_STRING="_LOCALE_=en", HTTP_COOKIE="a=b", HTTP_HOST="evil", HTTP_RANGE="bytes=0-1",
        HTTP_X_FORWARDED_HOST="evil", HTTP_X_HTTP_METHOD_OVERRIDE="DELETE", HTTP_ACCEPT="x/y",
        HTTP_AUTHORIZATION="Basic x", CONTENT_LENGTH="5", HTTP_X_ORIGINAL_URL="/admin",
    )  # fmt: skip
    for answer in (plain, poisoned):
        answer[1].pop("Server-Timing", None)
    assert poisoned == plain


def test_query_of_a_page_with_parameters_reaches_the_application(site: Site) -> None:
    location = site.store("/", b"page")
    site.urls.remember("/", replace(location, has_params=True))
    assert [site.ask()[2], site.ask(QUERY_STRING="genre=1")[2]] == [b"page", b"inner"]
    answers = site.fast.in_memory(
        [{"PATH_INFO": "/", "QUERY_STRING": query} for query in ("", "genre=1")]
    )
    assert [answer and answer[1] for answer in answers] == [b"page", None]


def test_large_body_is_passed_as_a_file(site: Site) -> None:
    body = bytes(WRAPPED)
    site.store("/", body)
    wrapped: list[BytesIO] = []

    def wrapper(file: BytesIO) -> Iterable[bytes]:
        wrapped.append(file)
        return [file.read()]

    files: dict[str, Any] = {"wsgi.file_wrapper": wrapper}
    assert site.ask("/", "GET", **files)[2] == body
    assert len(wrapped) == 1
    assert site.ask()[2] == body


def test_url_index_is_bounded_and_evicts_the_oldest(site: Site) -> None:
    urls = UrlIndex(size=2)
    location = site.store("/", b"page")
    for path in ("/1", "/2", "/1", "/3"):
        urls.remember(path, location)
    assert [urls.find(path, "", 0.0) is not None for path in ("/1", "/2", "/3")] == [
        True,
        False,
        True,
    ]


def test_clock_is_read_once_for_many_pages_in_memory(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("/", "/week"):
        site.store(path, path.encode())
        site.ask(path)
    reads: list[int | None] = []
    clock = site.cache.stamps.clock

    def counted() -> int | None:
        reads.append(clock())
        return reads[-1]

    monkeypatch.setattr(site.cache.stamps, "clock", counted)
    requests = [{"PATH_INFO": path} for path in ("/", "/nowhere", "/week", "/")]
    bodies = [answer and answer[1] for answer in site.fast.in_memory(requests)]
    assert bodies == [b"/", None, b"/week", b"/"]
    assert len(reads) == 1
    site.cache.stamps.publish(["page:week"])
    reads_of_stamps: list[set[str]] = []
    get_multi = site.cache.stamps.get_multi

    def counted_multi(tags: Iterable[str]) -> dict[str, int]:
        reads_of_stamps.append(set(tags))
        return get_multi(reads_of_stamps[-1])

    monkeypatch.setattr(site.cache.stamps, "get_multi", counted_multi)
    bodies = [answer and answer[1] for answer in site.fast.in_memory(requests)]
    assert bodies == [b"/", None, None, b"/"]
    assert reads_of_stamps == [{"page:week", "copies:pages"}]
    assert site.fast.in_memory([{"PATH_INFO": "/week"}]) == [None]
    assert len(reads_of_stamps) == 1, "a stale copy is not revalidated again"
    assert site.fast.in_memory([{"PATH_INFO": "/nowhere"}]) == [None]


@pytest.mark.parametrize("has_log", [True, False], ids=["log", "no log"])
def test_copy_of_another_clock_is_not_served_without_log_and_stamps(
    site: Site, monkeypatch: pytest.MonkeyPatch, *, has_log: bool
) -> None:
    site.store("/", b"page")
    site.ask()
    site.cache.stamps.publish(["page:other"])

    def unreachable(_tags: Iterable[str]) -> dict[str, int]:
        raise StoreUnreachableError("unreachable")

    monkeypatch.setattr(site.cache.stamps, "get_multi", unreachable)
    if not has_log:
        monkeypatch.setattr(site.cache.stamps.log, "_fetch", unreachable)
    answer = site.fast.in_memory([{"PATH_INFO": "/"}])[0]
    assert (answer is not None) == has_log


def test_corrupt_copy_is_not_served_from_memory(site: Site) -> None:
    kind: dict[str, Any] = {"Content-Type": "text/html\r\nX-Evil: 1"}
    location = site.store("/", b"page", **kind)
    site.ask()
    assert location.region.local.find(location.key) is not None
    assert site.fast.in_memory([{"PATH_INFO": "/"}]) == [None]
