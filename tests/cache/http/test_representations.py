"""Which form of an entry goes out, under which headers."""

import time
from collections.abc import Mapping

import pytest

from moziweb.cache import CacheResult, DependencyGroup, Entry, EntryCorruptError, Kind, Status
from moziweb.cache.http.representations import _memoized, answer_of, choose, matches

PAGE = b"<p>plain</p>"
PACKED = b"packed"


def entry(**content: str | int) -> Entry:
    facts: Mapping[str, str | int] = {
        "status": 200, "etag": "abc", "Content-Type": "text/html", **content,
    }  # fmt: skip
    return Entry(
        kind=Kind.PAGE,
        payload=PAGE,
        dependencies=(DependencyGroup(1, ("movie:1",)),),
        created=time.time() - 7,
        expires=time.time() + 60,
        encodings={"gzip": PACKED},
        content=facts,
    )


def served(**content: str | int) -> CacheResult:
    return CacheResult(Status.L1, entry(**content))


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
def test_the_coding_is_one_that_was_asked_for_by_name(header: str, coding: str) -> None:
    assert choose(header, ("gzip",)) == coding


def test_no_stranger_has_long_headers_remembered() -> None:
    before = _memoized.cache_info().currsize
    for number in range(5):
        assert choose(f"gzip, x{number}" + "x" * 200, ("gzip",)) == "gzip"
    assert _memoized.cache_info().currsize == before


def test_what_is_not_stored_is_not_memoized() -> None:
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
def test_a_tag_is_matched_weakly_and_whole(header: str, known: bool) -> None:
    assert matches(header, '"abc"') is known


def test_each_form_has_its_own_tag_length_and_bytes() -> None:
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


def test_who_has_it_is_told_so_without_its_body_or_what_describes_it() -> None:
    answer = answer_of(served(), {"HTTP_IF_NONE_MATCH": '"abc"'})
    names = {name for name, _ in answer.headers}
    assert (answer.status, answer.body) == ("304 Not Modified", b"")
    assert {"ETag", "Cache-Control", "Vary", "X-Cache"} <= names
    assert not {"Content-Type", "Content-Length", "Content-Encoding"} & names


def test_a_condition_is_for_pages_only() -> None:
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
def test_a_stored_value_writes_no_headers_of_its_own(content: dict[str, str | int]) -> None:
    with pytest.raises(EntryCorruptError):
        answer_of(served(**content), {})


def test_an_entry_that_is_no_page_is_not_served_as_one() -> None:
    bare = Entry(Kind.CARD, b"x", (DependencyGroup(1, ()),), 0, 1)
    with pytest.raises(EntryCorruptError):
        answer_of(CacheResult(Status.HIT, bare), {})
