"""Reads CSV and JSON files and workbooks into rows of text. Pure: it takes bytes.

CSV has the delimiter ``;``, ``,`` or a tab. JSON is an array of objects, or an object that contains
one. An invalid row is returned with its problem.
"""

import csv
import io
import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Any, Final

from moziweb.i18n import _

from ..text_folding import nfc
from .csv_records import Record, is_blank, records
from .encodings import NOT_TEXT, decoded_list
from .headings import HeadingMap, shown_headings
from .problems import ImportRefused, InvalidValue, Problem, text_of
from .workbooks import OLE_START, ZIP_START, workbook_records

_URLS: Final = frozenset({"poster_url", "trailer_url"})
"""The columns whose texts are kept as they are: an equivalent URL is another URL."""

_MULTILINE: Final = "overview"
"""The column whose cells can have line breaks. So can those of ignored columns."""

MAX_LIST_BYTES: Final = 50_000_000

MAX_LIST_ROWS: Final = 10_000
"""Rows of a list. Larger ones are refused before their rows are parsed."""

MAX_LINES: Final = 10 * MAX_LIST_ROWS
"""Lines of a CSV file: a cell can have several, and a row can be empty."""

MAX_CELL: Final = csv.field_size_limit()
"""Characters of a cell: 131,072."""

MAX_MEMBERS: Final = 50
"""Members of a cell with several values, such as genres."""

MAX_HEADINGS: Final = 200
_MAX_MARKS: Final = 30
"""As in Unicode's Stream-Safe Text Format."""

_NOT_LATIN: Final = re.compile(f"[^\\0-\u02ff]{{{_MAX_MARKS + 1}}}")
"""Finds out quickly that a cell has no such marks."""

MAX_VALUES: Final = MAX_LIST_ROWS * MAX_HEADINGS
"""Values of a JSON file. The time and the memory of ``json.loads`` depend on them."""

_DELIMITERS: Final = ";,\t"
_SEPARATOR: Final = re.compile(r'"?sep=([;,\t])"?[;,\t]*(?:\r\n|\r|\n)', re.IGNORECASE)
"""The first line of a file for Excel; Excel does not count it as a row."""

SAMPLE_ROWS: Final = 4
_QUOTE: Final = _(
    "a quotation mark in line ${line} is not closed; inside a quoted cell, write it twice"
)
TOO_MANY_MEMBERS: Final = _("more than ${most} members")
_BAD_CELL: Final = _("not UTF-8; save the list as CSV in UTF-8")
_TOO_MANY_LINES: Final = _("the file has more than ${most} lines; split it")
_OLD_WORKBOOK: Final = _(
    "the file is a workbook with a password or of before 2007; save the list as xlsx without one"
)


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row: its location in the file, and its non-empty cells by column."""

    place: str
    cells: Mapping[str, str] = field(default_factory=dict)
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A file. ``ignored`` are the headings without a column; ``encoding`` is "" for a workbook.

    ``guessed`` is set if another encoding is possible, too.
    """

    rows: tuple[FileRow, ...]
    ignored: tuple[str, ...]
    encoding: str = "utf-8"
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class ListSample:
    """The start of a file: its headings with their columns, and cells of the first rows."""

    headings: tuple[tuple[str, str | None], ...]
    rows: tuple[Sequence[str], ...]
    encoding: str
    guessed: bool


@dataclass(frozen=True, slots=True)
class _OpenList:
    """A decoded file: its ``items`` if it is JSON, else its ``records`` after the headings."""

    headings: list[tuple[str, str | None]]
    records: Iterator[Record]
    items: Sequence[Any] | None = None
    encoding: str = ""
    guessed: bool = False


def read_table(data: bytes, columns: Mapping[str, str] | None = None, encoding: str = "") -> Table:
    """Return the rows of a file. ``columns`` maps columns to the headings of this file.

    Without an ``encoding``, it is recognised. Raises ``ImportRefused`` if the file is not such a
    table.
    """
    with _csv_errors():
        opened = _opened(data, HeadingMap(columns), encoding)
        headings = opened.headings
        if opened.items is not None:
            by_key = dict(headings)
            rows = tuple(_json_row(n, item, by_key) for n, item in enumerate(opened.items, 1))
        else:
            _check_columns(headings)
            rows = tuple(islice(_csv_rows(opened.records, headings), MAX_LIST_ROWS + 1))
    _check_count(rows)
    ignored = (heading for heading, column in headings[:MAX_HEADINGS] if column is None)
    return Table(rows, shown_headings(ignored), opened.encoding, opened.guessed)


def list_sample(
    data: bytes, columns: Mapping[str, str] | None = None, encoding: str = ""
) -> ListSample:
    """Return the start of a file, with which a person can judge encoding and columns.

    Raises ``ImportRefused`` if the file is not such a table; its title may have another heading.
    """
    rows: list[Sequence[str]]
    with _csv_errors():
        opened = _opened(data, HeadingMap(columns), encoding)
        if opened.items is not None:
            keys = opened.headings[:MAX_HEADINGS]
            rows = [_sample_of(item, keys) for item in opened.items[:SAMPLE_ROWS]]
        else:
            filled = (each.cells for each in opened.records if not is_blank(each.cells))
            rows = list(islice(filled, SAMPLE_ROWS))
    if not opened.headings:
        raise ImportRefused(_("the file has no headings"))
    headings = tuple(opened.headings[:MAX_HEADINGS])
    return ListSample(headings, tuple(rows), opened.encoding, opened.guessed)


@contextmanager
def _csv_errors() -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        raise ImportRefused(_("the file is not valid CSV: ${error}"), error=error) from None


def _opened(data: bytes, columns: HeadingMap, encoding: str) -> _OpenList:
    if len(data) > MAX_LIST_BYTES:
        text = _("the file is larger than ${most} MB")
        raise ImportRefused(text, most=MAX_LIST_BYTES // 1_000_000)
    if data.startswith(OLE_START):
        raise ImportRefused(_OLD_WORKBOOK)
    if data.startswith(ZIP_START):
        records_ = _counted(workbook_records(data, MAX_LINES + 1, MAX_HEADINGS + 1))
        return _OpenList(_headings(_first(records_), columns), records_)
    decoded = decoded_list(data, encoding)
    content, name, guessed = decoded.text, decoded.encoding, decoded.guessed
    if content.lstrip()[:1] in {"[", "{"}:
        items = _json_array(content)
        _check_count(items)
        return _OpenList(_json_keys(items, columns), iter(()), items, name, guessed)
    records_ = _csv_records(content, columns)
    return _OpenList(_headings(_first(records_), columns), records_, None, name, guessed)


def _counted(found: Iterable[Record]) -> Iterator[Record]:
    for record in found:
        if record.number > MAX_LINES:
            raise ImportRefused(_TOO_MANY_LINES, most=MAX_LINES)
        yield record


def _first(found: Iterator[Record]) -> Record:
    """Return the record of the headings: the first one that is not empty."""
    filled = (each for each in found if each.quote_line is not None or not is_blank(each.cells))
    return next(filled, Record(1, 1))


def _csv_records(content: str, columns: HeadingMap) -> Iterator[Record]:
    if max(content.count("\n"), content.count("\r")) > MAX_LINES:
        raise ImportRefused(_TOO_MANY_LINES, most=MAX_LINES)
    separator = _SEPARATOR.match(content)
    content = content[separator.end() :] if separator else content
    delimiter = separator[1] if separator else _delimiter(content, columns)
    for record in records(
        content, delimiter, lambda heading: columns.column_of(heading) not in {None, _MULTILINE}
    ):
        yield record.moved(1) if separator else record


def _check_count(rows: Sequence[object]) -> None:
    if len(rows) > MAX_LIST_ROWS:
        raise ImportRefused(_("the list has more than ${most} rows; split it"), most=MAX_LIST_ROWS)


def _delimiter(content: str, columns: HeadingMap) -> str:
    """Return the delimiter that results in more known headings, or else in more of them."""

    def known_headings(delimiter: str) -> tuple[int, int]:
        rows = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)
        first = next((row for row in rows if not is_blank(row)), [])
        return sum(map(columns.is_likely, first[: MAX_HEADINGS + 1])), len(first)

    return max(_DELIMITERS, key=known_headings)


def _headings(first: Record, columns: HeadingMap) -> list[tuple[str, str | None]]:
    if first.quote_line is not None:
        raise ImportRefused(_QUOTE, line=first.quote_line)
    if len(first.cells) > MAX_HEADINGS:
        raise ImportRefused(_("more than ${most} cells"), most=MAX_HEADINGS)
    if not all(map(_is_text, first.cells)):
        raise ImportRefused(NOT_TEXT)
    if any("\0" in cell for cell in first.cells) and not any(map(columns.is_likely, first.cells)):
        raise ImportRefused(NOT_TEXT)  # UTF-32
    return [(cell.strip(), columns.column_of(cell)) for cell in first.cells]


def _check_columns(headings: Sequence[tuple[str, str | None]]) -> None:
    columns = [column for _heading, column in headings if column]
    if "title" not in columns:
        there = ", ".join(shown_headings(heading for heading, _column in headings)) or "nothing"
        text = _("no column is called title; the first row has ${there}")
        raise ImportRefused(text, there=there[:300])
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        raise ImportRefused(_("two columns are called ${twice}"), twice=", ".join(twice))


def _csv_rows(
    found: Iterable[Record], headings: Sequence[tuple[str, str | None]]
) -> Iterator[FileRow]:
    for record in found:
        if record.quote_line is not None or any(cell.strip() for cell in record.cells):
            yield _csv_row(record, headings)


def _csv_row(record: Record, headings: Sequence[tuple[str, str | None]]) -> FileRow:
    place = f"row {record.number}"
    if record.line != record.number:
        place += f" (line {record.line})"
    if record.quote_line is not None:
        return _refused_row(place, "", _(_QUOTE, mapping={"line": record.quote_line}))
    if len(record.cells) != len(headings):
        text = _(
            "${cells} cells under ${headings} headings; is a text not quoted?",
            mapping={"cells": len(record.cells), "headings": len(headings)},
        )
        return _refused_row(place, "", text)
    if record.broken is not None:
        text = _("a line break; is a quotation mark not closed?")
        return _refused_row(place, headings[record.broken][1] or "", text)
    cells = zip(headings, record.cells, strict=True)
    return _row(place, {column: cell for (_, column), cell in cells if column})


def _json_keys(items: Iterable[Any], columns: HeadingMap) -> list[tuple[str, str | None]]:
    objects = (each for each in items if isinstance(each, tuple) and len(each) <= MAX_HEADINGS)
    keys = dict.fromkeys(key for item in objects for key, _value in item)
    return [(key, columns.column_of(key)) for key in keys]


def _sample_of(item: Any, headings: Iterable[tuple[str, str | None]]) -> list[str]:
    values = dict(item) if isinstance(item, tuple) else {}
    found = []
    for key, _column in headings:
        try:
            found.append(_cell(values.get(key)))
        except ValueError:
            found.append("")
    return found


def _json_array(content: str) -> list[Any]:
    """Return the items of a JSON file. An object is a tuple of pairs: keys can be repeated."""
    if sum(map(content.count, ",[{")) > MAX_VALUES:
        raise ImportRefused(_("the file has more than ${most} values; split it"), most=MAX_VALUES)
    try:
        # Numbers stay texts: ``int`` refuses 5,000 digits.
        data = json.loads(
            content, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=tuple
        )
    except (json.JSONDecodeError, RecursionError) as error:
        if "\0" in content:  # UTF-16 without a mark, or UTF-32
            raise ImportRefused(NOT_TEXT) from None
        raise ImportRefused(_("the file is not valid JSON: ${error}"), error=error) from None
    if isinstance(data, list):
        return data
    arrays = [value for _key, value in data if isinstance(value, list)]
    of_objects = [each for each in arrays if any(isinstance(item, tuple) for item in each)]
    if len(of_objects) > 1:
        raise ImportRefused(_("the file contains more than one array of objects; keep the films"))
    if not arrays:
        raise ImportRefused(_("the file contains no array of films"))
    return (of_objects or arrays)[0]


def _json_row(number: int, item: Any, columns: Mapping[str, str | None]) -> FileRow:
    place = f"item {number}"
    if not isinstance(item, tuple):
        return _refused_row(place, "", _("not an object"))
    if len(item) > MAX_HEADINGS:
        text = _("more than ${most} cells", mapping={"most": MAX_HEADINGS})
        return _refused_row(place, "", text)
    cells: dict[str, str] = {}
    for key, value in item:
        column = columns[key]
        if column is None:
            continue
        if column in cells:
            text = _("two columns are called ${twice}", mapping={"twice": column})
            return _refused_row(place, column, text)
        try:
            cells[column] = _cell(value)
        except ValueError as error:
            return _refused_row(place, column, text_of(error))
    return _row(place, cells)


def _cell(value: Any) -> str:
    """Return a value as a CSV cell: members of a list are separated by bars, null is empty."""
    if value is None:
        return ""
    if isinstance(value, list):
        if len(value) > MAX_MEMBERS:
            raise InvalidValue(TOO_MANY_MEMBERS, most=MAX_MEMBERS)
        if not any(isinstance(each, list) for each in value):
            value = "|".join(map(_cell, value))
    if not isinstance(value, str):  # numbers are texts, too
        raise InvalidValue(_("neither a text nor a number"))
    if len(value) > MAX_CELL:
        raise InvalidValue(_("longer than ${most} characters"), most=MAX_CELL)
    return value


def _row(place: str, cells: Mapping[str, str]) -> FileRow:
    for name, cell in cells.items():
        if _NOT_LATIN.search(cell) and _many_marks().search(cell):
            text = _("more than ${most} accents on a letter", mapping={"most": _MAX_MARKS})
            return _refused_row(place, name, text)
    kept = {
        name: cell.strip() if name in _URLS else nfc(cell.strip())
        for name, cell in cells.items()
        if cell.strip()
    }
    for name, cell in kept.items():
        if not _is_text(cell):
            return _refused_row(place, name, _BAD_CELL)
    return FileRow(place, kept)


@cache
def _many_marks() -> re.Pattern[str]:
    """Return a pattern of combining marks. The time of ``nfc`` is quadratic in their number."""
    marks = "".join(filter(unicodedata.combining, map(chr, range(sys.maxunicode + 1))))
    return re.compile(f"[{marks}]{{{_MAX_MARKS + 1}}}")


def _refused_row(place: str, column: str, text: str) -> FileRow:
    return FileRow(place, problem=Problem.about(place, column, text, fatal=True))


def _is_text(cell: str) -> bool:
    """Whether a cell has no surrogates, which are invalid bytes or an escape in JSON."""
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True
