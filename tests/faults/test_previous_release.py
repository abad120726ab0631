"""The previous release on the schema of this one, and both beside each other during a deploy.

``tests/data/previous-release.tar.xz`` is its code; ``make previous-release`` replaces it.
"""

import json
import os
import re
import signal
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, inspect, text, update
from sqlalchemy.orm import Session

from moziweb.caching import OUTBOX
from moziweb.clock import utc_now
from moziweb.db import create_engine, migrations
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import add_user
from moziweb.manager.auth.models import Role
from moziweb.manager.bin.deletion import Deleter
from moziweb.manager.bin.models import BinKind
from moziweb.manager.bin.restoring import latest_item, restore
from moziweb.movies.models import Movie
from moziweb.services import services_of
from tests.conftest import ROOT
from tests.faults.smoke import PASSWORD
from tests.services.memcached import MemcachedServer
from tests.services.postgres import PostgresServer
from tests.services.process import run
from tests.services.web import WebServer
from tests.site.cached import Movies, fill, site

ARCHIVE = ROOT / "tests" / "data" / "previous-release.tar.xz"
MARK = "<!-- the previous release -->"

# Renames a movie and is killed between commit and publish.
KILLED_WRITER = """\
import os, signal, sys
from moziweb.cache import StampStore
from moziweb.cli.context import CommandContext
from moziweb.movies.models import Movie
StampStore.publish = lambda stamps, tags: os.kill(os.getpid(), signal.SIGKILL)
with CommandContext(sys.argv[1]).services.database.write() as session:
    session.get_one(Movie, int(sys.argv[2])).title = sys.argv[3]
"""


class PreviousWebServer(WebServer):
    """A web process of the previous release."""

    def __init__(self, settings: Mapping[str, str], folder: Path) -> None:
        super().__init__(settings, threads=4)
        self._folder = folder

    def environment(self) -> Mapping[str, str]:
        return {"PYTHONPATH": str(self._folder)}


@dataclass(frozen=True)
class Deployment:
    """A database and an ini file of both releases."""

    previous: Path
    url: str
    engine: Engine
    settings: dict[str, str]
    ini: Path

    def run(self, *command: str, previous: bool) -> tuple[int, str]:
        """Run Python with one of the releases; exit status and standard error."""
        folder = self.previous if previous else ROOT
        environ = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
        ended = run([sys.executable, "-W", "ignore", *command], env=environ, cwd=self.ini.parent)
        return ended.returncode, ended.stderr

    def fill(self) -> Movies:
        """Add movies and an administrator."""
        with Session(self.engine) as session:
            add_user(session, "editor", PASSWORD, Role.ADMIN, by=COMMAND, now=utc_now())
            movies = fill(session)
            session.commit()
            return movies

    def rename(self, movie_id: int, title: str, *, previous: bool) -> None:
        """Write with a release that is killed before it publishes; the other one relays."""
        status, _ = self.run(
            "-c", KILLED_WRITER, str(self.ini), str(movie_id), title, previous=previous
        )
        assert status == -signal.SIGKILL
        with self.engine.begin() as connection:
            assert OUTBOX.backlog(connection) == 1
            # The relay skips rows that are too young.
            connection.execute(update(OUTBOX.table).values(created=OUTBOX.table.c.created - 60))
        relay = ("-m", "moziweb.cli", "-c", str(self.ini), "cache", "relay", "--once")
        status, errors = self.run(*relay, previous=not previous)
        assert status == 0, errors
        with self.engine.connect() as connection:
            assert OUTBOX.backlog(connection) == 0


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the previous release, with a mark in its pages and its style sheet."""
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    for name in ("templates/layout.jinja2", "static/site.css"):
        with (folder / "moziweb" / name).open("a", encoding="utf-8") as file:
            file.write(f"\n{MARK}\n")
    return folder


@pytest.fixture
def deployment(
    previous: Path,
    postgres_server: PostgresServer,
    memcached_server: MemcachedServer,
    tmp_path: Path,
) -> Iterator[Deployment]:
    """A site on an empty database."""
    memcached_server.flush()
    with postgres_server.database() as url:
        settings = {
            "site.base_url": "http://localhost",
            "sqlalchemy.url": url,
            "storage.backend": "disk",
            "storage.disk.path": str(tmp_path / "objects"),
            "posters.background": "off",
            "cache.regions": "pages fragments feeds",
            "cache.stamps.url": f"memcached://{memcached_server.address}",
            "cache.default.backend": "dogpile.cache.pylibmc",
            "cache.default.arguments.url": memcached_server.address,
            "cache.default.expiration_time": "3600",
            "cache.fragments.mode": "strict",
        }
        ini = tmp_path / "site.ini"
        keys = "".join(f"{name} = {value}\n" for name, value in settings.items())
        ini.write_text(f"[app:main]\nuse = egg:moziweb\n{keys}")
        engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 2})
        yield Deployment(previous, url, engine, settings, ini)
        engine.dispose()


def head_of(release: Path) -> str:
    """The newest migration of a release."""
    versions = release / "moziweb" / "db" / "migrations" / "versions"
    return max(path.name[:4] for path in versions.glob("[0-9]*.py"))


def test_archive_is_of_a_release_before() -> None:
    with tarfile.open(ARCHIVE) as archive:
        names = archive.getnames()
    assert "moziweb/__init__.py" in names
    assert all(name.startswith("moziweb") for name in names)


Schema = dict[str, dict[str, str]]


def schema_of(connection: Connection) -> Schema:
    """What old code depends on, by table: columns and what they refuse."""
    inspector, found = inspect(connection), Schema()
    for table in inspector.get_table_names():
        demands = {
            f"column {each['name']}": f"{each['type']}{'' if each['nullable'] else ' NOT NULL'}"
            f"{' DEFAULT' if each['default'] or each.get('identity') else ''}"
            for each in inspector.get_columns(table)
        }
        for index in inspector.get_indexes(table):
            if index["unique"]:
                demands[f"index {index['name']}"] = str(index["column_names"])
        for unique in inspector.get_unique_constraints(table):
            demands[f"unique {unique['name']}"] = str(unique["column_names"])
        for check in inspector.get_check_constraints(table):
            demands[f"check {check['name']}"] = check["sqltext"]
        for key in inspector.get_foreign_keys(table):
            demands[f"foreign key {key['name']}"] = str(key["constrained_columns"])
        found[table] = demands
    return found


def contracted(before: Schema, after: Schema) -> list[str]:
    """What the code of ``before`` may not find, or may not write, in ``after``."""
    found = [f"table {table} is gone" for table in before.keys() - after.keys()]
    for table in sorted(before.keys() & after.keys()):
        old, new = before[table], after[table]
        for name in sorted(old.keys() | new.keys()):
            was, now = old.get(name), new.get(name)
            if name.startswith("column"):
                if was is None and now is not None:
                    is_free = "NOT NULL" not in now or "DEFAULT" in now
                else:
                    is_free = now is not None and now in {was, (was or "").replace(" NOT NULL", "")}
            else:  # a constraint may be dropped
                is_free = now in {was, None}
            if not is_free:
                found.append(f"{table}, {name}: {was} became {now}")
    return found


def test_migrations_since_the_previous_release_only_expand(deployment: Deployment) -> None:
    migrations.upgrade(deployment.engine, head_of(deployment.previous))
    with deployment.engine.connect() as connection:
        before = schema_of(connection)
    migrations.upgrade(deployment.engine)
    with deployment.engine.connect() as connection:
        assert contracted(before, schema_of(connection)) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("DROP TABLE manager_draft", "table manager_draft is gone"),
        ("ALTER TABLE movie DROP COLUMN slug", "movie, column slug: VARCHAR"),
        ("ALTER TABLE movie RENAME title TO name", "movie, column title: VARCHAR"),
        ("ALTER TABLE movie ALTER tmdb_id SET NOT NULL", "movie, column tmdb_id: INTEGER"),
        ("ALTER TABLE trailer ALTER position TYPE smallint", "trailer, column position: INTEGER"),
        ("ALTER TABLE trailer ADD extra text NOT NULL", "trailer, column extra: None"),
        ("ALTER TABLE trailer ADD CONSTRAINT ck CHECK (position < 9)", "trailer, check ck: None"),
        ("CREATE UNIQUE INDEX ix ON person (name)", "person, index ix: None"),
        ("ALTER TABLE trailer ADD extra text NOT NULL DEFAULT ''", None),
        ("ALTER TABLE trailer ADD extra text", None),
        ("ALTER TABLE trailer ALTER video_id DROP NOT NULL", None),
        ("CREATE TABLE extra (id int)", None),
    ],
)
def test_contracting_changes_are_found(
    postgres_server: PostgresServer, migrated_postgres: str, change: str, found: str | None
) -> None:
    with postgres_server.reusable(migrated_postgres) as url:
        engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 1})
        with engine.connect() as connection:  # rolled back
            before = schema_of(connection)
            connection.execute(text(change))
            changes = contracted(before, schema_of(connection))
        engine.dispose()
    if found is None:
        assert changes == []
    else:
        assert any(each.startswith(found) for each in changes)


def test_previous_release_runs_on_the_schema_of_this_one(deployment: Deployment) -> None:
    migrations.upgrade(deployment.engine)
    movies = deployment.fill()
    status, errors = deployment.run(
        "-m", "tests.faults.smoke", str(deployment.ini), str(movies.here), previous=True
    )
    assert status == 0, errors
    answer = json.loads(errors.splitlines()[-1])
    assert answer["release"].startswith(str(deployment.previous))
    results = answer["results"]
    requests = {name: each for name, each in results.items() if name.startswith(("GET", "POST"))}
    assert {name: each for name, each in requests.items() if each not in {200, 303}} == {}
    commands = {name: each for name, each in results.items() if name not in requests}
    assert commands.pop("sign in") == 303
    assert set(commands.values()) == {0}, commands


def test_both_releases_serve_during_a_deploy(deployment: Deployment) -> None:
    migrations.upgrade(deployment.engine, head_of(deployment.previous))
    with PreviousWebServer(deployment.settings, deployment.previous) as old:
        assert old.get("/")[0] == 200
        migrations.upgrade(deployment.engine)  # while the previous release serves
        movies = deployment.fill()
        page = f"/movie/{movies.here}-itt-van"
        with site(deployment.settings) as new:

            def from_old() -> tuple[str, str]:
                status, headers, body = old.get(page)
                assert (status, MARK in body.decode()) == (200, True)
                return headers["X-Cache"], body.decode()

            def from_new() -> tuple[str, str]:
                response = new.get(page)
                assert MARK not in response.text
                return response.headers["X-Cache"], response.text

            # Entries: neither gets one of the other, in the same memcached.
            assert [from_old()[0], from_new()[0]] == ["miss", "miss"]
            assert {from_old()[0], from_new()[0]} <= {"hit", "l1"}
            # Static files: what one sends at a URL of the other is not stored.
            (url,) = re.findall(r'"(/static/site\.css\?v=\w+)"', from_old()[1])
            assert url not in from_new()[1]
            assert new.get(url).headers["Cache-Control"] == "no-store"
            # Invalidations: a write of one makes the pages of both stale, also by the outbox.
            for title, previous in (("Régi címe", True), ("Új címe", False)):
                deployment.rename(movies.here, title, previous=previous)
                for state, text in (from_old(), from_new()):
                    assert state == "miss"
                    assert title in text
            with Session(deployment.engine) as session:
                assert session.get_one(Movie, movies.here).title == "Új címe"
            # A movie that this release deletes, the previous one does not show.
            with services_of(new.app.registry).database.write() as session:
                assert Deleter(session, COMMAND, utc_now()).delete(BinKind.MOVIE, movies.here)
            assert old.get(page)[0] == new.get(page, status="*").status_int == 404
            assert b"itt-van" not in old.get("/")[2]
            with services_of(new.app.registry).database.write() as session:
                item = latest_item(session, BinKind.MOVIE, movies.here)
                assert item
                restore(session, item, COMMAND, utc_now())
            assert from_old()[0] == from_new()[0] == "miss"
