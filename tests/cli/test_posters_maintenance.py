"""``moziweb posters status``, ``retry``, ``gc``, ``reconcile`` and ``verify``."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from moziweb.cli import progress
from moziweb.cli.context import CommandContext
from moziweb.cli.posters import posters
from moziweb.cli.uploads import uploads
from moziweb.manager.audit.models import AuditEntry
from moziweb.posters.generation.host_breaker import STORAGE
from moziweb.posters.generation.publication import CACHE_CONTROL
from moziweb.posters.generation.upload_store import record_upload, store_upload
from moziweb.posters.maintenance import (
    garbage_collection,
    movie_locks,
    reconciliation,
    status,
    verification,
)
from moziweb.posters.maintenance.reconciliation import Finding, Reconciler, Survey
from moziweb.posters.maintenance.verification import Verifier
from moziweb.posters.models import (
    PendingUpload,
    PosterHost,
    PosterSource,
    PosterVariant,
    SharePicture,
    SourceKind,
    SourceState,
    VariantState,
)
from moziweb.posters.recipes import RECIPES
from moziweb.services import services_of
from moziweb.storage import StoredObject
from tests.cli.conftest import COMMAND, Run, Site, events, invoke_in, lay_out, opened
from tests.cli.test_posters import on_a_terminal
from tests.conftest import QueryCounter
from tests.posters.conftest import picture
from tests.services.process import child

COUNT = len(RECIPES)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Path:
    """The folder of a site with two movies whose posters are made, for copies."""
    folder = tmp_path_factory.mktemp("made")
    lay_out(folder, migrated_sqlite)
    with opened(folder) as site:
        for movie_id in (1, 2):
            site.add_movie(movie_id, colour=f"#{movie_id}0a0a0")
    assert invoke_in(folder, "posters", "generate").returncode == 0
    return folder


@pytest.fixture
def made(made_once: Path, tmp_path: Path) -> Iterator[Site]:
    """A site with two movies whose posters are made."""
    shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)
    with opened(tmp_path) as site:
        yield site


def keys(site: Site, movie_id: int) -> list[str]:
    query = (
        select(PosterVariant.key)
        .join(PosterSource)
        .where(PosterSource.movie_id == movie_id, PosterVariant.state == VariantState.READY)
    )
    with site.database.read() as session:
        return [str(key) for key in session.scalars(query)]


def age(site: Site, days: float = 2, key: str = "*") -> None:
    """Set the age of all objects, or of one key."""
    for path in (site.folder / "objects").rglob(f"{key}+object"):
        os.utime(path, (time.time() - days * 86_400,) * 2)


def put(site: Site, key: str) -> None:
    site.storage.put(key, b"x", content_type="image/jpeg", cache_control="no-store")


def fail_at(site: Site, host: str, code: str) -> None:
    source = PosterSource(
        movie_id=1,
        kind=SourceKind.URL,
        url=f"https://{host}/a.jpg",
        state=SourceState.FAILED,
        error_code=code,
        attempts=3,
        next_attempt_at=datetime.now(UTC) + timedelta(days=7),
    )
    with site.database.write() as session:
        session.add(source)


def test_status_counts_states_and_failures_by_code_and_host(made: Site, run: Run) -> None:
    made.add_broken_source(1)
    for host in ("a.example", "a.example", "b.example"):
        fail_at(made, host, "not_found")
    with made.database.write() as session:
        session.add(PosterHost(name="a.example", failures=7, error_code="timeout"))
    (output,) = events(run("posters", "status").stdout)
    assert output["sources"] == {"failed": 3, "pending": 1, "ready": 2}
    assert output["variants"] == {"ready": 2 * COUNT}
    assert output["failures"] == [
        {"code": "not_found", "host": "a.example", "sources": 2},
        {"code": "not_found", "host": "b.example", "sources": 1},
    ]
    assert output["hosts"] == [
        {"host": "a.example", "failures": 7, "code": "timeout", "open_until": None}
    ]
    assert output["oldest_pending"] is not None
    shown, status = on_a_terminal([*COMMAND, "-c", str(made.ini), "posters", "status"])
    assert status == 0
    assert "a.example" in shown
    assert "not_found" in shown
    assert f"{6 + 2 * COUNT}/{6 + 2 * COUNT}" in shown


def test_status_reports_progress_from_its_first_query_on(
    site: Site, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting the variants of a large site takes a minute."""
    site.add_movie(1)
    site.add_broken_source(1)
    with site.database.write() as session:
        source_id = session.scalars(select(PosterSource.id)).one()
        content = {"format": "jpg", "recipe_hash": "r", "source_sha256": "s"}
        session.add_all(
            PosterVariant(source_id=source_id, name=f"{number}", **content) for number in range(5)
        )
    monkeypatch.setattr(status, "IDS_PER_COUNT", 2)
    monkeypatch.setattr(progress, "PROGRESS_SECONDS", 0.0)
    ended = run("posters", "status")
    assert [event["done"] for event in events(ended.stderr)] == [0, 1, 3, 5, 6, 6]
    (output,) = events(ended.stdout)
    assert output["variants"] == {"pending": 5}


@pytest.mark.parametrize(
    ("options", "count"),
    [((), 3), (("--code", "timeout"), 1), (("--host", "A.Example"), 2), (("--movie", "2"), 0)],
)
def test_retry_resets_failed_sources(
    made: Site, run: Run, options: tuple[str, ...], count: int
) -> None:
    for host, code in (("a.example", "not_found"), ("a.example", "timeout"), ("b.example", "x")):
        fail_at(made, host, code)
    with made.database.write() as session:
        session.add(PosterHost(name="a.example", failures=7))
        session.add(PosterHost(name=STORAGE, failures=7))
    ended = run("posters", "retry", *options)
    assert events(ended.stdout) == [{"event": "summary", "retried": count}]
    with made.database.read() as session:
        pending = session.scalars(
            select(PosterSource).where(PosterSource.state == SourceState.PENDING)
        ).all()
        assert {(row.attempts, row.error_code) for row in pending} <= {(0, None)}
        assert len(pending) == count
        assert (session.get(PosterHost, "a.example") is None) == (count > 0)
        is_for_all = count > 0 and "--host" not in options
        assert (session.get(PosterHost, STORAGE) is None) == is_for_all
        entries = session.scalars(select(AuditEntry)).all()
    assert [(each.action, each.changes[0]["after"]) for each in entries] == [
        ("posters.retry", str(count))
    ] * (count > 0)


def test_retry_reads_sources_in_pages(made: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "STATUS_ROWS_PER_QUERY", 1)
    for host in ("a.example", "b.example", "c.example"):
        fail_at(made, host, "not_found")
    assert status.retry(made.database, status.Retry()) == 3


def test_gc_removes_old_superseded_variants(made: Site, run: Run) -> None:
    old, kept = keys(made, 1), keys(made, 2)
    with made.database.write() as session:
        session.execute(
            update(PosterVariant)
            .where(PosterVariant.key.in_(old))
            .values(state=VariantState.SUPERSEDED, superseded_at=LONG_AGO)
        )
        session.execute(
            update(PosterVariant)
            .where(PosterVariant.key.in_(kept[:1]))
            .values(
                state=VariantState.SUPERSEDED,
                superseded_at=datetime.now(UTC) - timedelta(days=29),
            )
        )
        session.execute(
            update(PosterVariant)
            .where(PosterVariant.key.in_(kept[1:2]))
            .values(state=VariantState.SUPERSEDED, superseded_at=LONG_AGO, bucket="another")
        )
    expired = store_upload(made.storage, picture("#123456"))
    age(made, days=9)
    with made.database.write() as session:
        session.add(PendingUpload(key=expired.key, at=LONG_AGO))
    movie, original, summary = events(run("posters", "gc").stdout)
    assert (movie["movie_id"], movie["objects"], movie["busy"]) == (1, COUNT, False)
    assert original == {"event": "original", "key": expired.key, "removed": True}
    assert (summary["objects"], summary["originals"]) == (COUNT, 1)
    assert made.storage.head(expired.key) is None
    assert sorted(kept) == [stored.key for stored in made.storage.list("poster/")]
    with made.database.read() as session:
        states = session.scalars(select(PosterVariant.state).where(PosterVariant.key.in_(old)))
        assert set(states) == {VariantState.DELETED}
        assert session.scalars(select(PosterSource.lease_token)).all() == [None, None]
    assert events(run("posters", "gc").stdout)[-1]["objects"] == 0


def test_gc_keeps_an_object_that_another_variant_shares(made: Site, run: Run) -> None:
    """Two sources of a movie with the same picture share their objects."""
    shared = keys(made, 1)
    with made.database.write() as session:
        session.add(twin := PosterSource(movie_id=1, kind=SourceKind.URL, url="https://a.b/c"))
        session.flush()
        for row in session.scalars(select(PosterVariant).where(PosterVariant.key.in_(shared))):
            values = {
                column: getattr(row, column) for column in ("name", "format", "key", "bucket")
            }
            session.add(
                PosterVariant(
                    source_id=twin.id,
                    recipe_hash=row.recipe_hash,
                    source_sha256=row.source_sha256,
                    state=VariantState.SUPERSEDED,
                    superseded_at=LONG_AGO,
                    **values,
                )
            )
    movie, _ = events(run("posters", "gc").stdout)
    assert (movie["variants"], movie["objects"], movie["shared"]) == (COUNT, 0, COUNT)
    assert {*shared, *keys(made, 2)} == {stored.key for stored in made.storage.list("poster/")}


def test_reconcile_changes_storage_only_with_options(made: Site, run: Run) -> None:
    lost, elsewhere = keys(made, 2)[:2]
    superseded, gone = keys(made, 1)[:2]
    made.storage.delete([lost, elsewhere, gone])
    with made.database.write() as session:
        moved = update(PosterVariant).where(PosterVariant.key == elsewhere)
        session.execute(moved.values(bucket="another"))
        retired = update(PosterVariant).where(PosterVariant.key.in_((superseded, gone)))
        session.execute(
            retired.values(state=VariantState.SUPERSEDED, superseded_at=datetime.now(UTC))
        )
    orphans = [
        "poster/1-film-1/0-0.jpg", "poster/1-film-1/0-1.jpg", "poster/999-gone/0-0.jpg",
        "upload/00/0.jpg",
    ]  # fmt: skip
    for orphan in orphans:
        put(made, orphan)
    age(made)
    young = "poster/1-film-1/1-1.jpg"  # a process may be about to publish it
    put(made, young)
    age(made, days=0.9, key=young)
    ended = run("posters", "reconcile")
    assert ended.returncode == 1
    *found, summary = events(ended.stdout)
    assert {(one["event"], one["key"]) for one in found} == {
        ("missing", lost),
        *(("orphan", key) for key in orphans),
    }
    assert (summary["orphans"], summary["missing"], summary["young"]) == (4, 1, 1)
    assert (summary["removed"], summary["mended"]) == (0, 0)

    refused = run("posters", "reconcile", "--delete")  # four of 34: more than a tenth
    assert refused.returncode == 1
    assert "nothing was removed" in refused.stderr
    assert made.storage.head("upload/00/0.jpg")

    mended = run("posters", "reconcile", "--delete", "--repair", "--max-share", "0.5")
    assert mended.returncode == 0, mended.stderr
    assert events(mended.stdout)[-1]["removed"] == 4
    assert run("posters", "generate").returncode == 0
    assert made.storage.head(lost)
    shown, status = on_a_terminal([*COMMAND, "-c", str(made.ini), "posters", "reconcile"])
    assert status == 0
    assert f"{2 * COUNT + 2}/{2 * COUNT + 2}" in shown, "includes the young object"
    assert "0 orphans, 0 missing" in shown


def add_picture(site: Site, subject: str, **values: object) -> str:
    """Add the row and the object of a picture of a link; returns its key."""
    key = f"share/{subject}/hu-{len(subject):016x}.jpg"
    put(site, key)
    with site.database.write() as session:
        session.add(
            SharePicture(
                subject=subject, locale="hu", digest=key[-64:], bucket=site.storage.bucket,
                key=key, **values,
            )
        )  # fmt: skip
    return key


def pictures_of(site: Site) -> set[str]:
    with site.database.read() as session:
        return set(session.scalars(select(SharePicture.key)))


def test_reconcile_compares_pictures_of_links(
    made: Site, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "OBJECTS_PER_QUERY", 2)
    kept = [add_picture(made, f"movie-{number}") for number in (1, 2, 12)]
    lost = [add_picture(made, "movie-10"), add_picture(made, "week-2026-W34")]
    retired = add_picture(made, "week-2026-W33", superseded_at=datetime.now(UTC))
    elsewhere = add_picture(made, "week-2026-W35")
    made.storage.delete([*lost, retired, elsewhere])
    with made.database.write() as session:
        moved = update(SharePicture).where(SharePicture.key == elsewhere)
        session.execute(moved.values(bucket="another"))
    orphans = ["share/movie-1/hu-0.jpg", "share/movie-9/en-0.jpg", "share/week-2026-W60/hu-0.jpg"]
    for orphan in orphans:
        put(made, orphan)
    age(made)
    put(made, "share/movie-1/hu-1.jpg")  # a process may be about to write its row
    ended = run("posters", "reconcile")
    assert ended.returncode == 1
    *found, summary = events(ended.stdout)
    assert {(one["event"], one["key"]) for one in found} == {
        *(("missing", key) for key in (*lost, retired)),  # a superseded one may be linked again
        *(("orphan", key) for key in orphans),
    }
    assert (summary["orphans"], summary["missing"], summary["young"]) == (3, 3, 1)
    assert pictures_of(made) == {*kept, *lost, retired, elsewhere}

    ended = run("posters", "reconcile", "--delete", "--repair", "--max-share", "0.5")
    assert ended.returncode == 0, ended.stderr
    summary = events(ended.stdout)[-1]
    assert (summary["removed"], summary["mended"]) == (3, 3)
    assert pictures_of(made) == {*kept, elsewhere}
    left = {stored.key for stored in made.storage.list("share/")}
    assert left == {*kept, "share/movie-1/hu-1.jpg"}
    assert run("posters", "reconcile").returncode == 0


def test_picture_that_gets_a_row_before_removal_is_kept(made: Site) -> None:
    orphan, late = "share/movie-1/hu-0.jpg", "share/movie-2/hu-0.jpg"
    for key in (orphan, late):
        put(made, key)
    age(made)
    reconciler = Reconciler(made.database, made.storage, lambda: datetime.now(UTC))
    orphans, _missing = compared(reconciler)
    assert [found.key for found in orphans] == [orphan, late]
    with made.database.write() as session:
        session.add(
            SharePicture(subject="movie-2", locale="hu", digest="d", bucket="disk", key=late)
        )
    assert reconciler.remove(orphans) == 1
    assert [stored.key for stored in made.storage.list("share/")] == [late]


def compared(
    reconciler: Reconciler, survey: Survey | None = None
) -> tuple[list[Finding], list[Finding]]:
    """The orphans and the missing objects."""
    found = list(reconciler.findings(survey or Survey()))
    orphans = [each for each in found if each.is_orphan]
    return orphans, [each for each in found if not each.is_orphan]


def test_differences_are_reported_while_storage_is_listed(
    made: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a page is in memory, however many objects and differences there are."""
    monkeypatch.setattr(reconciliation, "OBJECTS_PER_QUERY", 2)
    listed: list[str] = []

    class CountedListing:
        """A storage of a thousand orphans, which counts what is read."""

        bucket, head = made.storage.bucket, made.storage.head

        def list(self, prefix: str) -> Iterator[StoredObject]:
            for number in range(1_000):
                listed.append(f"{prefix}1-film-1/{number:04}.jpg")
                old = datetime(2026, 1, 1, tzinfo=UTC)
                yield StoredObject("", listed[-1], 1, "", last_modified=old)

    storage: Any = CountedListing()
    survey, done = Survey(), list[int]()
    reconciler = Reconciler(made.database, storage, lambda: datetime.now(UTC))
    findings = reconciler.findings(survey, done.append)
    assert next(findings).is_orphan
    assert len(listed) == 2
    assert sum(1 for _ in findings) >= 1_999
    assert done[:3] == [2, 4, 6]


def test_upload_stored_again_is_no_orphan_before_its_row_exists(
    made: Site,
) -> None:
    reconciler = Reconciler(made.database, made.storage, lambda: datetime.now(UTC))
    upload = store_upload(made.storage, picture("#123456"))
    put(made, "upload/00/0.jpg")
    age(made)
    orphans, _missing = compared(reconciler)
    assert {found.key for found in orphans} == {upload.key, "upload/00/0.jpg"}
    assert store_upload(made.storage, picture("#123456")) == upload
    assert reconciler.remove(orphans) == 1
    assert made.storage.head(upload.key)


def test_orphan_that_gets_a_row_before_removal_is_kept(made: Site) -> None:
    reconciler = Reconciler(made.database, made.storage, lambda: datetime.now(UTC))
    upload = store_upload(made.storage, picture("#123456"))
    orphan, variant = "poster/1-film-1/zy.jpg", "poster/1-film-1/zz.jpg"
    being_made = "poster/2-film-2/zz.jpg"
    for key in (orphan, variant, being_made):
        put(made, key)
    age(made)
    orphans, _missing = compared(reconciler)
    assert {found.key for found in orphans} == {upload.key, orphan, variant, being_made}
    with made.database.write() as session:
        leased = {"lease_token": "b", "lease_until": datetime.now(UTC) + timedelta(minutes=9)}
        second = update(PosterSource).where(PosterSource.movie_id == 2)
        session.execute(second.values(state=SourceState.GENERATING, **leased))
        record_upload(session, 1, upload)
        published = update(PosterVariant).where(PosterVariant.key == keys(made, 1)[0])
        session.execute(published.values(key=variant))
    assert reconciler.remove(orphans) == 1
    assert made.storage.head(orphan) is None
    for key in (upload.key, variant, being_made):
        assert made.storage.head(key)


def test_object_published_while_storage_is_listed_is_not_missing(made: Site) -> None:
    late = keys(made, 1)[3]

    class StaleListing:
        """A storage whose listing began before the object was written."""

        bucket, head = made.storage.bucket, made.storage.head

        def list(self, prefix: str) -> Iterator[StoredObject]:
            return (stored for stored in made.storage.list(prefix) if stored.key != late)

    storage: Any = StaleListing()
    assert compared(Reconciler(made.database, storage, lambda: datetime.now(UTC))) == ([], [])


def test_pages_of_keys_are_compared_without_gaps(
    made: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [keys(made, 1)[0], keys(made, 2)[-1]]
    made.storage.delete(lost)
    put(made, "poster/1-film-1/zz.jpg")
    age(made)
    for page in (1, 3, 100):
        monkeypatch.setattr(reconciliation, "OBJECTS_PER_QUERY", page)
        survey = Survey()
        reconciler = Reconciler(made.database, made.storage, lambda: datetime.now(UTC))
        orphans, missing = compared(reconciler, survey)
        assert sorted(found.key for found in missing) == sorted(lost)
        assert [found.key for found in orphans] == ["poster/1-film-1/zz.jpg"]
        assert survey.objects == 2 * COUNT + 1  # two lost, two originals, one orphan
        assert (survey.orphans, survey.missing) == (1, 2)


def test_emptied_bucket_is_found_and_repaired_in_pages(
    made: Site, monkeypatch: pytest.MonkeyPatch, query_counter: QueryCounter
) -> None:
    """A statement takes some ten thousand parameters; storage can lose more objects than that."""
    lost = [*keys(made, 1), *keys(made, 2)]
    made.storage.delete(lost)
    reconciler = Reconciler(made.database, made.storage, lambda: datetime.now(UTC))
    for page in (1, 5, 100):
        monkeypatch.setattr(reconciliation, "OBJECTS_PER_QUERY", page)
        _orphans, missing = compared(reconciler)
        assert [found.key for found in missing] == sorted(lost)
    monkeypatch.setattr(movie_locks, "KEYS_PER_STATEMENT", 5)
    with query_counter(made.database.engine) as statements:
        assert reconciler.repair(missing) == 2
    pages = [each for each in statements if each.startswith("SELECT poster_variant")]
    assert len(pages) == ceil(len(lost) / 5)
    assert keys(made, 1) == keys(made, 2) == []
    with made.database.read() as session:
        assert set(session.scalars(select(PosterSource.state))) == {SourceState.PENDING}


def test_every_object_is_checked_and_faulty_variants_are_made_again(made: Site, run: Run) -> None:
    assert run("posters", "verify").returncode == 0
    lost, short, headers = keys(made, 1)[:3]
    made.storage.delete([lost])
    made.storage.put(short, b"x", content_type="image/jpeg", cache_control=CACHE_CONTROL)
    body = made.storage.get(headers)
    made.storage.put(headers, body, content_type="text/html", cache_control="no-store")
    ended = run("posters", "verify", "--repair")
    assert ended.returncode == 1
    *checks, summary = events(ended.stdout)
    faults = {one["key"]: one["fault"] for one in checks if one["fault"]}
    assert faults == {lost: "missing", short: "wrong_size", headers: "wrong_headers"}
    assert summary["checked"] == 2 * COUNT + 2
    assert run("posters", "generate").returncode == 0
    assert run("posters", "verify").returncode == 0


def test_objects_in_another_bucket_are_reported(made: Site, run: Run) -> None:
    with made.database.write() as session:
        moved = update(PosterVariant).where(PosterVariant.key.in_(keys(made, 1)))
        session.execute(moved.values(bucket="old"))
    ended = run("posters", "verify")
    summary = events(ended.stdout)[-1]
    assert (ended.returncode, summary["checked"], summary["elsewhere"]) == (1, COUNT + 2, COUNT)


def test_missing_original_is_reported_and_nothing_repaired(made: Site, run: Run) -> None:
    (original, *_) = [stored.key for stored in made.storage.list("upload/")]
    ready = keys(made, 1)
    made.storage.delete([original, ready[0]])
    ended = run("posters", "verify")
    assert ended.returncode == 1
    summary = events(ended.stdout)[-1]
    assert (summary["original_missing"], summary["missing"], summary["mended"]) == (1, 1, 0)
    assert keys(made, 1) == ready


def test_pages_of_objects_are_checked_without_gaps(
    made: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "VARIANTS_PER_QUERY", 1)
    checks = list(Verifier(made.database, made.storage, jobs=2).run(threading.Event()))
    assert {check.expected.key for check in checks} == {
        stored.key for stored in made.storage.list()
    }
    assert len(checks) == 2 * COUNT + 2


@pytest.mark.parametrize(
    ("command", "call", "done"),
    [
        ((posters, "verify"), "head", {"checked": 10}),
        ((posters, "gc"), "delete", {"movies": 1, "objects": COUNT}),
        ((uploads, "migrate", "old"), "put", {"moved": 1, "files": 2}),
    ],
    ids=["verify", "gc", "migrate"],
)
def test_signal_stops_a_command_after_the_current_step(
    made: Site,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[Any, ...],
    call: str,
    done: dict[str, int],
) -> None:
    """The signal arrives during the first call of storage; more steps are left."""
    if call == "delete":
        with made.database.write() as session:
            retired = {"state": VariantState.SUPERSEDED, "superseded_at": LONG_AGO}
            session.execute(update(PosterVariant).values(retired))
    (made.folder / "old").mkdir()
    for number in (1, 2):
        (made.folder / "old" / f"{number}.jpg").write_bytes(picture(f"#{number}1b1b1"))
    monkeypatch.chdir(made.folder)
    monkeypatch.setattr(garbage_collection, "MOVIES_PER_REMOVAL", 1)
    monkeypatch.setattr(verification, "VARIANTS_PER_QUERY", 10)
    registry = (context := CommandContext(str(made.ini))).registry
    ask, first = getattr(services_of(registry).storage, call), iter([signal.SIGTERM])

    def interrupted(*given: Any, **named: Any) -> Any:
        for signum in first:
            signal.raise_signal(signum)
        return ask(*given, **named)

    monkeypatch.setattr(services_of(registry).storage, call, interrupted)
    group, *arguments = command
    with closing(services_of(registry).decoder_pool):
        ended = CliRunner().invoke(group, arguments, obj=context)
    services_of(registry).database.engine.dispose()
    assert ended.exit_code == 128 + signal.SIGTERM, ended.output
    summary = events(ended.stdout)[-1]
    assert summary["stopped"] is True
    assert {name: summary[name] for name in done} == done


def test_ctrl_z_pauses_after_the_sources_in_progress(site: Site) -> None:
    for movie_id in range(1, 13):
        site.add_movie(movie_id, colour=f"#{movie_id:02x}a0a0")
    command = [*COMMAND, "-c", str(site.ini), "posters", "generate", "--jobs", "2"]
    with child(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        first = process.stdout.readline()
        process.send_signal(signal.SIGTSTP)
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        with site.database.read() as session:
            states = set(session.scalars(select(PosterSource.state)))
        assert states == {SourceState.READY, SourceState.PENDING}
        process.send_signal(signal.SIGCONT)
        output = events(first + process.stdout.read())
        assert process.wait() == 0
    assert output[-1]["made"] == 12
