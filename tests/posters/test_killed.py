"""SIGKILL at every step of making a source: the lease expires, and the next worker finishes.

All steps share a database, a bucket and a forking process; each step has its own movie.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import datetime, timedelta

import pytest

from moziweb.db import Database, create_engine
from moziweb.movies.models import Movie
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.readers import UploadReader
from moziweb.posters.generation.result import GenerationResult, GenerationStatus
from moziweb.posters.generation.service import PosterService
from moziweb.posters.models import SourceKind, SourceState
from moziweb.posters.recipes import RECIPES
from moziweb.storage.s3 import S3Storage
from tests.factories import add_upload
from tests.posters.generation.test_service import variants_of
from tests.services.postgres import PostgresServer
from tests.services.process import child
from tests.services.s3 import S3Bucket, S3Server
from tests.storage.conftest import s3_settings

from .conftest import LEASE, NOON, picture, source_of
from .dying import STEPS, UPLOADED
from .test_faults import assert_complete

COUNT = len(RECIPES)

OBJECTS = {
    **dict.fromkeys(("acquiring", "acquired", "fetched", "decoded"), 0),
    **{step: number for number, step in enumerate(UPLOADED, 1)},
    **dict.fromkeys(("finished", "recorded", "published"), COUNT),
}
"""How many objects each step leaves in storage."""


@pytest.fixture(scope="module")
def bucket(s3_server: S3Server) -> Iterator[S3Bucket]:
    with s3_server.bucket(acls=True) as bucket:
        yield bucket


@pytest.fixture(scope="module")
def storage(bucket: S3Bucket) -> Iterator[S3Storage]:
    with closing(S3Storage(s3_settings(bucket))) as storage:
        yield storage


@pytest.fixture(scope="module")
def url(postgres_server: PostgresServer, migrated_postgres: str) -> Iterator[str]:
    with postgres_server.database(migrated_postgres) as url:
        yield url


@pytest.fixture(scope="module")
def database(url: str) -> Iterator[Database]:
    engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 2})
    yield Database(engine)
    engine.dispose()


Kill = Callable[[str, int], int]


@pytest.fixture(scope="module")
def kill_at(url: str, bucket: S3Bucket) -> Iterator[Kill]:
    """Make a source in a process that dies at a step; returns the signal that ended it."""
    options = {
        "database_url": url,
        "storage": asdict(s3_settings(bucket)),
        "now": NOON.isoformat(),
        "lease": LEASE.total_seconds(),
    }
    command = [sys.executable, "-W", "ignore", "-m", "tests.posters.dying"]
    with child(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=600) as process:
        assert process.stdin
        assert process.stdout
        requests, answers = process.stdin, process.stdout
        requests.write(json.dumps(options) + "\n")

        def kill(step: str, source_id: int) -> int:
            requests.write(json.dumps([step, source_id]) + "\n")
            requests.flush()
            return int(answers.readline())

        yield kill


@pytest.mark.parametrize("step", STEPS)
def test_next_worker_finishes_what_a_killed_one_left(
    database: Database, storage: S3Storage, kill_at: Kill, step: str
) -> None:
    number = STEPS.index(step)
    with database.write() as session:
        movie = Movie(title=step, original_title=step, slug=f"killed-{number}")
        session.add(movie)
        session.flush()
        source = add_upload(session, storage, movie, picture(f"#{number:02x}3020"))
        source_id, prefix = source.id, f"poster/{movie.id}-"

    def ensure_at(now: datetime) -> GenerationResult:
        leases = SourceLeases(database, lambda: now, LEASE)
        readers = {SourceKind.UPLOAD: UploadReader(storage)}
        return PosterService(database, storage, readers, leases, lambda: now).ensure_variants(
            source_id
        )

    assert kill_at(step, source_id) == signal.SIGKILL
    assert len(list(storage.list(prefix))) == OBJECTS[step]
    if step == "published":
        assert ensure_at(NOON) == GenerationResult(GenerationStatus.COMPLETE)
    else:
        assert variants_of(database, source_id) == []  # no incomplete source is published
        was_acquired = step != "acquiring"
        expected = SourceState.GENERATING if was_acquired else SourceState.PENDING
        assert source_of(database, source_id).state is expected
        if was_acquired:
            assert ensure_at(NOON + LEASE - timedelta(seconds=1)) == GenerationResult(
                GenerationStatus.BUSY
            )
        assert ensure_at(NOON + LEASE) == GenerationResult(GenerationStatus.MADE, made=COUNT)
    assert_complete(database, storage, source_id)
    assert len(list(storage.list(prefix))) == COUNT
