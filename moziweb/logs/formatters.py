"""Formatters for ini files: JSON for production, a readable one for development (structlog)."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from .handler import REPEATED

_IN_MESSAGE: Final = ("method", "path", "status", "ms")
"""Fields of a request that its message has, too."""


def describe(logger: object, method: str, event: EventDict) -> EventDict:
    """Processor: the time (UTC), level and logger of a record, then its text and other fields."""
    record: logging.LogRecord = event["_record"]
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return {
        "timestamp": moment.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        **event,
    }


def add_context(logger: object, method: str, event: EventDict) -> EventDict:
    """Processor: the fields of the thread's request, unless the record counts others."""
    if hasattr(event["_record"], REPEATED):
        return event
    return structlog.contextvars.merge_contextvars(logger, method, event)


def _without_message_fields(logger: object, method: str, event: EventDict) -> EventDict:
    for name in _IN_MESSAGE:
        event.pop(name, None)
    return event


_FIELDS: Final[tuple[Processor, ...]] = (describe, structlog.stdlib.ExtraAdder(), add_context)


class JsonFormatter(ProcessorFormatter):
    """One JSON object per record: timestamp, level, logger, event, and the fields of the request.

    A traceback is the text ``exception``.
    """

    def __init__(self, *_arguments: Any, **_options: Any) -> None:
        """An ini file passes a format, which is not used."""
        super().__init__(
            foreign_pre_chain=_FIELDS,
            processors=[
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )


class ReadableFormatter(ProcessorFormatter):
    """One line per record for people, in colour on a terminal; a traceback follows it."""

    def __init__(self, *_arguments: Any, **_options: Any) -> None:
        """An ini file passes a format, which is not used."""
        super().__init__(
            foreign_pre_chain=_FIELDS,
            processors=[
                ProcessorFormatter.remove_processors_meta,
                _without_message_fields,
                structlog.dev.ConsoleRenderer(
                    colors=sys.stderr.isatty(),
                    exception_formatter=structlog.dev.plain_traceback,
                    pad_event_to=0,
                ),
            ],
        )
