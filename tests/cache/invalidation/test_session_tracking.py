"""Writes: what is gathered, recorded and published, on both databases."""

from collections.abc import Iterator
from typing import Any

import pytest
import transaction
import zope.sqlalchemy
from sqlalchemy import Engine, ForeignKey, delete, func, insert, text, update
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    relationship,
    sessionmaker,
)

from moziweb.cache.errors import ConfigurationError, PublishError, TagError
from moziweb.cache.invalidation.declarations import Declarations
from moziweb.cache.invalidation.outbox import OutboxRow
from moziweb.cache.invalidation.session_tracking import REASON, InvalidationTracker, has_written
from moziweb.cache.protocol.stamps import StampStore
from moziweb.cache.protocol.tags import tag
from tests.cache.database import (
    NOW,
    Base,
    Genre,
    Heard,
    Movie,
    Poster,
    declarations,
    genre_links,
    outbox,
)

tables = Base.metadata.tables


def rows(engine: Engine) -> list[OutboxRow]:
    """The outbox, oldest first."""
    with engine.connect() as connection:
        return outbox.latest(connection)[::-1]


def movie(session: Session) -> Movie:
    """The movie."""
    found = session.get(Movie, 1)
    assert found is not None
    return found


def test_an_insert_concerns_the_new_row(sessions: sessionmaker[Session], heard: Heard) -> None:
    with sessions.begin() as session:
        session.add(Movie(id=2, title="Vuk", week="2"))
    assert heard.tags == [{"movie:2", "week:2"}]


def test_a_change_concerns_the_old_and_the_new(
    sessions: sessionmaker[Session], heard: Heard
) -> None:
    with sessions.begin() as session:
        movie(session).week = "2"
    assert heard.tags == [{"movie:1", "week:1", "week:2"}]


def test_trap_5_the_old_value_of_an_expired_attribute_is_known(
    sessions: sessionmaker[Session], heard: Heard
) -> None:
    with sessions.begin() as session:
        one = movie(session)
        session.expire(one)
        one.week = "2"
    assert heard.tags == [{"movie:1", "week:1", "week:2"}]


def test_a_value_changed_twice_in_a_transaction_concerns_all_three(
    sessions: sessionmaker[Session], heard: Heard
) -> None:
    with sessions.begin() as session:
        one = movie(session)
        one.week = "2"
        session.flush()
        one.week = "3"
    assert heard.tags == [{"movie:1", "week:1", "week:2", "week:3"}]


def test_a_change_that_nobody_sees_concerns_nobody(
    sessions: sessionmaker[Session], heard: Heard, engine: Engine
) -> None:
    with sessions.begin() as session:
        movie(session).lease = 5
    assert heard.tags == []
    assert rows(engine) == []


def test_setting_the_same_value_concerns_nobody(
    sessions: sessionmaker[Session], heard: Heard
) -> None:
    with sessions.begin() as session:
        movie(session).week = "1"
    assert heard.tags == []


def test_a_delete_concerns_the_row_and_what_goes_with_it(
    sessions: sessionmaker[Session], heard: Heard
) -> None:
    with sessions.begin() as session:
        one = movie(session)
        session.expire(one)
        session.delete(one)
    assert heard.tags == [{"movie:1", "week:1"}]


def test_an_orphan_concerns_its_movie(sessions: sessionmaker[Session], heard: Heard) -> None:
    with sessions.begin() as session:
        one = movie(session)
        one.posters.clear()
    assert heard.tags == [{"movie:1"}]


def test_a_part_that_moves_concerns_both_wholes(
    sessions: sessionmaker[Session], heard: Heard
) -> None:
    with sessions.begin() as session:
        session.add(Movie(id=2, title="Vuk", week="2"))
    with sessions.begin() as session:
        poster = session.get_one(Poster, 1)
        poster.movie = session.get_one(Movie, 2)
    assert heard.tags[-1] == {"movie:1", "movie:2"}


def test_a_link_that_no_column_tells_of(sessions: sessionmaker[Session], heard: Heard) -> None:
    with sessions.begin() as session:
        one = movie(session)
        one.genres.append(session.get_one(Genre, 1))
    assert heard.tags == [{"movie:1", "week:1"}]


def test_a_value_computed_by_the_database_falls_back_to_the_model(
    sessions: sessionmaker[Session], heard: Heard
) -> None:
    with sessions.begin() as session:
        movie(session).week = Movie.week + "x"
    assert heard.tags == [{"movie:1", "week:1", "model:Movie"}]


def test_a_row_computed_by_the_database_is_read_back(
    sessions: sessionmaker[Session], heard: Heard
) -> None:
    with sessions.begin() as session:
        session.add(Movie(id=2, title="Vuk", week=func.lower("W2")))
    assert heard.tags == [{"movie:2", "week:w2"}]


@pytest.mark.parametrize(
    "statement",
    [
        update(Movie).values(title="x"),
        delete(Poster).where(Poster.id > 5),
        insert(tables["genre"]).values(id=7, name="x"),
        update(tables["movie"]).values(title="x"),
    ],
    ids=["update", "delete", "untagged", "core"],
)
def test_bulk_statements_concern_the_model(
    sessions: sessionmaker[Session], heard: Heard, statement: Any
) -> None:
    with sessions.begin() as session:
        session.execute(statement)
        assert has_written(session)
    table = statement.table.name
    expected = {"movie": [{"model:Movie"}], "poster": [{"model:Poster"}], "genre": []}
    assert heard.tags == expected[table]


def test_bulk_insert_of_objects(sessions: sessionmaker[Session], heard: Heard) -> None:
    with sessions.begin() as session:
        session.execute(insert(Movie), [{"id": n, "title": "x", "week": "9"} for n in (5, 6)])
    assert heard.tags == [{"model:Movie"}]


def test_a_bulk_statement_may_say_better(sessions: sessionmaker[Session], heard: Heard) -> None:
    with sessions.begin() as session:
        statement = update(Movie).where(Movie.id == 1)
        session.execute(statement.values(lease=1), execution_options={"cache_tags": ()})
        session.execute(statement.values(title="x"), execution_options={"cache_tags": ["movie:1"]})
    assert heard.tags == [{"movie:1"}]


def test_what_goes_past_the_session_is_told(
    sessions: sessionmaker[Session], writes: InvalidationTracker, heard: Heard
) -> None:
    with sessions.begin() as session:
        session.execute(text("UPDATE movie SET title = 'x'"))
        assert not has_written(session)
        writes.invalidate(session, "movie:1")
        assert has_written(session)
        with pytest.raises(TagError):
            writes.invalidate(session, "not a tag")
    assert heard.tags == [{"movie:1"}]


def test_the_outbox_row_is_written_and_marked(
    sessions: sessionmaker[Session], engine: Engine
) -> None:
    with sessions.begin() as session:
        session.info[REASON] = "editor moved it"
        movie(session).week = "2"
        session.flush()
        movie(session).title = "x"
    (row,) = rows(engine)
    assert row.tags == ("movie:1", "week:1", "week:2")
    assert (row.created, row.published, row.reason) == (NOW, NOW, "editor moved it")


def test_a_rollback_leaves_nothing(
    sessions: sessionmaker[Session], heard: Heard, engine: Engine
) -> None:
    with sessions() as session:
        movie(session).week = "2"
        session.flush()
        session.rollback()
        session.commit()
    assert heard.tags == []
    assert rows(engine) == []


def test_a_session_goes_on_with_a_clean_sheet(
    sessions: sessionmaker[Session], heard: Heard
) -> None:
    with sessions() as session:
        movie(session).week = "2"
        session.commit()
        assert not has_written(session)
        movie(session).title = "x"
        session.commit()
    assert heard.tags == [{"movie:1", "week:1", "week:2"}, {"movie:1", "week:2"}]


@pytest.mark.parametrize(
    "error", [PublishError("gone"), RuntimeError("can't start new thread")], ids=["store", "other"]
)
def test_a_failed_publish_leaves_the_row_for_the_relay(
    sessions: sessionmaker[Session],
    heard: Heard,
    engine: Engine,
    stamps: StampStore,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(stamps, "publish", fail)
    with sessions.begin() as session:
        movie(session).week = "2"
    assert heard.failed == [{"movie:1", "week:1", "week:2"}]
    assert [row.published for row in rows(engine)] == [None]


def test_a_row_that_cannot_be_marked_raises_nothing(
    sessions: sessionmaker[Session], heard: Heard, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sessions() as session:
        movie(session).week = "2"
        session.flush()
        monkeypatch.setattr(outbox, "mark", lambda connection, *_, **__: connection.execute(BAD))
        session.commit()
    assert len(heard.tags) == 1
    assert [row.published for row in rows(engine)] == [None]


BAD = text("SELECT nothing FROM nowhere")


def test_what_others_change_in_before_commit_is_recorded_too(
    sessions: sessionmaker[Session], heard: Heard, engine: Engine
) -> None:
    from sqlalchemy import event

    def late(session: Session) -> None:
        movie(session).title = "late"

    with sessions() as session:
        session.add(Movie(id=2, title="Vuk", week="2"))
        event.listen(session, "before_commit", late)
        session.commit()
    assert heard.tags == [{"movie:1", "week:1", "movie:2", "week:2"}]
    assert {tag for row in rows(engine) for tag in row.tags} == heard.tags[0]
    assert all(row.published for row in rows(engine))


class TestSavepoints:
    """Trap 4: ``after_commit`` fires on their release; trap 3: rows inside go with them."""

    def test_a_release_publishes_nothing(
        self, sessions: sessionmaker[Session], heard: Heard, engine: Engine
    ) -> None:
        with sessions.begin() as session:
            with session.begin_nested():
                movie(session).week = "2"
            assert heard.tags == []
        assert heard.tags == [{"movie:1", "week:1", "week:2"}]
        assert len(rows(engine)) == 1

    def test_what_was_rolled_back_concerns_nobody(
        self, sessions: sessionmaker[Session], heard: Heard, engine: Engine
    ) -> None:
        with sessions.begin() as session:
            movie(session).title = "x"
            nested = session.begin_nested()
            movie(session).week = "2"
            session.flush()
            nested.rollback()
        assert heard.tags == [{"movie:1", "week:1"}]
        assert [row.tags for row in rows(engine)] == [("movie:1", "week:1")]

    def test_nested_ones(self, sessions: sessionmaker[Session], heard: Heard) -> None:
        with sessions.begin() as session:
            with session.begin_nested():
                movie(session).title = "x"
                inner = session.begin_nested()
                session.add(Movie(id=2, title="Vuk", week="2"))
                session.flush()
                inner.rollback()
            with session.begin_nested():
                session.add(Movie(id=3, title="Lúdas Matyi", week="3"))
        assert heard.tags == [{"movie:1", "week:1", "movie:3", "week:3"}]

    def test_an_outer_rollback_after_an_inner_release(
        self, sessions: sessionmaker[Session], heard: Heard, engine: Engine
    ) -> None:
        with sessions() as session:
            with session.begin_nested():
                movie(session).week = "2"
            session.rollback()
        assert heard.tags == []
        assert rows(engine) == []


class Other:
    """Another resource of the same transaction, which may vote no, and looks on at the end."""

    def __init__(self, key: str, *, fails: bool = False, heard: Heard | None = None) -> None:
        self.key = key
        self.fails = fails
        self.heard = heard
        self.published_before: list[frozenset[str]] | None = None

    def sortKey(self) -> str:  # noqa: N802 - the transaction package's name
        return self.key

    def tpc_begin(self, transaction: object) -> None:
        """Nothing."""

    commit = abort = tpc_abort = tpc_begin

    def tpc_vote(self, transaction: object) -> None:
        if self.fails:
            raise ValueError("no")

    def tpc_finish(self, transaction: object) -> None:
        self.published_before = list(self.heard.tags) if self.heard else None


class TestTransactionManager:
    """Sessions that zope.sqlalchemy commits."""

    @pytest.fixture
    def manager(self) -> Any:
        return transaction.TransactionManager(explicit=True)

    @pytest.fixture
    def session(
        self, sessions: sessionmaker[Session], writes: InvalidationTracker, manager: Any
    ) -> Iterator[Session]:
        made = sessions()
        zope.sqlalchemy.register(made, transaction_manager=manager)
        writes.join_transaction_manager(made, manager)
        yield made
        made.close()

    def test_it_publishes_when_everyone_has_finished(
        self, session: Session, manager: Any, heard: Heard, engine: Engine
    ) -> None:
        last = Other("~zzz", heard=heard)
        with manager as current:
            current.join(last)
            movie(session).week = "2"
        assert last.published_before == []
        assert heard.tags == [{"movie:1", "week:1", "week:2"}]
        assert [row.published for row in rows(engine)] == [NOW]

    def test_an_abort_publishes_nothing(
        self, session: Session, manager: Any, heard: Heard, engine: Engine
    ) -> None:
        manager.begin()
        movie(session).week = "2"
        session.flush()
        manager.abort()
        assert heard.tags == []
        assert rows(engine) == []

    def test_a_no_before_the_database_votes_publishes_nothing(
        self, session: Session, manager: Any, heard: Heard, engine: Engine
    ) -> None:
        manager.begin().join(Other("a", fails=True))
        movie(session).week = "2"
        with pytest.raises(ValueError, match="no"):
            manager.commit()
        manager.abort()
        assert heard.tags == []
        assert rows(engine) == []

    @pytest.mark.parametrize("key", ["~sqlalchemy~", "~~~~"])
    def test_committed_and_still_reported_as_failed(
        self, session: Session, manager: Any, heard: Heard, engine: Engine, key: str
    ) -> None:
        manager.begin().join(Other(key, fails=True))
        movie(session).week = "2"
        with pytest.raises(ValueError, match="no"):
            manager.commit()
        manager.abort()
        assert heard.tags == [{"movie:1", "week:1", "week:2"}]
        assert [row.published for row in rows(engine)] == [NOW]

    def test_managers_aborted_after_success_do_nothing(
        self, session: Session, manager: Any, heard: Heard
    ) -> None:
        with manager as current:
            current.addAfterCommitHook(lambda status: None)
            movie(session).week = "2"
        assert heard.tags == [{"movie:1", "week:1", "week:2"}]

    def test_what_is_only_flushed_by_the_commit(
        self, session: Session, manager: Any, heard: Heard
    ) -> None:
        with manager:
            session.add(Movie(id=2, title="Vuk", week="2"))
        assert heard.tags == [{"movie:2", "week:2"}]

    def test_one_session_over_several_transactions(
        self,
        sessions: sessionmaker[Session],
        writes: InvalidationTracker,
        manager: Any,
        heard: Heard,
    ) -> None:
        session = sessions()
        zope.sqlalchemy.register(session, transaction_manager=manager, keep_session=True)
        writes.join_transaction_manager(session, manager)
        for week in ("2", "3"):
            with manager:
                movie(session).week = week
        session.close()
        assert heard.tags == [{"movie:1", "week:1", "week:2"}, {"movie:1", "week:2", "week:3"}]

    def test_reading_publishes_nothing(self, session: Session, manager: Any, heard: Heard) -> None:
        with manager:
            movie(session)
        assert heard.tags == []

    def test_a_savepoint_of_the_manager(
        self, postgres_engine: Engine, writes: InvalidationTracker, manager: Any, heard: Heard
    ) -> None:
        """zope.sqlalchemy has none on SQLite."""
        factory = sessionmaker(postgres_engine)
        with factory.begin() as session:
            session.add(Movie(id=1, title="Macskafogó", week="1"))
        writes.watch(factory)
        session = factory()
        zope.sqlalchemy.register(session, transaction_manager=manager)
        writes.join_transaction_manager(session, manager)
        with manager as current:
            movie(session).title = "x"
            session.flush()
            savepoint = current.savepoint()
            movie(session).week = "2"
            session.flush()
            savepoint.rollback()
        assert heard.tags == [{"movie:1", "week:1"}]


class Own(DeclarativeBase):
    """Models of declarations gone wrong."""


class Show(Own):
    """Its name forgets its old value."""

    __tablename__ = "show"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    part_of: Mapped[int | None] = mapped_column(ForeignKey("show.id"))
    parts: Mapped[list["Show"]] = relationship()


class TestDeclarations:
    """Mistakes are found when sessions are first watched."""

    @pytest.mark.parametrize(
        ("columns", "keys", "message"),
        [(["name"], ["name"], "active_history"), (["nothing"], [], "nothing"), ([], ["x"], "'x'")],
    )
    def test_a_declaration_that_does_not_fit(
        self, columns: list[str], keys: list[str], message: str
    ) -> None:
        mine = Declarations()
        mine.declare(Show, columns=columns, keys=keys, tags=lambda row: ())
        with pytest.raises(ConfigurationError, match=message):
            mine.check()

    def test_a_relationship_is_no_key(self) -> None:
        mine = Declarations()
        mine.declare(Show, columns=(), keys=("parts",), tags=lambda row: ())
        with pytest.raises(ConfigurationError, match="not a column"):
            mine.check()

    def test_a_tag_is_made_of_declared_keys_only(self) -> None:
        mine = Declarations()
        mine.declare(Show, columns=("name",), keys=("id",), tags=lambda row: [row.name])
        (declaration,) = mine.find(Show)
        with pytest.raises(AttributeError, match="add it to `keys`"):
            declaration.of_new(Show(id=1, name="1"))

    def test_a_subclass_inherits(self) -> None:
        class Short(Movie):
            pass

        assert [found.model for found in declarations.find(Short)] == [Movie]

    def test_tables(self) -> None:
        assert list(declarations.of_table(Movie.__table__)) == [Movie]
        assert list(declarations.of_table(genre_links)) == []
        assert list(declarations.of_table(None)) == []

    def test_a_change_concerns_only_what_its_columns_are_declared_for(
        self, stamps: StampStore, heard: Heard, sqlite_engine: Engine
    ) -> None:
        mine = Declarations()
        mine.declare(
            Movie, columns=("title",), keys=("id",), tags=lambda row: [tag("movie", row.id)]
        )
        mine.declare(
            Movie, columns=("week",), keys=("week",), tags=lambda row: [tag("week", row.week)],
            changes_only=True,
        )  # fmt: skip
        factory = sessionmaker(sqlite_engine)
        InvalidationTracker(mine, outbox, stamps, heard).watch(factory)
        with factory.begin() as session:
            session.add(Movie(id=1, title="a", week="1"))
        with factory.begin() as session:
            session.get_one(Movie, 1).title = "b"
        with factory.begin() as session:
            session.get_one(Movie, 1).week = "2"
        assert heard.tags == [{"movie:1"}, {"movie:1"}, {"week:1", "week:2"}]
