"""Reads CSV and JSON files into rows of text. Pure: it takes bytes.

Files are UTF-8, with or without a byte order mark, or UTF-16 with one. CSV has the delimiter
``;``, ``,`` or a tab. JSON is an array of objects, or an object that contains one. An invalid row
is returned with its problem.
"""

import codecs
import csv
import io
import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Any, Final

from moziweb.i18n import _

from ..text_folding import nfc
from .csv_records import Record, records
from .problems import ImportRefused, InvalidValue, Problem, text_of

LIST_COLUMNS: Final = (
    "external_id", "title", "original_title", "release_date", "date_precision", "release_type",
    "distributor", "rating", "runtime", "genres", "formats", "languages",
    "poster_url", "trailer_url", "imdb_id", "tmdb_id", "overview",
)  # fmt: skip
"""The columns of a list. Case, spaces and order of the headings do not matter."""

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

_LONGEST_HEADING: Final = 300
MAX_HEADING: Final = 100
"""Characters of a heading, as it is shown."""

MAX_VALUES: Final = MAX_LIST_ROWS * MAX_HEADINGS
"""Values of a JSON file. The time and the memory of ``json.loads`` depend on them."""

_DELIMITERS: Final = ";,\t"
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ZIP: Final = b"PK\x03\x04"
_NOT_TEXT: Final = _("the file is not text in UTF-8; save the list as CSV in UTF-8")
_QUOTE: Final = _(
    "a quotation mark in line ${line} is not closed; inside a quoted cell, write it twice"
)
TOO_MANY_MEMBERS: Final = _("more than ${most} members")
_BAD_CELL: Final = _("not UTF-8; save the list as CSV in UTF-8")


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row: its location in the file, and its non-empty cells by column."""

    place: str
    cells: Mapping[str, str] = field(default_factory=dict)
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A file. ``ignored`` are the headings without a column."""

    rows: tuple[FileRow, ...]
    ignored: tuple[str, ...]


def read_table(data: bytes, columns: Mapping[str, str] | None = None) -> Table:
    """Return the rows of a file. ``columns`` maps columns to the headings of this file.

    Raises ``ImportRefused`` if the file is not such a table.
    """
    if len(data) > MAX_LIST_BYTES:
        raise ImportRefused(
            _("the file is larger than ${most} MB"), most=MAX_LIST_BYTES // 1_000_000
        )
    aliases = {_heading(heading): column for column, heading in (columns or {}).items()}
    if unknown := sorted(set(aliases.values()) - set(LIST_COLUMNS)):
        text = _("no such column: ${unknown}; there are ${known}")
        raise ImportRefused(text, unknown=", ".join(unknown)[:300], known=", ".join(LIST_COLUMNS))
    content = _decoded(data)
    if content.lstrip()[:1] in {"[", "{"}:
        return _json_table(content, aliases)
    return _csv_table(content, aliases)


def _decoded(data: bytes) -> str:
    """Return the text of a file; in UTF-8 each invalid byte is a surrogate."""
    if data.startswith(_ZIP):
        raise ImportRefused(_("the file is a workbook, not a text; save the list as CSV in UTF-8"))
    if not data.startswith(_UTF_16):
        return data.decode("utf-8-sig", errors="surrogateescape").lstrip("\ufeff")
    try:
        return data.decode("utf-16")
    except UnicodeDecodeError:
        raise ImportRefused(_NOT_TEXT) from None


def _csv_table(content: str, aliases: Mapping[str, str]) -> Table:
    if max(content.count("\n"), content.count("\r")) > MAX_LINES:
        raise ImportRefused(_("the file has more than ${most} lines; split it"), most=MAX_LINES)
    try:
        found = records(
            content,
            _delimiter(content, aliases),
            lambda heading: _column_of(heading, aliases) not in {None, _MULTILINE},
        )
        headings = _headings(next(found, Record(1, 1)), aliases)
        rows = tuple(islice(_csv_rows(found, headings), MAX_LIST_ROWS + 1))
    except csv.Error as error:
        raise ImportRefused(_("the file is not valid CSV: ${error}"), error=error) from None
    _check_count(rows)
    return Table(rows, shown_headings(heading for heading, column in headings if column is None))


def _check_count(rows: Sequence[object]) -> None:
    if len(rows) > MAX_LIST_ROWS:
        raise ImportRefused(_("the list has more than ${most} rows; split it"), most=MAX_LIST_ROWS)


def shown_headings(headings: Iterable[str]) -> tuple[str, ...]:
    """Return headings as pages show them: short, without control characters and surrogates."""
    shown = ("".join(filter(str.isprintable, each[:MAX_HEADING])) for each in headings)
    return tuple(dict.fromkeys(filter(None, shown)))


def _delimiter(content: str, aliases: Mapping[str, str]) -> str:
    """Return the delimiter that results in more known headings."""

    def known_headings(delimiter: str) -> int:
        first = next(csv.reader(io.StringIO(content, newline=""), delimiter=delimiter), [])
        return sum(_column_of(cell, aliases) is not None for cell in first[: MAX_HEADINGS + 1])

    return max(_DELIMITERS, key=known_headings)


def _headings(first: Record, aliases: Mapping[str, str]) -> list[tuple[str, str | None]]:
    if first.quote_line is not None:
        raise ImportRefused(_QUOTE, line=first.quote_line)
    if len(first.cells) > MAX_HEADINGS:
        raise ImportRefused(_("more than ${most} cells"), most=MAX_HEADINGS)
    if not all(map(_is_text, first.cells)):
        raise ImportRefused(_NOT_TEXT)
    found = [(cell.strip(), _column_of(cell, aliases)) for cell in first.cells]
    columns = [column for _, column in found if column]
    if "title" not in columns:
        if any("\0" in cell for cell in first.cells):  # UTF-16 without a mark, or UTF-32
            raise ImportRefused(_NOT_TEXT)
        there = ", ".join(shown_headings(heading for heading, _ in found)) or "nothing"
        text = _("no column is called title; the first row has ${there}")
        raise ImportRefused(text, there=there[:300])
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        raise ImportRefused(_("two columns are called ${twice}"), twice=", ".join(twice))
    return found


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


def _json_table(content: str, aliases: Mapping[str, str]) -> Table:
    data = _json_array(content)
    _check_count(data)
    objects = (each for each in data if isinstance(each, tuple) and len(each) <= MAX_HEADINGS)
    keys = dict.fromkeys(key for item in objects for key, _value in item)
    columns = {key: _column_of(key, aliases) for key in keys}
    ignored = (key for key in islice(keys, MAX_HEADINGS) if columns[key] is None)
    rows = tuple(_json_row(number, item, columns) for number, item in enumerate(data, 1))
    return Table(rows, shown_headings(ignored))


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
            raise ImportRefused(_NOT_TEXT) from None
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


def _column_of(heading: str, aliases: Mapping[str, str]) -> str | None:
    if len(heading) > _LONGEST_HEADING:
        return None
    word = _heading(heading)
    return aliases.get(word) or (
        word if word in LIST_COLUMNS and word not in aliases.values() else None
    )


def _heading(text: str) -> str:
    return "_".join(nfc(text).strip().casefold().replace("-", " ").replace("_", " ").split())
