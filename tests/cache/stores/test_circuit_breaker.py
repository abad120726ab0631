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
    for _ in range(2):  # the thread serves every outage
        answers.clear()
        breaker.trip()
        probes.clear()
        wait_until(lambda: len(probes) > 3)
        assert not breaker.allow_request()
        assert set(probes) == {breaker._thread}
        answers.set()
        wait_until(lambda: not breaker.is_open)
        assert breaker.allow_request()


def test_started_breaker_starts_no_thread_in_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    breaker = ProbedCircuitBreaker(answers.is_set, period=0.005)
    breaker.start()
    running = breaker._thread
    started: list[threading.Thread] = []
    monkeypatch.setattr(threading.Thread, "start", started.append)
    breaker.trip()
    assert not breaker.allow_request()
    answers.set()
    wait_until(lambda: not breaker.is_open)
    breaker.start()
    assert started == []
    assert breaker._thread is running


def test_unused_breaker_is_not_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_breaker, "IDLE_SECONDS", 0.05)
    probes = 0

    def probe() -> bool:
        nonlocal probes
        probes += 1
        return False

    breaker = ProbedCircuitBreaker(probe, period=0.005)
    breaker.trip()
    time.sleep(0.3)
    before = probes
    time.sleep(0.1)
    assert probes == before
    assert not breaker.allow_request()
    wait_until(lambda: probes > before)


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
