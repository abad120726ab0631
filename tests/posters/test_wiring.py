"""The settings of posters reach the components that use them."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from time import monotonic

from moziweb.clock import utc_now
from moziweb.movies.models import Movie
from moziweb.posters.fetching.errors import FetchCode
from moziweb.posters.generation.error_codes import SourceError
from moziweb.posters.generation.readers import UrlReader
from moziweb.posters.generation.result import GenerationStatus
from moziweb.posters.importer_port import ImportedPosters
from moziweb.posters.models import SourceKind
from moziweb.services import services_of
from tests.posters.decoder.children import pids

from .conftest import StubReader, add_source, picture, source_of
from .site import disk_settings, make_site

MEBIBYTE = 1024 * 1024


def test_images_are_decoded_in_child_processes_by_the_settings(
    tmp_path: Path, sqlite_url: str
) -> None:
    """A probe and the making of variants are one job each, of a child limited to two."""
    decoder = {
        "memory_mb": 128, "seconds": 20, "cpu_seconds": 6, "niceness": 3,
        "budget_mb": 90, "children": 1, "jobs_per_child": 2, "image_mb": 70, "alone_mb": 60,
    }  # fmt: skip
    given = {f"posters.decoder.{name}": str(value) for name, value in decoder.items()}
    site = make_site(disk_settings(tmp_path, sqlite_url) | given)
    service, workshop = services_of(site.registry).posters, services_of(site.registry).decoder_pool
    with closing(workshop):
        assert pids(workshop) == frozenset()
        service.probe(picture())
        (first,) = pids(workshop)
        allowed = Path(f"/proc/{first}/cmdline").read_text().rstrip("\0").split("\0")[-4:]
        assert allowed == [str(128 * MEBIBYTE), "20.0", "6", "3"]
        assert workshop._budget.free == 90 * MEBIBYTE
        assert workshop._image_bytes == 70 * MEBIBYTE
        assert workshop._alone_bytes == 60 * MEBIBYTE
        service.preview(picture())
        (second,) = pids(workshop)
        assert second != first


def test_source_is_read_and_leased_by_the_settings(
    tmp_path: Path, sqlite_url: str, stub_reader: StubReader
) -> None:
    given = {
        "posters.lease_seconds": "1000",
        "posters.wait_seconds": "0.3",
        "posters.fetch_seconds": "7",
        "posters.max_source_mb": "2",
        "storage.s3.conditional_put": "true",
    }
    site = make_site(
        disk_settings(tmp_path, sqlite_url) | given,
        lambda config: config.add_poster_source(SourceKind.DRAWN, stub_reader),
    )
    reader = services_of(site.registry).poster_readers[SourceKind.URL]
    assert isinstance(reader, UrlReader)
    policy = reader._fetcher.policy
    assert (policy.max_bytes, policy.deadline_seconds) == (2_000_000, 7)
    assert services_of(site.registry).posters.limits.bytes == 2_000_000
    assert not services_of(site.registry).posters._resend

    database, admission = (
        services_of(site.registry).database,
        services_of(site.registry).poster_admission,
    )
    with database.write() as session:
        session.add(Movie(id=7, title="Dűne", original_title="Dune", slug="dune"))
    source_id = add_source(database, 7)
    left: list[timedelta] = []

    def ask_again() -> None:
        """During the first request's read, within its slot, so only the lease is taken."""
        stub_reader.before_read = lambda: None
        until = source_of(database, source_id).lease_until
        left.append(until - utc_now() if until else timedelta())
        started = monotonic()
        assert admission.ensure_or_wait(source_id).status is GenerationStatus.BUSY
        left.append(timedelta(seconds=monotonic() - started))

    stub_reader.before_read, stub_reader.error = ask_again, SourceError(FetchCode.TIMEOUT)
    assert admission.ensure_or_wait(source_id).code == "timeout"
    lease, waited = left
    assert timedelta(seconds=900) < lease <= timedelta(seconds=1000)
    assert waited >= timedelta(seconds=0.3)
    database.engine.dispose()


def test_test_host_of_the_ini_file_is_allowed(tmp_path: Path, sqlite_url: str) -> None:
    local = {"site.base_url": "http://127.0.0.1:6543", "posters.test_host": "pictures.test:8080"}
    for given, allowed in ((local, True), ({}, False)):
        site = make_site(disk_settings(tmp_path, sqlite_url) | given)
        posters = ImportedPosters(services_of(site.registry).poster_editor.policy)
        assert posters.is_allowed_url("http://pictures.test:8080/a.jpg") is allowed
        assert not posters.is_allowed_url("http://pictures.test:8081/a.jpg")
