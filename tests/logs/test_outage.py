"""An outage is one line, then one per minute, then one at its end."""

import logging

import pytest

from moziweb.logs.outage import COUNT_SECONDS, RECOVERY_SECONDS, Outage, outage_of


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outage(clock: Clock) -> Outage:
    return Outage("the store", clock=clock)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records]


def fail(outage: Outage, clock: Clock, seconds: int) -> None:
    """A hundred failures per second."""
    for _ in range(seconds):
        for _ in range(100):
            outage.failed(OSError("refused\nat length"))
        clock.now += 1


def test_outage_of_three_minutes_is_four_lines(
    outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    fail(outage, clock, 170)
    clock.now += RECOVERY_SECONDS
    outage.worked()
    assert lines(caplog) == [
        "the store is unavailable: refused",
        "the store is still unavailable: 6000 failures since the last line; the last one: refused",
        "the store is still unavailable: 6000 failures since the last line; the last one: refused",
        "the store is back after 175 s with 17000 failures",
    ]
    assert [each.levelno for each in caplog.records] == [logging.ERROR, *[logging.WARNING] * 3]
    assert caplog.records[-1].__dict__["outage"] == "the store"
    assert caplog.records[-1].__dict__["failures"] == 17_000


def test_success_beside_failures_does_not_end_the_outage(
    outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        outage.failed("refused")
        clock.now += 1
        outage.worked()
    assert outage.is_active
    assert len(lines(caplog)) == 1


def test_service_that_fails_now_and_then_is_two_lines_a_minute(
    outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    minutes = 5
    while clock.now < minutes * COUNT_SECONDS:
        outage.failed("refused")
        clock.now += RECOVERY_SECONDS
        outage.worked()
        assert not outage.is_active
        clock.now += RECOVERY_SECONDS
    assert len(lines(caplog)) == 2 * minutes
    assert "6 failures" in lines(caplog)[2]


def test_success_without_an_outage_logs_nothing(
    outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    outage.worked()
    assert lines(caplog) == []


def test_only_errors_of_the_service_are_failures(
    outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KeyError), outage.watching(OSError):
        raise KeyError
    assert lines(caplog) == []
    with pytest.raises(TimeoutError), outage.watching(OSError):
        raise TimeoutError
    assert lines(caplog) == ["the store is unavailable: TimeoutError"]


def test_clients_of_a_service_share_its_outage() -> None:
    assert outage_of("a") is outage_of("a")
    assert outage_of("a") is not outage_of("b")
