"""A movie with a poster source, on both databases and both storages, and the service over them."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from moziweb.db import Database, create_engine
from moziweb.movies.models import Movie
from moziweb.posters.fetching.errors import Validators
from moziweb.posters.generation import admission
from moziweb.posters.generation.error_codes import SourceError
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.readers import SourceBytes, SourceLocation
from moziweb.posters.generation.service import PosterService
from moziweb.posters.models import PosterSource, SourceKind
from moziweb.storage import Storage
from moziweb.storage.disk import DiskStorage
from moziweb.storage.s3 import S3Settings, S3Storage
from tests.services.ports import free_port
from tests.services.postgres import PostgresServer
from tests.services.s3 import S3Bucket
from tests.storage.conftest import s3_settings

NOON = datetime(2026, 8, 20, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)

DEPLOYMENTS = pytest.mark.parametrize(
    ("database_url", "storage"), [("sqlite", "disk"), ("postgres", "s3")], indirect=True
)
"""For tests that need a database and a storage and are about neither."""


@dataclass
class Clock:
    """A clock that only moves when it is advanced."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass
class StubReader:
    """A reader of drawn sources: images by URL, and the number of reads."""

    pictures: dict[str, bytes] = field(default_factory=dict)
    error: SourceError | None = None
    reads: int = 0
    before_read: Callable[[], object] = lambda: None

    def read(self, source: SourceLocation) -> SourceBytes:
        self.reads += 1
        self.before_read()
        if self.error:
            raise self.error
        return SourceBytes(self.pictures[source.url or ""], Validators('"1"'))


def picture(colour: str = "#a03020", size: tuple[int, int] = (200, 300)) -> bytes:
    """A JPEG of one colour."""
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture(autouse=True)
def patient_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests wait for their poster for longer than five seconds: a busy machine takes longer."""
    monkeypatch.setattr(admission, "MAX_REQUEST_SECONDS", 60.0)


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """The URL of a new SQLite database with the schema."""
    copy = tmp_path / "test.sqlite"
    shutil.copyfile(migrated_sqlite, copy)
    return f"sqlite:///{copy}"


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a new PostgreSQL database with the schema."""
    template = request.getfixturevalue("migrated_postgres")
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.reusable(template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Each database in turn."""
    engine = create_engine({"sqlalchemy.url": database_url, "sqlalchemy.pool_size": 8})
    yield Database(engine)
    engine.dispose()


@pytest.fixture
def database_away() -> Iterator[Database]:
    """A PostgreSQL database at a closed port."""
    url = f"postgresql+psycopg://postgres@127.0.0.1:{free_port()}/nowhere"
    engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 1})
    yield Database(engine)
    engine.dispose()


@pytest.fixture
def s3(s3_bucket: S3Bucket) -> Iterator[S3Storage]:
    """An S3 storage with a new bucket."""
    storage = S3Storage(s3_settings(s3_bucket))
    yield storage
    storage.close()


@pytest.fixture
def disk(tmp_path: Path) -> DiskStorage:
    """A storage in an empty folder."""
    return DiskStorage(tmp_path / "objects")


@pytest.fixture
def storage_away() -> Iterator[S3Storage]:
    """An S3 storage at a closed port."""
    settings = S3Settings(
        bucket="nowhere",
        endpoint_url=f"http://127.0.0.1:{free_port()}",
        access_key_id="a",
        secret_access_key="b",
        connect_timeout=0.5,
        tries=1,
    )
    storage = S3Storage(settings)
    yield storage
    storage.close()


@pytest.fixture(params=["disk", "s3"])
def storage(request: pytest.FixtureRequest) -> Storage:
    """Each storage in turn."""
    storage: Storage = request.getfixturevalue(request.param)
    return storage


@pytest.fixture
def clock() -> Clock:
    """Noon of a day in August."""
    return Clock()


@pytest.fixture
def stub_reader() -> StubReader:
    """Holds one picture, at ``drawn:dune``."""
    return StubReader({"drawn:dune": picture()})


@pytest.fixture
def leases(database: Database, clock: Clock) -> SourceLeases:
    """Leases of a minute, without random jitter."""
    return SourceLeases(database, clock, LEASE, jitter=lambda: 0.5)


@pytest.fixture
def service(
    database: Database,
    disk: DiskStorage,
    leases: SourceLeases,
    clock: Clock,
    stub_reader: StubReader,
) -> PosterService:
    """A service that reads from ``stub_reader`` and stores its objects on disk."""
    return PosterService(database, disk, {SourceKind.DRAWN: stub_reader}, leases, clock)


@pytest.fixture
def movie_id(database: Database) -> int:
    """The id of a movie called Dűne."""
    with database.write() as session:
        session.add(Movie(id=7, title="Dűne", original_title="Dune", slug="dune"))
    return 7


@pytest.fixture
def source_id(database: Database, movie_id: int) -> int:
    """The id of that movie's chosen source, which is not made yet."""
    return add_source(database, movie_id)


def add_source(
    database: Database, movie_id: int, url: str = "drawn:dune", *, chosen: bool = True
) -> int:
    """A drawn source of a movie."""
    source = PosterSource(movie_id=movie_id, kind=SourceKind.DRAWN, url=url, chosen=chosen)
    with database.write() as session:
        session.add(source)
    return source.id


def source_of(database: Database, source_id: int) -> PosterSource:
    """The source's current row."""
    with database.read() as session:
        return session.get_one(PosterSource, source_id)
