"""Reads CSV and JSON files into rows of text. Pure: it takes bytes.

CSV is UTF-8, with or without a byte order mark, with the delimiter ``;`` or ``,``. JSON is an array
of objects, or an object that contains one. An invalid row is returned with its problem.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from moziweb.i18n import _

from ..text_folding import nfc
from .problems import ImportRefused, InvalidValue, Problem, text_of

COLUMNS: Final = (
    "external_id", "title", "original_title", "release_date", "date_precision", "release_type",
    "distributor", "rating", "runtime", "genres", "formats", "languages",
    "poster_url", "trailer_url", "imdb_id", "tmdb_id", "overview",
)  # fmt: skip
"""The columns of a list. Case, spaces and order of the headings do not matter."""

_URLS: Final = frozenset({"poster_url", "trailer_url"})
"""The columns whose texts are kept as they are: an equivalent URL is another URL."""

MAX_BYTES: Final = 50_000_000
_DELIMITERS: Final = ";,"
_SURROGATES: Final = range(0xDC80, 0xDD00)
"""The characters that ``surrogateescape`` decodes invalid bytes to."""


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
    if len(data) > MAX_BYTES:
        raise ImportRefused(_("the file is larger than ${most} MB"), most=MAX_BYTES // 1_000_000)
    aliases = {_heading(heading): column for column, heading in (columns or {}).items()}
    if unknown := sorted(set(aliases.values()) - set(COLUMNS)):
        text = _("no such column: ${unknown}; there are ${known}")
        raise ImportRefused(text, unknown=", ".join(unknown), known=", ".join(COLUMNS))
    content = data.decode("utf-8-sig", errors="surrogateescape").lstrip("\ufeff")
    if content.lstrip()[:1] in {"[", "{"}:
        return _json_table(content, aliases)
    return _csv_table(content, aliases)


def _csv_table(content: str, aliases: Mapping[str, str]) -> Table:
    try:
        lines = _lines(content, aliases)
        headings = _headings(next(lines, []), aliases)
        rows = tuple(
            _csv_row(number, cells, headings)
            for number, cells in enumerate(lines, 2)
            if any(cell.strip() for cell in cells)
        )
    except csv.Error as error:
        raise ImportRefused(_("the file is not valid CSV: ${error}"), error=error) from None
    return Table(rows, tuple(heading for heading, column in headings if column is None and heading))


def _lines(content: str, aliases: Mapping[str, str]) -> Iterator[list[str]]:
    """Return the records, split by the delimiter that results in more known headings."""

    def known_headings(delimiter: str) -> int:
        first = next(csv.reader(io.StringIO(content, newline=""), delimiter=delimiter), [])
        return sum(_column_of(cell, aliases) is not None for cell in first)

    delimiter = max(_DELIMITERS, key=known_headings)
    return csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)


def _headings(cells: Sequence[str], aliases: Mapping[str, str]) -> list[tuple[str, str | None]]:
    found = [(cell.strip(), _column_of(cell, aliases)) for cell in cells]
    columns = [column for _, column in found if column]
    if "title" not in columns:
        there = ", ".join(heading for heading, _ in found if heading) or "nothing"
        text = _("no column is called title; the first row has ${there}")
        raise ImportRefused(text, there=there[:300])
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        raise ImportRefused(_("two columns are called ${twice}"), twice=", ".join(twice))
    return found


def _csv_row(
    number: int, cells: Sequence[str], headings: Sequence[tuple[str, str | None]]
) -> FileRow:
    place = f"row {number}"
    if len(cells) != len(headings):
        text = _(
            "${cells} cells under ${headings} headings; is a text not quoted?",
            mapping={"cells": len(cells), "headings": len(headings)},
        )
        return FileRow(place, problem=Problem.about(place, "", text, fatal=True))
    row = {column: cell for (_, column), cell in zip(headings, cells, strict=True) if column}
    return _row(place, row)


def _json_table(content: str, aliases: Mapping[str, str]) -> Table:
    try:
        data = json.loads(content)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ImportRefused(_("the file is not valid JSON: ${error}"), error=error) from None
    if isinstance(data, dict):
        data = next((each for each in data.values() if isinstance(each, list)), None)
    if not isinstance(data, list):
        raise ImportRefused(_("the file contains no array of films"))
    ignored = dict.fromkeys(
        key
        for item in data
        if isinstance(item, dict)
        for key in item
        if not _column_of(key, aliases)
    )
    rows = tuple(_json_row(number, item, aliases) for number, item in enumerate(data, 1))
    return Table(rows, tuple(ignored))


def _json_row(number: int, item: Any, aliases: Mapping[str, str]) -> FileRow:
    place = f"item {number}"
    if not isinstance(item, dict):
        return FileRow(place, problem=Problem.about(place, "", _("not an object"), fatal=True))
    cells: dict[str, str] = {}
    for key, value in item.items():
        column = _column_of(key, aliases)
        if column is None:
            continue
        try:
            cells[column] = _cell(value)
        except ValueError as error:
            return FileRow(place, problem=Problem.about(place, column, text_of(error), fatal=True))
    return _row(place, cells)


def _cell(value: Any) -> str:
    """Return a value as a CSV cell: members of a list are separated by bars, null is empty."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "|".join(_cell(each) for each in value)
    if isinstance(value, dict | bool):
        raise InvalidValue(_("neither a text nor a number"))
    return str(value)


def _row(place: str, cells: Mapping[str, str]) -> FileRow:
    kept = {
        name: cell.strip() if name in _URLS else nfc(cell.strip())
        for name, cell in cells.items()
        if cell.strip()
    }
    for name, cell in kept.items():
        if any(ord(character) in _SURROGATES for character in cell):
            return FileRow(place, problem=Problem.about(place, name, _("not UTF-8"), fatal=True))
    return FileRow(place, kept)


def _column_of(heading: str, aliases: Mapping[str, str]) -> str | None:
    word = _heading(heading)
    return aliases.get(word) or (word if word in COLUMNS and word not in aliases.values() else None)


def _heading(text: str) -> str:
    return "_".join(nfc(text).strip().casefold().replace("-", " ").replace("_", " ").split())
