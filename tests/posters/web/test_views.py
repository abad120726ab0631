"""Responses of ``/poster/…``, on both databases and both storages."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pyramid.config import Configurator, Router
from sqlalchemy import select, update
from webtest import TestApp, TestResponse

from moziweb.clock import utc_now
from moziweb.db import Database
from moziweb.movies.models import Movie
from moziweb.posters.fetching.fetcher import Fetcher, FetchPolicy
from moziweb.posters.fetching.url_policy import AllowedNetwork
from moziweb.posters.generation.admission import AdmissionControl
from moziweb.posters.generation.readers import UrlReader
from moziweb.posters.imaging.placeholder import placeholder
from moziweb.posters.models import (
    PosterSource,
    PosterVariant,
    SourceKind,
    SourceState,
    VariantState,
)
from moziweb.posters.recipes import RECIPES
from moziweb.posters.urls import poster_links
from moziweb.posters.wiring import add_poster_source
from moziweb.services import services_of, set_services
from moziweb.storage.s3 import S3Storage
from tests.conftest import QueryCounter
from tests.posters.conftest import Clock, StubReader, add_source, picture, source_of
from tests.posters.generation.test_admission import Worker
from tests.posters.hostile_host import LOOPBACK, HostileHost
from tests.posters.site import disk_settings, make_site
from tests.services.process import child
from tests.services.s3 import S3Bucket


def s3_site_settings(bucket: S3Bucket, database_url: str) -> dict[str, Any]:
    return {
        "sqlalchemy.url": database_url,
        **bucket.settings(),
        "storage.s3.acl": "public-read",
    }


@pytest.fixture(params=["sqlite and disk", "postgres and s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Settings of the default and of production."""
    if request.param == "sqlite and disk":
        return disk_settings(tmp_path / "objects", request.getfixturevalue("sqlite_url"))
    bucket: S3Bucket = request.getfixturevalue("s3_bucket")
    return s3_site_settings(bucket, request.getfixturevalue("postgres_url"))


@pytest.fixture
def site(settings: dict[str, Any], stub_reader: StubReader, clock: Clock) -> Iterator[Router]:
    """The application; ``stub_reader`` reads its drawn sources."""

    def configure(config: Configurator) -> None:
        config.add_poster_source(SourceKind.DRAWN, stub_reader)

    site = make_site(settings, configure)
    yield site
    close(site)


def close(site: Router) -> None:
    services_of(site.registry).database.engine.dispose()
    storage = services_of(site.registry).storage
    if isinstance(storage, S3Storage):
        storage.close()


@pytest.fixture
def browser(site: Router) -> TestApp:
    return TestApp(site)


@pytest.fixture
def database(site: Router) -> Database:
    """The application's database instead of the fixture of other tests."""
    database: Database = services_of(site.registry).database
    return database


def is_placeholder(response: TestResponse, width: int, height: int) -> bool:
    with Image.open(BytesIO(response.body)) as image:
        assert image.size == (width, height)
        assert Image.MIME[str(image.format)] == response.content_type
    assert response.headers["Cache-Control"] == "no-store"
    return bool(response.status_int == 200)


def test_first_request_makes_all_variants_and_redirects(
    browser: TestApp, database: Database, site: Router, stub_reader: StubReader, source_id: int
) -> None:
    response = browser.get(f"/poster/7-dune.{source_id}.thumb.webp", status=302)
    assert response.headers["Cache-Control"] == "public, max-age=3600"
    with database.read() as session:
        variants = session.scalars(select(PosterVariant)).all()
        thumb = next(one for one in variants if (one.name, one.format) == ("thumb", "webp"))
    assert len(variants) == len(RECIPES)
    stored = services_of(site.registry).storage.url(str(thumb.key), thumb.bucket)
    assert response.location.endswith(stored)
    assert stub_reader.reads == 1


def test_each_variant_redirects_to_its_object(browser: TestApp, source_id: int) -> None:
    for recipe in RECIPES:
        response = browser.get(f"/poster/7-dune.{source_id}{recipe.suffix}", status=302)
        assert response.location.endswith(recipe.suffix)


def test_ready_variant_is_redirected_without_work_and_linked_at_its_storage_url(
    browser: TestApp, database: Database, site: Router, stub_reader: StubReader, source_id: int
) -> None:
    path = f"/poster/7-dune.{source_id}.small.jpg"
    first = browser.get(path, status=302)
    assert browser.get(path, status=302).location == first.location
    assert stub_reader.reads == 1
    with database.read() as session:
        links = poster_links(session, services_of(site.registry).storage, {7: "dune"})[7]
    assert first.location.endswith(links.url("small", "jpg"))

    # The bucket was another when it was stored.
    with database.write() as session:
        session.execute(update(PosterVariant).values(bucket="older"))
        stored = select(PosterVariant.key).where(PosterVariant.name == "small")
        key = session.scalars(stored.where(PosterVariant.format == "jpg")).one() or ""
    older = services_of(site.registry).storage.url(key, "older")
    assert browser.get(path, status=302).location.endswith(older)


def test_redirect_of_disk_storage_leads_to_the_image(
    browser: TestApp, settings: dict[str, Any], source_id: int
) -> None:
    redirect = browser.get(f"/poster/7-dune.{source_id}.blur.webp", status=302)
    if settings["storage.backend"] == "disk":
        response = redirect.follow(status=200)
        assert response.content_type == "image/webp"
        assert response.headers["Cache-Control"] == "max-age=290304000, public, immutable"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_wrong_slug_is_redirected_permanently(
    browser: TestApp, stub_reader: StubReader, source_id: int, method: str
) -> None:
    path = f"/poster/7-duna.{source_id}.thumb.webp"
    response = browser.request(path, method=method, status=301)
    assert response.location == f"http://localhost/poster/7-dune.{source_id}.thumb.webp"
    assert stub_reader.reads == 0


NOWHERE = (
    "/poster",
    "/poster/",
    "/poster/8-dune.{id}.jpg",
    "/poster/7-dune.99999.jpg",
    "/poster/7-dune.{id}.huge.jpg",
    "/poster/7-dune.{id}.png",
    "/poster/7-dune.{id}.thumb.jpg/more",
    "/poster/7-dune.{id}.poster.jpg",
    "/poster/7-dune.99999999999999999999.jpg",
    "/poster/2147483648-dune.{id}.jpg",
    "/poster/2147483647-dune.2147483647.jpg",
    "/poster/7-d%C5%B1ne.{id}.jpg",
    "/poster/7-dune.{id}.jpg%00",
    "/poster/%2E%2E/7-dune.{id}.jpg",
    "/poster/7-dune.{id}.jpg%0A",
    "/posters/7-dune.{id}.jpg",
)


def test_unknown_variant_is_not_found(
    browser: TestApp, stub_reader: StubReader, source_id: int
) -> None:
    for path in NOWHERE:
        browser.get(path.format(id=source_id), status=404)
    assert stub_reader.reads == 0


def test_source_of_another_movie_is_not_found(
    browser: TestApp, database: Database, source_id: int
) -> None:
    with database.write() as session:
        session.add(Movie(id=8, title="Alien", original_title="Alien", slug="alien"))
    browser.get(f"/poster/8-alien.{source_id}.jpg", status=404)


def test_poster_of_an_unpublished_movie_is_not_found(
    browser: TestApp, database: Database, source_id: int
) -> None:
    path = f"/poster/7-dune.{source_id}.jpg"
    browser.get(path, status=302)
    with database.write() as session:
        session.execute(update(Movie).values(published=False))
    browser.get(path, status=404)
    browser.get(f"/poster/7-wrong.{source_id}.jpg", status=404)


def test_head_makes_nothing(browser: TestApp, stub_reader: StubReader, source_id: int) -> None:
    response = browser.head(f"/poster/7-dune.{source_id}.jpg", status=200)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Retry-After"] == "2"
    assert stub_reader.reads == 0


def test_failed_source_gets_a_placeholder(
    browser: TestApp, database: Database, stub_reader: StubReader, source_id: int
) -> None:
    stub_reader.pictures["drawn:dune"] = b"<html>not a picture</html>"
    for suffix, size in ((".thumb.webp", (370, 555)), (".jpg", (780, 1170))):
        response = browser.get(f"/poster/7-dune.{source_id}{suffix}", status=200)
        assert is_placeholder(response, *size)
        assert "Retry-After" not in response.headers
    assert source_of(database, source_id).state is SourceState.FAILED
    assert stub_reader.reads == 1


def test_placeholder_of_a_backdrop_has_no_reel(
    browser: TestApp, database: Database, stub_reader: StubReader, source_id: int
) -> None:
    stub_reader.pictures = {}
    for name, has_reel in (("blur", False), ("thumb", True)):
        body = browser.get(f"/poster/7-dune.{source_id}.{name}.jpg", status=200).body
        size = (342, 513) if name == "blur" else (370, 555)
        assert body == placeholder(*size, "jpg", has_reel=has_reel)


def test_placeholder_has_the_ratio_of_its_source(
    browser: TestApp, database: Database, stub_reader: StubReader, source_id: int
) -> None:
    stub_reader.pictures = {}
    with database.write() as session:
        session.execute(update(PosterSource).values(width=3000, height=2000))
    response = browser.get(f"/poster/7-dune.{source_id}.thumb.jpg", status=200)
    assert is_placeholder(response, 370, 247)


def test_retry_after_is_the_next_attempt(
    browser: TestApp, database: Database, source_id: int
) -> None:
    """At most an hour: an operator may have fixed the source by then."""
    for minutes, least, most in ((10, 590, 601), (1440, 3600, 3600)):
        next_attempt_at = utc_now() + timedelta(minutes=minutes)
        values = {"state": SourceState.RETRY_WAIT, "next_attempt_at": next_attempt_at}
        with database.write() as session:
            session.execute(update(PosterSource).values(values))
        response = browser.get(f"/poster/7-dune.{source_id}.jpg", status=200)
        assert least <= int(response.headers["Retry-After"]) <= most


def test_poster_made_by_another_process_gets_a_placeholder(
    browser: TestApp, database: Database, source_id: int
) -> None:
    with database.write() as session:
        session.execute(
            update(PosterSource).values(
                state=SourceState.GENERATING,
                lease_token="t" * 32,
                lease_until=utc_now() + timedelta(minutes=1),
            )
        )
    response = browser.get(f"/poster/7-dune.{source_id}.small.jpg", status=200)
    assert is_placeholder(response, 185, 278)
    assert response.headers["Retry-After"] == "2"


def test_placeholder_in_a_burst_takes_no_query(
    browser: TestApp,
    site: Router,
    database: Database,
    stub_reader: StubReader,
    source_id: int,
    query_counter: QueryCounter,
) -> None:
    admission = AdmissionControl(services_of(site.registry).posters, slots=1, wait_seconds=0)
    set_services(site.registry, replace(services_of(site.registry), poster_admission=admission))
    path, other = f"/poster/7-dune.{source_id}.thumb.webp", add_source(database, 7, chosen=False)
    worker = Worker(admission, stub_reader, other)
    assert admission.try_enter()
    assert admission.try_enter()
    with query_counter(database.engine) as statements:
        response = browser.get(path)
    assert is_placeholder(response, 370, 555)
    assert (response.headers["Retry-After"], statements) == ("2", [])
    worker.end()
    admission.leave()
    admission.leave()
    for _ in range(5):
        browser.get(path, status=302)
    worker = Worker(admission, stub_reader, add_source(database, 7, chosen=False))
    browser.get(path, status=302)  # each of those has left, so in the next burst there is room
    worker.end()


def test_variant_of_an_older_recipe_is_served(
    browser: TestApp, database: Database, stub_reader: StubReader, source_id: int
) -> None:
    path = f"/poster/7-dune.{source_id}.thumb.webp"
    location = browser.get(path, status=302).location
    with database.write() as session:
        older = PosterVariant.name + PosterVariant.format
        session.execute(update(PosterVariant).values(recipe_hash=older))
    assert browser.get(path, status=302).location == location
    assert stub_reader.reads == 1


def test_superseded_variant_is_not_served(
    browser: TestApp, database: Database, stub_reader: StubReader, source_id: int
) -> None:
    path = f"/poster/7-dune.{source_id}.thumb.webp"
    browser.get(path, status=302)
    with database.write() as session:
        session.execute(update(PosterVariant).values(state=VariantState.SUPERSEDED))
    browser.get(path, status=302)
    assert stub_reader.reads == 2


def test_failed_fetch_gets_a_placeholder(
    settings: dict[str, Any], database: Database, movie_id: int
) -> None:
    with HostileHost() as host:
        allowed = AllowedNetwork(ip_network(f"{LOOPBACK}/32"), host.port)
        reader = UrlReader(Fetcher(FetchPolicy(allow_addresses=(allowed,))))
        site = make_site(settings, lambda config: add_poster_source(config, SourceKind.URL, reader))
        with database.write() as session:
            source = PosterSource(movie_id=7, kind=SourceKind.URL, url=host.url("/gone.jpg"))
            session.add(source)
        response = TestApp(site).get(f"/poster/7-dune.{source.id}.jpg", status=200)
        close(site)
    assert is_placeholder(response, 780, 1170)
    assert source_of(database, source.id).error_code == "not_found"
    assert host.paths == ["/gone.jpg"]


def test_unreachable_storage_gets_a_placeholder_and_is_retried(
    s3_bucket: S3Bucket, sqlite_url: str, stub_reader: StubReader
) -> None:
    settings = s3_site_settings(s3_bucket, sqlite_url)
    settings |= {"storage.s3.endpoint_url": "http://127.0.0.1:1", "storage.s3.tries": 1}
    site = make_site(
        settings, lambda config: config.add_poster_source(SourceKind.DRAWN, stub_reader)
    )
    database = services_of(site.registry).database
    with database.write() as session:
        session.add(Movie(id=7, title="Dűne", original_title="Dune", slug="dune"))
        session.flush()
        source = PosterSource(movie_id=7, kind=SourceKind.DRAWN, url="drawn:dune")
        session.add(source)
    response = TestApp(site).get(f"/poster/7-dune.{source.id}.jpg", status=200)
    kept = source_of(database, source.id)
    close(site)
    assert is_placeholder(response, 780, 1170)
    assert 2 <= int(response.headers["Retry-After"]) <= 11
    assert (kept.state, kept.error_code) == (SourceState.RETRY_WAIT, "storage_unavailable")


def test_unreachable_database_gets_a_placeholder(tmp_path: Path, database_away: Database) -> None:
    url = database_away.engine.url.render_as_string(hide_password=False)
    site = make_site(disk_settings(tmp_path / "objects", url))
    response = TestApp(site).get("/poster/7-dune.1.thumb.jpg", status=200)
    close(site)
    assert is_placeholder(response, 370, 555)


def test_concurrent_requests_to_two_processes_decode_and_upload_once(
    settings: dict[str, Any], database: Database, site: Router, movie_id: int, tmp_path: Path
) -> None:
    """Eight threads on each of two processes; the others get a placeholder or the redirect."""
    original = services_of(site.registry).storage.put(
        "upload/ab/abc.jpg", picture(size=(800, 1200)), content_type="image/jpeg", cache_control="x"
    )
    with database.write() as session:
        source = PosterSource(movie_id=movie_id, kind=SourceKind.UPLOAD, key=original.key)
        session.add(source)
    log = tmp_path / "log"
    options = {
        "settings": settings,
        "log": str(log),
        "path": f"/poster/7-dune.{source.id}.thumb.jpg",
    }
    (tmp_path / "options.json").write_text(json.dumps(options))
    answers = run_crowds(tmp_path / "options.json", processes=2)
    lines = log.read_text().splitlines()
    assert lines.count("decode ") == 1
    uploads = [line for line in lines if line.startswith("upload")]
    assert len(uploads) == len(set(uploads)) == len(RECIPES)
    assert len(answers) == 16
    assert {status for status, _ in answers} <= {200, 302}
    assert (302, "public, max-age=3600") in answers
    assert {cache for status, cache in answers if status == 200} <= {"no-store"}


def run_crowds(options: Path, processes: int) -> list[tuple[int, str]]:
    command = [sys.executable, "-m", "tests.posters.crowd", str(options)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with ExitStack() as stack:
        crowds = [stack.enter_context(child(command, **pipes)) for _ in range(processes)]
        for crowd in crowds:
            assert crowd.stdout
            assert crowd.stdout.readline() == "ready\n"
        for crowd in crowds:
            assert crowd.stdin
            crowd.stdin.write("go\n")
            crowd.stdin.flush()
        outputs = [crowd.communicate()[0] for crowd in crowds]
    assert [crowd.returncode for crowd in crowds] == [0] * processes
    return [tuple(answer) for output in outputs for answer in json.loads(output)]
