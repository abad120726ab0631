"""What the fast path serves, what it hands on, and what of a request it looks at."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pytest

from moziweb.cache import Cache, RenderContext, Rendered, from_settings
from moziweb.cache.errors import StoreUnreachableError
from moziweb.cache.http.fast_path import WRAPPED, FastPathMiddleware
from moziweb.cache.http.routes import EntryLocation
from moziweb.cache.http.url_index import UrlIndex
from tests.cache.clock_source import ClockSource

SECURITY = (("X-Content-Type-Options", "nosniff"),)
NEVER = float("inf")


class Inner:
    """The application behind: it counts what comes through."""

    registry = "the registry"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.asked.append(environ["REQUEST_METHOD"])
        start_response("200 OK", [])
        return [b"inner"]


@dataclass
class Site:
    """A region, a book and a fast path over them."""

    cache: Cache
    inner: Inner = field(default_factory=Inner)
    book: UrlIndex = field(default_factory=UrlIndex)

    def __post_init__(self) -> None:
        self.fast = FastPathMiddleware(self.inner, self.book, headers=SECURITY)

    def store(
        self, path: str, body: bytes, until: float = NEVER, **content: str | int
    ) -> EntryLocation:
        region, key = self.cache.regions["pages"], self.cache.keys["pages"].key(path)

        def render(context: RenderContext) -> Rendered:
            context.depend(f"page:{path.strip('/') or 'index'}")
            facts = {"status": 200, "etag": "e", "Content-Type": "text/html", **content}
            return Rendered(body, content=facts)

        region.get_or_render(key, render, source=ClockSource(self.cache.stamps))
        place = EntryLocation(region, key, until)
        self.book.remember(path, place)
        return place

    def ask(
        self, path: str = "/", method: str = "GET", **environ: Any
    ) -> tuple[str, dict[str, str], bytes]:
        told: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]]) -> None:
            told[:] = [status, dict(headers)]

        request = {"REQUEST_METHOD": method, "PATH_INFO": path, **environ}
        body = b"".join(self.fast(request, start_response))
        return told[0], told[1], body


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


def test_a_known_page_never_reaches_the_application(site: Site) -> None:
    site.store("/", b"page")
    states = []
    for _ in range(2):
        status, headers, body = site.ask()
        assert (status, body) == ("200 OK", b"page")
        assert headers["X-Content-Type-Options"] == "nosniff"
        states.append(headers["X-Cache"])
    assert states == ["hit", "l1"]
    assert site.inner.asked == []
    assert site.fast.registry == "the registry"


def test_a_copy_that_runs_out_soon_is_not_kept_for_longer() -> None:
    site = open_site(s_maxage="600", expiration_time="60")
    site.store("/", b"page")
    for _ in range(3):
        age = int(site.ask()[1]["Cache-Control"].removeprefix("max-age=0, s-maxage="))
        assert 0 < age <= 60


@pytest.mark.parametrize("kept", ["max_age", "s_maxage"])
def test_a_page_that_others_keep_is_served_from_here_too(kept: str) -> None:
    site = open_site(**{kept: "600"})
    site.store("/", b"page")
    for state in ("hit", "l1", "l1"):
        status, headers, body = site.ask()
        assert (status, headers["X-Cache"], body) == ("200 OK", state, b"page")
        assert headers["X-Cache-Age"] == "0"
        assert "Age" not in headers
    assert site.ask(HTTP_IF_NONE_MATCH='"e"')[0] == "304 Not Modified"


def test_head_gets_everything_but_the_body(site: Site) -> None:
    site.store("/", b"page")
    status, headers, body = site.ask(method="HEAD")
    assert (status, headers["Content-Length"], body) == ("200 OK", "4", b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "get", "PURGE"])
def test_other_methods_are_the_applications(site: Site, method: str) -> None:
    site.store("/", b"page")
    assert site.ask(method=method)[2] == b"inner"
    assert site.inner.asked == [method]


def test_an_unknown_path_is_handed_on(site: Site) -> None:
    site.store("/", b"page")
    assert site.ask("/other")[2] == b"inner"


def test_a_path_is_unknown_once_its_moment_is_over(site: Site) -> None:
    site.store("/", b"page", until=1.0)
    assert site.ask()[2] == b"inner"


def test_an_invalidated_page_is_handed_on(site: Site) -> None:
    site.store("/", b"page")
    site.ask()
    site.cache.stamps.publish(["page:index"])
    assert site.ask()[2] == b"inner"


def test_a_copy_outlives_what_does_not_concern_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = site.store("/", b"page")
    assert [site.ask()[1]["X-Cache"] for _ in range(2)] == ["hit", "l1"]
    with monkeypatch.context() as patch:
        patch.setattr(place.region._parts.entries, "get_multi", None)  # nothing is fetched
        for _ in range(3):
            site.cache.stamps.publish(["page:other"])
            assert site.ask()[1]["X-Cache"] == "l1"
    site.cache.stamps.publish(["page:index"])
    assert site.ask()[2] == b"inner"


def test_a_copy_of_what_another_process_removes_is_looked_up_again(site: Site) -> None:
    place = site.store("/", b"page")
    assert [site.ask()[1]["X-Cache"] for _ in range(2)] == ["hit", "l1"]
    copy = place.region.local.find(place.key)
    assert copy is not None
    level = place.region._parts.local_cache
    place.region.delete(place.key)
    level.put(
        place.key, copy.entry, copy.validated_at, place.region.now()
    )  # as other processes have it
    assert site.ask()[2] == b"inner"
    site.store("/week", b"week")
    assert [site.ask("/week")[1]["X-Cache"] for _ in range(2)] == ["hit", "l1"]
    site.cache.stamps.publish(["page:other"])
    assert site.ask("/week")[1]["X-Cache"] == "l1"


def test_without_stamps_nothing_is_served_here(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.store("/", b"page")
    monkeypatch.setattr(site.cache.stamps, "clock", lambda: None)
    assert site.ask()[2] == b"inner"


def test_an_entry_that_cannot_be_served_is_handed_on(site: Site) -> None:
    site.store("/", b"page", Location="/\r\nSet-Cookie: a=b")
    assert site.ask()[2] == b"inner"


def test_nothing_that_is_not_in_the_key_shapes_an_answer(site: Site) -> None:
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


def test_a_large_body_goes_to_the_server_as_a_file(site: Site) -> None:
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


def test_the_book_is_bounded_and_forgets_the_oldest(site: Site) -> None:
    book = UrlIndex(size=2)
    place = site.store("/", b"page")
    for path in ("/1", "/2", "/1", "/3"):
        book.remember(path, place)
    assert [book.find(path, 0.0) is not None for path in ("/1", "/2", "/3")] == [True, False, True]


def test_one_read_of_the_clock_serves_all_that_lies_in_memory(
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
    asked = [{"PATH_INFO": path} for path in ("/", "/nowhere", "/week", "/")]
    bodies = [answer and answer[1] for answer in site.fast.in_memory(asked)]
    assert bodies == [b"/", None, b"/week", b"/"]
    assert len(reads) == 1
    site.cache.stamps.publish(["page:week"])
    looks: list[set[str]] = []
    get_multi = site.cache.stamps.get_multi

    def looked(tags: Iterable[str]) -> dict[str, int]:
        looks.append(set(tags))
        return get_multi(looks[-1])

    monkeypatch.setattr(site.cache.stamps, "get_multi", looked)
    bodies = [answer and answer[1] for answer in site.fast.in_memory(asked)]
    assert bodies == [b"/", None, None, b"/"]
    assert looks == [{"page:index", "page:week", "copies:pages"}]
    assert site.fast.in_memory([{"PATH_INFO": "/week"}]) == [None]
    assert len(looks) == 1, "what was found outdated is not looked at again"
    assert site.fast.in_memory([{"PATH_INFO": "/nowhere"}]) == [None]


def test_without_stamps_a_copy_of_another_clock_is_nobodys(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.store("/", b"page")
    site.ask()
    site.cache.stamps.publish(["page:other"])

    def away(_tags: Iterable[str]) -> dict[str, int]:
        raise StoreUnreachableError("away")

    monkeypatch.setattr(site.cache.stamps, "get_multi", away)
    assert site.fast.in_memory([{"PATH_INFO": "/"}]) == [None]


def test_a_copy_of_a_form_that_cannot_be_served_is_nobodys(site: Site) -> None:
    kind: dict[str, Any] = {"Content-Type": "text/html\r\nX-Evil: 1"}
    place = site.store("/", b"page", **kind)
    site.ask()
    assert place.region.local.find(place.key) is not None
    assert site.fast.in_memory([{"PATH_INFO": "/"}]) == [None]
