"""Responses as stored pages."""

import gzip

import brotli
from pyramid.response import Response

from moziweb.cache.http.representations import MIN_COMPRESSED_BYTES
from moziweb.cache.http.responses import content_of, rendered_of


def test_only_status_and_kept_headers_are_stored() -> None:
    response = Response("a", status=404, content_type="text/plain")
    response.headers["X-Request-Id"] = "secret"
    response.set_cookie("a", "b")
    content = content_of(response)
    assert content["status"] == 404
    assert "text/plain" in str(content["Content-Type"])
    assert not {"X-Request-Id", "Set-Cookie"} & content.keys()


def test_every_coding_has_the_same_body() -> None:
    body = b"premiere " * MIN_COMPRESSED_BYTES
    rendered = rendered_of(body, {"status": 200})
    assert brotli.decompress(rendered.encodings["br"]) == body
    assert gzip.decompress(rendered.encodings["gzip"]) == body


def test_same_body_is_stored_as_the_same_bytes() -> None:
    """A time in the gzip header would change them."""
    body = b"premiere " * MIN_COMPRESSED_BYTES
    assert rendered_of(body, {}) == rendered_of(body, {})
    assert rendered_of(body, {}).content["etag"] != rendered_of(body[1:], {}).content["etag"]


def test_short_body_is_not_compressed() -> None:
    assert rendered_of(b"x" * (MIN_COMPRESSED_BYTES - 1), {}).encodings == {}
    assert rendered_of(b"x" * MIN_COMPRESSED_BYTES, {}).encodings.keys() == {"br", "gzip"}
