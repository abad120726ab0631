"""Representations of entries: coding, headers, ETag."""

import time
from collections.abc import Mapping

import pytest

from moziweb.cache import CacheResult, CacheStatus, DependencyGroup, Entry, EntryCorruptError, Kind
from moziweb.cache.http.representations import _memoized, answer_of, choose, matches

PAGE = b"<p>plain</p>"
PACKED = b"packed"


def entry(**content: str | int) -> Entry:
    stored: Mapping[str, str | int] = {
        "status": 200, "etag": "abc", "Content-Type": "text/html", **content,
    }  # fmt: skip
    return Entry(
        kind=Kind.PAGE,
        payload=PAGE,
        dependencies=(DependencyGroup(1, ("movie:1",)),),
        created=time.time() - 7,
        expires=time.time() + 60,
        encodings={"gzip": PACKED},
        content=stored,
    )


def served(**content: str | int) -> CacheResult:
    return CacheResult(CacheStatus.L1, entry(**content))


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("GZip", "gzip"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("deflate;q=1.0, gzip;q=0.5", "gzip"),
        ("gzip;q=0", ""),
        ("gzip;q=nonsense", ""),
        ("gzip;q=0.2, identity", ""),
        ("gzip, identity", "gzip"),
        ("*", ""),
        ("br", ""),
        (",,;;==,", ""),
    ],
)
def test_coding_must_be_named_by_the_header(header: str, coding: str) -> None:
    assert choose(header, ("gzip",)) == coding


def test_long_headers_are_not_memoized() -> None:
    before = _memoized.cache_info().currsize
    for number in range(5):
        assert choose(f"gzip, x{number}" + "x" * 200, ("gzip",)) == "gzip"
    assert _memoized.cache_info().currsize == before


def test_coding_that_is_not_stored_is_not_chosen() -> None:
    assert choose("gzip", ()) == ""


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", "abc"', True),
        ('"x" ,W/"abc" ', True),
        ("*", True),
        ('"ab"', False),
        ("abc", False),
        ("", False),
        ('"abc-gzip"', False),
    ],
)
def test_etag_is_compared_weakly_and_completely(header: str, known: bool) -> None:
    assert matches(header, '"abc"') is known


def test_each_coding_has_its_own_etag_length_and_body() -> None:
    plain = answer_of(served(), {})
    packed = answer_of(served(), {"HTTP_ACCEPT_ENCODING": "gzip"})
    assert (plain.body, packed.body) == (PAGE, PACKED)
    first, second = dict(plain.headers), dict(packed.headers)
    assert (first["ETag"], second["ETag"]) == ('"abc"', '"abc-gzip"')
    assert (first["Content-Length"], second["Content-Length"]) == ("12", "6")
    assert "Content-Encoding" not in first
    assert second["Content-Encoding"] == "gzip"
    assert first["Vary"] == second["Vary"] == "Accept-Encoding"
    assert first["X-Cache"] == "l1"
    assert int(first["Age"]) in {7, 8}


def test_not_modified_has_no_body_and_no_headers_of_one() -> None:
    answer = answer_of(served(), {"HTTP_IF_NONE_MATCH": '"abc"'})
    names = {name for name, _ in answer.headers}
    assert (answer.status, answer.body) == ("304 Not Modified", b"")
    assert {"ETag", "Cache-Control", "Vary", "X-Cache"} <= names
    assert not {"Content-Type", "Content-Length", "Content-Encoding"} & names


def test_headers_for_other_origins_are_kept_by_not_modified() -> None:
    header = "Access-Control-Allow-Origin", "*"
    for environ in ({}, {"HTTP_IF_NONE_MATCH": '"abc"'}):
        answer = answer_of(served(**dict([header])), environ)
        assert answer.headers.count(header) == 1


def test_redirect_ignores_if_none_match() -> None:
    answer = answer_of(served(status=301, Location="/x"), {"HTTP_IF_NONE_MATCH": "*"})
    assert answer.status == "301 Moved Permanently"
    assert ("Location", "/x") in answer.headers


@pytest.mark.parametrize(
    "content",
    [
        {"status": 999},
        {"status": "no"},
        {"Content-Type": "text/html\r\nSet-Cookie: a=b"},
        {"Location": "/\n"},
        {"etag": '"\r\n'},
    ],
)
def test_stored_value_cannot_inject_headers(content: dict[str, str | int]) -> None:
    with pytest.raises(EntryCorruptError):
        answer_of(served(**content), {})


def test_entry_without_status_is_corrupt() -> None:
    bare = Entry(Kind.FRAGMENT, b"x", (DependencyGroup(1, ()),), 0, 1)
    with pytest.raises(EntryCorruptError):
        answer_of(CacheResult(CacheStatus.HIT, bare), {})
