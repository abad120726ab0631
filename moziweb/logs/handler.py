"""The handler of log records, which counts warnings that repeat instead of writing each."""

import logging
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TextIO

from .outage import first_line

BURST: Final = 10
"""Records of one kind that are written before the others are only counted."""

MINUTE: Final = 60.0
"""Seconds between two lines with the number of the others; also how long a flood is remembered."""

MAX_KINDS: Final = 1_000
"""Kinds of records whose number is remembered."""

REPEATED: Final = "repeated"
"""The attribute of a record that is the count of others."""

_Kind = tuple[object, ...]


@dataclass(slots=True)
class _Flood:
    """The records of one kind; times are those of records, in Unix seconds.

    It keeps no record: a traceback would keep the variables of its frames.
    """

    name: str
    place: tuple[str, int]
    last: float
    written: int = 0
    hidden: int = 0
    hidden_from: float = 0.0
    text: str = ""


@dataclass(slots=True)
class FloodLimit:
    """Limits the warnings and errors of one kind: ten are written, then one line per minute.

    A kind is a place in the code, and for an exception also its type and where it was raised. A
    minute without a record of a kind ends its flood. The handler's lock is held during all calls.
    """

    _floods: "OrderedDict[_Kind, _Flood]" = field(default_factory=OrderedDict)

    def admits(self, record: logging.LogRecord) -> bool:
        """Whether to write the record. Those below WARNING always are."""
        if record.levelno < logging.WARNING:
            return True
        kind = _kind_of(record)
        flood = self._floods.get(kind)
        if flood is None:
            if len(self._floods) >= MAX_KINDS:
                self._floods.popitem(last=False)
            place = (record.pathname, record.lineno)
            flood = self._floods[kind] = _Flood(record.name, place, record.created)
        flood.last = record.created
        if flood.written < BURST:
            flood.written += 1
            return True
        if flood.hidden == 0:
            flood.hidden_from, flood.text = record.created, _text_of(record)
        flood.hidden += 1
        return False

    def counts(self, now: float) -> Iterator[logging.LogRecord]:
        """The lines with the number of records that were not written, of all minutes that ended."""
        for kind, flood in list(self._floods.items()):
            if flood.hidden and now - flood.hidden_from >= MINUTE:
                yield _count_of(flood)
                flood.hidden = 0
            if now - flood.last >= MINUTE:
                del self._floods[kind]

    def rest(self) -> Iterator[logging.LogRecord]:
        """The same for the minutes that have not ended, at the end of the process."""
        for flood in self._floods.values():
            if flood.hidden:
                yield _count_of(flood)
        self._floods.clear()


def _kind_of(record: logging.LogRecord) -> _Kind:
    place = (record.pathname, record.lineno, record.levelno)
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return place
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    raised = (trace.tb_frame.f_code, trace.tb_lineno) if trace is not None else ()
    return (*place, type(error), *raised)


def _text_of(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    text = record.getMessage()
    return text if error is None else f"{text}: {type(error).__name__}: {first_line(error)}"


def _count_of(flood: _Flood) -> logging.LogRecord:
    seconds = max(1.0, flood.last - flood.hidden_from)
    text, values = "%d more like this in %.0f s: %s", (flood.hidden, seconds, flood.text)
    record = logging.LogRecord(flood.name, logging.WARNING, *flood.place, text, values, None)
    setattr(record, REPEATED, flood.hidden)
    return record


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes records to a stream: ``class = moziweb.logs.handler.LogHandler`` in an ini file."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._limit = FloodLimit()
        self._next_counts = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, or count it. Before it, write the counts that are due."""
        if record.created >= self._next_counts:
            self._next_counts = record.created + 1
            for count in self._limit.counts(record.created):
                super().emit(count)
        if self._limit.admits(record):
            super().emit(record)

    def close(self) -> None:
        """Write the last counts."""
        self.acquire()
        try:
            for count in self._limit.rest():
                super().emit(count)
        finally:
            self.release()
        super().close()
