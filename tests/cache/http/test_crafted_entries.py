"""Entries that others have written to the store: well-formed, with a valid checksum and tags.

Every request is answered; what cannot be a page of ours is a miss.
"""

import json
import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from webob import Request
from webtest.lint import middleware as lint

from moziweb.cache import DependencyGroup, Entry, Kind
from moziweb.cache.http.fast_path import FastPathMiddleware
from moziweb.cache.http.view_deriver import mark_negative
from moziweb.cache.protocol.entry import _HEAD, _SUM, decode, encode
from moziweb.cache.stores.dogpile_adapter import split_frame
from tests.cache.http.cached_site import Site, listed

PATHS = ("/page/a", "/page/missing")
TEXTS = {"/page/a": "<card 7>", "/page/missing": "<nothing>"}


@pytest.fixture(scope="module")
def site() -> Site:
    """A page that is a template with one card, and a page that is a negative entry."""
    made = listed()
    card = made.look

    def look(request: Any) -> str:
        if request.matchdict["name"] == "missing":
            mark_negative(request)
            return "<nothing>"
        return str(card(request))

    made.look = look
    return made


@pytest.fixture
def fresh(site: Site) -> Iterator[Site]:
    """The site with all entries stored, and no copies."""
    for path in PATHS:
        site.get(path)
    yield site
    for values in stores(site):
        values.clear()
    forget_copies(site)


def stores(site: Site) -> list[dict[str, bytes]]:
    """The stored values of each region."""
    return [site.cache.dogpile[name].actual_backend._values for name in ("pages", "fragments")]


def forget_copies(site: Site) -> None:
    """Let the next request read the store."""
    for name in ("pages", "fragments"):
        site.cache.stamps.invalidate_local_copies(name)


def craft(site: Site, **changed: Any) -> None:
    """Change fields of all stored entries; a mapping is merged into that of the entry."""
    for values in stores(site):
        for key, value in values.items():
            head, data = split_frame(value)
            values[key] = b"%b|%b" % (head, crafted(decode(data), changed))
    forget_copies(site)


def crafted(entry: Entry, changed: Mapping[str, Any]) -> bytes:
    """The bytes of a changed entry, with a valid checksum."""
    fields: dict[str, Any] = {
        name: {**getattr(entry, name), **value} if isinstance(value, Mapping) else value
        for name, value in changed.items()
    }
    return encode(replace(entry, **fields))


def rebuilt(data: bytes, metadata: bytes) -> bytes:
    """An encoded entry with other metadata, and a valid checksum."""
    head = list(_HEAD.unpack_from(data))
    body = data[_HEAD.size + _SUM.size :]
    tables = head[5] * struct.calcsize(">QI") + head[6]
    body = body[:tables] + metadata + body[tables + head[7] :]
    head[7] = len(metadata)
    packed = _HEAD.pack(*head)
    return packed + _SUM.pack(zlib.crc32(body, zlib.crc32(packed))) + body


@pytest.mark.parametrize(
    "changed",
    [
        *(
            {"content": {"status": each}}
            for each in (100, 101, 204, 206, 304, 500, 0, -200, 1 << 80)
        ),
        *({"content": {"status": each}} for each in ("200", 200.0, True, "٢٠٠")),
        *({"content": {"etag": each}} for each in ("ő", "a\r\nb", 'a"b', 7, "\x7f", "\ud800")),
        *({"content": {"Content-Type": each}} for each in ("text/ő", "a\r\nSet-Cookie: a=b")),
        {"content": {"Location": "/ő\n"}},
        *({"created": each} for each in (math.nan, math.inf, -math.inf, -1.0, 1e300)),
        {"expires": math.nan},
        {"dependencies": ()},
        *({"dependencies": (DependencyGroup(each, ()),)} for each in (0, (1 << 64) - 1)),
    ],
    ids=repr,
)
def test_entry_that_cannot_be_a_page_of_ours_is_a_miss(
    fresh: Site, changed: dict[str, Any]
) -> None:
    craft(fresh, **changed)
    for path in PATHS:
        answer = fresh.get(path)
        assert (answer.text, answer.headers["X-Cache"]) == (TEXTS[path], "miss")
        assert fresh.get(path).headers["X-Cache"] in {"hit", "l1"}


METADATA = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"[" * 100_000,
    b'{"content":{},"debug":{},"encodings":[["br",1e999]]}',
    b'{"content":{},"debug":{},"encodings":[["br",NaN]]}',
    b'{"content":{},"debug":{},"encodings":[["br",-5]]}',
    b'{"content":{},"debug":{},"encodings":{"br":5}}',
    b'{"content":{"status":Infinity},"debug":{},"encodings":[]}',
    b'{"content":{"status":%b},"debug":{},"encodings":[]}' % (b"9" * 5000),
    b'{"content":[],"debug":{},"encodings":[]}',
    b'\xff{"content":{},"debug":{},"encodings":[]}',
]


@pytest.mark.parametrize("metadata", METADATA, ids=lambda text: text[:60])
def test_entry_with_other_metadata_is_a_miss(fresh: Site, metadata: bytes) -> None:
    for values in stores(fresh):
        for key, value in values.items():
            head, data = split_frame(value)
            values[key] = b"%b|%b" % (head, rebuilt(data, metadata))
    forget_copies(fresh)
    for path in PATHS:
        assert (fresh.get(path).text, fresh.get(path).status_int) == (TEXTS[path], 200)


TEMPLATES = [
    b"",
    b"[]\n",
    b"[" * 100_000 + b"\n",
    b'{"keys": [1], "lengths": [0, 1e999]}\n',
    b'{"keys": [], "lengths": [%b]}\n' % (b"9" * 5000),
    b'{"keys": ["7"], "lengths": [0]}\n',
    b'{"keys": 7, "lengths": []}\n',
]


@pytest.mark.parametrize("payload", TEMPLATES, ids=lambda text: text[:60])
def test_template_with_other_payload_is_rendered_again(fresh: Site, payload: bytes) -> None:
    craft(fresh, payload=payload, expires=0.0)
    for values in stores(fresh):
        for key, value in values.items():
            head, data = split_frame(value)
            entry = decode(data)
            if entry.kind is Kind.TEMPLATE:
                values[key] = b"%b|%b" % (head, crafted(entry, {"expires": 1e10}))
    assert [fresh.get().text for _ in range(2)] == [TEXTS["/page/a"]] * 2


names = st.sampled_from(("status", "etag", "Content-Type", "Location", "instead_of")) | st.text()
scalars = (
    st.text(max_size=8)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from((200, 204, 301, 304, 404, "text/html"))
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(Kind),
        "payload": st.binary(max_size=16) | st.sampled_from(TEMPLATES[2:]),
        "created": st.floats(),
        "expires": st.floats(),
        "content": st.dictionaries(names, scalars, max_size=3),
        "debug": st.dictionaries(st.just("ends") | st.text(max_size=4), scalars, max_size=2),
        "encodings": st.dictionaries(
            st.sampled_from(("gzip", "br", "", "x")), st.binary(max_size=8), max_size=3
        ),
        "dependencies": st.lists(
            st.builds(
                DependencyGroup,
                st.integers(0, (1 << 64) - 1),
                st.lists(
                    st.sampled_from(("page:a", "list:all", "x:" + "9" * 98, "lists:1")), unique=True
                ).map(tuple),
            ),
            max_size=2,
        ).map(tuple),
    },
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changed=changes)
@example(changed={"content": {"status": 204}})
@example(changed={"created": math.nan})
@example(changed={"content": {"Content-Type": "ő"}})
def test_every_crafted_entry_is_answered(site: Site, changed: dict[str, Any]) -> None:
    """By views, by the fast path and in the server's loop. ``lint`` checks each response."""
    for path in PATHS:
        site.get(path)
    craft(site, **changed)
    fast = FastPathMiddleware(site.app.app, site.pages.urls, headers=(("X-Frame-Options", "DENY"),))
    for app in (site.app.app, fast):
        for path in PATHS:
            for coding in ("identity", "gzip, br"):
                request = Request.blank(path, headers={"Accept-Encoding": coding})
                answer = request.get_response(lint(app))
                assert answer.status_int in {200, 301, 302, 303, 307, 308, 404, 410}
                assert answer.headers.get("Content-Length") in {None, str(len(answer.body))}
    for coding in ("", "gzip", "br"):
        environs = [{"PATH_INFO": path, "HTTP_ACCEPT_ENCODING": coding} for path in PATHS]
        for found in fast.in_memory(environs):
            assert found is None or found[0].startswith(b"HTTP/1.1 ")
    for values in stores(site):
        values.clear()
    forget_copies(site)


CREATED: tuple[Any, ...] = ("12", None, [], math.nan, math.inf)
HEADS: list[bytes] = [
    b"",
    b"null",
    b"[" * 100_000,
    *(json.dumps({"ct": each, "v": 2}).encode() for each in CREATED),
    b'{"ct": 1e999, "v": 2}',
    b'{"ct": 12, "v": 1e999}',
    b'{"ct": 12, "v": "2"}',
    b'{"ct": %b, "v": 2}' % (b"9" * 5000),
]


@pytest.mark.parametrize("head", HEADS, ids=lambda text: text[:40])
def test_crafted_metadata_of_dogpile_is_a_miss(head: bytes) -> None:
    site = Site()
    region = site.cache.dogpile["pages"]
    clock = site.cache.stamps.read_clock()
    ours = Entry(Kind.PAGE, b"ours", (DependencyGroup(clock, ()),), 0.0, math.inf)
    region.set("a", ours)
    values = region.actual_backend._values
    for key, value in values.items():
        values[key] = b"%b|%b" % (head, split_frame(value)[1])
    created = region.get_or_create("a", lambda: replace(ours, payload=b"created"))
    assert created.payload == b"created"
