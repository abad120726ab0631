"""Tags are expanded after the commit."""

from collections.abc import Collection, Iterator

import pytest
from sqlalchemy import Connection, Engine, event, insert, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from moziweb.cache import OutboxRelay, tag
from moziweb.cache.invalidation.declarations import Declarations
from moziweb.cache.invalidation.session_tracking import InvalidationTracker
from moziweb.cache.protocol.stamps import StampStore
from tests.cache.database import NOW, Movie, Poster, RecordingEvents, outbox


def weeks_of(connection: Connection, names: Collection[str]) -> Iterator[str]:
    """Yield the weeks of movies, for tags such as ``week-of:1``."""
    ids = [int(name.split(":")[1]) for name in names]
    for week in connection.scalars(select(Movie.week).where(Movie.id.in_(ids))):
        yield tag("week", week)


@pytest.fixture
def declared() -> Declarations:
    declarations = Declarations()
    declarations.declare(
        Poster,
        columns=("url",),
        keys=("movie_id",),
        tags=lambda row: [tag("week-of", row.movie_id)],
    )
    declarations.expansions.add("week-of", weeks_of)
    return declarations


def test_expanded_tags_are_published(
    declared: Declarations, stamps: StampStore, recorded: RecordingEvents, sqlite_engine: Engine
) -> None:
    factory = sessionmaker(sqlite_engine)
    InvalidationTracker(declared, outbox, stamps, recorded).watch(factory)
    with factory.begin() as session:
        session.add(Movie(id=1, title="a", week="7", posters=[Poster(id=1, url="a")]))
    assert recorded.tags == [{"week:7"}]
    with sqlite_engine.connect() as connection:
        (row,) = outbox.latest(connection)
    assert (row.tags, row.published is None) == (("week:7",), False)


def test_expansion_sees_what_others_have_committed(
    declared: Declarations, stamps: StampStore, recorded: RecordingEvents, sqlite_engine: Engine
) -> None:
    """An unwatched connection moves the movie between the commit and the publishing."""
    factory = sessionmaker(sqlite_engine)
    InvalidationTracker(declared, outbox, stamps, recorded).watch(factory)

    def move(session: Session) -> None:
        with sqlite_engine.begin() as connection:
            connection.execute(update(Movie).values(week="8"))

    with Session(sqlite_engine) as other:
        other.add(Movie(id=1, title="a", week="7", posters=[Poster(id=1, url="a")]))
        other.commit()
    session = factory()
    session.get_one(Poster, 1).url = "b"
    event.listen(session, "after_commit", move)
    session.commit()
    session.close()
    assert recorded.tags == [{"week:8"}]


def test_relay_expands_tags(
    declared: Declarations, stamps: StampStore, recorded: RecordingEvents, sqlite_engine: Engine
) -> None:
    with sqlite_engine.begin() as connection:
        connection.execute(insert(Movie).values(id=1, title="a", week="9"))
        outbox.add(connection, ["week-of:1", "movie:1"], now=NOW - 100)
    relay = OutboxRelay(
        sqlite_engine, outbox, stamps, recorded, expansions=declared.expansions, now=lambda: NOW
    )
    assert relay.run_once() == 1
    assert recorded.tags == [{"movie:1", "week:9"}]


def test_failed_expansion_leaves_the_row_to_the_relay(
    declared: Declarations, stamps: StampStore, recorded: RecordingEvents, sqlite_engine: Engine
) -> None:
    def fail(connection: object, names: object) -> list[str]:
        raise OperationalError("", {}, Exception("gone"))

    declared.expansions.add("week-of", fail)
    factory = sessionmaker(sqlite_engine)
    InvalidationTracker(declared, outbox, stamps, recorded).watch(factory)
    with factory.begin() as session:
        session.add(Movie(id=1, title="a", week="7", posters=[Poster(id=1, url="a")]))
    assert recorded.tags == []
    with sqlite_engine.connect() as connection:
        (row,) = outbox.latest(connection)
    assert (row.tags, row.published) == (("week-of:1",), None)


def test_tags_are_resolved_in_the_transaction(
    stamps: StampStore, recorded: RecordingEvents, sqlite_engine: Engine
) -> None:
    """With all of its changes, before the outbox row is written; later changes get another row."""
    declarations = Declarations()
    declarations.declare(
        Movie, columns=("title",), keys=("id",), tags=lambda row: (f"if:{row.id}",)
    )
    seen: list[set[str]] = []

    def resolve(connection: Connection, names: Collection[str]) -> list[str]:
        seen.append(set(names))
        query = select(Movie.id, Movie.week).where(Movie.week != "hidden")
        weeks = {f"if:{row.id}": f"week:{row.week}" for row in connection.execute(query)}
        return [weeks[name] for name in names if name in weeks]

    declarations.resolve_with(resolve)
    factory = sessionmaker(sqlite_engine)
    InvalidationTracker(declarations, outbox, stamps, recorded).watch(factory)
    before = stamps.read_clock()
    with factory.begin() as session:
        session.add(Movie(id=1, title="a", week="hidden"))
    assert seen == [{"if:1"}]
    assert (recorded.tags, stamps.read_clock()) == ([], before)
    with sqlite_engine.connect() as connection:
        assert outbox.latest(connection) == []

    def late(session: Session) -> None:
        session.add(Movie(id=3, title="c", week="9"))

    with factory() as session:
        session.add(Movie(id=2, title="b", week="7"))
        session.flush()
        session.get_one(Movie, 2).week = "8"
        event.listen(session, "before_commit", late)
        session.commit()
    assert recorded.tags == [{"week:8", "week:9"}]
    with sqlite_engine.connect() as connection:
        assert [row.tags for row in outbox.latest(connection)] == [("week:9",), ("week:8",)]
