"""Warnings that repeat are counted; all others are written."""

import io
import logging
from collections.abc import Iterator

import pytest

from moziweb.logs.handler import BURST, MAX_KINDS, MINUTE, LogHandler

log = logging.getLogger("tests.flood")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the handler has written; the handler gets the records of ``log``."""
    stream = io.StringIO()
    handler = LogHandler(stream)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield stream
    log.removeHandler(handler)
    handler.close()


def at(seconds: float, text: str, *values: object, line: int = 1, **options: object) -> None:
    """Log a warning at a time, from a line of a file."""
    record = log.makeRecord(log.name, logging.WARNING, "a.py", line, text, values, None)
    record.created = seconds
    record.__dict__.update(options)
    log.handle(record)


def fail(error: type[Exception]) -> None:
    raise error("no")


def lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def test_flood_of_a_minute_is_ten_lines_and_a_count(written: io.StringIO) -> None:
    for number in range(10_000):
        at(number * 0.006, "depth is %d", number)
    assert len(lines(written)) == BURST
    at(2 * MINUTE, "another", line=2)
    assert lines(written)[BURST:] == ["9990 more like this in 60 s: depth is 10", "another"]


def test_flood_goes_on_as_one_line_per_minute(written: io.StringIO) -> None:
    for second in range(600):
        for _ in range(50):
            at(second, "full")
    assert len(lines(written)) == BURST + 9
    assert lines(written)[-1] == "3000 more like this in 59 s: full"


def test_minute_without_a_record_ends_a_flood(written: io.StringIO) -> None:
    for start in (0, 2 * MINUTE + 1):
        for _ in range(BURST):
            at(start, "full")
    assert lines(written) == ["full"] * 2 * BURST


def test_records_below_a_warning_are_all_written(written: io.StringIO) -> None:
    for _ in range(3 * BURST):
        log.info("a request")
    assert len(lines(written)) == 3 * BURST


def test_texts_with_varying_values_from_one_place_are_one_kind(written: io.StringIO) -> None:
    """wasyncore logs texts that are already formatted."""
    for number in range(3 * BURST):
        at(1, f"closing channel 0x{number:x}")
    assert len(lines(written)) == BURST


def test_another_exception_from_the_same_place_is_written(written: io.StringIO) -> None:
    """One error page logs all exceptions; a frequent one must not hide a new one."""

    def report(error: type[Exception]) -> None:
        try:
            fail(error)
        except error:
            log.exception("a request failed")

    for _ in range(3 * BURST):
        report(KeyError)
    report(ValueError)
    assert written.getvalue().count("KeyError: 'no'") == BURST
    assert written.getvalue().count("ValueError: no") == 1


def test_count_names_the_exception() -> None:
    stream = io.StringIO()
    handler = LogHandler(stream)
    for _ in range(BURST + 2):
        try:
            fail(KeyError)
        except KeyError as error:
            info = (type(error), error, error.__traceback__)
            handler.emit(log.makeRecord("x", logging.ERROR, "a.py", 1, "failed", (), info))
    handler.close()
    assert lines(stream)[-1] == "2 more like this in 1 s: failed: KeyError: 'no'"


def test_last_counts_are_written_when_the_handler_is_closed() -> None:
    stream = io.StringIO()
    handler = LogHandler(stream)
    for _ in range(BURST + 5):
        handler.emit(log.makeRecord("x", logging.WARNING, "a.py", 1, "full", (), None))
    handler.close()
    assert lines(stream)[BURST:] == ["5 more like this in 1 s: full"]


def test_number_of_kinds_is_bounded(written: io.StringIO) -> None:
    for number in range(MAX_KINDS + 50):
        at(1, "new", line=number)
    (handler,) = log.handlers
    assert isinstance(handler, LogHandler)
    assert len(handler._limit._floods) == MAX_KINDS
