"""Time of a request by part."""

import threading
import time

import pytest

from moziweb.timings import (
    ARRIVED,
    ENVIRON_KEY,
    MAX_QUEUE_SECONDS,
    Part,
    current,
    measured,
    measured_as,
    queue_seconds,
    request_start,
    timed,
    timings_of,
)

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("1700000000", NOW),
        ("1700000000.25", NOW + 0.25),
        ("t=1700000000.25", NOW + 0.25),
        ("1700000000250", NOW + 0.25),
        ("t=1700000000250", NOW + 0.25),
        ("1700000000250000", NOW + 0.25),
        (" t=1700000000 ", NOW),
    ],
)
def test_start_in_seconds_milliseconds_or_microseconds(header: str, expected: float) -> None:
    assert request_start(header) == expected


@pytest.mark.parametrize("header", ["", "soon", "t=", "nan", "inf", "-1", "0", "1,2", "t=t=1"])
def test_other_texts_are_no_start(header: str) -> None:
    assert request_start(header) is None
    assert queue_seconds({"HTTP_X_REQUEST_START": header}, NOW) == 0


def test_longer_wait_counts() -> None:
    environ = {"HTTP_X_REQUEST_START": f"{NOW - 2}"}
    assert queue_seconds(environ, NOW) == 2
    assert queue_seconds({**environ, ARRIVED: NOW - 0.5}, NOW) == 2
    assert queue_seconds({**environ, ARRIVED: NOW - 3}, NOW) == 3
    assert queue_seconds({ARRIVED: NOW - 0.5}, NOW) == 0.5


@pytest.mark.parametrize("ago", [-5.0, MAX_QUEUE_SECONDS + 1])
def test_start_of_a_wrong_clock_is_ignored(ago: float) -> None:
    assert queue_seconds({"HTTP_X_REQUEST_START": f"{NOW - ago}"}, NOW) == 0


def test_parts_exclude_each_other_and_add_up() -> None:
    began = time.perf_counter()
    with timed({ARRIVED: time.time() - 1}) as timings:
        time.sleep(0.01)
        with measured(Part.CACHE):
            time.sleep(0.01)
            with measured(Part.DATABASE):
                time.sleep(0.03)
            time.sleep(0.01)
        total = timings.total()
        elapsed = time.perf_counter() - began
    seconds = timings.seconds
    assert seconds[Part.QUEUE] == pytest.approx(1, abs=0.5)
    assert seconds[Part.RENDER] >= 0.01
    assert seconds[Part.CACHE] >= 0.02
    assert seconds[Part.DATABASE] >= 0.03
    assert seconds[Part.STORAGE] == seconds[Part.IMAGES] == 0
    assert total == pytest.approx(sum(seconds.values()))
    assert total - seconds[Part.QUEUE] <= elapsed


def test_part_ends_with_an_exception() -> None:
    with timed({}) as timings, pytest.raises(ValueError, match="x"), measured(Part.STORAGE):
        raise ValueError("x")
    timings.total()
    before = timings.seconds[Part.STORAGE]
    timings.total()
    assert timings.seconds[Part.STORAGE] == before


def test_second_attempt_goes_on_with_the_same_timings() -> None:
    environ: dict[str, object] = {}
    with timed(environ) as first, measured(Part.DATABASE):
        pass
    with timed(dict(environ)) as second:
        assert second is first
    assert timings_of(environ) is environ[ENVIRON_KEY] is first


def test_nothing_is_measured_outside_of_a_request() -> None:
    @measured_as(Part.STORAGE)
    def double(number: int) -> int:
        return 2 * number

    assert double(2) == 4
    assert current() is None
    with timed({}) as timings:
        assert current() is timings
        other = threading.Thread(target=double, args=(1,))
        other.start()
        other.join()
        assert timings.seconds[Part.STORAGE] == 0
        double(1)
        assert timings.seconds[Part.STORAGE] > 0
    assert current() is None
