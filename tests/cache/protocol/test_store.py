"""The contract of cells, over all three stores, and what is particular to each."""

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


def test_new_store_is_empty(cells: AtomicStore) -> None:
    assert cells.get("a") is None
    assert cells.gets("a") is None
    assert cells.get_multi(["a", "b"]) == {}
    assert cells.get_multi([]) == {}
    assert cells.incr("a") is None


def test_add_does_not_replace(cells: AtomicStore) -> None:
    assert cells.add("a", b"1") is True
    assert cells.add("a", b"2") is False
    assert cells.get("a") == b"1"


def test_set_multi_sets_all_and_replaces(cells: AtomicStore) -> None:
    cells.add("a", b"0")
    cells.set_multi({"a": b"1", "b": b"2"})
    assert cells.get_multi(["a", "b", "c"]) == {"a": b"1", "b": b"2"}
    cells.set_multi({})


def test_more_names_than_a_statement_has_parameters(cells: AtomicStore) -> None:
    values = {f"n{number}": b"%d" % number for number in range(1201)}
    cells.set_multi(values)
    assert cells.get_multi([*values, "missing"]) == values


def test_incr_returns_the_sum(cells: AtomicStore) -> None:
    cells.add("n", b"%d" % (1 << 62))
    assert cells.incr("n") == (1 << 62) + 1
    assert cells.get("n") == b"%d" % ((1 << 62) + 1)


def test_incr_may_add_a_digit(cells: AtomicStore) -> None:
    cells.add("n", b"9")
    assert cells.incr("n") == 10
    assert cells.get("n") == b"10"


def test_cas_replaces_value_of_gets(cells: AtomicStore) -> None:
    cells.add("a", b"1")
    value, token = cells.gets("a") or (b"", 0)
    assert value == b"1"
    assert cells.cas("a", b"2", token) is True
    assert cells.get("a") == b"2"


def test_cas_fails_after_another_write(cells: AtomicStore) -> None:
    cells.add("a", b"1")
    _, token = cells.gets("a") or (b"", 0)
    cells.set_multi({"a": b"1"})
    assert cells.cas("a", b"2", token) is False
    assert cells.get("a") == b"1"


def test_cas_fails_after_incr(cells: AtomicStore) -> None:
    cells.add("a", b"1")
    _, token = cells.gets("a") or (b"", 0)
    cells.incr("a")
    assert cells.cas("a", b"9", token) is False


def test_cas_fails_after_delete_and_add(cells: AtomicStore) -> None:
    cells.add("a", b"1")
    _, token = cells.gets("a") or (b"", 0)
    cells.delete("a")
    assert cells.cas("a", b"2", token) is False
    cells.add("a", b"1")
    assert cells.cas("a", b"2", token) is False
    assert cells.get("a") == b"1"


def test_cas_succeeds_once(cells: AtomicStore) -> None:
    cells.add("a", b"1")
    _, token = cells.gets("a") or (b"", 0)
    assert [cells.cas("a", value, token) for value in (b"2", b"3")] == [True, False]


def test_delete_is_idempotent(cells: AtomicStore) -> None:
    cells.add("a", b"1")
    cells.delete("a")
    cells.delete("a")
    assert cells.get("a") is None


def test_store_opened_twice_is_shared(make_cells: Callable[[], AtomicStore]) -> None:
    one, other = make_cells(), make_cells()
    one.add("a", b"1")
    assert other.get("a") == b"1"
    assert other.incr("a") == 2
    assert one.get("a") == b"2"


def test_incr_is_atomic_across_threads(cells: AtomicStore) -> None:
    cells.add("n", b"0")

    def count() -> None:
        for _ in range(50):
            cells.incr("n")
        if isinstance(cells, SqliteAtomicStore):
            cells.close()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cells.get("n") == b"200"


def test_one_of_many_threads_wins_cas(cells: AtomicStore) -> None:
    cells.add("a", b"0")
    _, token = cells.gets("a") or (b"", 0)
    won: list[bool] = []

    def swap() -> None:
        won.append(cells.cas("a", b"1", token))
        if isinstance(cells, SqliteAtomicStore):
            cells.close()

    threads = [threading.Thread(target=swap) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 5 + [True]


class Hand:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["memory", "sqlite"])
def timed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[AtomicStore, Hand]]:
    """The stores whose clock can be set."""
    clock = Hand()
    if request.param == "memory":
        yield MemoryAtomicStore(clock), clock
    else:
        cells = SqliteAtomicStore(tmp_path / "cells.db", clock)
        yield cells, clock
        cells.close()


def test_value_expires(timed: tuple[AtomicStore, Hand]) -> None:
    cells, clock = timed
    cells.add("a", b"1", ttl=10)
    cells.set_multi({"b": b"1"}, ttl=20)
    _, token = cells.gets("b") or (b"", 0)
    clock.now += 10
    assert cells.get_multi(["a", "b"]) == {"b": b"1"}
    clock.now += 10
    assert cells.cas("b", b"2", token) is False
    assert cells.incr("b") is None
    assert cells.add("a", b"2") is True


def test_cas_sets_new_ttl(timed: tuple[AtomicStore, Hand]) -> None:
    cells, clock = timed
    cells.add("a", b"1", ttl=10)
    _, token = cells.gets("a") or (b"", 0)
    assert cells.cas("a", b"2", token, ttl=30)
    clock.now += 29
    assert cells.get("a") == b"2"
    clock.now += 1
    assert cells.get("a") is None


def test_incr_keeps_ttl(timed: tuple[AtomicStore, Hand]) -> None:
    cells, clock = timed
    cells.add("a", b"1", ttl=10)
    cells.incr("a")
    clock.now += 10
    assert cells.get("a") is None


def test_expired_values_are_removed(timed: tuple[AtomicStore, Hand], tmp_path: Path) -> None:
    cells, clock = timed
    for number in range(900):
        cells.add(f"old{number}", b"1", ttl=1)
    clock.now += 1
    for number in range(200):
        cells.add(f"new{number}", b"1", ttl=100)
    if isinstance(cells, MemoryAtomicStore):
        assert len(cells._items) < 1100
    else:
        with sqlite3.connect(tmp_path / "cells.db") as connection:
            (rows,) = connection.execute("SELECT count(*) FROM cells").fetchone()
        connection.close()
        assert rows < 1100


def test_memory_incr_refuses_non_numbers() -> None:
    cells = MemoryAtomicStore()
    cells.add("a", b"x")
    with pytest.raises(StoreError):
        cells.incr("a")


def test_sqlite_in_missing_folder_is_unreachable(tmp_path: Path) -> None:
    cells = SqliteAtomicStore(tmp_path / "missing" / "cells.db")
    with pytest.raises(StoreUnreachableError):
        cells.get("a")


def test_sqlite_file_that_is_not_a_database_is_unreachable(tmp_path: Path) -> None:
    path = tmp_path / "cells.db"
    path.write_bytes(b"this is not a database, and long enough to be looked at" * 20)
    cells = SqliteAtomicStore(path)
    with pytest.raises(StoreUnreachableError):
        cells.add("a", b"1")
    cells.close()


def test_replaced_sqlite_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "cells.db"
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


def _count_in_child(cells: SqliteAtomicStore, times: int) -> None:
    for _ in range(times):
        cells.incr("n")
    cells.close()


def test_sqlite_connection_is_not_used_after_fork(tmp_path: Path) -> None:
    cells = SqliteAtomicStore(tmp_path / "cells.db")
    cells.add("n", b"0")
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_count_in_child, args=(cells, 20)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
    assert cells.get("n") == b"40"
    assert cells._local.identity[0] == os.getpid()
    cells.close()


def test_processes_may_create_sqlite_file_at_once(tmp_path: Path) -> None:
    """SQLite does not wait by itself when they race to switch it to WAL."""
    failures: list[StoreError] = []

    def open_together(path: Path, ready: threading.Barrier) -> None:
        cells = SqliteAtomicStore(path)
        ready.wait()
        try:
            cells.get_multi(["any"])
        except StoreError as error:
            failures.append(error)
        finally:
            cells.close()

    for number in range(100):
        ready = threading.Barrier(4)
        given = (tmp_path / f"{number}.sqlite", ready)
        threads = [threading.Thread(target=open_together, args=given) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
