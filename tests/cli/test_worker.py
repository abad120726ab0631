"""``moziweb worker``: processes on a PostgreSQL queue, killed, stopped and disconnected."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

from moziweb.cache import TAGS_OPTION, StampStore
from moziweb.cache.regions.config import open_atomic_store
from moziweb.caching import OUTBOX
from moziweb.clock import utc_now
from moziweb.db import Database, create_engine
from moziweb.manager.audit.log import COMMAND as AUDIT_COMMAND
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.bin.deletion import Deleter
from moziweb.manager.bin.models import BinItem, BinKind
from moziweb.manager.bin.restoring import BIN_RETENTION
from moziweb.movies.importers.models import ImportCheckpoint
from moziweb.movies.importers.refreshing import CHANGES_CHECKPOINT
from moziweb.movies.models import FieldProvenance, Movie
from moziweb.posters.generation.procrastinate_queue import ProcrastinateQueue
from moziweb.posters.generation.procrastinate_worker import PosterWorker
from moziweb.posters.generation.triggers import SourceChangeListener
from moziweb.posters.models import PosterSource, PosterVariant, SourceState, VariantState
from moziweb.posters.recipes import RECIPES
from moziweb.storage.disk import DiskStorage
from tests.factories import add_upload, make_movie
from tests.movies.importers.tmdb_world import a_movie
from tests.posters.conftest import picture
from tests.services.ports import accepts, free_port
from tests.services.postgres import PostgresServer
from tests.services.process import child
from tests.services.process import run as run_command
from tests.services.tmdb import TOKEN, TmdbServer
from tests.services.web import ask

from .conftest import Run, invoke_in

INI = """\
[app:main]
use = egg:moziweb
site.base_url = http://127.0.0.1:6543
sqlalchemy.url = {url}
storage.backend = disk
storage.disk.path = %(here)s/objects
posters.background = procrastinate
"""

CACHE = """\
cache.regions = pages
cache.default.backend = moziweb.memory
cache.stamps.url = sqlite:///%(here)s/stamps.sqlite
"""

# Renames a movie and is killed between commit and publish.
KILLED_WRITER = """\
import os, signal, sys
from moziweb.cache import StampStore
from moziweb.cli.context import CommandContext
from moziweb.caching import OUTBOX
from moziweb.movies.models import Movie
StampStore.publish = lambda stamps, tags: os.kill(os.getpid(), signal.SIGKILL)
with CommandContext(sys.argv[1]).services.database.write() as session:
    session.get_one(Movie, int(sys.argv[2])).title = "b"
"""

LAWFUL_COMMAND = """\
import sys
from moziweb.cli import main
from tests.audit_law import audit_law
with audit_law():
    try:
        main(prog_name="moziweb")
    except SystemExit as ended:
        status = ended.code
sys.exit(status)
"""
"""``moziweb``, whose writes have audit entries: its status is 1 if one has none."""

WITHOUT_ENTRIES = """\
from moziweb.manager.audit import poster_choices
poster_choices.record_chosen = lambda session, source: None
"""
"""Before ``LAWFUL_COMMAND``: the poster that a worker chooses has no entry."""

JOBS = text("SELECT status::text FROM procrastinate.procrastinate_jobs")

PATIENCE = 90.0


@pytest.fixture
def database(
    tmp_path: Path, postgres_server: PostgresServer, migrated_postgres: str
) -> Iterator[Database]:
    """A site on PostgreSQL whose sessions enqueue jobs, as the sessions of the site do."""
    with postgres_server.reusable(migrated_postgres) as url:
        (tmp_path / "site.ini").write_text(INI.format(url=url))
        address = url.replace("postgresql://", "postgresql+psycopg://")
        engine = create_engine({"sqlalchemy.url": address, "sqlalchemy.pool_size": 2})
        database = Database(engine)
        queue = ProcrastinateQueue(database)
        database.watch(SourceChangeListener(queue).listen)
        yield database
        engine.dispose()


@contextmanager
def worker(folder: Path, *options: str, before: str = "") -> Iterator[subprocess.Popen[str]]:
    """A worker; ``before`` is code that its process runs first."""
    program = [sys.executable, "-c", before + LAWFUL_COMMAND]
    command = [*program, "-c", str(folder / "site.ini"), "worker", "--jobs", "2", *options]
    environ = {**os.environ, "PYTHONWARNINGS": "ignore"}
    with child(command, limit=4 * PATIENCE, stderr=subprocess.PIPE, env=environ) as process:
        assert process.stderr
        assert process.stderr.readline().startswith("A worker")
        yield process


def add_upload_of(database: Database, folder: Path, number: int) -> int:
    storage = DiskStorage(folder / "objects")
    with database.write() as session:
        movie = Movie(title="a", original_title="a", slug="a")
        session.add(movie)
        session.flush()
        colour = f"#{number:02x}a0a0"
        return add_upload(session, storage, movie, picture(colour, (400, 600))).id


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def count(database: Database, state: SourceState) -> int:
    query = select(func.count(PosterSource.id)).where(PosterSource.state == state)
    with database.read() as session:
        return session.scalar(query) or 0


def test_a_worker_fails_if_its_write_has_no_audit_entry(database: Database, tmp_path: Path) -> None:
    source_id = add_upload_of(database, tmp_path, 1)
    with database.write() as session:
        source = session.get_one(PosterSource, source_id)
        source.chosen, source.choose_when_ready = False, True

    def is_chosen() -> bool:
        with database.read() as session:
            return session.get_one(PosterSource, source_id).chosen

    with worker(tmp_path, before=WITHOUT_ENTRIES) as process:
        wait_for(is_chosen)
        process.terminate()
        assert process.wait(PATIENCE) == 1
        assert process.stderr
        error = process.stderr.read()
    assert "poster_source.chosen without an audit entry" in error


def test_sigterm_to_all_processes_loses_no_poster_in_progress(
    database: Database, tmp_path: Path
) -> None:
    for number in range(1, 8):
        add_upload_of(database, tmp_path, number)
    with worker(tmp_path) as process:
        wait_for(lambda: count(database, SourceState.GENERATING) > 0)
        os.killpg(process.pid, signal.SIGTERM)  # as systemd and Heroku do
        assert process.wait(PATIENCE) == 0
    assert count(database, SourceState.GENERATING) == 0
    ready, pending = count(database, SourceState.READY), count(database, SourceState.PENDING)
    assert (ready > 0, ready + pending) == (True, 7)
    with database.read() as session:
        assert list(session.scalars(JOBS)).count("todo") >= pending
        assert "doing" not in session.scalars(JOBS).all()


def test_worker_makes_posters_and_jobs_of_a_killed_worker_are_taken_over(
    database: Database, tmp_path: Path
) -> None:
    with worker(tmp_path) as first:
        add_upload_of(database, tmp_path, 1)
        wait_for(lambda: count(database, SourceState.READY) == 1)
        for number in range(2, 12):
            add_upload_of(database, tmp_path, number)
        wait_for(lambda: count(database, SourceState.GENERATING) > 0)
        first.kill()  # SIGKILL: leases and jobs stay as they are
        first.wait()
    with database.write() as session:
        # Expire its leases and its heartbeat, and delete the waiting jobs.
        long_ago = datetime(2026, 1, 1, tzinfo=UTC)
        session.execute(update(PosterSource).values(lease_until=long_ago))
        heard = text("UPDATE procrastinate.procrastinate_workers SET last_heartbeat = :ago")
        session.execute(heard, {"ago": long_ago})
        lost = text("DELETE FROM procrastinate.procrastinate_jobs WHERE status = 'todo'")
        session.execute(lost)
        assert set(session.scalars(JOBS)) == {"doing"}
    with worker(tmp_path) as second, worker(tmp_path) as third:
        wait_for(lambda: count(database, SourceState.READY) == 11)
        for process in (second, third):
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
    ready = select(func.count(PosterVariant.id)).where(PosterVariant.state == VariantState.READY)
    with database.read() as session:
        assert session.scalar(ready) == 11 * len(RECIPES)
        assert set(session.scalars(JOBS)) <= {"todo"}, "jobs of a killed worker are left"


def test_worker_reconnects_to_its_database(
    tmp_path: Path, migrated_postgres: str, database: Database, postgres_server: PostgresServer
) -> None:
    """It neither ends nor loops when its connections are closed."""
    name = database.engine.url.database
    with worker(tmp_path) as process:
        add_upload_of(database, tmp_path, 1)
        wait_for(lambda: count(database, SourceState.READY) == 1)
        database.engine.dispose()
        with postgres_server.connect("postgres") as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
        add_upload_of(database, tmp_path, 2)
        wait_for(lambda: count(database, SourceState.READY) == 2)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


def test_worker_serves_metrics_and_heartbeats(database: Database, tmp_path: Path) -> None:
    ini, port = tmp_path / "site.ini", free_port()
    ini.write_text(ini.read_text() + "metrics.token = a-token-of-some-length\n")
    with worker(tmp_path, "--metrics", f"127.0.0.1:{port}") as process:
        add_upload_of(database, tmp_path, 1)
        wait_for(lambda: count(database, SourceState.READY) == 1)
        bearer = {"Authorization": "Bearer a-token-of-some-length"}
        body = ask(port, "/metrics", headers=bearer)[2].decode()
        assert f"moziweb_posters_made_total {len(RECIPES)}.0" in body
        assert 'moziweb_posters_results_total{code="",result="made"} 1.0' in body
        assert 'moziweb_posters_sources{state="ready"} 1.0' in body
        assert "moziweb_posters_queue_age_seconds 0.0" in body
        assert "moziweb_posters_worker_silence_seconds " in body
        statuses = {
            path: ask(port, path)[0]
            for path in ("/metrics", "/__lbheartbeat__", "/poster/1-a.1.jpg", "/")
        }
        assert statuses == {
            "/metrics": 401, "/__lbheartbeat__": 200, "/poster/1-a.1.jpg": 404, "/": 404
        }  # fmt: skip
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


@pytest.mark.usefixtures("database")
def test_worker_without_a_token_serves_the_heartbeats(tmp_path: Path) -> None:
    """The environment of deploy/ has no METRICS_TOKEN until the operator sets one."""
    port = free_port()
    with worker(tmp_path, "--metrics", f"127.0.0.1:{port}"):
        wait_for(lambda: accepts(port))
        assert [ask(port, path)[0] for path in ("/__lbheartbeat__", "/metrics")] == [200, 404]


def test_endpoint_of_a_worker_needs_an_address(
    database: Database, tmp_path: Path, run: Run
) -> None:
    def fails(*options: str) -> str:
        return run("-c", str(tmp_path / "site.ini"), "worker", *options).stderr

    for address in ("9102", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:70000", ":9102"):
        assert "is not HOST:PORT" in fails("--metrics", address)


def test_worker_relays_the_outbox_row_of_a_killed_writer(
    database: Database, tmp_path: Path
) -> None:
    ini = tmp_path / "site.ini"
    ini.write_text(ini.read_text() + CACHE)
    with database.write() as session:
        movie = Movie(title="a", original_title="a", slug="a")
        session.add(movie)
        session.flush()
        movie_id = movie.id
    stamps = StampStore(open_atomic_store(f"sqlite:///{tmp_path}/stamps.sqlite"), ttl=60.0)
    arguments = [sys.executable, "-W", "ignore", "-c", KILLED_WRITER, str(ini), str(movie_id)]
    assert run_command(arguments).returncode == -signal.SIGKILL
    with database.engine.begin() as connection:
        assert OUTBOX.backlog(connection) == 1
        # The relay skips rows younger than ten seconds.
        connection.execute(update(OUTBOX.table).values(created=OUTBOX.table.c.created - 60))
    assert stamps.read_raw([f"movie:{movie_id}"]) == {}

    def backlog() -> int:
        with database.engine.connect() as connection:
            return OUTBOX.backlog(connection)

    with worker(tmp_path) as process:
        wait_for(lambda: backlog() == 0)
        assert stamps.read_raw([f"movie:{movie_id}"]) == {f"movie:{movie_id}": None}, "a tombstone"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_nightly_jobs_are_locked_between_workers(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ini, workers = tmp_path / "site.ini", list[PosterWorker]()
    ini.write_text(ini.read_text() + f"tmdb.token = {TOKEN}\n")

    async def keep(worker: PosterWorker) -> None:
        workers.append(worker)

    monkeypatch.setattr(PosterWorker, "run", keep)
    assert invoke_in(tmp_path, "worker").returncode == 0
    tasks = workers[0]._app().periodic_registry.periodic_tasks.values()
    nightly = {each.task.name: each for each in tasks if each.task.name != "posters.sweep"}
    assert {name: each.cron for name, each in nightly.items()} == {
        "bin.empty": "47 2 * * *", "imports.refresh": "17 3 * * *",
    }  # fmt: skip
    for name, each in nightly.items():
        assert (each.task.queueing_lock, each.task.lock) == (name, name)


def test_worker_refreshes_movies_and_empties_the_bin(database: Database, tmp_path: Path) -> None:
    """The test inserts the jobs that the schedule inserts every night."""
    night = text(
        "INSERT INTO procrastinate.procrastinate_jobs (queue_name, task_name, args) "
        "VALUES ('posters', 'bin.empty', '{\"timestamp\": 0}'), "
        "('posters', 'imports.refresh', '{\"timestamp\": 0}')"
    )
    with TmdbServer() as tmdb:
        ini = tmp_path / "site.ini"
        keys = f"tmdb.base_url = {tmdb.base_url}\ntmdb.token = {TOKEN}\n"
        ini.write_text(ini.read_text() + keys)
        tmdb.add(a_movie(1, title="Hamupipőke"))
        with database.write() as session:
            session.add(Movie(title="", original_title="", slug="a", tmdb_id=1001))
            old = make_movie(session, "Régen törölt").id
            Deleter(session, AUDIT_COMMAND, utc_now() - BIN_RETENTION).delete(BinKind.MOVIE, old)
        with worker(tmp_path) as process:
            with database.write() as session:
                session.execute(night, execution_options={TAGS_OPTION: ()})

            def mark() -> ImportCheckpoint | None:
                with database.read() as session:
                    return session.get(ImportCheckpoint, CHANGES_CHECKPOINT)

            def deleted() -> int | None:
                with database.read() as session:
                    return session.scalar(select(func.count(BinItem.id)))

            wait_for(lambda: mark() is not None and deleted() == 0)
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
    with database.read() as session:
        assert session.scalars(select(FieldProvenance.source)).all()
        entries = session.scalars(select(AuditEntry)).all()
    assert {(each.action, each.user_name) for each in entries} == {
        ("film.delete", "moziweb"), ("bin.empty", "moziweb"), ("film.import", "moziweb"),
        ("person.create", "moziweb"), ("genre.create", "moziweb"),
    }  # fmt: skip


def test_worker_does_not_import_the_manager() -> None:
    """Its pages and forms take 10 MiB, and the importers 5."""
    script = (
        "import sys, moziweb.cli.worker; from importlib import import_module\n"
        "from moziweb.cli.context import WORKER_INCLUDES\n"
        "print(*(import_module(each) for each in WORKER_INCLUDES))\n"
        "unused = {'moziweb.manager.wiring', 'moziweb.cli.imports', 'wtforms'}\n"
        "sys.exit(' '.join(unused & sys.modules.keys()) or 0)"
    )
    ended = run_command([sys.executable, "-W", "ignore", "-c", script])
    assert (ended.returncode, ended.stderr) == (0, "")


async def end_at_once(_worker: PosterWorker) -> None:
    """Instead of ``PosterWorker.run``."""


@pytest.mark.usefixtures("database")
def test_memory_that_was_freed_is_returned(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    arenas: list[int] = []
    monkeypatch.setattr(PosterWorker, "run", end_at_once)
    monkeypatch.setattr(import_module("moziweb.cli.worker"), "return_freed_memory", arenas.append)
    assert run("worker").returncode == 0
    assert arenas == [2]


def test_importers_are_imported_at_the_start_of_a_worker_with_a_token(
    database: Database, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So an error of the import ends the start, not the job of the night."""
    monkeypatch.setattr(PosterWorker, "run", end_at_once)
    monkeypatch.setitem(sys.modules, "moziweb.cli.imports", None)
    assert run("worker").returncode == 0
    ini = tmp_path / "site.ini"
    ini.write_text(ini.read_text() + f"tmdb.token = {TOKEN}\n")
    with pytest.raises(ImportError):
        run("worker")


def test_worker_requires_procrastinate(
    tmp_path: Path, database: Database, run_process: Run
) -> None:
    ini = tmp_path / "site.ini"
    ini.write_text(ini.read_text().replace("= procrastinate", "= pool"))
    ended = run_process("worker")
    assert ended.returncode == 2
    assert ended.stderr.startswith("moziweb: posters.background: a worker needs procrastinate")


def test_procrastinate_requires_postgresql(tmp_path: Path, run: Run) -> None:
    (tmp_path / "site.ini").write_text(INI.format(url="sqlite:///%(here)s/site.sqlite"))
    ended = run("worker")
    assert ended.returncode == 2
    assert "posters.background = procrastinate: its queue needs PostgreSQL" in ended.stderr
