"""pytest fixtures: servers for the session, databases and buckets for a test.

Under pytest-xdist each worker has servers of its own.
"""

from collections.abc import Iterator

import pytest

from .memcached import MemcachedServer
from .postgres import PostgresServer
from .s3 import S3Bucket, S3Server


@pytest.fixture(scope="session")
def memcached_server() -> Iterator[MemcachedServer]:
    """A memcached shared by the session: flush it, or use keys of your own."""
    with MemcachedServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL shared by the session; ``make_template`` and ``database`` give tests theirs."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy address of a new, empty database."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server shared by the session."""
    with S3Server() as server:
        yield server


@pytest.fixture
def s3_bucket(s3_server: S3Server) -> Iterator[S3Bucket]:
    """A new bucket that takes object ACLs."""
    with s3_server.bucket(acls=True) as bucket:
        yield bucket


@pytest.fixture
def s3_bucket_refusing_acls(s3_server: S3Server) -> Iterator[S3Bucket]:
    """A new bucket as AWS makes them now: it refuses object ACLs and blocks public access."""
    with s3_server.bucket(acls=False) as bucket:
        yield bucket
