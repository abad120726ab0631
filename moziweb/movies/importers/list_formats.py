"""Reads a list as the lists of its distributor were read before. For the web and the command."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.orm import Session

from ..text_folding import nfc
from .encodings import GUESSED_ENCODINGS
from .file_readers import ListSample, list_sample
from .headings import shown_headings
from .models import ListFormat


@dataclass(frozen=True, slots=True)
class ListReading:
    """How to read a list. ``encoding`` "" is recognised; ``columns`` maps columns to headings.

    ``usual_encoding`` is that of the distributor's earlier lists: it decides where the encoding is
    guessed. ``ignored`` are headings that are known to have no column.
    """

    name: str = ""
    encoding: str = ""
    date_format: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    usual_encoding: str = ""
    ignored: frozenset[str] = frozenset()


def remembered_reading(session: Session, name: str) -> ListReading:
    """Return how the lists of a distributor are read; the defaults if none was read yet."""
    row = session.get(ListFormat, nfc(name)) if name else None
    if row is None:
        return ListReading(name)
    usual, ignored = row.encoding, frozenset(row.ignored)
    return ListReading(name, "", row.date_format, row.columns, usual, ignored)


def remember_reading(session: Session, reading: ListReading, now: datetime) -> None:
    """Store how a list was read, for the next one. A list without a name is not remembered."""
    if not reading.name:
        return
    row = ListFormat(
        name=nfc(reading.name),
        columns=dict(reading.columns),
        ignored=sorted(reading.ignored),
        encoding=reading.usual_encoding,
        date_format=reading.date_format,
        updated_at=now,
    )
    session.merge(row)


def sample_of(data: bytes, reading: ListReading) -> ListSample:
    """Return the start of a list. Raises ``ImportRefused``."""
    found = list_sample(data, reading.columns, reading.encoding)
    usual = reading.usual_encoding
    if found.guessed and usual in GUESSED_ENCODINGS and usual != found.encoding:
        return replace(list_sample(data, reading.columns, usual), guessed=True)
    return found


def is_clear(sample: ListSample, reading: ListReading) -> bool:
    """Whether a list can be read without a question: encoding and columns are known."""
    columns = [column for _heading, column in sample.headings if column]
    unknown = {heading for heading, column in sample.headings if heading and column is None}
    return (
        (not sample.guessed or sample.encoding == reading.usual_encoding)
        and "title" in columns
        and len(set(columns)) == len(columns)
        and {*shown_headings(unknown)} <= reading.ignored
    )
