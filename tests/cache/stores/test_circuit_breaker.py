"""The circuit breaker: one time-out, not one per call."""

import threading
import time
from collections.abc import Callable

import pytest

from moziweb.cache.stores import circuit_breaker
from moziweb.cache.stores.circuit_breaker import CircuitBreaker, ProbedCircuitBreaker


class ManualClock:
    """A clock that the test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_closed_breaker_allows_requests() -> None:
    breaker = CircuitBreaker()
    assert [breaker.allow_request() for _ in range(3)] == [True] * 3


def test_open_breaker_refuses_until_probe_interval_ends() -> None:
    clock = ManualClock()
    breaker = CircuitBreaker(probe_interval=1.0, clock=clock)
    breaker.trip()
    clock.now = 0.99
    assert not breaker.allow_request()


def test_open_breaker_allows_one_probe_per_interval() -> None:
    clock = ManualClock()
    breaker = CircuitBreaker(probe_interval=1.0, clock=clock)
    breaker.trip()
    clock.now = 1.0
    assert [breaker.allow_request() for _ in range(3)] == [True, False, False]
    clock.now = 2.0
    assert [breaker.allow_request() for _ in range(2)] == [True, False]


def test_reset_closes_breaker() -> None:
    clock = ManualClock()
    breaker = CircuitBreaker(probe_interval=1.0, clock=clock)
    breaker.trip()
    breaker.reset()
    assert not breaker.is_open
    assert breaker.allow_request()


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition."""
    until = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.002)


def test_probed_breaker_refuses_requests_until_a_probe_succeeds() -> None:
    answers = threading.Event()
    probes = []

    def probe() -> bool:
        probes.append(threading.current_thread())
        return answers.is_set()

    breaker = ProbedCircuitBreaker(probe, period=0.005)
    assert breaker.allow_request()
    assert probes == []
    for _ in range(2):  # a thread that has ended is started again
        answers.clear()
        breaker.trip()
        probes.clear()
        wait_until(lambda: len(probes) > 3)
        assert not breaker.allow_request()
        assert threading.current_thread() not in probes
        answers.set()
        wait_until(lambda: not breaker.is_open)
        assert breaker.allow_request()
        wait_until(lambda: breaker._thread is None)


def test_unused_breaker_is_not_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_breaker, "IDLE_SECONDS", 0.05)
    breaker = ProbedCircuitBreaker(lambda: False, period=0.005)
    breaker.trip()
    wait_until(lambda: breaker._thread is None)
    assert not breaker.allow_request()
    assert breaker._thread is not None


def test_breaker_survives_a_machine_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    breaker = ProbedCircuitBreaker(lambda: True)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        breaker.trip()
        assert not breaker.allow_request()
    assert not breaker.allow_request()
    wait_until(lambda: not breaker.is_open)
