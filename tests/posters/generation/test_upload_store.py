"""Adding uploads and URLs as sources, their limits, and their readers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_network

import pytest
from sqlalchemy import select

from moziweb.db import Database
from moziweb.movies.models import Movie
from moziweb.posters.fetching.fetcher import Fetcher, FetchPolicy
from moziweb.posters.fetching.url_policy import AllowedNetwork, ForbiddenUrl
from moziweb.posters.generation.error_codes import SourceError
from moziweb.posters.generation.readers import UploadReader, UrlReader
from moziweb.posters.generation.upload_store import add_url, store_upload
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.values import LIMITS
from moziweb.posters.models import PosterSource, SourceKind, SourceState
from moziweb.storage import Storage
from moziweb.storage.disk import DiskStorage
from moziweb.storage.interface import is_private
from moziweb.storage.s3 import S3Storage
from tests.factories import add_upload
from tests.posters.conftest import DEPLOYMENTS, add_source, picture, source_of
from tests.posters.hostile_host import LOOPBACK, HostileHost, answer


@dataclass(frozen=True)
class Address:
    url: str | None = None
    key: str | None = None


@pytest.fixture
def host() -> Iterator[HostileHost]:
    with HostileHost() as host:
        yield host


@pytest.fixture
def url_reader(host: HostileHost) -> UrlReader:
    allowed = AllowedNetwork(ip_network(f"{LOOPBACK}/32"), host.port)
    return UrlReader(Fetcher(FetchPolicy(allow_addresses=(allowed,))))


def chosen_sources(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(select(PosterSource.id).where(PosterSource.chosen)))


@DEPLOYMENTS
def test_upload_is_checked_stored_and_chosen(
    database: Database, storage: Storage, movie_id: int
) -> None:
    earlier = add_source(database, movie_id)
    data = picture(size=(400, 600))
    with database.write() as session:
        source = add_upload(session, storage, session.get_one(Movie, movie_id), data)
    kept = source_of(database, source.id)
    assert (kept.kind, kept.state) == (SourceKind.UPLOAD, SourceState.PENDING)
    assert (kept.format, kept.width, kept.height, kept.bytes) == ("jpeg", 400, 600, len(data))
    assert kept.key == f"upload/{str(kept.sha256)[:2]}/{kept.sha256}.jpg"
    assert UploadReader(storage).read(kept).body == data
    stored = storage.head(str(kept.key))
    assert stored is not None
    assert is_private(stored.cache_control), "it holds what no variant tells"
    assert chosen_sources(database) == [source.id] != [earlier]


def test_same_upload_is_the_same_source(
    database: Database, disk: DiskStorage, movie_id: int
) -> None:
    ids = set()
    for _ in range(2):
        with database.write() as session:
            movie = session.get_one(Movie, movie_id)
            ids.add(add_upload(session, disk, movie, picture()).id)
    assert len(ids) == len(list(disk.list())) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<html>not found</html>", RejectCode.UNIDENTIFIED),
        (b"", RejectCode.UNIDENTIFIED),
        (picture(size=(300, 200)), RejectCode.TOO_LARGE_SIDE),
        (picture() + bytes(20_000), RejectCode.TOO_MANY_BYTES),
    ],
)
def test_upload_beyond_a_limit_is_not_stored(
    disk: DiskStorage, data: bytes, code: RejectCode
) -> None:
    with pytest.raises(ImageRejected) as caught:
        store_upload(disk, data, replace(LIMITS, bytes=20_000, side=250))
    assert caught.value.code is code
    assert list(disk.list()) == []


def test_url_is_chosen_without_a_fetch(database: Database, movie_id: int) -> None:
    add_source(database, movie_id)
    with database.write() as session:
        movie = session.get_one(Movie, movie_id)
        source = add_url(session, movie, "https://example.com/poster.jpg")
    assert source_of(database, source.id).url == "https://example.com/poster.jpg"
    assert source_of(database, source.id).kind is SourceKind.URL
    assert chosen_sources(database) == [source.id]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "poster.jpg",
        "file:///etc/passwd",
        "ftp://example.com/poster.jpg",
        "https://user:secret@example.com/poster.jpg",
        "https://example.com/" + "a" * 2000,
        "https://example.com:22/poster.jpg",
        "http://example.com:8080/poster.jpg",
    ],
)
def test_forbidden_url_is_refused(database: Database, movie_id: int, url: str) -> None:
    with database.write() as session, pytest.raises(ForbiddenUrl):
        add_url(session, session.get_one(Movie, movie_id), url)
    assert chosen_sources(database) == []


def test_url_is_read_with_its_validators(host: HostileHost, url_reader: UrlReader) -> None:
    headers = {"ETag": '"abc"', "Last-Modified": "Thu, 20 Aug 2026 10:00:00 GMT"}
    url = host.on("/poster.jpg", answer(picture(), headers=headers))
    read = url_reader.read(Address(url=url))
    assert read.body == picture()
    assert (read.validators.etag, read.validators.last_modified) == (
        '"abc"',
        "Thu, 20 Aug 2026 10:00:00 GMT",
    )


def test_fetch_error_becomes_a_source_error(host: HostileHost, url_reader: UrlReader) -> None:
    missing = host.url("/missing.jpg")
    busy = host.on("/busy.jpg", answer(status=503, headers={"Retry-After": "120"}))
    with pytest.raises(SourceError) as gone:
        url_reader.read(Address(url=missing))
    with pytest.raises(SourceError) as later:
        url_reader.read(Address(url=busy))
    assert (gone.value.code, gone.value.permanent) == ("not_found", True)
    assert (later.value.code, later.value.permanent) == ("http_status_5xx", False)
    assert later.value.retry_after == 120


def test_missing_original_is_a_permanent_failure(storage: Storage) -> None:
    with pytest.raises(SourceError) as caught:
        UploadReader(storage).read(Address(key="upload/ab/absent.jpg"))
    assert (caught.value.code, caught.value.permanent) == ("original_missing", True)


def test_unreachable_storage_is_a_temporary_failure(storage_away: S3Storage) -> None:
    with pytest.raises(SourceError) as caught:
        UploadReader(storage_away).read(Address(key="upload/ab/abc.jpg"))
    assert (caught.value.code, caught.value.permanent) == ("storage_unavailable", False)
