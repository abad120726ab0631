"""The headers of proxies: which are used, and the response to malformed ones."""

import random

import pytest

from tests.server.echo import EchoApp, serving
from tests.services.raw_http import connected

TRUSTED = {
    "trusted_proxy": "*",
    "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto",
}
FORWARDED = {"trusted_proxy": "*", "trusted_proxy_headers": "forwarded"}


def ask(
    app: EchoApp, *fields: bytes, options: dict[str, str] = TRUSTED
) -> tuple[int, dict[str, str]]:
    lines = b"".join(field + b"\r\n" for field in fields)
    with serving(app, **options) as port, connected(port) as client:
        client.send(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
        status, headers, _ = client.answer()
        client.send(b"GET /next HTTP/1.1\r\n\r\n")
        assert client.answer()[0] == 200
    return status, headers


@pytest.mark.parametrize(
    ("count", "value", "scheme"),
    [
        (1, b"https", "https"),
        (1, b"http", "http"),
        (1, b'"https"', "https"),
        (1, b"HTTPS", "https"),
        (1, b"https, https", "https"),
        (1, b"https,https,https", "https"),
        (1, b"http, https", "https"),
        (1, b"https, http", "http"),
        (2, b"https, http", "https"),
        (2, b"http, https, http", "https"),
        (2, b"https", "https"),
        (1, b"", "http"),
        (1, b"https,", "https"),
        (1, b",", "http"),
    ],
)
def test_scheme_is_that_of_the_trusted_proxy(count: int, value: bytes, scheme: str) -> None:
    app = EchoApp()
    options = {**TRUSTED, "trusted_proxy_count": str(count)}
    status, _ = ask(app, b"X-Forwarded-Proto: " + value, options=options)
    assert status == 200
    assert app.environs[0]["wsgi.url_scheme"] == scheme


def test_repeated_header_is_a_list() -> None:
    app = EchoApp()
    assert ask(app, b"X-Forwarded-Proto: https", b"X-Forwarded-Proto: https")[0] == 200
    assert app.environs[0]["wsgi.url_scheme"] == "https"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (b"192.0.2.1", "192.0.2.1"),
        (b"192.0.2.9, 192.0.2.1", "192.0.2.1"),
        (b"192.0.2.1:80", "192.0.2.1"),
        (b"2001:db8::1", "2001:db8::1"),
        (b"[2001:db8::1]", "2001:db8::1"),
        (b"", "127.0.0.1"),
    ],
)
def test_address_is_that_of_the_trusted_proxy(value: bytes, address: str) -> None:
    app = EchoApp()
    assert ask(app, b"X-Forwarded-For: " + value)[0] == 200
    assert app.environs[0]["REMOTE_ADDR"] == address


@pytest.mark.parametrize(
    ("field", "options"),
    [
        (b"X-Forwarded-Proto: gopher", TRUSTED),
        (b"X-Forwarded-Proto: https, gopher", TRUSTED),
        (b'X-Forwarded-Proto: "https', TRUSTED),
        (b'X-Forwarded-For: "192.0.2.1', TRUSTED),
        (b"X-Forwarded-For: :.", TRUSTED),
        (b"X-Forwarded-For: :192.0.2.1", TRUSTED),
        (b"Forwarded: for", FORWARDED),
        (b"Forwarded: for=:.", FORWARDED),
        (b"Forwarded: proto=gopher", FORWARDED),
    ],
)
def test_malformed_header_is_answered_with_security_headers(
    field: bytes, options: dict[str, str]
) -> None:
    app = EchoApp()
    status, headers = ask(app, field, options=options)
    assert (status, headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert [environ["PATH_INFO"] for environ in app.environs] == ["/next"]


def test_headers_are_removed_without_a_trusted_proxy() -> None:
    app = EchoApp()
    options = {"clear_untrusted_proxy_headers": "true"}
    fields = (b"X-Forwarded-Proto: https", b"X-Forwarded-For: 192.0.2.1", b'Forwarded: "')
    assert ask(app, *fields, options=options)[0] == 200
    environ = app.environs[0]
    assert (environ["wsgi.url_scheme"], environ["REMOTE_ADDR"]) == ("http", "127.0.0.1")
    assert not any("FORWARDED" in name for name in environ)


def test_no_value_fails_otherwise() -> None:
    chance, app = random.Random(1), EchoApp()
    for options, name in ((TRUSTED, b"X-Forwarded-For: "), (FORWARDED, b"Forwarded: for=")):
        with serving(app, **options) as port, connected(port) as client:
            for _ in range(300):
                value = bytes(chance.choices(b'[]:.," =;\\12af', k=chance.randrange(1, 8)))
                client.send(b"GET / HTTP/1.1\r\n" + name + value + b"\r\n\r\n")
                assert client.answer()[0] in (200, 400)


@pytest.mark.parametrize(("options", "is_kept"), [(TRUSTED, True), ({}, False)])
def test_request_start_is_read_from_a_trusted_proxy_only(
    options: dict[str, str], is_kept: bool
) -> None:
    app = EchoApp()
    ask(app, b"X-Request-Start: t=1700000000", options=options)
    assert ("HTTP_X_REQUEST_START" in app.environs[0]) is is_kept
