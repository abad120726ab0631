"""The migrations create exactly the schema of the models, and remove it, on both databases."""

import re
import threading
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import permutations, product
from pathlib import Path

import alembic.command
import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Text,
    TextClause,
    delete,
    event,
    exists,
    insert,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Session

import moziweb.caching
import moziweb.manager.audit.models
import moziweb.manager.auth.factors.models
import moziweb.manager.auth.models
import moziweb.manager.bin.models
import moziweb.manager.bulk.models
import moziweb.manager.dashboards.models
import moziweb.manager.imports.models
import moziweb.manager.web.drafts
import moziweb.manager.web.submissions
import moziweb.movies.importers.models
import moziweb.movies.models
import moziweb.ops.models
import moziweb.posters.models
from moziweb.db import create_engine, migrations
from moziweb.db.meta import Base
from moziweb.db.schema_state import SchemaState, current_revision, head_revision, schema_state
from moziweb.db.text_index import contains_part
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.models import User
from moziweb.manager.bin.models import BinItem, BinKind
from moziweb.manager.movies.changes import REMOVED
from moziweb.movies import derived
from moziweb.movies.importers.models import MovieReference
from moziweb.movies.models import (
    UNANNOUNCED,
    Credit,
    CreditRole,
    Distributor,
    Movie,
    Person,
    Premiere,
    Trailer,
)
from moziweb.posters.models import (
    POSTERLESS,
    HeldObject,
    PosterSource,
    PosterVariant,
    SourceKind,
    SourceState,
    VariantState,
)
from tests.factories import add_poster, make_movie, make_premiere
from tests.services.postgres import PostgresServer
from tests.threads import PATIENCE, wait_until

MODELS = (
    moziweb.caching,
    moziweb.manager.dashboards.models,
    moziweb.manager.imports.models,
    moziweb.manager.audit.models,
    moziweb.manager.auth.factors.models,
    moziweb.manager.auth.models,
    moziweb.manager.bin.models,
    moziweb.manager.bulk.models,
    moziweb.manager.web.drafts,
    moziweb.manager.web.submissions,
    moziweb.movies.importers.models,
    moziweb.movies.models,
    moziweb.ops.models,
    moziweb.posters.models,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_engine(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_server: PostgresServer
) -> Iterator[Engine]:
    if request.param == "sqlite":
        engine = create_engine({"sqlalchemy.url": f"sqlite:///{tmp_path}/test.sqlite"})
        yield engine
        engine.dispose()
        return
    with postgres_server.database() as url:
        engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 2})
        yield engine
        engine.dispose()


def test_migrated_schema_is_that_of_the_models(empty_engine: Engine) -> None:
    migrations.upgrade(empty_engine)
    with empty_engine.connect() as connection:
        options = {"compare_type": True, "render_as_batch": True, "include_name": _is_on_both}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def _is_on_both(name: str | None, kind: str, _parents: object) -> bool:
    """Exclude the search indexes: ``_trgm`` is for PostgreSQL only, the others for SQLite only."""
    if kind == "table":
        return "_trigram" not in str(name)
    return not (kind == "index" and str(name).endswith(("_trgm", "_scan")))


def test_check_constraints_are_those_of_the_models(empty_engine: Engine) -> None:
    """Alembic does not compare check constraints, which the enum columns need."""
    migrations.upgrade(empty_engine)
    inspector = sqlalchemy.inspect(empty_engine)
    for table in Base.metadata.sorted_tables:
        wanted = {
            str(constraint.name)
            for constraint in table.constraints
            if isinstance(constraint, sqlalchemy.CheckConstraint)
        }
        found = {constraint["name"] for constraint in inspector.get_check_constraints(table.name)}
        assert found == wanted, table.name


def test_downgrade_leaves_an_empty_database(empty_engine: Engine) -> None:
    migrations.upgrade(empty_engine)
    assert current_revision(empty_engine) == head_revision()
    migrations.downgrade(empty_engine, "base")
    assert current_revision(empty_engine) is None
    assert sqlalchemy.inspect(empty_engine).get_table_names() == ["alembic_version"]


def test_upgrading_twice_changes_nothing(empty_engine: Engine) -> None:
    migrations.upgrade(empty_engine)
    migrations.upgrade(empty_engine)
    assert current_revision(empty_engine) == head_revision()


def test_migrations_keep_all_rows(empty_engine: Engine) -> None:
    """If a table is copied, the rows that reference the old one must not be deleted with it."""
    migrations.upgrade(empty_engine, "0002")
    with empty_engine.begin() as connection:
        for statement in BEFORE_CHECKS:
            connection.exec_driver_sql(statement)
    migrations.upgrade(empty_engine)
    with empty_engine.connect() as connection:
        sites = connection.exec_driver_sql("SELECT site FROM trailer ORDER BY id").scalars().all()
        assert sites == ["YouTube", "Vimeo"]
        assert connection.exec_driver_sql("SELECT slug, rating FROM movie").all() == [("a-1", "12")]
        assert connection.exec_driver_sql("SELECT count(*) FROM premiere_change").scalar() == 1
    migrations.downgrade(empty_engine, "0002")
    with empty_engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM premiere_change").scalar() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM trailer").scalar() == 2


def test_downgrade_keeps_the_shown_one_of_two_keys_of_a_variant(empty_engine: Engine) -> None:
    migrations.upgrade(empty_engine)
    with Session(empty_engine) as session:
        movie_id = make_movie(session).id
        source = PosterSource(kind=SourceKind.UPLOAD, movie_id=movie_id, state=SourceState.READY)
        looked_at = PosterSource(kind=SourceKind.URL, movie_id=movie_id, state=SourceState.READY)
        pending = PosterSource(kind=SourceKind.URL, movie_id=movie_id)
        session.add_all((source, looked_at, pending))
        session.flush()
        content = {"name": "square", "format": "jpg", "recipe_hash": "r", "source_sha256": "s"}
        for key, state in (("a", VariantState.READY), ("b", VariantState.SUPERSEDED)):
            variant = PosterVariant(source_id=source.id, key=key, state=state, **content)
            session.add(variant)
        session.commit()
    migrations.downgrade(empty_engine, "0010")
    migrations.upgrade(empty_engine)
    with Session(empty_engine) as session:
        assert session.scalars(select(PosterVariant.key)).all() == ["a"]
        # External images that were ready before are checked again within a week.
        query = select(PosterSource.next_attempt_at).order_by(PosterSource.id)
        upload, soon, never = session.scalars(query).all()
    assert (upload, never) == (None, None)
    assert soon is not None
    assert timedelta() < soon + timedelta(minutes=5) - datetime.now(UTC) < timedelta(days=8)


def test_texts_of_before_are_normalised_and_derived(empty_engine: Engine) -> None:
    migrations.upgrade(empty_engine, "0019")
    with empty_engine.begin() as connection:
        for statement in BEFORE_NFC:
            connection.exec_driver_sql(unicodedata.normalize("NFD", statement))
        connection.exec_driver_sql("INSERT INTO distributor (id, name) VALUES (2, 'Fórum')")
    migrations.upgrade(empty_engine)
    with Session(empty_engine) as session:
        movie = session.get_one(Movie, 1)
        assert (movie.title, movie.original_title) == ("Ősz Søren", "Œdé")
        for column, value in derived.of_movie(movie.title, movie.original_title).items():
            assert getattr(movie, column) == value
        assert (movie.short_title, movie.short_original_title) == (None, "oede")
        assert movie.distributor_id == 2
        assert session.scalars(select(Distributor.name)).all() == ["Fórum"]
        person = session.get_one(Person, 1)
        assert (person.name, person.search_text) == ("Anders Rønning é", "anders ronning e")
        assert person.sort_key == derived.of_person(person.name)["sort_key"]
        indexed = select(Person.id).where(contains_part(Person.search_text, "ronn"))
        assert session.scalars(indexed).all() == [1]
        assert session.execute(select(MovieReference.list_name, MovieReference.ref)).one() == (
            "csv:ő", "é"
        )  # fmt: skip
        assert session.scalars(select(User.name)).all() == ["józsef"]


def test_revisions_begin_above_the_sequences_of_before(empty_engine: Engine) -> None:
    """A calendar program ignores an event with a smaller SEQUENCE."""
    migrations.upgrade(empty_engine, "0020")
    with empty_engine.begin() as connection:
        for statement in BEFORE_REVISIONS:
            connection.exec_driver_sql(statement)
    migrations.upgrade(empty_engine)
    with Session(empty_engine) as session:
        query = select(Premiere.revision, Premiere.revised_at).order_by(Premiere.id)
        assert session.execute(query).all() == [
            (2, datetime(2026, 3, 1, tzinfo=UTC)),  # moved; cancelled and reinstated later
            (1, datetime(2026, 4, 1, tzinfo=UTC)),  # cancelled
            (1, datetime(2026, 2, 1, tzinfo=UTC)),  # its movie was changed
            (1, datetime(2026, 5, 1, tzinfo=UTC)),  # only announced
        ]


BEFORE_REVISIONS = (
    """
    INSERT INTO movie (
        id, title, original_title, slug, synopsis, synopsis_en, countries, languages, published,
        created_at, updated_at
    ) VALUES (1, 'A', 'A', 'a', '', '', '', '', true, '2026-01-01', '2026-02-01 00:00:00+00:00')
    """,
    """
    INSERT INTO premiere (
        id, movie_id, kind, date, precision, formats, rerelease, note, announced_at, cancelled_at
    ) VALUES
        (1, 1, 'cinema', '2026-09-01', 'day', '', false, '', '2026-01-01 00:00:00+00:00', NULL),
        (2, 1, 'cinema', '2026-09-01', 'day', '', false, '', '2026-01-01 00:00:00+00:00',
            '2026-04-01 00:00:00+00:00'),
        (3, 1, 'cinema', '2026-09-01', 'day', '', false, '', '2026-01-01 00:00:00+00:00', NULL),
        (4, 1, 'cinema', '2026-09-01', 'day', '', false, '', '2026-05-01 00:00:00+00:00', NULL)
    """,
    """
    INSERT INTO premiere_change (premiere_id, changed_at, old_date, old_precision, reason)
    VALUES (1, '2026-03-01 00:00:00+00:00', '2026-08-01', 'day', '')
    """,
)

BEFORE_NFC = (
    "INSERT INTO distributor (id, name) VALUES (1, 'Fórum')",
    """
    INSERT INTO movie (
        id, title, original_title, slug, synopsis, synopsis_en, countries, languages, published,
        created_at, updated_at, distributor_id
    ) VALUES (1, 'Ősz Søren', 'Œdé', 'a', 'é', '', '', '', true, '2026-01-01', '2026-01-01', 1)
    """,
    "INSERT INTO person (id, name) VALUES (1, 'Anders Rønning é')",
    """
    INSERT INTO movie_reference (list_name, ref, movie_id, created_at)
    VALUES ('csv:ő', 'é', 1, '2026-01-01')
    """,
    """
    INSERT INTO manager_user (name, role, password_hash, created_at)
    VALUES ('józsef', 'editor', 'x', '2026-01-01')
    """,
)

BEFORE_CHECKS = (
    """
    INSERT INTO movie (
        id, title, original_title, slug, synopsis, synopsis_en, rating, countries, languages,
        published, created_at, updated_at
    ) VALUES (1, 'A', 'A', 'a-1', '', '', '12', '', '', true, '2026-01-01', '2026-01-01')
    """,
    """
    INSERT INTO premiere (id, movie_id, kind, date, precision, formats, rerelease, note)
    VALUES (1, 1, 'cinema', '2026-01-01', 'day', '', false, '')
    """,
    """
    INSERT INTO premiere_change (id, premiere_id, changed_at, old_date, old_precision, reason)
    VALUES (1, 1, '2026-01-01', '2026-01-08', 'day', '')
    """,
    """
    INSERT INTO trailer (id, movie_id, site, video_id, name, language, position)
    VALUES (1, 1, 'youtube', 'x', '', '', 1), (2, 1, 'Vimeo', 'x', '', '', 2),
        (3, 1, 'Facebook', 'x', '', '', 3)
    """,
)


@pytest.mark.parametrize("slug", ["", "Dune", "a/b", "a b", "á", "a--/", "-\n"])
def test_invalid_slug_is_refused(empty_engine: Engine, slug: str) -> None:
    migrations.upgrade(empty_engine)
    with Session(empty_engine) as session, pytest.raises(IntegrityError, match="ck_movie_slug"):
        make_movie(session, "A", slug=slug)


@pytest.mark.parametrize("day", [date(1894, 12, 31), date(2201, 1, 1)])
def test_premiere_outside_the_calendar_is_refused(empty_engine: Engine, day: date) -> None:
    migrations.upgrade(empty_engine)
    with Session(empty_engine) as session, pytest.raises(IntegrityError, match="ck_premiere_date"):
        make_premiere(session, make_movie(session), day)


def test_trailer_of_an_unknown_site_is_refused(empty_engine: Engine) -> None:
    migrations.upgrade(empty_engine)
    with Session(empty_engine) as session:
        movie = make_movie(session)
        with pytest.raises(StatementError):
            make_trailer_at(session, movie.id, "Facebook")


def make_trailer_at(session: Session, movie_id: int, site: str) -> None:
    session.add(Trailer(movie_id=movie_id, site=site, video_id="x"))
    session.flush()


def test_broken_reference_stops_the_migration(
    empty_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite does not enforce foreign keys during a migration; PostgreSQL always does."""

    def orphan(config: Config, revision: str) -> None:
        connection = config.attributes["connection"]
        connection.exec_driver_sql(BEFORE_CHECKS[1])

    migrations.upgrade(empty_engine)
    monkeypatch.setattr("alembic.command.upgrade", orphan)
    with pytest.raises((CommandError, IntegrityError)):
        migrations.upgrade(empty_engine)
    with empty_engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM premiere").scalar() == 0


def test_foreign_keys_are_enforced_after_a_migration(empty_engine: Engine) -> None:
    migrations.upgrade(empty_engine)
    with empty_engine.connect() as connection, pytest.raises(IntegrityError):
        connection.exec_driver_sql(BEFORE_CHECKS[1])


def set_revision(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :new"), {"new": revision})


def test_second_upgrade_waits_for_the_first(
    empty_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lock, both would create the same tables."""
    began, upgrade = threading.Event(), alembic.command.upgrade
    head = head_revision()

    def slow(config: Config, revision: str) -> None:
        began.set()
        time.sleep(0.2)  # so that the other one begins, too
        upgrade(config, revision)

    monkeypatch.setattr("alembic.command.upgrade", slow)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(migrations.upgrade, empty_engine)
        assert began.wait(20)
        second = threads.submit(migrations.upgrade, empty_engine)
        assert first.result() == (None, head)
        assert second.result() == (head, head)


@pytest.mark.parametrize("empty_engine", ["postgresql"], indirect=True)
def test_migration_releases_its_locks_while_it_waits(
    empty_engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    migrations.upgrade(empty_engine, "0021")
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 0.1)
    with empty_engine.connect() as holder:
        holder.execute(text("SELECT FROM import_item"))  # as a long query does
        monkeypatch.setattr("moziweb.db.migrations.time.sleep", lambda _: holder.rollback())
        migrations.upgrade(empty_engine)
    assert caplog.messages == ["a transaction holds a lock that the migration needs; trying again"]
    assert current_revision(empty_engine) == head_revision()


@pytest.mark.parametrize("empty_engine", ["postgresql"], indirect=True)
def test_variants_and_people_are_read_while_later_migrations_run(empty_engine: Engine) -> None:
    """And while indexes of 0031 are created, which takes a second for a million variants.

    People are read while 0044 computes their sort keys.
    """
    migrations.upgrade(empty_engine, "0030")
    with empty_engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO person (name) VALUES ('Ősz Anna')")
    reader = create_engine({"sqlalchemy.url": str(empty_engine.url), "sqlalchemy.pool_size": 1})
    looked: list[str] = []
    watched = {
        "poster_variant": "CREATE INDEX ix_poster_variant|SET version_num='0032'",
        "person": "CREATE INDEX.* ix_person_sort_key|UPDATE person",
    }

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        for table, pattern in watched.items():
            if re.search(pattern, statement):
                looked.append(statement)
                with reader.begin() as connection:
                    connection.execute(text(f"LOCK {table} IN ACCESS SHARE MODE NOWAIT"))

    event.listen(empty_engine, "after_cursor_execute", look)
    migrations.upgrade(empty_engine)
    reader.dispose()
    assert len(looked) == 5


@pytest.mark.parametrize("empty_engine", ["postgresql"], indirect=True)
def test_migration_runs_again_after_a_deadlock(
    empty_engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """0039 has locked movies and waits for premieres, which a transaction has updated."""
    migrations.upgrade(empty_engine, "0038")
    with Session(empty_engine) as session:
        make_premiere(session, make_movie(session))
        session.commit()
    waits = threading.Event()

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "AFTER INSERT ON premiere" in statement:
            waits.set()

    event.listen(empty_engine, "before_cursor_execute", look)
    monkeypatch.setattr(migrations, "LOCK_PAUSE_SECONDS", 0.1)
    with ThreadPoolExecutor(1) as threads, empty_engine.connect() as other:
        other.execute(text("UPDATE premiere SET note = 'x'"))
        upgrade = threads.submit(migrations.upgrade, empty_engine)
        assert waits.wait(20)
        time.sleep(0.3)  # the first that waits for a second finds the deadlock: the migration
        other.execute(text("UPDATE movie SET version = version + 1"))
        other.commit()
        assert upgrade.result(20) == ("0038", head_revision())
    assert set(caplog.messages) == {
        "a transaction holds a lock that the migration needs; trying again"
    }


def test_movies_of_before_are_listed_as_unannounced(empty_engine: Engine) -> None:
    migrations.upgrade(empty_engine, "0037")
    with Session(empty_engine) as session:
        announced, other = make_movie(session), make_movie(session)
        make_premiere(session, announced)
        session.commit()
        migrations.upgrade(empty_engine)
        assert session.scalars(select(UNANNOUNCED)).all() == [other.id]


ADD_PREMIERE = (
    "INSERT INTO premiere "
    "(movie_id, date, kind, precision, formats, rerelease, note, announced_at) "
    "SELECT :movie, date, kind, precision, formats, rerelease, note, announced_at "
    "FROM premiere WHERE movie_id = :other"
)


@pytest.mark.parametrize("empty_engine", ["postgresql"], indirect=True)
def test_movie_without_premieres_is_found_after_two_transactions_at_once(
    empty_engine: Engine,
) -> None:
    """Of two premieres; the second transaction runs before the first one ends.

    A movie may stay in the table that has a premiere: queries look for premieres again.
    """
    migrations.upgrade(empty_engine)
    both = "DELETE FROM premiere WHERE movie_id = :movie"
    first_of_two, last_of_two = (
        f"{both} AND id = (SELECT {each}(id) FROM premiere WHERE movie_id = :movie)"
        for each in ("min", "max")
    )
    moved = "UPDATE premiere SET movie_id = :other WHERE movie_id = :movie"
    pairs = (
        (first_of_two, last_of_two), (last_of_two, first_of_two), (both, ADD_PREMIERE),
        (ADD_PREMIERE, both), (moved, ADD_PREMIERE), (ADD_PREMIERE, moved), (both, moved),
        (both, "DELETE FROM movie WHERE id = :movie"),
    )  # fmt: skip
    for (first, second), first_commits, is_stale in product(pairs, (True, False), (True, False)):
        with Session(empty_engine) as session:
            movie, other = make_movie(session), make_movie(session)
            for each in (movie, movie, other):
                make_premiere(session, each)
            ids = {"movie": movie.id, "other": other.id}
            if is_stale:
                session.execute(insert(UNANNOUNCED).values(movie_id=movie.id))
            session.commit()
        run_at_once(empty_engine, text(first), text(second), ids, commit=first_commits)
        with Session(empty_engine) as session:
            has_premiere = exists().where(Premiere.movie_id == Movie.id)
            without = set(session.scalars(select(Movie.id).where(~has_premiere)))
            assert without <= set(session.scalars(select(UNANNOUNCED))), (first, second)
            session.execute(delete(Movie))
            session.commit()
            assert session.scalars(select(UNANNOUNCED)).all() == []


def test_movies_of_before_are_listed_as_posterless(empty_engine: Engine) -> None:
    migrations.upgrade(empty_engine, "0044")
    with Session(empty_engine) as session:
        movies = [make_movie(session) for _ in range(3)]
        add_poster(session, movies[0])
        add_poster(session, movies[1], chosen=False)
        session.commit()
        migrations.upgrade(empty_engine)
        assert set(session.scalars(select(POSTERLESS))) == {each.id for each in movies[1:]}


@pytest.mark.parametrize("empty_engine", ["postgresql"], indirect=True)
def test_movie_without_a_poster_is_found_after_two_transactions_at_once(
    empty_engine: Engine,
) -> None:
    """The first may roll back; the second, which runs before the first one ends, may fail."""
    migrations.upgrade(empty_engine)
    where = " WHERE movie_id = :movie AND "
    drop, lose = (
        f"{statement}{where}chosen"
        for statement in ("UPDATE poster_source SET chosen = false", "DELETE FROM poster_source")
    )
    choose = f"UPDATE poster_source SET chosen = true{where}url = 'other'"
    move = f"UPDATE poster_source SET movie_id = :other{where}chosen"
    delete_movie = "DELETE FROM movie WHERE id = :movie"
    for (first, second), commits in product(
        permutations((drop, lose, choose, move, delete_movie), 2), (True, False)
    ):
        with Session(empty_engine) as session:
            movie, other = make_movie(session), make_movie(session)
            add_poster(session, movie)
            add_poster(session, movie, url="other", chosen=False)
            ids = {"movie": movie.id, "other": other.id}
            session.commit()
        with suppress(IntegrityError):  # two are chosen
            run_at_once(empty_engine, text(first), text(second), ids, commit=commits)
        with Session(empty_engine) as session:
            is_theirs = (PosterSource.movie_id == Movie.id) & PosterSource.chosen
            without = set(session.scalars(select(Movie.id).where(~exists().where(is_theirs))))
            assert set(session.scalars(select(POSTERLESS))) == without, (first, second, commits)
            session.execute(delete(Movie))
            session.commit()


def run_at_once(
    engine: Engine, first: TextClause, second: TextClause, ids: dict[str, int], *, commit: bool
) -> None:
    """Run ``first``; run and commit ``second``; then commit ``first`` or roll it back."""

    pids: list[int] = []

    def run_second() -> None:
        with engine.begin() as connection:
            pids.append(connection.scalar(text("SELECT pg_backend_pid()")) or 0)
            connection.execute(second, ids)

    with ThreadPoolExecutor(1) as threads, engine.connect() as connection:
        connection.execute(first, ids)
        ended = threads.submit(run_second)
        wait_until(lambda: pids != [])
        waiting = text(f"SELECT cardinality(pg_blocking_pids({pids[0]}))")
        wait_until(lambda: ended.done() or connection.scalar(waiting) == 1)
        (connection.commit if commit else connection.rollback)()
        ended.result(PATIENCE)


def test_ids_of_deleted_rows_are_not_given_again(empty_engine: Engine) -> None:
    """Addresses, calendars, audit entries and items of the bin name rows by their ids."""
    migrations.upgrade(empty_engine)
    tables = [table for table in Base.metadata.sorted_tables if "id" in table.primary_key.columns]
    assert len(tables) > 20
    if empty_engine.dialect.name == "sqlite":  # PostgreSQL's sequences do so by themselves
        with empty_engine.connect() as connection:
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
            statements = {row.name: row.sql for row in connection.exec_driver_sql(query)}
        for table in tables:
            assert "AUTOINCREMENT" in statements[table.name], (
                f"{table.name}: give op.create_table sqlite_autoincrement=True, and "
                'batch_alter_table table_kwargs={"sqlite_autoincrement": True}'
            )
    with Session(empty_engine) as session:
        for model in (Movie, Distributor):
            given = []
            for _ in range(2):
                values = {"name": "a"} if model is Distributor else MOVIE
                row = model(**values)
                session.add(row)
                session.flush()
                given.append(row.id)
                session.delete(row)
                session.flush()
            assert given == [1, 2]


@pytest.mark.parametrize("empty_engine", ["sqlite"], indirect=True)
def test_copy_of_a_table_gives_no_id_again(empty_engine: Engine) -> None:
    def add_column(connection: Connection) -> None:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table(
            "distributor", recreate="always", table_kwargs={"sqlite_autoincrement": True}
        ) as batch:
            batch.add_column(Column("note", Text))

    migrations.upgrade(empty_engine)
    with Session(empty_engine) as session:
        session.add_all([Distributor(id=7, name="a"), Person(id=5, name="a")])
        session.flush()
        session.execute(delete(Distributor))
        session.commit()
    migrations._migrate(empty_engine, add_column)
    with Session(empty_engine) as session:
        rows = Distributor(name="b"), Person(name="b")
        session.add_all(rows)
        session.flush()
        assert [row.id for row in rows] == [8, 6]


MOVIE = {"title": "a", "original_title": "a", "slug": "a"}


@pytest.mark.parametrize("empty_engine", ["sqlite"], indirect=True)
def test_ids_of_rows_that_were_deleted_before_are_not_given_again(empty_engine: Engine) -> None:
    migrations.upgrade(empty_engine, "0047")
    at = datetime(2026, 8, 1, tzinfo=UTC)
    entry = {"at": at, "action": "film.delete"}
    removed = {"premieres": {"before": [], "after": [], REMOVED: [{"premiere": [{"id": 70}]}]}}
    moved = [["movie_genre", {"genre_id": 1}, 1, {}], ["credit", {"id": 77}, 1, {"position": 1}]]
    merged = {"rows": {"before": moved, "after": [[*row[:3], None] for row in moved]}}
    poster = {"poster_source": [{"id": 40}], "poster_variant": [{"id": 90}, {"id": 91}]}
    with Session(empty_engine) as session:
        session.add_all(
            [
                make_movie(session),
                AuditEntry(**entry, subject="film", subject_id=30),
                AuditEntry(**entry, subject="person", subject_id=60),
                AuditEntry(**entry, subject="film", subject_id=20, fields=removed),
                AuditEntry(**entry, subject="user", subject_id=10),
                AuditEntry(**entry, subject="genre", subject_id=5, fields=merged),
                BinItem(kind=BinKind.POSTER, row_id=40, rows=poster, deleted_at=at),
                BinItem(kind=BinKind.MOVIE, row_id=25, rows={"movie": [{"id": 25}]}, deleted_at=at),
                HeldObject(holder=80, movie_id=1, key="k", released_at=at),
            ]
        )
        session.commit()
    migrations.upgrade(empty_engine)
    with Session(empty_engine) as session:
        person, movie = Person(name="a"), make_movie(session)
        premiere, source = make_premiere(session, movie), add_poster(session, movie)
        variant = PosterVariant(
            source_id=source.id, name="a", format="webp", recipe_hash="a", source_sha256="a"
        )
        item = BinItem(kind=BinKind.MOVIE, row_id=1, rows={}, deleted_at=at)
        session.add_all([person, variant, item])
        session.flush()
        credit = Credit(movie_id=movie.id, person_id=person.id, role=CreditRole.CAST, position=1)
        session.add(credit)
        session.flush()
        rows = (movie, person, premiere, source, variant, item, credit)
        assert [row.id for row in rows] == [31, 61, 71, 41, 92, 81, 78]


def test_schema_of_a_newer_release_stays(empty_engine: Engine) -> None:
    migrations.upgrade(empty_engine)
    set_revision(empty_engine, "9999")
    assert migrations.upgrade(empty_engine) == ("9999", "9999")
    assert schema_state("9999") is SchemaState.AHEAD
    for migrate in (migrations.upgrade, migrations.downgrade):
        with pytest.raises(CommandError, match="9999"):
            migrate(empty_engine, "0021")
