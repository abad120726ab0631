"""Compression of responses that the page cache has not compressed."""

import gzip
from collections.abc import Iterator
from typing import Any

import brotli
import pytest
from pyramid.response import Response
from webob import Request
from webtest import TestApp

from moziweb.ops.compression import MAX_BYTES, may_be_compressed

DECODERS = {"br": brotli.decompress, "gzip": gzip.decompress}
LONG = b"premiere " * 200


def ask(app: TestApp, path: str, coding: str = "", **headers: str) -> Any:
    """A response whose body is not decoded."""
    given = {"Accept-Encoding": coding, **headers} if coding else headers
    response = Request.blank(path, headers=given).get_response(app.app)
    response.body = response.body  # closes the file
    return response


@pytest.mark.parametrize(
    "path",
    [
        "/static/site.css",
        "/static/posters.js",
        "/search?q=film",
        "/about",
        "/nincs",
        "/manager/sign-in",
    ],
)
def test_text_is_compressed(app: TestApp, path: str) -> None:
    plain = ask(app, path)
    assert plain.content_encoding is None
    assert "Accept-Encoding" in plain.vary
    for coding, decode in DECODERS.items():
        response = ask(app, path, coding)
        assert response.content_encoding == coding
        assert response.status_int == plain.status_int
        assert response.content_type == plain.content_type
        assert response.vary == plain.vary
        assert int(response.headers["Content-Length"]) == len(response.body)
        assert len(response.body) < 0.6 * len(plain.body)
        assert len(decode(response.body)) == pytest.approx(len(plain.body), abs=64)


def test_compressed_style_sheet_is_the_plain_one(app: TestApp) -> None:
    plain = ask(app, "/static/site.css").body
    for coding, decode in DECODERS.items():
        assert decode(ask(app, "/static/site.css", coding).body) == plain


def test_client_without_codings_gets_plain_text(app: TestApp) -> None:
    for accepted in ("identity", "br;q=0", "*", "zstd"):
        assert ask(app, "/about", accepted).content_encoding is None


def test_head_has_the_headers_of_get(app: TestApp) -> None:
    request = Request.blank("/static/site.css", headers={"Accept-Encoding": "br"}, method="HEAD")
    response = request.get_response(app.app)
    assert response.content_encoding == "br"
    assert response.headers["Content-Length"] == str(len(ask(app, "/static/site.css", "br").body))
    assert response.body == b""


def test_unchanged_static_file_is_not_sent(app: TestApp) -> None:
    sent = ask(app, "/static/site.css", "br")
    again = ask(
        app, "/static/site.css", "br", **{"If-Modified-Since": sent.headers["Last-Modified"]}
    )
    assert (again.status_int, again.body) == (304, b"")


def test_part_of_a_file_is_of_the_plain_one(app: TestApp) -> None:
    part = ask(app, "/static/site.css", "br", Range="bytes=0-99")
    assert part.status_int == 206
    assert part.content_encoding is None
    assert part.body == ask(app, "/static/site.css").body[:100]


def test_font_is_not_compressed_again(app: TestApp) -> None:
    assert ask(app, "/static/fonts/archivo-1.woff2", "br").content_encoding is None


def test_cached_page_is_compressed_once(app: TestApp) -> None:
    page = ask(app, "/", "br")
    assert page.content_encoding == "br"
    assert page.headers.getall("Vary") == ["Accept-Encoding"]
    assert b"</html>" in brotli.decompress(page.body)


def parts() -> Iterator[bytes]:
    yield LONG


@pytest.mark.parametrize(
    "response",
    [
        Response(app_iter=parts(), content_type="text/csv"),
        Response(LONG, content_type="image/jpeg"),
        Response(LONG, content_type="text/html", content_encoding="gzip"),
        Response(LONG, status=206, content_type="text/html"),
        Response(LONG[:900], content_type="text/html"),
        Response(bytes(MAX_BYTES + 1), content_type="text/plain"),
    ],
    ids=["streamed", "picture", "encoded", "part", "short", "long"],
)
def test_response_that_is_left_alone(response: Response) -> None:
    assert not may_be_compressed(response)
    assert may_be_compressed(Response(LONG, content_type="text/html"))
