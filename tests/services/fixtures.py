"""pytest fixtures: servers of the session, databases and buckets of a test.

Under pytest-xdist each worker has its own servers.
"""

from collections.abc import Iterator

import pytest

from .memcached import MemcachedServer
from .postgres import PostgresServer
from .s3 import S3Bucket, S3Server


@pytest.fixture(scope="session")
def memcached_server() -> Iterator[MemcachedServer]:
    """The memcached of the session: flush it, or use unique keys."""
    with MemcachedServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The PostgreSQL of the session; ``reusable`` and ``database`` create databases of a test."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy URL of a new, empty database."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The S3 server of the session."""
    with S3Server() as server:
        yield server


@pytest.fixture
def s3_bucket(s3_server: S3Server) -> Iterator[S3Bucket]:
    """A new bucket that accepts object ACLs."""
    with s3_server.bucket(acls=True) as bucket:
        yield bucket


@pytest.fixture
def s3_bucket_refusing_acls(s3_server: S3Server) -> Iterator[S3Bucket]:
    """A new bucket with the defaults of AWS: no object ACLs, public access blocked."""
    with s3_server.bucket(acls=False) as bucket:
        yield bucket
