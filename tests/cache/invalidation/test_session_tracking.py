"""The tags that writes collect, record and publish, on both databases."""

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
    Movie,
    Poster,
    RecordingEvents,
    declarations,
    genre_links,
    outbox,
)

tables = Base.metadata.tables


def rows(engine: Engine) -> list[OutboxRow]:
    """Return the outbox rows, oldest first."""
    with engine.connect() as connection:
        return outbox.latest(connection)[::-1]


def movie(session: Session) -> Movie:
    """Return the movie."""
    found = session.get(Movie, 1)
    assert found is not None
    return found


def test_insert_invalidates_the_tags_of_the_new_row(
    sessions: sessionmaker[Session], recorded: RecordingEvents
) -> None:
    with sessions.begin() as session:
        session.add(Movie(id=2, title="Vuk", week="2"))
    assert recorded.tags == [{"movie:2", "week:2"}]


def test_change_invalidates_old_and_new_tags(
    sessions: sessionmaker[Session], recorded: RecordingEvents
) -> None:
    with sessions.begin() as session:
        movie(session).week = "2"
    assert recorded.tags == [{"movie:1", "week:1", "week:2"}]


def test_old_value_of_an_expired_attribute_is_known(
    sessions: sessionmaker[Session], recorded: RecordingEvents
) -> None:
    with sessions.begin() as session:
        one = movie(session)
        session.expire(one)
        one.week = "2"
    assert recorded.tags == [{"movie:1", "week:1", "week:2"}]


def test_value_changed_twice_invalidates_the_tags_of_all_three(
    sessions: sessionmaker[Session], recorded: RecordingEvents
) -> None:
    with sessions.begin() as session:
        one = movie(session)
        one.week = "2"
        session.flush()
        one.week = "3"
    assert recorded.tags == [{"movie:1", "week:1", "week:2", "week:3"}]


def test_change_of_an_undeclared_column_invalidates_nothing(
    sessions: sessionmaker[Session], recorded: RecordingEvents, engine: Engine
) -> None:
    with sessions.begin() as session:
        movie(session).lease = 5
    assert recorded.tags == []
    assert rows(engine) == []


def test_setting_the_same_value_invalidates_nothing(
    sessions: sessionmaker[Session], recorded: RecordingEvents
) -> None:
    with sessions.begin() as session:
        movie(session).week = "1"
    assert recorded.tags == []


def test_delete_invalidates_the_row_and_cascaded_rows(
    sessions: sessionmaker[Session], recorded: RecordingEvents
) -> None:
    with sessions.begin() as session:
        one = movie(session)
        session.expire(one)
        session.delete(one)
    assert recorded.tags == [{"movie:1", "week:1"}]


def test_deleted_orphan_invalidates_its_movie(
    sessions: sessionmaker[Session], recorded: RecordingEvents
) -> None:
    with sessions.begin() as session:
        one = movie(session)
        one.posters.clear()
    assert recorded.tags == [{"movie:1"}]


def test_moved_child_invalidates_both_parents(
    sessions: sessionmaker[Session], recorded: RecordingEvents
) -> None:
    with sessions.begin() as session:
        session.add(Movie(id=2, title="Vuk", week="2"))
    with sessions.begin() as session:
        poster = session.get_one(Poster, 1)
        poster.movie = session.get_one(Movie, 2)
    assert recorded.tags[-1] == {"movie:1", "movie:2"}


def test_change_of_a_many_to_many_link_invalidates_the_row(
    sessions: sessionmaker[Session], recorded: RecordingEvents
) -> None:
    with sessions.begin() as session:
        one = movie(session)
        one.genres.append(session.get_one(Genre, 1))
    assert recorded.tags == [{"movie:1", "week:1"}]


def test_updated_value_computed_by_the_database_invalidates_the_model(
    sessions: sessionmaker[Session], recorded: RecordingEvents
) -> None:
    with sessions.begin() as session:
        movie(session).week = Movie.week + "x"
    assert recorded.tags == [{"movie:1", "week:1", "model:Movie"}]


def test_inserted_value_computed_by_the_database_is_read_back(
    sessions: sessionmaker[Session], recorded: RecordingEvents
) -> None:
    with sessions.begin() as session:
        session.add(Movie(id=2, title="Vuk", week=func.lower("W2")))
    assert recorded.tags == [{"movie:2", "week:w2"}]


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
def test_bulk_statement_invalidates_the_model(
    sessions: sessionmaker[Session], recorded: RecordingEvents, statement: Any
) -> None:
    with sessions.begin() as session:
        session.execute(statement)
        assert has_written(session)
    table = statement.table.name
    expected = {"movie": [{"model:Movie"}], "poster": [{"model:Poster"}], "genre": []}
    assert recorded.tags == expected[table]


def test_bulk_insert_of_rows_invalidates_the_model(
    sessions: sessionmaker[Session], recorded: RecordingEvents
) -> None:
    with sessions.begin() as session:
        session.execute(insert(Movie), [{"id": n, "title": "x", "week": "9"} for n in (5, 6)])
    assert recorded.tags == [{"model:Movie"}]


def test_cache_tags_option_of_a_bulk_statement_replaces_the_model_tag(
    sessions: sessionmaker[Session], recorded: RecordingEvents
) -> None:
    with sessions.begin() as session:
        statement = update(Movie).where(Movie.id == 1)
        session.execute(statement.values(lease=1), execution_options={"cache_tags": ()})
        session.execute(statement.values(title="x"), execution_options={"cache_tags": ["movie:1"]})
    assert recorded.tags == [{"movie:1"}]


def test_writes_that_bypass_the_session_are_invalidated_by_hand(
    sessions: sessionmaker[Session], writes: InvalidationTracker, recorded: RecordingEvents
) -> None:
    with sessions.begin() as session:
        session.execute(text("UPDATE movie SET title = 'x'"))
        assert not has_written(session)
        writes.invalidate(session, "movie:1")
        assert has_written(session)
        with pytest.raises(TagError):
            writes.invalidate(session, "not a tag")
    assert recorded.tags == [{"movie:1"}]


def test_outbox_row_is_written_and_marked(sessions: sessionmaker[Session], engine: Engine) -> None:
    with sessions.begin() as session:
        session.info[REASON] = "editor moved it"
        movie(session).week = "2"
        session.flush()
        movie(session).title = "x"
    (row,) = rows(engine)
    assert row.tags == ("movie:1", "week:1", "week:2")
    assert (row.created, row.published, row.reason) == (NOW, NOW, "editor moved it")


def test_rollback_leaves_nothing(
    sessions: sessionmaker[Session], recorded: RecordingEvents, engine: Engine
) -> None:
    with sessions() as session:
        movie(session).week = "2"
        session.flush()
        session.rollback()
        session.commit()
    assert recorded.tags == []
    assert rows(engine) == []


def test_next_transaction_of_a_session_begins_without_tags(
    sessions: sessionmaker[Session], recorded: RecordingEvents
) -> None:
    with sessions() as session:
        movie(session).week = "2"
        session.commit()
        assert not has_written(session)
        movie(session).title = "x"
        session.commit()
    assert recorded.tags == [{"movie:1", "week:1", "week:2"}, {"movie:1", "week:2"}]


@pytest.mark.parametrize(
    "error", [PublishError("gone"), RuntimeError("can't start new thread")], ids=["store", "other"]
)
def test_failed_publish_leaves_the_row_for_the_relay(
    sessions: sessionmaker[Session],
    recorded: RecordingEvents,
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
    assert recorded.failed == [{"movie:1", "week:1", "week:2"}]
    assert [row.published for row in rows(engine)] == [None]


def test_failed_mark_raises_nothing(
    sessions: sessionmaker[Session],
    recorded: RecordingEvents,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with sessions() as session:
        movie(session).week = "2"
        session.flush()
        monkeypatch.setattr(outbox, "mark", lambda connection, *_, **__: connection.execute(BAD))
        session.commit()
    assert len(recorded.tags) == 1
    assert [row.published for row in rows(engine)] == [None]


BAD = text("SELECT nothing FROM nowhere")


def test_changes_of_later_before_commit_listeners_are_recorded(
    sessions: sessionmaker[Session], recorded: RecordingEvents, engine: Engine
) -> None:
    from sqlalchemy import event

    def late(session: Session) -> None:
        movie(session).title = "late"

    with sessions() as session:
        session.add(Movie(id=2, title="Vuk", week="2"))
        event.listen(session, "before_commit", late)
        session.commit()
    assert recorded.tags == [{"movie:1", "week:1", "movie:2", "week:2"}]
    assert {tag for row in rows(engine) for tag in row.tags} == recorded.tags[0]
    assert all(row.published for row in rows(engine))


class TestSavepoints:
    """``after_commit`` is sent on their release; their rollback removes rows written in them."""

    def test_release_publishes_nothing(
        self, sessions: sessionmaker[Session], recorded: RecordingEvents, engine: Engine
    ) -> None:
        with sessions.begin() as session:
            with session.begin_nested():
                movie(session).week = "2"
            assert recorded.tags == []
        assert recorded.tags == [{"movie:1", "week:1", "week:2"}]
        assert len(rows(engine)) == 1

    def test_rolled_back_changes_invalidate_nothing(
        self, sessions: sessionmaker[Session], recorded: RecordingEvents, engine: Engine
    ) -> None:
        with sessions.begin() as session:
            movie(session).title = "x"
            nested = session.begin_nested()
            movie(session).week = "2"
            session.flush()
            nested.rollback()
        assert recorded.tags == [{"movie:1", "week:1"}]
        assert [row.tags for row in rows(engine)] == [("movie:1", "week:1")]

    def test_nested_savepoints(
        self, sessions: sessionmaker[Session], recorded: RecordingEvents
    ) -> None:
        with sessions.begin() as session:
            with session.begin_nested():
                movie(session).title = "x"
                inner = session.begin_nested()
                session.add(Movie(id=2, title="Vuk", week="2"))
                session.flush()
                inner.rollback()
            with session.begin_nested():
                session.add(Movie(id=3, title="Lúdas Matyi", week="3"))
        assert recorded.tags == [{"movie:1", "week:1", "movie:3", "week:3"}]

    def test_outer_rollback_after_an_inner_release(
        self, sessions: sessionmaker[Session], recorded: RecordingEvents, engine: Engine
    ) -> None:
        with sessions() as session:
            with session.begin_nested():
                movie(session).week = "2"
            session.rollback()
        assert recorded.tags == []
        assert rows(engine) == []


class Other:
    """Another data manager of the transaction; it may fail to vote, and records what is published.

    ``published_before`` are the tags that were published before its ``tpc_finish``.
    """

    def __init__(
        self, key: str, *, fails: bool = False, recorded: RecordingEvents | None = None
    ) -> None:
        self.key = key
        self.fails = fails
        self.recorded = recorded
        self.published_before: list[frozenset[str]] | None = None

    def sortKey(self) -> str:  # noqa: N802 - the transaction package's name
        return self.key

    def tpc_begin(self, transaction: object) -> None:
        """Do nothing."""

    commit = abort = tpc_abort = tpc_begin

    def tpc_vote(self, transaction: object) -> None:
        if self.fails:
            raise ValueError("no")

    def tpc_finish(self, transaction: object) -> None:
        self.published_before = list(self.recorded.tags) if self.recorded else None


class TestTransactionManager:
    """Sessions that zope.sqlalchemy commits."""

    @pytest.fixture
    def manager(self) -> Any:
        return transaction.TransactionManager(explicit=True)

    @pytest.fixture
    def session(
        self, sessions: sessionmaker[Session], writes: InvalidationTracker, manager: Any
    ) -> Iterator[Session]:
        session = sessions()
        zope.sqlalchemy.register(session, transaction_manager=manager)
        writes.join_transaction_manager(session, manager)
        yield session
        session.close()

    def test_tags_are_published_after_all_managers_have_finished(
        self, session: Session, manager: Any, recorded: RecordingEvents, engine: Engine
    ) -> None:
        last = Other("~zzz", recorded=recorded)
        with manager as current:
            current.join(last)
            movie(session).week = "2"
        assert last.published_before == []
        assert recorded.tags == [{"movie:1", "week:1", "week:2"}]
        assert [row.published for row in rows(engine)] == [NOW]

    def test_abort_publishes_nothing(
        self, session: Session, manager: Any, recorded: RecordingEvents, engine: Engine
    ) -> None:
        manager.begin()
        movie(session).week = "2"
        session.flush()
        manager.abort()
        assert recorded.tags == []
        assert rows(engine) == []

    def test_failed_vote_before_the_database_publishes_nothing(
        self, session: Session, manager: Any, recorded: RecordingEvents, engine: Engine
    ) -> None:
        manager.begin().join(Other("a", fails=True))
        movie(session).week = "2"
        with pytest.raises(ValueError, match="no"):
            manager.commit()
        manager.abort()
        assert recorded.tags == []
        assert rows(engine) == []

    @pytest.mark.parametrize("key", ["~sqlalchemy~", "~~~~"])
    def test_committed_change_is_published_if_a_later_manager_fails(
        self, session: Session, manager: Any, recorded: RecordingEvents, engine: Engine, key: str
    ) -> None:
        manager.begin().join(Other(key, fails=True))
        movie(session).week = "2"
        with pytest.raises(ValueError, match="no"):
            manager.commit()
        manager.abort()
        assert recorded.tags == [{"movie:1", "week:1", "week:2"}]
        assert [row.published for row in rows(engine)] == [NOW]

    def test_abort_after_a_commit_publishes_nothing_more(
        self, session: Session, manager: Any, recorded: RecordingEvents
    ) -> None:
        with manager as current:
            current.addAfterCommitHook(lambda status: None)
            movie(session).week = "2"
        assert recorded.tags == [{"movie:1", "week:1", "week:2"}]

    def test_change_that_is_flushed_by_the_commit_is_published(
        self, session: Session, manager: Any, recorded: RecordingEvents
    ) -> None:
        with manager:
            session.add(Movie(id=2, title="Vuk", week="2"))
        assert recorded.tags == [{"movie:2", "week:2"}]

    def test_session_kept_over_several_transactions(
        self,
        sessions: sessionmaker[Session],
        writes: InvalidationTracker,
        manager: Any,
        recorded: RecordingEvents,
    ) -> None:
        session = sessions()
        zope.sqlalchemy.register(session, transaction_manager=manager, keep_session=True)
        writes.join_transaction_manager(session, manager)
        for week in ("2", "3"):
            with manager:
                movie(session).week = week
        session.close()
        assert recorded.tags == [{"movie:1", "week:1", "week:2"}, {"movie:1", "week:2", "week:3"}]

    def test_read_publishes_nothing(
        self, session: Session, manager: Any, recorded: RecordingEvents
    ) -> None:
        with manager:
            movie(session)
        assert recorded.tags == []

    def test_savepoint_of_the_manager(
        self,
        postgres_engine: Engine,
        writes: InvalidationTracker,
        manager: Any,
        recorded: RecordingEvents,
    ) -> None:
        """On PostgreSQL only: zope.sqlalchemy has no savepoints on SQLite."""
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
        assert recorded.tags == [{"movie:1", "week:1"}]


class Own(DeclarativeBase):
    """The base of models with wrong declarations."""


class Show(Own):
    """A model whose ``name`` has no ``active_history``."""

    __tablename__ = "show"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    part_of: Mapped[int | None] = mapped_column(ForeignKey("show.id"))
    parts: Mapped[list["Show"]] = relationship()


class TestDeclarations:
    """Wrong declarations are found when a session is first watched."""

    @pytest.mark.parametrize(
        ("columns", "keys", "message"),
        [(["name"], ["name"], "active_history"), (["nothing"], [], "nothing"), ([], ["x"], "'x'")],
    )
    def test_wrong_attribute_is_refused(
        self, columns: list[str], keys: list[str], message: str
    ) -> None:
        own = Declarations()
        own.declare(Show, columns=columns, keys=keys, tags=lambda row: ())
        with pytest.raises(ConfigurationError, match=message):
            own.check()

    def test_relationship_as_key_is_refused(self) -> None:
        own = Declarations()
        own.declare(Show, columns=(), keys=("parts",), tags=lambda row: ())
        with pytest.raises(ConfigurationError, match="not a column"):
            own.check()

    def test_tags_can_use_only_declared_keys(self) -> None:
        own = Declarations()
        own.declare(Show, columns=("name",), keys=("id",), tags=lambda row: [row.name])
        (declaration,) = own.find(Show)
        with pytest.raises(AttributeError, match="add it to `keys`"):
            declaration.of_new(Show(id=1, name="1"))

    def test_subclass_inherits_the_declarations(self) -> None:
        class Short(Movie):
            pass

        assert [found.model for found in declarations.find(Short)] == [Movie]

    def test_models_of_a_table(self) -> None:
        assert list(declarations.of_table(Movie.__table__)) == [Movie]
        assert list(declarations.of_table(genre_links)) == []
        assert list(declarations.of_table(None)) == []

    def test_change_invalidates_only_the_declarations_with_its_column(
        self, stamps: StampStore, recorded: RecordingEvents, sqlite_engine: Engine
    ) -> None:
        own = Declarations()
        own.declare(
            Movie, columns=("title",), keys=("id",), tags=lambda row: [tag("movie", row.id)]
        )
        own.declare(
            Movie, columns=("week",), keys=("week",), tags=lambda row: [tag("week", row.week)],
            changes_only=True,
        )  # fmt: skip
        factory = sessionmaker(sqlite_engine)
        InvalidationTracker(own, outbox, stamps, recorded).watch(factory)
        with factory.begin() as session:
            session.add(Movie(id=1, title="a", week="1"))
        with factory.begin() as session:
            session.get_one(Movie, 1).title = "b"
        with factory.begin() as session:
            session.get_one(Movie, 1).week = "2"
        assert recorded.tags == [{"movie:1"}, {"movie:1"}, {"week:1", "week:2"}]
