"""Revalidation of external images: unchanged ones cost a 304, changed ones leave no gap."""

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from ipaddress import ip_network

import pytest
from PIL import Image

from moziweb.db import Database
from moziweb.posters.fetching.fetcher import Fetcher, FetchPolicy
from moziweb.posters.fetching.url_policy import AllowedNetwork
from moziweb.posters.generation.due import due_sources
from moziweb.posters.generation.leases import REVALIDATION_INTERVAL, SourceLeases
from moziweb.posters.generation.readers import UrlReader
from moziweb.posters.generation.result import GenerationResult, GenerationStatus
from moziweb.posters.generation.service import PosterService
from moziweb.posters.models import PosterSource, SourceKind, SourceState, VariantState
from moziweb.posters.recipes import RECIPES
from moziweb.storage.disk import DiskStorage
from tests.posters.generation.test_service import variants_of

from .conftest import Clock, picture, source_of
from .hostile_host import LOOPBACK, HostileHost, Visit, answer, head, redirect

RED, BLUE = picture("#a03020"), picture("#2040a0")


class Origin:
    """An image on a host that answers conditional requests."""

    def __init__(self, host: HostileHost, path: str) -> None:
        self.body, self.etag = RED, '"red"'
        self.url = host.on(path, self._answer)
        self.host = host

    def _answer(self, visit: Visit) -> None:
        assert visit.request is not None
        if visit.request.headers.get("if-none-match") == self.etag:
            visit.send(head(304, {"ETag": self.etag}))
        else:
            answer(self.body, headers={"ETag": self.etag})(visit)


@pytest.fixture
def host() -> Iterator[HostileHost]:
    with HostileHost() as running:
        yield running


@pytest.fixture
def origin(host: HostileHost) -> Origin:
    return Origin(host, "/poster.jpg")


@pytest.fixture
def service(
    database: Database, disk: DiskStorage, leases: SourceLeases, clock: Clock, host: HostileHost
) -> PosterService:
    allowed = AllowedNetwork(ip_network(f"{LOOPBACK}/32"), host.port)
    reader = UrlReader(Fetcher(FetchPolicy(allow_addresses=(allowed,))))
    return PosterService(database, disk, {SourceKind.URL: reader}, leases, clock)


@pytest.fixture
def source_id(
    database: Database, service: PosterService, origin: Origin, movie_id: int, clock: Clock
) -> int:
    """A source whose variants are made, one second before its revalidation is due."""
    source = PosterSource(movie_id=movie_id, kind=SourceKind.URL, url=origin.url, chosen=True)
    with database.write() as session:
        session.add(source)
    assert service.ensure_variants(source.id).status is GenerationStatus.MADE
    clock.now += REVALIDATION_INTERVAL - timedelta(seconds=1)
    return source.id


def due(database: Database, clock: Clock) -> list[int]:
    with database.read() as session:
        return due_sources(session, clock.now, 10)


def keys(database: Database, source_id: int) -> set[str | None]:
    return {row.key for row in variants_of(database, source_id)}


def test_host_is_not_requested_before_revalidation_is_due(
    database: Database, service: PosterService, host: HostileHost, source_id: int, clock: Clock
) -> None:
    assert due(database, clock) == []
    assert service.ensure_variants(source_id) == GenerationResult(GenerationStatus.COMPLETE)
    assert len(host.requests) == 1
    clock.advance(seconds=2)
    assert due(database, clock) == [source_id]


def test_304_keeps_the_variants(
    database: Database, service: PosterService, host: HostileHost, source_id: int, clock: Clock
) -> None:
    before = keys(database, source_id)
    clock.advance(seconds=2)
    assert service.ensure_variants(source_id) == GenerationResult(GenerationStatus.COMPLETE)
    assert host.requests[1].headers["if-none-match"] == '"red"'
    assert keys(database, source_id) == before
    source = source_of(database, source_id)
    assert (source.state, source.lease_token) == (SourceState.READY, None)
    assert source.next_attempt_at == clock.now + REVALIDATION_INTERVAL
    assert due(database, clock) == []


def test_changed_image_replaces_the_variants_without_a_gap(
    database: Database, disk: DiskStorage, service: PosterService, origin: Origin, source_id: int,
    clock: Clock,
) -> None:  # fmt: skip
    before = keys(database, source_id)
    during: list[set[str | None]] = []

    def read_old_variants(visit: Visit) -> None:
        during.append(keys(database, source_id))
        answer(BLUE, headers={"ETag": '"blue"'})(visit)

    origin.host.on("/poster.jpg", read_old_variants)
    clock.advance(seconds=2)
    assert service.ensure_variants(source_id) == GenerationResult(
        GenerationStatus.MADE, made=len(RECIPES)
    )
    assert during == [before], "it was asked once, and the old ones were ready till then"
    after = variants_of(database, source_id)
    assert before.isdisjoint(row.key for row in after)
    thumb = next(row for row in after if (row.name, row.format) == ("thumb", "jpg"))
    red, _, blue = Image.open(BytesIO(disk.get(str(thumb.key)))).getpixel((9, 9))  # type: ignore[misc]
    assert blue > red
    retired = variants_of(database, source_id, VariantState.SUPERSEDED)
    assert {row.key for row in retired} == before
    assert source_of(database, source_id).etag == '"blue"'


def test_new_validator_of_the_same_bytes_makes_nothing(
    database: Database, service: PosterService, origin: Origin, source_id: int, clock: Clock
) -> None:
    before = keys(database, source_id)
    origin.etag = '"red-again"'
    clock.advance(seconds=2)
    assert service.ensure_variants(source_id) == GenerationResult(GenerationStatus.COMPLETE)
    assert keys(database, source_id) == before
    assert source_of(database, source_id).etag == '"red-again"'


def test_variants_stay_when_the_image_is_deleted_at_its_host(
    database: Database, service: PosterService, host: HostileHost, source_id: int, clock: Clock
) -> None:
    before = keys(database, source_id)
    host.on("/poster.jpg", answer(status=404))
    clock.advance(seconds=2)
    assert service.ensure_variants(source_id) == GenerationResult(
        GenerationStatus.FAILED, "not_found"
    )
    assert keys(database, source_id) == before
    assert source_of(database, source_id).error_code == "not_found"
    assert due(database, clock) == []
    assert service.ensure_variants(source_id) == GenerationResult(GenerationStatus.COMPLETE)


def test_host_that_was_down_is_requested_again(
    database: Database, service: PosterService, origin: Origin, source_id: int, clock: Clock
) -> None:
    origin.host.on("/poster.jpg", answer(status=503))
    clock.advance(seconds=2)
    assert service.ensure_variants(source_id) == GenerationResult(
        GenerationStatus.FAILED, "http_status_5xx"
    )
    origin.host.on("/poster.jpg", origin._answer)
    clock.advance(minutes=2)
    assert due(database, clock) == [source_id]
    assert service.ensure_variants(source_id) == GenerationResult(GenerationStatus.COMPLETE)
    source = source_of(database, source_id)
    assert (source.state, source.error_code, source.attempts) == (SourceState.READY, None, 0)


def test_validators_are_sent_to_the_final_url(
    database: Database, service: PosterService, host: HostileHost, origin: Origin, movie_id: int,
    clock: Clock,
) -> None:  # fmt: skip
    moved = host.on("/moved.jpg", redirect("/poster.jpg"))
    source = PosterSource(movie_id=movie_id, kind=SourceKind.URL, url=moved)
    with database.write() as session:
        session.add(source)
    assert service.ensure_variants(source.id).status is GenerationStatus.MADE
    assert source_of(database, source.id).final_url == origin.url
    clock.now += REVALIDATION_INTERVAL
    assert service.ensure_variants(source.id) == GenerationResult(GenerationStatus.COMPLETE)
    assert [request.headers.get("if-none-match") for request in host.requests[2:]] == [
        None,
        '"red"',
    ]


def test_regeneration_sends_an_unconditional_request(
    database: Database, service: PosterService, host: HostileHost, source_id: int, clock: Clock
) -> None:
    with database.write() as session:
        source = session.get_one(PosterSource, source_id)
        source.regenerate_requested, source.state = True, SourceState.PENDING
    assert service.ensure_variants(source_id) == GenerationResult(
        GenerationStatus.MADE, made=len(RECIPES)
    )
    assert "if-none-match" not in host.requests[1].headers
