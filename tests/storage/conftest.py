"""The storages under test: a folder, and buckets on a real S3 server over HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from moziweb.storage import Storage
from moziweb.storage.disk import DiskStorage
from moziweb.storage.s3 import S3Settings, S3Storage
from tests.services.s3 import REGION, ROOT, S3Bucket, S3Server

MakeS3 = Callable[..., S3Storage]


def s3_settings(bucket: S3Bucket, /, **changes: Any) -> S3Settings:
    """Return settings for ``bucket`` with short timeouts, with ``changes``."""
    given: dict[str, Any] = {
        "bucket": bucket.name,
        "region": REGION,
        "endpoint_url": bucket.endpoint_url,
        "access_key_id": ROOT.access_key_id,
        "secret_access_key": ROOT.secret_access_key,
        "acl": "public-read",
        "connect_timeout": 0.5,
        "read_timeout": 5.0,
        "tries": 1,
        "conditional_put": True,
    }
    return S3Settings(**{**given, **changes})


@pytest.fixture
def make_s3(s3_bucket: S3Bucket) -> Iterator[MakeS3]:
    """Return a function that makes storages; their bucket accepts ACLs."""
    made: list[S3Storage] = []

    def make(bucket: S3Bucket = s3_bucket, /, **changes: Any) -> S3Storage:
        made.append(S3Storage(s3_settings(bucket, **changes)))
        return made[-1]

    yield make
    for storage in made:
        storage.close()


@pytest.fixture
def disk(tmp_path: Path) -> DiskStorage:
    """A storage in an empty folder."""
    return DiskStorage(tmp_path / "objects")


@pytest.fixture(scope="session")
def interface_bucket(s3_server: S3Server) -> Iterator[S3Bucket]:
    """A bucket for the tests of the interface, which share two clients."""
    with s3_server.bucket(acls=True) as bucket:
        yield bucket


@pytest.fixture(scope="session")
def interface_s3(interface_bucket: S3Bucket) -> Iterator[dict[str, S3Storage]]:
    """The S3 storages for the tests of the interface, by the parameter of ``storage``."""
    storages = {
        "s3": S3Storage(s3_settings(interface_bucket, conditional_put=True)),
        "s3 without conditional put": S3Storage(
            s3_settings(interface_bucket, conditional_put=False)
        ),
    }
    yield storages
    for storage in storages.values():
        storage.close()


@pytest.fixture(params=["disk", "s3", "s3 without conditional put"])
def storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    """Each storage, empty."""
    if request.param == "disk":
        yield request.getfixturevalue("disk")
    else:
        yield request.getfixturevalue("interface_s3")[request.param]
        request.getfixturevalue("interface_bucket").clear()
