"""The formats of log lines, as the ini files configure them."""

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from moziweb.logs.formatters import JsonFormatter, ReadableFormatter
from moziweb.logs.handler import BURST, LogHandler

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    """The fields of a request."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id="abc", route="week")
    yield
    structlog.contextvars.clear_contextvars()


def formatted(formatter: logging.Formatter, text: str, *values: object, **extra: object) -> str:
    logger = logging.getLogger("tests.format")
    record = logger.makeRecord(
        logger.name, logging.WARNING, "a.py", 1, text, values, None, extra=extra
    )
    record.created = 1_787_220_000.25
    return formatter.format(record)


def test_json_line_has_the_fields_of_the_record_and_of_the_request() -> None:
    line = formatted(JsonFormatter(), "%s is back", "the database", failures=3)
    assert json.loads(line) == {
        "timestamp": "2026-08-20T10:00:00.250Z",
        "level": "warning",
        "logger": "tests.format",
        "event": "the database is back",
        "failures": 3,
        "request_id": "abc",
        "route": "week",
    }


def test_json_is_one_line_whatever_the_text_has() -> None:
    line = formatted(JsonFormatter(), "a\nb\r\u2028 %s", "ű\udcff")
    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert json.loads(line)["event"] == "a\nb\r\u2028 ű\udcff"


def test_traceback_is_a_field_of_the_json_line() -> None:
    stream = io.StringIO()
    handler = LogHandler(stream)
    handler.setFormatter(JsonFormatter())
    try:
        int("no")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    handler.emit(
        logging.makeLogRecord({"msg": "failed", "levelno": logging.ERROR, "exc_info": info})
    )
    (line,) = stream.getvalue().splitlines()
    assert "ValueError" in json.loads(line)["exception"]


def test_count_of_other_records_has_no_request() -> None:
    stream = io.StringIO()
    handler = LogHandler(stream)
    handler.setFormatter(JsonFormatter())
    record = {"msg": "full", "levelno": logging.WARNING}
    for _ in range(BURST + 1):
        handler.emit(logging.makeLogRecord(record))
    handler.close()
    count: dict[str, Any] = json.loads(stream.getvalue().splitlines()[-1])
    assert count["repeated"] == 1
    assert "request_id" not in count


def test_readable_line_does_not_repeat_the_request() -> None:
    line = formatted(
        ReadableFormatter(), "GET /: 200 in 3.0 ms", method="GET", path="/", status=200, ms=3.0
    )
    assert line == (
        "2026-08-20T10:00:00.250Z [warning  ] GET /: 200 in 3.0 ms [tests.format] "
        "request_id=abc route=week"
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [("production.ini", JsonFormatter), ("development.ini", ReadableFormatter)],
)
def test_ini_file_configures_the_format_and_the_limit(
    name: str, kind: type[logging.Formatter], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        logging.config.fileConfig(ROOT / name, disable_existing_loggers=False)
        (handler,) = root.handlers
        assert isinstance(handler, LogHandler)
        assert isinstance(handler.formatter, kind)
    finally:
        root.handlers[:] = before
        root.setLevel(level)
