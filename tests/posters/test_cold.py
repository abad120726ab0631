"""Cold posters on two server processes, over PostgreSQL and S3: made once, pages are served."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from moziweb.db import Database, create_engine
from moziweb.posters.recipes import RECIPES
from moziweb.storage.s3 import S3Storage
from tests.services.s3 import S3Bucket
from tests.storage.conftest import s3_settings
from tests.threads import wait_until

from .conftest import picture
from .gateway import Gateway
from .serving import PATIENCE, Answer, Place, Server, add_movies, ask, ask_at_once, serving

CROWD = 50
MOVIES = 8


@pytest.fixture
def gateway(s3_bucket: S3Bucket) -> Iterator[Gateway]:
    """A proxy between the servers and S3 that counts uploads and reads."""
    with Gateway(s3_bucket.endpoint_url) as gateway:
        yield gateway


@pytest.fixture
def paths(postgres_url: str, s3_bucket: S3Bucket) -> list[str]:
    """The thumbs of movies whose posters were never requested."""
    engine = create_engine({"sqlalchemy.url": postgres_url, "sqlalchemy.pool_size": 2})
    pictures = [picture(f"#{number:02x}a0a0", (800, 1200)) for number in range(MOVIES)]
    with closing(S3Storage(s3_settings(s3_bucket))) as storage:
        found = add_movies(Database(engine), storage, pictures)
    engine.dispose()
    return found


@pytest.fixture
def servers(
    tmp_path: Path, postgres_url: str, s3_bucket: S3Bucket, gateway: Gateway, paths: list[str]
) -> Iterator[list[Server]]:
    place = Place(postgres_url, s3_bucket.name, gateway.endpoint_url)
    with serving(tmp_path, place, processes=2, threads=8, slots=2) as servers:
        yield servers


def is_placeholder(answer: Answer) -> bool:
    return (answer.status, answer.cache_control) == (200, "no-store") and bool(answer.retry_after)


def is_made(port: int, path: str) -> bool:
    return is_redirect(ask(port, path))


def is_redirect(answer: Answer) -> bool:
    return (answer.status, answer.cache_control) == (302, "public, max-age=3600")


def test_concurrent_requests_make_each_poster_once_while_pages_are_served(
    servers: list[Server], gateway: Gateway, paths: list[str]
) -> None:
    """One test for both cases, as starting the two servers takes most of the time."""
    first, *others = paths
    ports = [server.port for server in servers]
    crowd = ask_at_once([(ports[number % 2], first) for number in range(CROWD)])
    assert all(is_placeholder(answer) or is_redirect(answer) for answer in crowd)
    wait_until(partial(is_made, ports[0], first))  # a request waits for 5 s at most
    assert sum(len(server.decodes()) for server in servers) == 1
    assert sum("/upload/" in path for path in gateway.gets) == 1
    assert len(gateway.puts) == len(set(gateway.puts)) == len(RECIPES)
    assert all(is_redirect(ask(port, first)) for port in ports)

    # Now all the others at once, together with the index.
    wanted = [(port, path) for path in others for port in ports for _ in range(2)]
    burst = ask_at_once([*wanted, *[(port, "/") for port in ports for _ in range(4)]])
    pages = [answer for answer in burst if answer.path == "/"]
    assert [answer.status for answer in pages] == [200] * 8
    assert all(is_placeholder(one) or is_redirect(one) for one in burst if one.path != "/")
    for path in others:
        wait_until(partial(is_made, ports[0], path))
    assert sum(len(server.decodes()) for server in servers) == MOVIES
    assert len(gateway.puts) == len(set(gateway.puts)) == MOVIES * len(RECIPES)
    assert sum("/upload/" in path for path in gateway.gets) == MOVIES


def test_pages_are_served_while_all_poster_slots_are_taken(
    tmp_path: Path, postgres_url: str, s3_bucket: S3Bucket, gateway: Gateway, paths: list[str]
) -> None:
    """With the defaults: a thread pool, two slots, four threads. Uploads hang."""
    let_go, held = threading.Event(), threading.Semaphore(0)

    def block(_puts: int) -> None:
        if not let_go.is_set():
            held.release()
            let_go.wait(PATIENCE)

    gateway.refuse = block
    place = Place(postgres_url, s3_bucket.name, gateway.endpoint_url)
    with (
        serving(tmp_path, place, 1, threads=4, slots=2, background=True) as (server,),
        ThreadPoolExecutor(2) as visitors,
    ):
        assert held.acquire(timeout=PATIENCE), "the pool's one job, found by its sweep"
        # The thread pool begins with the first movie; these are others.
        making = [visitors.submit(ask, server.port, path) for path in paths[-2:]]
        assert all(held.acquire(timeout=PATIENCE) for _ in making)

        def burst() -> list[Answer]:
            wanted = [(server.port, path) for path in paths for _ in range(2)]
            return ask_at_once([*wanted, *[(server.port, "/")] * 4])

        for answer in burst() + burst():
            assert answer.status == 200
            assert answer.path == "/" or is_placeholder(answer), answer
        # They do not wait for the storage for ever, either.
        assert all(is_placeholder(one.result(PATIENCE)) for one in making)
        let_go.set()


def test_bucket_that_refuses_our_acl_is_logged_at_the_start(
    tmp_path: Path, postgres_url: str, s3_bucket_refusing_acls: S3Bucket
) -> None:
    bucket = s3_bucket_refusing_acls
    place = Place(postgres_url, bucket.name, bucket.endpoint_url)
    with serving(tmp_path, place, processes=1, threads=4, slots=2) as (server,):
        deadline = time.monotonic() + PATIENCE
        while "refuses object ACLs" not in server.log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert ask(server.port, "/").status == 200
