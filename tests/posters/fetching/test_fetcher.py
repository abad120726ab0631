"""The fetcher against honest and hostile hosts: a real server on loopback."""

import pickle
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_network
from itertools import repeat
from pathlib import Path

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moziweb.posters.fetching.errors import FetchCode, Fetched, FetchError, Validators
from moziweb.posters.fetching.fetcher import Fetcher, FetchPolicy, _system_authorities
from moziweb.posters.fetching.pinned_connection import AddressRecord, Resolver
from moziweb.posters.fetching.url_policy import AllowedNetwork, ForbiddenPort
from tests.posters.hostile_host import (
    LOOPBACK,
    Behaviour,
    HostileHost,
    answer,
    break_tls,
    drip,
    head,
    raw,
    redirect,
    redirect_for_ever,
    silence,
    stream,
)

PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40
OTHER_LOOPBACK = "127.0.0.2"
PUBLIC = "93.184.216.34"
METADATA = "169.254.169.254"
SHORT_DEADLINE = 0.4
PATIENCE = SHORT_DEADLINE + 2.0
"""Seconds that a fetch with the short deadline may take. The two extra seconds are for a busy
machine: the host runs in threads of this process, and other tests run beside it."""


class Names:
    """A resolver of a few names; each lookup takes the next answer, and the last one repeats."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name: list(records) for name, records in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, family: int, kind: int) -> list[AddressRecord]:
        self.asked.append(host)
        answers = self._answers.get(host.removesuffix(".test"))
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [_record(address, port, kind) for address in addresses]


def _record(address: str, port: int, kind: int) -> AddressRecord:
    if ":" in address:
        return (socket.AF_INET6, kind, 6, "", (address, port, 0, 0))
    return (socket.AF_INET, kind, 6, "", (address, port))


def policy_for(host: HostileHost) -> FetchPolicy:
    """The default policy with an exception for 127.0.0.1 on the host's port."""
    return FetchPolicy(allow_addresses=(AllowedNetwork(ip_network(f"{LOOPBACK}/32"), host.port),))


def fetch_error(
    fetch: Callable[[], object], code: FetchCode, *, permanent: bool | None = None
) -> FetchError:
    """The `FetchError` that ``fetch`` raises; it must have this code (and permanence)."""
    with pytest.raises(FetchError) as caught:
        fetch()
    assert caught.value.code is code, caught.value.detail
    if permanent is not None:
        assert caught.value.permanent is permanent
    return caught.value


@pytest.fixture
def host() -> Iterator[HostileHost]:
    with HostileHost() as running:
        yield running


@pytest.fixture(scope="module")
def system_context() -> ssl.SSLContext:
    """Loaded once: loading the system's CA certificates takes longer than most of these tests."""
    return ssl.create_default_context()


@pytest.fixture
def fetcher(host: HostileHost, system_context: ssl.SSLContext) -> Fetcher:
    names = Names(posters=[[LOOPBACK]])
    return Fetcher(policy_for(host), resolver=names, ssl_context=system_context)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_test_host_may_have_any_address_on_its_port_only(
    host: HostileHost, system_context: ssl.SSLContext
) -> None:
    names = Names(pictures=[[LOOPBACK]], other=[[LOOPBACK]])
    policy = FetchPolicy(test_host=("pictures.test", host.port))
    fetcher = Fetcher(policy, resolver=names, ssl_context=system_context)
    host.on("/a.jpg", answer(PICTURE))
    fetched = fetcher.fetch(f"http://pictures.test:{host.port}/a.jpg")
    assert fetched is not None
    assert fetched.body == PICTURE
    for url, code in (
        (f"http://other.test:{host.port}/a.jpg", FetchCode.FORBIDDEN_PORT),
        ("http://pictures.test:22/a.jpg", FetchCode.FORBIDDEN_PORT),
        ("http://pictures.test/a.jpg", FetchCode.FORBIDDEN_ADDRESS),
    ):
        fetch_error(partial(fetcher.fetch, url), code)
        with suppress(ForbiddenPort):
            policy.check_url(url)
            assert code is FetchCode.FORBIDDEN_ADDRESS


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class TestPictures:
    """Responses of an honest host."""

    def test_response_has_body_validators_and_url(
        self, host: HostileHost, fetcher: Fetcher
    ) -> None:
        headers = {
            "Content-Type": "image/JPEG; charset=binary",
            "ETag": '"v1"',
            "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT",
        }
        url = host.on("/poster.jpg", answer(PICTURE, headers=headers))

        assert fetcher.fetch(url) == Fetched(
            PICTURE, Validators('"v1"', "Wed, 21 Oct 2015 07:28:00 GMT", url)
        )

    def test_malformed_headers_are_ignored(self, host: HostileHost, fetcher: Fetcher) -> None:
        headers = {"Content-Type": "jpeg", "ETag": "v1", "Last-Modified": "yesterday"}
        url = host.on("/a", answer(PICTURE, headers=headers))

        assert fetcher.fetch(url) == Fetched(PICTURE, Validators(None, None, url))

    def test_request_headers(self, host: HostileHost) -> None:
        policy = replace(policy_for(host), user_agent="moziweb/1 (+https://mozi.example)")
        fetcher = Fetcher(policy, resolver=Names(posters=[[LOOPBACK]]))
        host.on("/a.jpg", answer(PICTURE))

        fetcher.fetch(host.url("/a.jpg?w=1#top", name="posters.test"))

        (request,) = host.requests
        assert (request.method, request.path) == ("GET", "/a.jpg?w=1")
        assert request.headers["host"] == f"posters.test:{host.port}"
        assert request.headers["user-agent"] == "moziweb/1 (+https://mozi.example)"
        assert request.headers["accept"].startswith("image/jpeg")
        assert request.headers["accept-encoding"] == "identity"
        assert not {"if-none-match", "if-modified-since", "referer"} & request.headers.keys()

    def test_chunked_body_is_joined(self, host: HostileHost, fetcher: Fetcher) -> None:
        chunks = b"".join(
            b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (PICTURE[:7], PICTURE[7:], b"")
        )
        url = host.on("/a", answer(chunks, headers={"Transfer-Encoding": "chunked"}))

        assert _body(fetcher, url) == PICTURE

    def test_body_may_end_with_the_connection(self, host: HostileHost, fetcher: Fetcher) -> None:
        url = host.on("/a", raw(b"HTTP/1.0 200 OK\r\n\r\n" + PICTURE))

        assert _body(fetcher, url) == PICTURE

    def test_identity_encoding_may_be_named(self, host: HostileHost, fetcher: Fetcher) -> None:
        url = host.on("/a", answer(PICTURE, headers={"Content-Encoding": "Identity"}))

        assert _body(fetcher, url) == PICTURE

    def test_exactly_the_limit_is_allowed(self, host: HostileHost) -> None:
        fetcher = Fetcher(replace(policy_for(host), max_bytes=len(PICTURE)))

        assert _body(fetcher, host.on("/a", answer(PICTURE))) == PICTURE

    def test_slow_body_within_the_deadline(self, host: HostileHost, fetcher: Fetcher) -> None:
        drops = [PICTURE[start : start + 2048] for start in range(0, len(PICTURE), 2048)]
        start = head(200, {"Content-Length": str(len(PICTURE))})

        assert _body(fetcher, host.on("/a", drip(start, drops, interval=0.01))) == PICTURE

    def test_proxies_and_netrc_are_ignored(
        self,
        host: HostileHost,
        fetcher: Fetcher,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        netrc = tmp_path / ".netrc"
        netrc.write_text("default login operator password secret\n", encoding="ascii")
        netrc.chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(netrc))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        url = host.on("/a", answer(PICTURE))

        assert _body(fetcher, url) == PICTURE
        assert host.requests[0].path == "/a"
        assert "authorization" not in host.requests[0].headers

    def test_threads_share_a_fetcher(self, host: HostileHost, fetcher: Fetcher) -> None:
        urls = [host.on(f"/{n}", answer(PICTURE + bytes([n]))) for n in range(8)]
        bodies: dict[str, bytes] = {}

        def fetch(url: str) -> None:
            bodies[url] = _body(fetcher, url)

        threads = [threading.Thread(target=fetch, args=(url,)) for url in urls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert bodies == {url: PICTURE + bytes([n]) for n, url in enumerate(urls)}


class TestConditions:
    """Conditional requests."""

    DATE = "Wed, 21 Oct 2015 07:28:00 GMT"

    @pytest.mark.parametrize("headers", [{}, {"ETag": '"v2"'}])
    def test_304_returns_none(
        self, host: HostileHost, fetcher: Fetcher, headers: dict[str, str]
    ) -> None:
        url = host.on("/a", raw(head(304, headers)))

        assert fetcher.fetch(url, Validators('W/"v1"', self.DATE)) is None
        assert host.requests[0].headers["if-none-match"] == 'W/"v1"'
        assert host.requests[0].headers["if-modified-since"] == self.DATE

    def test_changed_image_is_fetched(self, host: HostileHost, fetcher: Fetcher) -> None:
        url = host.on("/a", answer(PICTURE, headers={"ETag": '"v2"'}))

        outcome = fetcher.fetch(url, Validators('"v1"'))

        assert outcome == Fetched(PICTURE, Validators('"v2"', None, url))

    def test_304_without_a_condition_is_an_error(self, host: HostileHost, fetcher: Fetcher) -> None:
        url = host.on("/a", raw(head(304, {})))

        fetch_error(lambda: fetcher.fetch(url), FetchCode.BAD_RESPONSE, permanent=False)

    def test_validators_are_sent_to_their_own_url(
        self, host: HostileHost, fetcher: Fetcher
    ) -> None:
        url = host.on("/old", redirect("/new"))
        final_url = host.on("/new", raw(head(304, {})))

        assert fetcher.fetch(url, Validators('"v1"', None, final_url)) is None
        assert "if-none-match" not in host.requests[0].headers

    def test_validators_do_not_follow_a_redirect(self, host: HostileHost, fetcher: Fetcher) -> None:
        """Another image can have the same ETag or an older date."""
        url = host.on("/old", redirect("/new"))
        host.on("/new", answer(PICTURE))

        assert isinstance(fetcher.fetch(url, Validators('"v1"', self.DATE)), Fetched)
        assert "if-none-match" not in host.requests[1].headers
        assert "if-modified-since" not in host.requests[1].headers

    @pytest.mark.parametrize("etag", ["v1", '"v1"\r\nX-Evil: 1', '"ő"', "", '"a"b"'])
    def test_malformed_entity_tag_is_not_sent(
        self, host: HostileHost, fetcher: Fetcher, etag: str
    ) -> None:
        url = host.on("/a", answer(PICTURE))

        assert isinstance(fetcher.fetch(url, Validators(etag, "x\r\nX-Evil: 1")), Fetched)
        sent = host.requests[0].headers
        assert not {"if-none-match", "if-modified-since", "x-evil"} & sent.keys()


class TestRedirects:
    """Redirects are checked by the same rules as the URL."""

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_redirects_are_followed(self, host: HostileHost, fetcher: Fetcher, status: int) -> None:
        url = host.on("/a/old", redirect("../b/új kép.jpg?w=1#x", status))
        final_url = host.on("/b/%C3%BAj%20k%C3%A9p.jpg", answer(PICTURE))

        outcome = fetcher.fetch(url)

        assert isinstance(outcome, Fetched)
        assert outcome.validators.final_url == f"{final_url}?w=1"

    def test_cookies_are_not_kept(self, host: HostileHost, fetcher: Fetcher) -> None:
        host.on("/new", answer(PICTURE))
        fetcher.fetch(host.on("/old", redirect("/new")))

        assert host.paths == ["/old", "/new"]
        assert "cookie" not in host.requests[1].headers

    def test_three_redirects_are_enough(self, host: HostileHost, fetcher: Fetcher) -> None:
        for hop in range(4):
            host.on(f"/{hop}", redirect(f"/{hop + 1}"))
        host.on("/4", answer(PICTURE))

        assert _body(fetcher, host.url("/1")) == PICTURE
        fetch_error(
            lambda: fetcher.fetch(host.url("/0")), FetchCode.TOO_MANY_REDIRECTS, permanent=True
        )

    def test_endless_redirects_end(self, host: HostileHost, fetcher: Fetcher) -> None:
        url = host.on("/a", redirect_for_ever())

        fetch_error(lambda: fetcher.fetch(url), FetchCode.TOO_MANY_REDIRECTS)
        assert len(host.requests) == 4

    @pytest.mark.parametrize(
        ("location", "code"),
        [
            (f"http://{METADATA}/latest/meta-data/", FetchCode.FORBIDDEN_ADDRESS),
            ("http://[fd00:ec2::254]/latest/meta-data/", FetchCode.FORBIDDEN_ADDRESS),
            (f"http://{LOOPBACK}/", FetchCode.FORBIDDEN_ADDRESS),
            ("//[::1]/", FetchCode.FORBIDDEN_ADDRESS),
            ("http://[::ffff:127.0.0.1]/", FetchCode.FORBIDDEN_ADDRESS),
            ("http://posters.test/", FetchCode.FORBIDDEN_ADDRESS),
            ("http://localhost.test/", FetchCode.DNS_FAILED),
            (f"http://{PUBLIC}:22/", FetchCode.FORBIDDEN_PORT),
            (f"https://{PUBLIC}:8443/", FetchCode.FORBIDDEN_PORT),
            (f"http://{PUBLIC}:0/", FetchCode.FORBIDDEN_PORT),
            ("file:///etc/passwd", FetchCode.BAD_URL),
            ("gopher://127.0.0.1:11211/_stats", FetchCode.BAD_URL),
            ("data:image/png;base64,AAAA", FetchCode.BAD_URL),
            ("http://operator:secret@posters.test/", FetchCode.BAD_URL),
            ("http://0x7f.1/", FetchCode.BAD_URL),
            ("http://[::1", FetchCode.BAD_URL),
            ("", FetchCode.BAD_RESPONSE),
        ],
    )
    def test_redirects_to_forbidden_targets_are_not_followed(
        self, host: HostileHost, fetcher: Fetcher, location: str, code: FetchCode
    ) -> None:
        url = host.on("/a", redirect(location))

        fetch_error(lambda: fetcher.fetch(url), code)
        assert host.paths == ["/a"]

    def test_body_of_a_redirect_is_not_read(self, host: HostileHost, fetcher: Fetcher) -> None:
        host.on("/new", answer(PICTURE))
        start = head(302, {"Location": "/new", "Content-Length": "100"})

        assert _body(fetcher, host.on("/old", drip(start, interval=30))) == PICTURE


class TestAddresses:
    """Every address must be allowed, and the connection goes to a checked address."""

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1/",
            "http://127.0.0.2:{port}/",
            "http://[::1]:{port}/",
            "http://[::ffff:127.0.0.1]:{port}/",
            "http://[::127.0.0.1]/",
            "http://[64:ff9b::127.0.0.1]/",
            "http://[2002:7f00:1::]/",
            "http://[fec0::1]/",
            "http://0.0.0.0/",
            "http://10.0.0.1/",
            "http://100.64.0.1/",
            f"http://{METADATA}/",
            "http://224.0.0.1/",
        ],
    )
    def test_forbidden_addresses(self, host: HostileHost, fetcher: Fetcher, url: str) -> None:
        target = url.format(port=host.port)

        fetch_error(lambda: fetcher.fetch(target), FetchCode.FORBIDDEN_ADDRESS, permanent=True)
        assert host.connections == []

    @pytest.mark.parametrize(
        "url",
        [
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://user:secret@{name}/",
            "http://user@{name}/",
            "ftp://{name}/",
            "{name}",
            "",
        ],
    )
    def test_bad_urls(self, host: HostileHost, fetcher: Fetcher, url: str) -> None:
        target = url.format(name=f"posters.test:{host.port}")

        fetch_error(lambda: fetcher.fetch(target), FetchCode.BAD_URL, permanent=True)
        assert host.connections == []

    @pytest.mark.parametrize("port", [0, 22, 25, 8080, 11211])
    def test_forbidden_ports(self, port: int) -> None:
        names = Names(posters=[[PUBLIC]])
        fetcher = Fetcher(FetchPolicy(), resolver=names)
        url = f"http://posters.test:{port}/"

        fetch_error(lambda: fetcher.fetch(url), FetchCode.FORBIDDEN_PORT, permanent=True)
        assert names.asked == []

    @pytest.mark.parametrize(
        "records",
        [
            [LOOPBACK, OTHER_LOOPBACK],
            [OTHER_LOOPBACK, LOOPBACK],
            [LOOPBACK, "10.0.0.1"],
            [LOOPBACK, "::1"],
            [LOOPBACK, "::ffff:127.0.0.1"],
            [LOOPBACK, "fe80::1%2"],
            [LOOPBACK, METADATA, "2606:4700:4700::1111"],
        ],
    )
    def test_one_forbidden_record_forbids_all(self, host: HostileHost, records: list[str]) -> None:
        host.on("/a", answer(PICTURE))
        fetcher = Fetcher(policy_for(host), resolver=Names(mixed=[records]))
        url = host.url("/a", name="mixed.test")

        fetch_error(lambda: fetcher.fetch(url), FetchCode.FORBIDDEN_ADDRESS, permanent=True)
        assert host.connections == []

    def test_port_of_an_exception_is_forbidden_for_others(self, host: HostileHost) -> None:
        fetcher = Fetcher(policy_for(host), resolver=Names(public=[[PUBLIC]]))
        url = host.url("/a", name="public.test")

        fetch_error(lambda: fetcher.fetch(url), FetchCode.FORBIDDEN_ADDRESS)

    def test_name_is_resolved_once_for_check_and_use(self) -> None:
        with HostileHost(addresses=(LOOPBACK, OTHER_LOOPBACK)) as host:
            names = Names(rebinding=[[LOOPBACK], [OTHER_LOOPBACK]])
            fetcher = Fetcher(policy_for(host), resolver=names)
            host.on("/a", answer(PICTURE))

            assert _body(fetcher, host.url("/a", name="rebinding.test")) == PICTURE
            assert names.asked == ["rebinding.test"]
            assert host.connections == [LOOPBACK]

    def test_rebinding_on_the_next_hop_is_refused(self) -> None:
        with HostileHost(addresses=(LOOPBACK, OTHER_LOOPBACK)) as host:
            names = Names(rebinding=[[LOOPBACK], [OTHER_LOOPBACK]])
            fetcher = Fetcher(policy_for(host), resolver=names)
            host.on("/a", redirect("/b"))
            host.on("/b", answer(b"an internal secret"))
            url = host.url("/a", name="rebinding.test")

            fetch_error(lambda: fetcher.fetch(url), FetchCode.FORBIDDEN_ADDRESS)
            assert host.connections == [LOOPBACK]

    def test_next_address_is_tried_if_one_refuses(self, host: HostileHost) -> None:
        """There is no listener on ::1, with or without IPv6."""
        ipv6 = AllowedNetwork(ip_network("::1/128"), host.port)
        policy = policy_for(host)
        policy = replace(policy, allow_addresses=(*policy.allow_addresses, ipv6))
        fetcher = Fetcher(policy, resolver=Names(posters=[["::1", LOOPBACK]]))
        host.on("/a", answer(PICTURE))

        assert _body(fetcher, host.url("/a", name="posters.test")) == PICTURE

    @pytest.mark.parametrize(
        "name", ["nowhere.test", "empty.test", "garbled.test", f"{'a' * 63}.{'b' * 63}.test"]
    )
    def test_names_without_an_address(self, host: HostileHost, name: str) -> None:
        names = Names(empty=[[]], garbled=[["not an address"]])
        fetcher = Fetcher(policy_for(host), resolver=names)
        url = host.url("/a", name=name)

        fetch_error(lambda: fetcher.fetch(url), FetchCode.DNS_FAILED, permanent=False)

    def test_closed_port(self) -> None:
        with HostileHost() as host:
            policy = policy_for(host)
        url = host.url("/a")

        error = fetch_error(lambda: Fetcher(policy).fetch(url), FetchCode.CONNECTION_FAILED)
        assert not error.permanent


class TestTime:
    """One deadline covers all that a host can delay."""

    @pytest.mark.parametrize(
        "behaviour",
        [
            pytest.param(silence(), id="no answer"),
            pytest.param(drip(b"HTTP/1.1 200 OK\r\n\r\n", interval=0.02), id="slow body"),
            pytest.param(drip(b"HTTP/1.1 200 OK\r\nX: ", interval=0.02), id="slow header"),
            pytest.param(
                drip(b"HTTP/1.1 200 OK\r\n", repeat(b"X: y\r\n"), interval=0.02),
                id="header after header",
            ),
            pytest.param(
                drip(b"", repeat(b"HTTP/1.1 100 Continue\r\n\r\n"), interval=0.02),
                id="interim responses",
            ),
            pytest.param(
                drip(
                    head(200, {"Transfer-Encoding": "chunked"}),
                    repeat(b"1\r\nx\r\n"),
                    interval=0.02,
                ),
                id="slow chunks",
            ),
        ],
    )
    def test_slow_responses(self, host: HostileHost, behaviour: Behaviour) -> None:
        url = host.on("/a", behaviour)

        _assert_times_out(host, url)

    def test_slow_redirects_share_the_deadline(self, host: HostileHost) -> None:
        """Each redirect alone is fast enough; together they exceed the deadline."""
        slow_redirect = drip(b"", [head(302, {"Location": "/a"})], interval=SHORT_DEADLINE / 3)

        _assert_times_out(host, host.on("/a", slow_redirect))

    def test_slow_tls_handshake(self) -> None:
        record_of_16_kb = b"\x16\x03\x03\x40\x00"
        with HostileHost(greeting=drip(record_of_16_kb, interval=0.02)) as host:
            _assert_times_out(host, f"https://{LOOPBACK}:{host.port}/a")

    def test_connection_that_is_not_accepted(self, host: HostileHost) -> None:
        """The kernel queues one connection for a listener that does not accept; others hang."""
        with ExitStack() as sockets:
            listener = sockets.enter_context(socket.socket())
            listener.bind((LOOPBACK, 0))
            listener.listen(0)
            for _ in range(3):
                queued = sockets.enter_context(socket.socket())
                queued.setblocking(False)
                queued.connect_ex(listener.getsockname())
            host.port = listener.getsockname()[1]

            _assert_times_out(host, host.url("/a"))

    def test_lookup_that_does_not_return(self, host: HostileHost) -> None:
        end = threading.Event()

        def resolver(_host: str, _port: int, _family: int, _kind: int) -> list[AddressRecord]:
            end.wait()
            return []

        try:
            _assert_times_out(host, host.url("/a", name="slow.test"), resolver)
        finally:
            end.set()


def _assert_times_out(host: HostileHost, url: str, resolver: Resolver = socket.getaddrinfo) -> None:
    policy = replace(policy_for(host), deadline_seconds=SHORT_DEADLINE)
    fetcher = Fetcher(policy, resolver=resolver)
    started = time.monotonic()
    fetch_error(lambda: fetcher.fetch(url), FetchCode.TIMEOUT, permanent=False)
    assert time.monotonic() - started < PATIENCE


class TestSize:
    """Received bytes are counted; Content-Length is not trusted."""

    LIMIT = 1_000_000

    @pytest.fixture
    def small(self, host: HostileHost) -> Fetcher:
        return Fetcher(replace(policy_for(host), max_bytes=self.LIMIT))

    @pytest.mark.parametrize(
        "behaviour",
        [
            pytest.param(answer(bytes(LIMIT + 1)), id="announced"),
            pytest.param(
                drip(head(200, {"Content-Length": str(LIMIT + 1)}), interval=30),
                id="announced and never sent",
            ),
            pytest.param(stream(head(200, {}), repeat(bytes(65536))), id="without end"),
            pytest.param(
                stream(
                    head(200, {"Transfer-Encoding": "chunked"}),
                    repeat(b"10000\r\n" + bytes(65536) + b"\r\n"),
                ),
                id="chunks without end",
            ),
            pytest.param(
                stream(
                    head(200, {"Transfer-Encoding": "chunked"}),
                    repeat(b"1;" + b"x" * 1000 + b"\r\nx\r\n"),
                ),
                id="more framing than content",
            ),
        ],
    )
    def test_too_much(self, host: HostileHost, small: Fetcher, behaviour: Behaviour) -> None:
        url = host.on("/a", behaviour)

        fetch_error(lambda: small.fetch(url), FetchCode.TOO_MANY_BYTES, permanent=True)

    @pytest.mark.parametrize(
        "behaviour",
        [
            pytest.param(
                answer(PICTURE, headers={"Content-Length": str(len(PICTURE) + 1)}), id="length"
            ),
            pytest.param(
                answer(b"ff\r\nxxx", headers={"Transfer-Encoding": "chunked"}), id="in a chunk"
            ),
            pytest.param(
                answer(b"3\r\nxxx\r\n", headers={"Transfer-Encoding": "chunked"}),
                id="between chunks",
            ),
        ],
    )
    def test_too_little(self, host: HostileHost, fetcher: Fetcher, behaviour: Behaviour) -> None:
        url = host.on("/a", behaviour)

        fetch_error(lambda: fetcher.fetch(url), FetchCode.TRUNCATED, permanent=False)

    def test_bytes_after_the_content_length_are_not_read(
        self, host: HostileHost, fetcher: Fetcher
    ) -> None:
        headers = {"Content-Length": "100"}

        assert _body(fetcher, host.on("/a", answer(PICTURE, headers=headers))) == PICTURE[:100]


class TestAnswers:
    """Statuses, headers and bodies of failed fetches."""

    @pytest.mark.parametrize(
        ("status", "code", "permanent"),
        [
            (401, FetchCode.HTTP_STATUS_4XX, True),
            (403, FetchCode.HTTP_STATUS_4XX, True),
            (404, FetchCode.NOT_FOUND, True),
            (408, FetchCode.HTTP_STATUS_4XX, False),
            (410, FetchCode.NOT_FOUND, True),
            (421, FetchCode.HTTP_STATUS_4XX, False),
            (425, FetchCode.HTTP_STATUS_4XX, False),
            (429, FetchCode.RATE_LIMITED, False),
            (451, FetchCode.HTTP_STATUS_4XX, True),
            (500, FetchCode.HTTP_STATUS_5XX, False),
            (503, FetchCode.HTTP_STATUS_5XX, False),
            (204, FetchCode.BAD_RESPONSE, False),
            (206, FetchCode.BAD_RESPONSE, False),
            (300, FetchCode.BAD_RESPONSE, False),
        ],
    )
    def test_statuses(
        self, host: HostileHost, fetcher: Fetcher, status: int, code: FetchCode, permanent: bool
    ) -> None:
        url = host.on("/a", answer(PICTURE, status=status))

        error = fetch_error(lambda: fetcher.fetch(url), code, permanent=permanent)
        assert error.retry_after is None

    @pytest.mark.parametrize(
        ("status", "code"),
        [(429, FetchCode.RATE_LIMITED), (503, FetchCode.HTTP_STATUS_5XX)],
    )
    def test_retry_after_is_in_the_error(
        self, host: HostileHost, fetcher: Fetcher, status: int, code: FetchCode
    ) -> None:
        url = host.on("/a", answer(status=status, headers={"Retry-After": "120"}))

        assert fetch_error(lambda: fetcher.fetch(url), code).retry_after == 120.0

    @pytest.mark.parametrize(
        "content_type", ["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"]
    )
    def test_page_is_refused_before_its_body(
        self, host: HostileHost, fetcher: Fetcher, content_type: str
    ) -> None:
        headers = {"Content-Type": content_type, "Content-Length": "1000"}
        url = host.on("/poster.jpg", drip(head(200, headers), interval=30))

        fetch_error(lambda: fetcher.fetch(url), FetchCode.NOT_AN_IMAGE, permanent=True)

    def test_page_with_an_image_type_is_returned(self, host: HostileHost, fetcher: Fetcher) -> None:
        page = b"<!doctype html><title>404</title>"

        assert _body(fetcher, host.on("/poster.jpg", answer(page))) == page

    @pytest.mark.parametrize(
        "coding",
        ["gzip", "x-gzip", "deflate", "br", "zstd", "compress", "gzip, gzip", "gzip, br", "x" * 99],
    )
    def test_coded_body_is_refused_before_it_is_read(
        self, host: HostileHost, fetcher: Fetcher, coding: str
    ) -> None:
        start = head(200, {"Content-Encoding": coding, "Content-Length": "1000"})
        url = host.on("/a", drip(start, interval=30))

        fetch_error(lambda: fetcher.fetch(url), FetchCode.BAD_ENCODING, permanent=True)

    @pytest.mark.parametrize(
        "behaviour",
        [
            pytest.param(raw(b"SSH-2.0-OpenSSH_9.2p1\r\n"), id="another protocol"),
            pytest.param(raw(b"HTTP/1.1 abc OK\r\n\r\n"), id="no status"),
            pytest.param(raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000), id="one huge header"),
            pytest.param(
                raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n"), id="many headers"
            ),
            pytest.param(
                raw(b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"y" * 8000 + b"\r\n") * 20 + b"\r\n"),
                id="headers of 160 KB",
            ),
            pytest.param(
                stream(b"", repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
                id="interim responses without end",
            ),
            pytest.param(
                raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nxx"), id="two lengths"
            ),
        ],
    )
    def test_malformed_http(
        self, host: HostileHost, fetcher: Fetcher, behaviour: Behaviour
    ) -> None:
        url = host.on("/a", behaviour)

        fetch_error(lambda: fetcher.fetch(url), FetchCode.BAD_RESPONSE, permanent=False)

    def test_connection_closed_at_once(self, host: HostileHost, fetcher: Fetcher) -> None:
        url = host.on("/a", raw(b""))

        fetch_error(lambda: fetcher.fetch(url), FetchCode.CONNECTION_FAILED, permanent=False)

    @settings(
        max_examples=60,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        start=st.sampled_from(
            [
                b"",
                b"HTTP/1.1 ",
                b"HTTP/1.1 200 OK\r\n",
                head(200, {"Transfer-Encoding": "chunked"}),
                head(200, {"Content-Encoding": "gzip"}),
                b"HTTP/1.1 302 Found\r\nLocation: ",
                b"HTTP/1.1 503 Busy\r\nRetry-After: ",
            ]
        ),
        rest=st.binary(max_size=80),
    )
    def test_every_response_ends_in_a_fetch_error_or_a_body(
        self, host: HostileHost, fetcher: Fetcher, start: bytes, rest: bytes
    ) -> None:
        url = host.on("/a", raw(start + rest + b"\r\n\r\n"))

        with suppress(FetchError):
            assert isinstance(fetcher.fetch(url), Fetched)


class TestTls:
    """The certificate must be valid for the host name, although the connection uses an address."""

    def test_host_name_is_sent_and_checked(self, authority: trustme.CA) -> None:
        context = server_context(authority.issue_cert("posters.test"))
        names_sent: list[str | None] = []
        context.sni_callback = lambda _socket, name, _context: names_sent.append(name)
        with HostileHost(ssl_context=context) as host:
            host.on("/a", answer(PICTURE))
            names = Names(posters=[[LOOPBACK]])
            fetcher = Fetcher(
                policy_for(host), resolver=names, ssl_context=client_context(authority)
            )

            assert _body(fetcher, host.url("/a", name="posters.test")) == PICTURE
            assert names_sent == ["posters.test"]
            assert host.requests[0].headers["host"] == f"posters.test:{host.port}"

    def test_certificate_of_an_ip_address(self, authority: trustme.CA) -> None:
        context = server_context(authority.issue_cert(LOOPBACK))
        with HostileHost(ssl_context=context) as host:
            fetcher = Fetcher(policy_for(host), ssl_context=client_context(authority))

            assert _body(fetcher, host.on("/a", answer(PICTURE))) == PICTURE

    @pytest.mark.parametrize(
        ("names", "age"),
        [
            pytest.param(("other.test",), timedelta(), id="another host's"),
            pytest.param((LOOPBACK,), timedelta(), id="the address's"),
            pytest.param(("*.posters.test",), timedelta(), id="of names below"),
            pytest.param(("posters.test",), timedelta(days=2), id="expired"),
        ],
    )
    def test_invalid_certificates_are_refused(
        self, authority: trustme.CA, names: tuple[str, ...], age: timedelta
    ) -> None:
        expires = datetime.now(UTC) + timedelta(days=1) - age
        certificate = authority.issue_cert(
            *names, not_before=expires - timedelta(days=1), not_after=expires
        )
        self._assert_refused(certificate, client_context(authority))

    def test_unknown_authority_is_refused(self, authority: trustme.CA) -> None:
        certificate = authority.issue_cert("posters.test")
        self._assert_refused(certificate, client_context(trustme.CA()))

    def test_system_authorities_are_the_default(self, authority: trustme.CA) -> None:
        self._assert_refused(authority.issue_cert("posters.test"), None)
        assert _system_authorities().check_hostname

    def _assert_refused(
        self, certificate: trustme.LeafCert, context: ssl.SSLContext | None
    ) -> None:
        with HostileHost(ssl_context=server_context(certificate)) as host:
            names = Names(posters=[[LOOPBACK]])
            fetcher = Fetcher(policy_for(host), resolver=names, ssl_context=context)
            url = host.url("/a", name="posters.test")

            fetch_error(lambda: fetcher.fetch(url), FetchCode.TLS_FAILED, permanent=False)
            assert host.requests == []

    def test_tls_error_in_the_body(self, authority: trustme.CA) -> None:
        context = server_context(authority.issue_cert(LOOPBACK))
        with HostileHost(ssl_context=context) as host:
            url = host.on("/a", break_tls(head(200, {"Content-Length": "1000"}) + b"x"))
            fetcher = Fetcher(policy_for(host), ssl_context=client_context(authority))

            fetch_error(lambda: fetcher.fetch(url), FetchCode.TLS_FAILED, permanent=False)

    def test_host_without_tls(self) -> None:
        with HostileHost(greeting=raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as host:
            url = f"https://{LOOPBACK}:{host.port}/a"

            fetch_error(lambda: Fetcher(policy_for(host)).fetch(url), FetchCode.TLS_FAILED)


class TestErrors:
    """Texts of errors."""

    def test_message_contains_only_the_code(self) -> None:
        error = fetch_error(
            lambda: Fetcher(FetchPolicy()).fetch(f"http://{METADATA}/latest"),
            FetchCode.FORBIDDEN_ADDRESS,
        )

        assert str(error) == "the picture could not be fetched: forbidden_address"
        assert METADATA in error.detail

    def test_details_are_cut(self) -> None:
        assert len(FetchError(FetchCode.BAD_URL, "x" * 10_000).detail) == 300

    def test_errors_can_be_pickled(self) -> None:
        error = FetchError(FetchCode.RATE_LIMITED, "status 429", retry_after=5.0)

        copy = pickle.loads(pickle.dumps(error))

        assert (copy.code, copy.permanent, copy.retry_after, copy.detail) == (
            FetchCode.RATE_LIMITED,
            False,
            5.0,
            "status 429",
        )


def _body(fetcher: Fetcher, url: str) -> bytes:
    outcome = fetcher.fetch(url)
    assert isinstance(outcome, Fetched)
    return outcome.body
