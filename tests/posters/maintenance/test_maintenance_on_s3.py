"""The commands ``reconcile`` and ``verify`` over PostgreSQL and a real bucket."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from moziweb.cli import posters_maintenance
from moziweb.cli.context import CommandContext
from moziweb.cli.posters import posters
from moziweb.clock import utc_now
from moziweb.db import Database
from moziweb.movies.models import Movie
from moziweb.posters.generation.publication import CACHE_CONTROL
from moziweb.posters.models import PosterVariant, VariantState
from moziweb.posters.recipes import RECIPES
from moziweb.services import services_of
from moziweb.storage import Storage
from moziweb.storage.s3 import S3Storage
from tests.factories import add_upload
from tests.posters.conftest import picture
from tests.posters.test_faults import INI
from tests.services.s3 import ROOT, S3Bucket

COUNT = len(RECIPES)
ORPHANS = ("poster/1-film-1/0-0.jpg", "poster/999-gone/0-0.jpg", "upload/00/0.jpg")

Run = Callable[..., Result]


@pytest.fixture
def context(tmp_path: Path, postgres_url: str, s3_bucket: S3Bucket) -> Iterator[CommandContext]:
    given = {"url": postgres_url, "bucket": s3_bucket.name, "endpoint": s3_bucket.endpoint_url}
    secrets = {"key": ROOT.access_key_id, "secret": ROOT.secret_access_key}
    (tmp_path / "site.ini").write_text(INI.format(**given, **secrets))
    context = CommandContext(str(tmp_path / "site.ini"))
    registry = context.registry
    storage = services_of(registry).storage
    assert isinstance(storage, S3Storage)
    with closing(storage), closing(services_of(registry).decoder_pool):
        yield context
    services_of(registry).database.engine.dispose()


@pytest.fixture
def database(context: CommandContext) -> Database:
    database: Database = services_of(context.registry).database
    return database


@pytest.fixture
def storage(context: CommandContext) -> Storage:
    storage: Storage = services_of(context.registry).storage
    return storage


@pytest.fixture
def run(context: CommandContext) -> Run:
    """Runs ``moziweb posters …`` in this process."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(posters, arguments, obj=context)

    return run


@pytest.fixture
def keys(database: Database, storage: Storage, run: Run) -> list[str]:
    """The keys of all variants of two movies."""
    for number in (1, 2):
        with database.write() as session:
            movie = Movie(id=number, title="a", original_title="a", slug=f"film-{number}")
            session.add(movie)
            session.flush()
            add_upload(session, storage, movie, picture(f"#{number}0a0a0"))
    assert run("generate").exit_code == 0
    with database.read() as session:
        ready = select(PosterVariant.key).where(PosterVariant.state == VariantState.READY)
        return [str(key) for key in session.scalars(ready.order_by(PosterVariant.id))]


def events(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def put(storage: Storage, key: str) -> None:
    storage.put(key, b"x", content_type="image/jpeg", cache_control="no-store")


def test_reconcile_reports_refuses_and_repairs(
    storage: Storage, run: Run, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = keys[-1]
    storage.delete([lost])
    for key in ORPHANS:
        put(storage, key)
    young = run("reconcile")
    assert young.exit_code == 1
    (missing, summary) = events(young)
    assert (missing["event"], missing["key"]) == ("missing", lost)
    assert (summary["orphans"], summary["young"]) == (0, len(ORPHANS))

    # The bucket sets the time of its objects, so the test moves the clock of the command.
    monkeypatch.setattr(posters_maintenance, "utc_now", lambda: utc_now() + timedelta(days=2))
    dry = run("reconcile")
    assert dry.exit_code == 1
    found = {(one["event"], one["key"]) for one in events(dry)[:-1]}
    assert found == {("missing", lost), *(("orphan", key) for key in ORPHANS)}
    everything = {stored.key for stored in storage.list()}
    assert everything == {*keys, *ORPHANS, *originals(storage)} - {lost}

    refused = run("reconcile", "--delete", "--max-share", "0.05")
    assert refused.exit_code == 1
    share = f"{len(ORPHANS)} of {len(everything)} objects would be removed"
    assert f"{share}, more than --max-share 0.05" in refused.stderr
    assert {stored.key for stored in storage.list()} == everything

    repaired = run("reconcile", "--delete", "--repair", "--max-share", "0.2")
    assert repaired.exit_code == 0, repaired.output
    assert (events(repaired)[-1]["removed"], events(repaired)[-1]["mended"]) == (3, 1)
    assert {stored.key for stored in storage.list()} == everything - {*ORPHANS}
    assert run("generate").exit_code == 0
    assert storage.head(lost)
    assert run("reconcile").exit_code == 0


def originals(storage: Storage) -> set[str]:
    return {stored.key for stored in storage.list("upload/")}


def test_verify_checks_every_object_and_repairs_faulty_ones(
    storage: Storage, run: Run, keys: list[str]
) -> None:
    assert run("verify").exit_code == 0
    lost, short, headers = keys[:3]
    storage.delete([lost])
    storage.put(short, b"x", content_type="image/jpeg", cache_control=CACHE_CONTROL)
    body = storage.get(headers)
    storage.put(headers, body, content_type="text/html", cache_control="no-store")
    faulty = run("verify")
    assert faulty.exit_code == 1
    faults = {one["key"]: one["fault"] for one in events(faulty)[:-1] if one["fault"]}
    assert faults == {lost: "missing", short: "wrong_size", headers: "wrong_headers"}
    assert events(faulty)[-1]["checked"] == 2 * COUNT + 2
    assert storage.head(lost) is None, "nothing is changed without --repair"

    assert run("verify", "--repair").exit_code == 1
    assert run("generate").exit_code == 0
    assert run("verify").exit_code == 0
    storage.delete(originals(storage))
    gone = run("verify")
    assert gone.exit_code == 1
    assert events(gone)[-1]["original_missing"] == 2
