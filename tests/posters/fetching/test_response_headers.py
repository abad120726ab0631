"""Parsing of untrusted response headers."""

import pytest

from moziweb.posters.fetching.errors import FetchCode, FetchError
from moziweb.posters.fetching.response_headers import (
    MAX_RETRY_AFTER_SECONDS,
    announced_bytes,
    entity_tag,
    http_date,
    redirect_location,
    refuse_pages,
    require_identity_encoding,
    retry_after,
)

DATE = "Wed, 21 Oct 2015 07:28:00 GMT"
A_MINUTE_LATER = "Wed, 21 Oct 2015 07:29:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 90 "}, 90.0),
        ({"retry-after": "9" * 18}, MAX_RETRY_AFTER_SECONDS),
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": A_MINUTE_LATER, "date": DATE}, 60.0),
        ({"retry-after": DATE, "date": A_MINUTE_LATER}, 0.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT", "date": DATE}, MAX_RETRY_AFTER_SECONDS),
        ({"retry-after": "Wed, 99 Oct 2015 07:28:00 GMT", "date": DATE}, None),
        ({"retry-after": "Wed, 21 Foo 2015 07:28:00 GMT", "date": DATE}, None),
        ({"retry-after": A_MINUTE_LATER}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b.jpg", "http://example.com/b.jpg"),
        ("b.jpg", "http://example.com/a/b.jpg"),
        ("//cdn.example.com/b.jpg", "http://cdn.example.com/b.jpg"),
        ("https://cdn.example.com/b.jpg", "https://cdn.example.com/b.jpg"),
        ("/kép.jpg".encode().decode("latin-1"), "http://example.com/kép.jpg"),
        ("/k\xe9p.jpg", "http://example.com/kép.jpg"),
    ],
)
def test_location_is_joined_with_its_base(location: str, url: str) -> None:
    assert redirect_location({"location": location}, "http://example.com/a/a.jpg") == url


@pytest.mark.parametrize(
    ("location", "code"), [("", FetchCode.BAD_RESPONSE), ("http://[x", FetchCode.BAD_URL)]
)
def test_invalid_location_is_an_error(location: str, code: FetchCode) -> None:
    with pytest.raises(FetchError) as caught:
        redirect_location({"location": location}, "http://example.com/")
    assert caught.value.code is code


@pytest.mark.parametrize(
    "value",
    [
        "image/webp",
        "Image/SVG+XML;charset=utf-8",
        "text/plain",
        "",
        "image",
        "image/<script>",
        "image/" + "x" * 100,
    ],
)
def test_types_that_may_be_images(value: str) -> None:
    refuse_pages({"content-type": value})


@pytest.mark.parametrize("value", ["text/html", " Text/HTML ;charset=utf-8", "application/json"])
def test_pages_are_refused(value: str) -> None:
    with pytest.raises(FetchError) as caught:
        refuse_pages({"content-type": value})
    assert caught.value.code is FetchCode.NOT_AN_IMAGE


@pytest.mark.parametrize(
    ("value", "length"),
    [("", None), ("12", 12), ("-1", None), ("1, 2", None), ("²", None), ("9" * 5000, None)],
)
def test_announced_bytes(value: str, length: int | None) -> None:
    assert announced_bytes({"content-length": value}) == length


@pytest.mark.parametrize("value", ["", "identity", " Identity "])
def test_identity_encoding_is_accepted(value: str) -> None:
    require_identity_encoding({"content-encoding": value})
    require_identity_encoding({})


@pytest.mark.parametrize(
    "value", ["gzip", "X-GZIP", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip"]
)
def test_content_codings_are_refused(value: str) -> None:
    with pytest.raises(FetchError) as caught:
        require_identity_encoding({"content-encoding": value})
    assert caught.value.code is FetchCode.BAD_ENCODING
    assert caught.value.permanent


@pytest.mark.parametrize("value", ['"v1"', 'W/"v1"', '""'])
def test_entity_tags(value: str) -> None:
    assert entity_tag(value) == value


@pytest.mark.parametrize("value", [None, "v1", '"v1', 'w/"v1"', '"a b"', '"' + "x" * 300 + '"'])
def test_malformed_entity_tags_are_ignored(value: str | None) -> None:
    assert entity_tag(value) is None


def test_http_dates() -> None:
    assert http_date(DATE) == DATE
    assert http_date(f"{DATE}\n") is None
    assert http_date("2015-10-21T07:28:00Z") is None
    assert http_date(None) is None
