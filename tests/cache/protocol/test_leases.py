"""Leases, on all three stores, and dogpile's mutex over them."""

import threading
import time
from collections.abc import Callable

import pytest
from dogpile.cache.api import CacheMutex

from moziweb.cache.errors import StoreUnreachableError
from moziweb.cache.protocol.leases import LeaseOptions, Leases
from moziweb.cache.protocol.store import AtomicStore
from moziweb.cache.stores.dogpile_adapter import LeaseMutex
from moziweb.cache.stores.memory import MemoryAtomicStore
from moziweb.cache.stores.sqlite import SqliteAtomicStore

OPTIONS = LeaseOptions(ttl=30, wait=20, poll=0.002)


@pytest.fixture
def leases(store: AtomicStore) -> Leases:
    """Leases on one of the three stores."""
    return Leases(store, OPTIONS)


def test_taken_lease_cannot_be_taken(open_store: Callable[[], AtomicStore]) -> None:
    one, other = Leases(open_store(), OPTIONS), Leases(open_store(), OPTIONS)
    assert one.try_acquire("a") is not None
    assert other.try_acquire("a") is None
    assert other.try_acquire("b") is not None


def test_released_lease_can_be_taken(leases: Leases) -> None:
    for _ in range(3):
        token = leases.try_acquire("a")
        assert token is not None
        assert leases.is_locked("a")
        leases.release("a", token)
        assert not leases.is_locked("a")


def test_only_owner_releases_lease(leases: Leases) -> None:
    token = leases.try_acquire("a")
    leases.release("a", b"another")
    assert leases.is_locked("a")
    assert token is not None
    leases.release("a", token)
    assert not leases.is_locked("a")


def test_late_owner_does_not_release_next_lease() -> None:
    now = [0.0]
    leases = Leases(MemoryAtomicStore(lambda: now[0]), LeaseOptions(ttl=10))
    late = leases.try_acquire("a")
    assert late is not None
    now[0] = 10.0
    assert leases.try_acquire("a") is not None
    leases.release("a", late)
    assert leases.is_locked("a")


def test_lease_ends_after_its_ttl() -> None:
    now = [0.0]
    leases = Leases(MemoryAtomicStore(lambda: now[0]), LeaseOptions(ttl=10))
    assert leases.try_acquire("a") is not None
    now[0] = 9.9
    assert leases.try_acquire("a") is None
    now[0] = 10.0
    assert leases.try_acquire("a") is not None


def test_wait_ends_at_deadline() -> None:
    now = [0.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    terms = LeaseOptions(ttl=100, wait=1.0, poll=0.1)
    leases = Leases(MemoryAtomicStore(), terms, sleep=sleep, clock=lambda: now[0])
    leases.try_acquire("a")
    assert leases.wait("a") is None
    assert 1.0 <= sum(slept) < 1.2
    assert all(0.05 <= seconds <= 0.15 for seconds in slept)


def test_waiter_gets_released_lease() -> None:
    store = MemoryAtomicStore()
    token: list[bytes] = []
    owner = Leases(store, OPTIONS)
    waiter = Leases(store, OPTIONS, sleep=lambda _: owner.release("a", token[0]))
    token.append(owner.try_acquire("a") or b"")
    assert waiter.wait("a") is not None


def test_unreachable_store_grants_every_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise StoreUnreachableError("gone")

    store = MemoryAtomicStore()
    for name in ("add", "get", "gets", "cas"):
        monkeypatch.setattr(store, name, fail)
    leases = Leases(store, OPTIONS)
    for _ in range(2):
        token = leases.try_acquire("a")
        assert token is not None
        leases.release("a", token)
    assert not leases.is_locked("a")


def test_release_ignores_unreachable_store(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreUnreachableError("gone")

    store = MemoryAtomicStore()
    leases = Leases(store, OPTIONS)
    token = leases.try_acquire("a")
    assert token is not None
    monkeypatch.setattr(store, "gets", fail)
    leases.release("a", token)


def test_mutex_has_dogpile_interface(leases: Leases) -> None:
    mutex = LeaseMutex(leases, "a")
    assert isinstance(mutex, CacheMutex)
    assert mutex.acquire()
    assert mutex.locked()
    assert not mutex.acquire(wait=False)
    mutex.release()
    mutex.release()
    assert not mutex.locked()


def test_mutex_may_be_released_by_another_thread(leases: Leases) -> None:
    mutex = LeaseMutex(leases, "a")
    mutex.acquire()
    thread = threading.Thread(target=mutex.release)
    thread.start()
    thread.join()
    assert not mutex.locked()


def test_thread_with_expired_lease_does_not_release_another() -> None:
    now = [0.0]
    leases = Leases(MemoryAtomicStore(lambda: now[0]), LeaseOptions(ttl=10, wait=1))
    mutex = LeaseMutex(leases, "a")
    mutex.acquire()
    now[0] = 10.0
    took: list[bool] = []
    thread = threading.Thread(target=lambda: took.append(mutex.acquire(wait=False)))
    thread.start()
    thread.join()
    assert took == [True]
    mutex.release()
    assert mutex.locked()


def test_threads_never_hold_lease_together(open_store: Callable[[], AtomicStore]) -> None:
    inside = threading.Lock()
    alone: list[bool] = []

    def work() -> None:
        store = open_store()
        mutex = LeaseMutex(Leases(store, OPTIONS), "a")
        for _ in range(3):
            assert mutex.acquire()
            alone.append(inside.acquire(blocking=False))
            time.sleep(0.001)
            inside.release()
            mutex.release()
        if isinstance(store, SqliteAtomicStore):
            store.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert alone == [True] * 12
