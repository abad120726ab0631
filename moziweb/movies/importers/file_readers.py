"""CSV and JSON files as rows of texts. Pure: bytes go in.

CSV is UTF-8, with or without a byte order mark, its cells between ``;`` or ``,``. JSON is an array
of objects, or an object that holds one. A row that cannot be read is a row with a problem.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from moziweb.i18n import _

from .problems import ImportRefused, InvalidValue, Problem, text_of

COLUMNS: Final = (
    "external_id",
    "title",
    "original_title",
    "release_date",
    "date_precision",
    "release_type",
    "distributor",
    "rating",
    "runtime",
    "genres",
    "formats",
    "languages",
    "poster_url",
    "trailer_url",
    "imdb_id",
    "tmdb_id",
    "overview",
)
"""What the columns of a list are called; capitals, spaces and their order don't matter."""

MAX_BYTES: Final = 50_000_000
_DELIMITERS: Final = ";,"
_SURROGATES: Final = range(0xDC80, 0xDD00)
"""What ``surrogateescape`` makes of bytes that are no UTF-8."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row: its place in the file, and its cells by our columns. Empty cells are left out."""

    place: str
    cells: Mapping[str, str] = field(default_factory=dict)
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A whole file. ``ignored`` are the headings that we have no column for."""

    rows: tuple[FileRow, ...]
    ignored: tuple[str, ...]


def read_table(data: bytes, columns: Mapping[str, str] | None = None) -> Table:
    """The rows of a file; ``columns`` maps our columns to headings that are called otherwise.

    Raises ``ImportRefused`` for what is no such table at all.
    """
    if len(data) > MAX_BYTES:
        raise ImportRefused(_("the file is larger than ${most} MB"), most=MAX_BYTES // 1_000_000)
    named = {_heading(theirs): ours for ours, theirs in (columns or {}).items()}
    if unknown := sorted(set(named.values()) - set(COLUMNS)):
        wrong = _("no such column: ${unknown}; there are ${known}")
        raise ImportRefused(wrong, unknown=", ".join(unknown), known=", ".join(COLUMNS))
    content = data.decode("utf-8-sig", errors="surrogateescape").lstrip("\ufeff")
    if content.lstrip()[:1] in {"[", "{"}:
        return _json_table(content, named)
    return _csv_table(content, named)


def _csv_table(content: str, named: Mapping[str, str]) -> Table:
    try:
        lines = _lines(content, named)
        headings = _headings(next(lines, []), named)
        rows = tuple(
            _csv_row(number, cells, headings)
            for number, cells in enumerate(lines, 2)
            if any(cell.strip() for cell in cells)
        )
    except csv.Error as error:
        raise ImportRefused(_("the file is no readable CSV: ${error}"), error=error) from None
    return Table(rows, tuple(theirs for theirs, ours in headings if ours is None and theirs))


def _lines(content: str, named: Mapping[str, str]) -> Iterator[list[str]]:
    """The records, cut by whichever of the two delimiters makes more known headings."""

    def known(delimiter: str) -> int:
        first = next(csv.reader(io.StringIO(content, newline=""), delimiter=delimiter), [])
        return sum(_ours(cell, named) is not None for cell in first)

    delimiter = max(_DELIMITERS, key=known)
    return csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)


def _headings(cells: Sequence[str], named: Mapping[str, str]) -> list[tuple[str, str | None]]:
    found = [(cell.strip(), _ours(cell, named)) for cell in cells]
    ours = [column for _, column in found if column]
    if "title" not in ours:
        there = ", ".join(theirs for theirs, _ in found if theirs) or "nothing"
        wrong = _("no column is called title; the first row has ${there}")
        raise ImportRefused(wrong, there=there[:300])
    if twice := sorted({column for column in ours if ours.count(column) > 1}):
        raise ImportRefused(_("two columns are called ${twice}"), twice=", ".join(twice))
    return found


def _csv_row(
    number: int, cells: Sequence[str], headings: Sequence[tuple[str, str | None]]
) -> FileRow:
    place = f"row {number}"
    if len(cells) != len(headings):
        text = _(
            "${cells} cells under ${headings} headings; is a text without its quotes?",
            mapping={"cells": len(cells), "headings": len(headings)},
        )
        return FileRow(place, problem=Problem.about(place, "", text, fatal=True))
    named = {ours: cell for (_, ours), cell in zip(headings, cells, strict=True) if ours}
    return _row(place, named)


def _json_table(content: str, named: Mapping[str, str]) -> Table:
    try:
        whole = json.loads(content)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ImportRefused(_("the file is no readable JSON: ${error}"), error=error) from None
    if isinstance(whole, dict):
        whole = next((each for each in whole.values() if isinstance(each, list)), None)
    if not isinstance(whole, list):
        raise ImportRefused(_("the file holds no array of films"))
    ignored = dict.fromkeys(
        key for item in whole if isinstance(item, dict) for key in item if not _ours(key, named)
    )
    rows = tuple(_json_row(number, item, named) for number, item in enumerate(whole, 1))
    return Table(rows, tuple(ignored))


def _json_row(number: int, item: Any, named: Mapping[str, str]) -> FileRow:
    place = f"item {number}"
    if not isinstance(item, dict):
        return FileRow(place, problem=Problem.about(place, "", _("not an object"), fatal=True))
    cells: dict[str, str] = {}
    for key, value in item.items():
        ours = _ours(key, named)
        if ours is None:
            continue
        try:
            cells[ours] = _cell(value)
        except ValueError as error:
            return FileRow(place, problem=Problem.about(place, ours, text_of(error), fatal=True))
    return _row(place, cells)


def _cell(value: Any) -> str:
    """A number is its digits, a list is its members between bars, null is nothing."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "|".join(_cell(each) for each in value)
    if isinstance(value, dict | bool):
        raise InvalidValue(_("neither a text nor a number"))
    return str(value)


def _row(place: str, cells: Mapping[str, str]) -> FileRow:
    kept = {name: cell.strip() for name, cell in cells.items() if cell.strip()}
    for name, cell in kept.items():
        if any(ord(character) in _SURROGATES for character in cell):
            return FileRow(place, problem=Problem.about(place, name, _("not UTF-8"), fatal=True))
    return FileRow(place, kept)


def _ours(heading: str, named: Mapping[str, str]) -> str | None:
    word = _heading(heading)
    return named.get(word) or (word if word in COLUMNS and word not in named.values() else None)


def _heading(text: str) -> str:
    return "_".join(text.strip().casefold().replace("-", " ").replace("_", " ").split())
