"""The circuit breaker: one time-out, not one per call."""

from moziweb.cache.stores.circuit_breaker import CircuitBreaker


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
