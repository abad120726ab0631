"""The poster service against a hostile image host: each source fails in time with its code."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_network
from itertools import repeat

import pytest

from moziweb.db import Database
from moziweb.posters.fetching.fetcher import Fetcher, FetchPolicy
from moziweb.posters.fetching.url_policy import AllowedNetwork
from moziweb.posters.generation.error_codes import ERROR_MEANINGS
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.readers import UrlReader
from moziweb.posters.generation.result import GenerationStatus
from moziweb.posters.generation.service import PosterService
from moziweb.posters.models import PosterSource, SourceKind, SourceState
from moziweb.storage.disk import DiskStorage
from tests.posters.fetching.test_fetcher import METADATA, Names
from tests.posters.generation.test_service import variants_of

from .conftest import Clock, picture, source_of
from .hostile_host import (
    LOOPBACK,
    Behaviour,
    HostileHost,
    answer,
    drip,
    head,
    raw,
    redirect,
    redirect_for_ever,
    silence,
    stream,
)
from .pictures import png_announcing, with_scans

DEADLINE = 1.0
"""The deadline of a fetch in seconds."""

PATIENCE = DEADLINE + 2.0
"""Seconds of wall time for the whole call: a deadline that restarted with each step would exceed
it. The two extra seconds are for a busy machine: the host runs in threads of this process, other
tests run beside it, and a commit may wait for the disk."""

EFFORT = 0.5
"""Seconds of CPU time of the calling thread; other tests do not count."""

HTML = b"<!doctype html><title>404</title>" * 50

BEHAVIOURS: Mapping[str, tuple[Behaviour, str]] = {
    "silence": (silence(), "timeout"),
    "a slow body": (drip(head(200, {"Content-Length": "90000"}), interval=0.05), "timeout"),
    "slow headers": (drip(b"HTTP/1.1 200 OK\r\nX: ", interval=0.05), "timeout"),
    "a length that is too long": (
        answer(picture(), headers={"Content-Length": "99999"}),
        "truncated",
    ),
    "a length of a terabyte": (
        drip(head(200, {"Content-Length": str(10**12)}), interval=1),
        "too_many_bytes",
    ),
    "bytes without end": (stream(head(200, {}), repeat(bytes(65536))), "too_many_bytes"),
    "gzip without end": (
        stream(head(200, {"Content-Encoding": "gzip"}), repeat(bytes(65536))),
        "bad_encoding",
    ),
    "a content coding": (answer(picture(), headers={"Content-Encoding": "br"}), "bad_encoding"),
    "redirects without end": (redirect_for_ever(), "too_many_redirects"),
    "a redirect to loopback": (redirect("http://127.0.0.1:80/"), "forbidden_address"),
    "a redirect to metadata": (redirect(f"http://{METADATA}/latest/"), "forbidden_address"),
    "a redirect to IPv6 loopback": (redirect("http://[::1]/"), "forbidden_address"),
    "a redirect to mapped loopback": (redirect("http://[::ffff:7f00:1]/"), "forbidden_address"),
    "a redirect to 6to4 loopback": (redirect("http://[2002:7f00:1::]/"), "forbidden_address"),
    "a redirect to NAT64 loopback": (redirect("http://[64:ff9b::7f00:1]/"), "forbidden_address"),
    "a redirect to a local address": (redirect("http://[fe80::1]/"), "forbidden_address"),
    "a redirect to an address in one number": (redirect("http://2130706433/"), "bad_url"),
    "a redirect to a file": (redirect("file:///etc/passwd"), "bad_url"),
    "a redirect to SSH": (redirect("http://93.184.216.34:22/"), "forbidden_port"),
    "a page": (answer(HTML, headers={"Content-Type": "text/html"}), "not_an_image"),
    "a page that calls itself JPEG": (answer(HTML), "unidentified"),
    "nothing that calls itself JPEG": (answer(b""), "unidentified"),
    "a bomb": (answer(png_announcing(13000, 13000)), "too_large_side"),
    "too many scans": (answer(with_scans(80)), "too_many_scans"),
    "no HTTP at all": (raw(b"SSH-2.0-OpenSSH_9.2p1\r\n"), "bad_response"),
    "a closed connection": (raw(b""), "connection_failed"),
    "gone": (answer(status=410), "not_found"),
    "forbidden": (answer(status=403), "http_status_4xx"),
    "an error of its own": (answer(status=500), "http_status_5xx"),
    "come later": (answer(status=429, headers={"Retry-After": "7200"}), "rate_limited"),
}


@pytest.fixture
def host() -> Iterator[HostileHost]:
    with HostileHost() as running:
        yield running


MakeService = Callable[[Names], PosterService]


@pytest.fixture
def make_service(
    database: Database, disk: DiskStorage, leases: SourceLeases, clock: Clock, host: HostileHost
) -> MakeService:
    """A factory of services that may connect to 127.0.0.1 on the host's port."""

    def make(names: Names) -> PosterService:
        allowed = AllowedNetwork(ip_network(f"{LOOPBACK}/32"), host.port)
        policy = FetchPolicy(deadline_seconds=DEADLINE, allow_addresses=(allowed,))
        reader = UrlReader(Fetcher(policy, resolver=names))
        return PosterService(database, disk, {SourceKind.URL: reader}, leases, clock)

    return make


def add(database: Database, url: str) -> int:
    source = PosterSource(movie_id=7, kind=SourceKind.URL, url=url)
    with database.write() as session:
        session.add(source)
    return source.id


@pytest.fixture
def _no_garbage_collection() -> Iterator[None]:
    """A collection in a process with thousands of tests would count as CPU time of the call."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_garbage_collection")
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_hostile_response_fails_in_time_with_its_code(
    database: Database, make_service: MakeService, host: HostileHost, movie_id: int, behaviour: str
) -> None:
    behave, code = BEHAVIOURS[behaviour]
    source_id = add(database, host.on("/poster.jpg", behave))
    service = make_service(Names())
    started, cpu_started = time.monotonic(), time.thread_time()
    outcome = service.ensure_variants(source_id)
    assert time.thread_time() - cpu_started < EFFORT
    assert time.monotonic() - started < PATIENCE
    assert (outcome.status, outcome.code) == (GenerationStatus.FAILED, code)
    source = source_of(database, source_id)
    assert source.state in (SourceState.FAILED, SourceState.RETRY_WAIT)
    assert source.error_code == code
    assert code in ERROR_MEANINGS
    assert source.next_attempt_at is not None
    assert variants_of(database, source_id) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_dns_rebinding_has_no_effect(
    database: Database, make_service: MakeService, host: HostileHost, movie_id: int
) -> None:
    """The name is resolved only once."""
    host.on("/poster.jpg", answer(picture()))
    names = Names(rebinding=[[LOOPBACK], [METADATA]])
    source_id = add(database, host.url("/poster.jpg", name="rebinding.test"))
    assert make_service(names).ensure_variants(source_id).status is GenerationStatus.MADE
    assert names.asked == ["rebinding.test"]


@pytest.mark.parametrize(
    "records", [[METADATA], [LOOPBACK, METADATA], ["::1"], [LOOPBACK, "fd00:ec2::254"]]
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_name_with_one_forbidden_address_is_refused(
    database: Database, make_service: MakeService, host: HostileHost, movie_id: int,
    records: list[str],
) -> None:  # fmt: skip
    names = Names(poster=[records])
    source_id = add(database, host.url("/poster.jpg", name="poster.test"))
    assert make_service(names).ensure_variants(source_id).code == "forbidden_address"
    assert host.connections == []
