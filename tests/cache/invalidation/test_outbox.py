"""The outbox and the relay, on both databases."""

import threading

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from moziweb.cache.errors import PublishError
from moziweb.cache.invalidation.outbox import Outbox
from moziweb.cache.invalidation.outbox_relay import OutboxRelay, RelayThread
from moziweb.cache.protocol.stamps import StampStore
from tests.cache.database import NOW, Base, RecordingEvents, outbox


def add(engine: Engine, age: float, *tags: str) -> int:
    """Add a row that is ``age`` seconds old, and return its id."""
    with engine.begin() as connection:
        return outbox.add(connection, tags, now=NOW - age)


def relay(engine: Engine, stamps: StampStore, recorded: RecordingEvents) -> OutboxRelay:
    """Return a relay whose time is NOW."""
    return OutboxRelay(engine, outbox, stamps, recorded, now=lambda: NOW)


def test_row_is_read_as_it_was_added(engine: Engine) -> None:
    number = add(engine, 5, "movie:2", "movie:1")
    with engine.connect() as connection:
        (row,) = outbox.latest(connection)
    assert (row.id, row.tags, row.created, row.published) == (
        number, ("movie:1", "movie:2"), NOW - 5, None,
    )  # fmt: skip


def test_only_old_and_unmarked_rows_are_due(engine: Engine) -> None:
    old, marked, _young = add(engine, 60, "a:1"), add(engine, 50, "b:1"), add(engine, 5, "c:1")
    older = add(engine, 70, "d:1")
    with engine.begin() as connection:
        outbox.mark(connection, [marked], now=NOW)
    with engine.connect() as connection:
        due = outbox.unpublished(connection, before=NOW - 10)
    assert [row.id for row in due] == [older, old]


def test_marked_row_keeps_its_time(engine: Engine) -> None:
    number = add(engine, 5, "a:1")
    for now in (NOW, NOW + 60):
        with engine.begin() as connection:
            outbox.mark(connection, [number], now=now)
    with engine.connect() as connection:
        assert outbox.latest(connection)[0].published == NOW


def test_latest_rows_of_a_tag(engine: Engine) -> None:
    add(engine, 9, "movie:1")
    add(engine, 8, "movie:11", "film_x:1")
    last = add(engine, 7, "movie:1", "week:1")
    with engine.connect() as connection:
        found = outbox.latest(connection, "movie:1")
    assert [row.id for row in found] == [last, last - 2]


def test_age_is_that_of_the_oldest_unpublished_row(engine: Engine) -> None:
    with engine.connect() as connection:
        assert outbox.age(connection, now=NOW) == 0
    number = add(engine, 30, "a:1")
    add(engine, 3, "a:1")
    with engine.begin() as connection:
        assert outbox.age(connection, now=NOW) == 30
        outbox.mark(connection, [number], now=NOW)
        assert outbox.age(connection, now=NOW) == 3


def test_prune_limits_published_rows_by_age_and_number(
    engine: Engine,
) -> None:
    small = Outbox.__new__(Outbox)
    small.__dict__.update(outbox.__dict__, _keep_seconds=100.0, _keep_rows=2)
    unpublished = add(engine, 900, "a:0")
    numbers = [add(engine, 500 - n, f"a:{n}") for n in range(4)]
    with engine.begin() as connection:
        outbox.mark(connection, numbers[:1], now=NOW - 200)
        outbox.mark(connection, numbers[1:], now=NOW)
    with engine.begin() as connection:
        assert small.prune(connection, now=NOW) == 2
        assert {row.id for row in outbox.latest(connection)} == {unpublished, *numbers[2:]}


def test_relay_publishes_and_marks_due_rows(
    engine: Engine, stamps: StampStore, recorded: RecordingEvents
) -> None:
    add(engine, 60, "a:1", "b:1")
    add(engine, 50, "a:1", "c:1")
    add(engine, 1, "d:1")
    stamps.resolve(["a:1", "d:1"])
    assert relay(engine, stamps, recorded).run_once() == 2
    assert recorded.tags == [{"a:1", "b:1", "c:1"}]
    assert list(stamps.get_multi(["a:1", "d:1"])) == ["d:1"]
    assert relay(engine, stamps, recorded).run_once() == 0
    assert len(recorded.tags) == 1


def test_row_is_due_two_seconds_after_the_commit(
    engine: Engine, stamps: StampStore, recorded: RecordingEvents
) -> None:
    """Not earlier: then its writer publishes it."""
    add(engine, 1.9, "a:1")
    assert relay(engine, stamps, recorded).run_once() == 0
    add(engine, 2.0, "b:1")
    assert relay(engine, stamps, recorded).run_once() == 1


def test_relay_that_cannot_publish_marks_nothing(
    engine: Engine, stamps: StampStore, recorded: RecordingEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise PublishError("gone")

    add(engine, 60, "a:1")
    with monkeypatch.context() as patch:
        patch.setattr(stamps, "publish", fail)
        with pytest.raises(PublishError):
            relay(engine, stamps, recorded).run_once()
    assert relay(engine, stamps, recorded).run_once() == 1


def test_row_of_a_long_transaction_is_found_after_later_rows(
    postgres_engine: Engine, stamps: StampStore, recorded: RecordingEvents
) -> None:
    """Its id is lower than those of published rows; a high-water mark would skip it."""
    engine = postgres_engine
    with engine.connect() as slow:
        outbox.add(slow, ["slow:1"], now=NOW - 60)
        add(engine, 50, "fast:1")
        assert relay(engine, stamps, recorded).run_once() == 1
        slow.commit()
    assert relay(engine, stamps, recorded).run_once() == 1
    assert recorded.tags == [{"fast:1"}, {"slow:1"}]


def test_thread_relays_and_stops(sqlite_engine: Engine, stamps: StampStore) -> None:
    done = threading.Event()

    class Once(OutboxRelay):
        def run_once(self) -> int:
            done.set()
            return 0

    thread = RelayThread(Once(sqlite_engine, outbox, stamps, RecordingEvents()), period=0.001)
    thread.start()
    assert done.wait(10)
    thread.stop()
    assert not thread._thread.is_alive()


def test_thread_survives_a_database_that_is_down(
    sqlite_engine: Engine, stamps: StampStore, caplog: pytest.LogCaptureFixture
) -> None:
    runs = threading.Semaphore(0)

    class Failing(OutboxRelay):
        def run_once(self) -> int:
            runs.release()
            raise SQLAlchemyError("down")

    thread = RelayThread(Failing(sqlite_engine, outbox, stamps, RecordingEvents()), period=0.001)
    thread.start()
    for _ in range(3):
        assert runs.acquire(timeout=10)
    thread.stop()
    assert [record.message for record in caplog.records] == [
        "the relay of invalidations is unavailable: down"
    ]


def test_table_is_defined_on_the_given_metadata(engine: Engine) -> None:
    assert Base.metadata.tables["cache_journal"] is outbox.table
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM cache_journal")).scalar() == 0
