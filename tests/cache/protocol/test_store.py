"""The contract of an atomic store, on all three stores, and the details of each."""

import gc
import multiprocessing
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moziweb.cache.errors import StoreError, StoreUnreachableError
from moziweb.cache.protocol.store import AtomicStore
from moziweb.cache.stores.memory import MemoryAtomicStore
from moziweb.cache.stores.sqlite import SqliteAtomicStore


def test_new_store_is_empty(store: AtomicStore) -> None:
    assert store.get("a") is None
    assert store.gets("a") is None
    assert store.get_multi(["a", "b"]) == {}
    assert store.get_multi([]) == {}
    assert store.incr("a") is None


def test_add_does_not_replace(store: AtomicStore) -> None:
    assert store.add("a", b"1") is True
    assert store.add("a", b"2") is False
    assert store.get("a") == b"1"


def test_set_multi_sets_all_and_replaces(store: AtomicStore) -> None:
    store.add("a", b"0")
    store.set_multi({"a": b"1", "b": b"2"})
    assert store.get_multi(["a", "b", "c"]) == {"a": b"1", "b": b"2"}
    store.set_multi({})


def test_more_names_than_a_statement_has_parameters(store: AtomicStore) -> None:
    values = {f"n{number}": b"%d" % number for number in range(1201)}
    store.set_multi(values)
    assert store.get_multi([*values, "missing"]) == values


def test_incr_returns_the_sum(store: AtomicStore) -> None:
    store.add("n", b"%d" % (1 << 62))
    assert store.incr("n") == (1 << 62) + 1
    assert store.get("n") == b"%d" % ((1 << 62) + 1)


def test_incr_may_add_a_digit(store: AtomicStore) -> None:
    store.add("n", b"9")
    assert store.incr("n") == 10
    assert store.get("n") == b"10"


def test_cas_replaces_value_of_gets(store: AtomicStore) -> None:
    store.add("a", b"1")
    value, token = store.gets("a") or (b"", 0)
    assert value == b"1"
    assert store.cas("a", b"2", token) is True
    assert store.get("a") == b"2"


def test_cas_fails_after_another_write(store: AtomicStore) -> None:
    store.add("a", b"1")
    _, token = store.gets("a") or (b"", 0)
    store.set_multi({"a": b"1"})
    assert store.cas("a", b"2", token) is False
    assert store.get("a") == b"1"


def test_cas_fails_after_incr(store: AtomicStore) -> None:
    store.add("a", b"1")
    _, token = store.gets("a") or (b"", 0)
    store.incr("a")
    assert store.cas("a", b"9", token) is False


def test_cas_fails_after_delete_and_add(store: AtomicStore) -> None:
    store.add("a", b"1")
    _, token = store.gets("a") or (b"", 0)
    store.delete("a")
    assert store.cas("a", b"2", token) is False
    store.add("a", b"1")
    assert store.cas("a", b"2", token) is False
    assert store.get("a") == b"1"


def test_cas_succeeds_once(store: AtomicStore) -> None:
    store.add("a", b"1")
    _, token = store.gets("a") or (b"", 0)
    assert [store.cas("a", value, token) for value in (b"2", b"3")] == [True, False]


def test_delete_is_idempotent(store: AtomicStore) -> None:
    store.add("a", b"1")
    store.delete("a")
    store.delete("a")
    assert store.get("a") is None


def test_store_opened_twice_is_shared(open_store: Callable[[], AtomicStore]) -> None:
    one, other = open_store(), open_store()
    one.add("a", b"1")
    assert other.get("a") == b"1"
    assert other.incr("a") == 2
    assert one.get("a") == b"2"


def test_incr_is_atomic_across_threads(store: AtomicStore) -> None:
    store.add("n", b"0")

    def count() -> None:
        for _ in range(50):
            store.incr("n")
        if isinstance(store, SqliteAtomicStore):
            store.close()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("n") == b"200"


def test_one_of_many_threads_wins_cas(store: AtomicStore) -> None:
    store.add("a", b"0")
    _, token = store.gets("a") or (b"", 0)
    won: list[bool] = []

    def swap() -> None:
        won.append(store.cas("a", b"1", token))
        if isinstance(store, SqliteAtomicStore):
            store.close()

    threads = [threading.Thread(target=swap) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 5 + [True]


class ManualClock:
    """A clock that the test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["memory", "sqlite"])
def timed(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[AtomicStore, ManualClock]]:
    """A store with a manual clock."""
    clock = ManualClock()
    if request.param == "memory":
        yield MemoryAtomicStore(clock), clock
    else:
        store = SqliteAtomicStore(tmp_path / "store.db", clock)
        yield store, clock
        store.close()


def test_value_expires(timed: tuple[AtomicStore, ManualClock]) -> None:
    store, clock = timed
    store.add("a", b"1", ttl=10)
    store.set_multi({"b": b"1"}, ttl=20)
    _, token = store.gets("b") or (b"", 0)
    clock.now += 10
    assert store.get_multi(["a", "b"]) == {"b": b"1"}
    clock.now += 10
    assert store.cas("b", b"2", token) is False
    assert store.incr("b") is None
    assert store.add("a", b"2") is True


def test_cas_sets_new_ttl(timed: tuple[AtomicStore, ManualClock]) -> None:
    store, clock = timed
    store.add("a", b"1", ttl=10)
    _, token = store.gets("a") or (b"", 0)
    assert store.cas("a", b"2", token, ttl=30)
    clock.now += 29
    assert store.get("a") == b"2"
    clock.now += 1
    assert store.get("a") is None


def test_incr_keeps_ttl(timed: tuple[AtomicStore, ManualClock]) -> None:
    store, clock = timed
    store.add("a", b"1", ttl=10)
    store.incr("a")
    clock.now += 10
    assert store.get("a") is None


def test_expired_values_are_removed(timed: tuple[AtomicStore, ManualClock], tmp_path: Path) -> None:
    store, clock = timed
    for number in range(900):
        store.add(f"old{number}", b"1", ttl=1)
    clock.now += 1
    for number in range(200):
        store.add(f"new{number}", b"1", ttl=100)
    if isinstance(store, MemoryAtomicStore):
        assert len(store._items) < 1100
    else:
        with sqlite3.connect(tmp_path / "store.db") as connection:
            (rows,) = connection.execute("SELECT count(*) FROM cells").fetchone()
        connection.close()
        assert rows < 1100


def test_memory_incr_refuses_non_numbers() -> None:
    store = MemoryAtomicStore()
    store.add("a", b"x")
    with pytest.raises(StoreError):
        store.incr("a")


def test_sqlite_in_missing_folder_is_unreachable(tmp_path: Path) -> None:
    store = SqliteAtomicStore(tmp_path / "missing" / "store.db")
    with pytest.raises(StoreUnreachableError):
        store.get("a")


def test_sqlite_file_that_is_not_a_database_is_unreachable(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is not a database, and long enough to be looked at" * 20)
    store = SqliteAtomicStore(path)
    with pytest.raises(StoreUnreachableError):
        store.add("a", b"1")
    store.close()


def test_replaced_sqlite_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    one, other = SqliteAtomicStore(path), SqliteAtomicStore(path)
    one.add("a", b"1")
    other.close()
    for file in tmp_path.iterdir():
        file.unlink()
    other.add("b", b"2")
    assert one.get("b") == b"2"
    assert one.get("a") is None
    one.close()
    other.close()


def _count_in_child(store: SqliteAtomicStore, times: int) -> None:
    for _ in range(times):
        store.incr("n")
    store.close()


def test_sqlite_connection_of_an_ended_thread_is_closed(tmp_path: Path) -> None:
    """From Python 3.13 on, one that is not closed is a warning, which fails a test."""
    store = SqliteAtomicStore(tmp_path / "store.db")
    thread = threading.Thread(target=store.add, args=("n", b"0"))
    thread.start()
    thread.join()
    gc.collect()
    assert store.get("n") == b"0"
    store.close()


def test_sqlite_connection_is_not_used_after_fork(tmp_path: Path) -> None:
    store = SqliteAtomicStore(tmp_path / "store.db")
    store.add("n", b"0")
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_count_in_child, args=(store, 20)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
    assert store.get("n") == b"40"
    assert store._local.identity[0] == os.getpid()
    store.close()


def test_processes_may_create_sqlite_file_at_once(tmp_path: Path) -> None:
    """SQLite itself does not wait while another process switches the file to WAL."""
    failures: list[StoreError] = []

    def open_together(path: Path, ready: threading.Barrier) -> None:
        store = SqliteAtomicStore(path)
        ready.wait()
        try:
            store.get_multi(["any"])
        except StoreError as error:
            failures.append(error)
        finally:
            store.close()

    for number in range(100):
        ready = threading.Barrier(4)
        given = (tmp_path / f"{number}.sqlite", ready)
        threads = [threading.Thread(target=open_together, args=given) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
