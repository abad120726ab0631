"""Splits the text of a CSV file into records. Pure.

Quotation marks are checked strictly: if one is not closed, a lenient parser makes the following
rows a part of its cell.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

_BLANK: Final = ' \t\r\n\f\v\xa0;,"'


@dataclass(frozen=True, slots=True)
class Record:
    """A record. ``number`` counts records as a spreadsheet counts rows, ``line`` is its first line.

    If its quotation marks are wrong, ``quote_line`` is the line of the one that is not closed, and
    ``cells`` is empty. ``broken`` is the index of a cell of one line that has a line break.
    """

    number: int
    line: int
    cells: Sequence[str] = ()
    quote_line: int | None = None
    broken: int | None = None

    def moved(self, lines: int) -> "Record":
        """Return the record as it is some lines later in a file."""
        mark = None if self.quote_line is None else self.quote_line + lines
        return replace(self, line=self.line + lines, quote_line=mark)


def records(
    content: str, delimiter: str, is_one_line: Callable[[str], bool] = lambda _heading: False
) -> Iterator[Record]:
    """Yield the records of a file, also the empty ones. Raises ``csv.Error``.

    ``is_one_line`` returns whether the cells under a heading have no line breaks. If a record of
    several lines has wrong quotation marks, a line break in such a cell, or not as many cells as
    the first record, the next record begins in its second line, so that no line is lost.
    """
    lines = io.StringIO(content, newline="").readlines()
    first = number = read_again = 0
    headings: Sequence[str] = ()
    one_line: Sequence[int] = ()
    while first < len(lines):
        number += 1
        following = (lines[index] for index in range(first, len(lines)))
        reader = csv.reader(following, delimiter=delimiter, strict=True)
        cells, error = _next(reader)
        read = lines[first : first + reader.line_num]
        mark = first + 1 + _opening_line(read, error) if error else None
        is_whole = error is None and len(cells) == len(headings or cells)
        broken = _broken(cells, one_line) if is_whole and len(read) > 1 else None
        yield Record(number, first + 1, cells, mark, broken)
        if not headings and not is_blank(cells):
            headings = cells
            one_line = [index for index, cell in enumerate(cells) if is_one_line(cell)]
        if is_whole and broken is None:
            first += len(read)
            continue
        first += 1
        read_again += sum(map(len, read[1:]))
        if read_again > 3 * len(content):  # otherwise the time is quadratic
            raise csv.Error(f"too many quotation marks are not closed; one is in line {first}")


def is_blank(cells: Iterable[str]) -> bool:
    """Whether cells have no text; a line of delimiters has none."""
    return not any(cell.strip(_BLANK) for cell in cells)


def _broken(cells: Sequence[str], one_line: Iterable[int]) -> int | None:
    """Return the index of the first of these cells that has text after a line break."""
    return next((i for i in one_line if not {"\n", "\r"}.isdisjoint(cells[i].rstrip())), None)


def _next(reader: Iterator[list[str]]) -> tuple[list[str], csv.Error | None]:
    try:
        return next(reader), None
    except csv.Error as error:
        return [], error


def _opening_line(read: Sequence[str], error: csv.Error) -> int:
    """Return the index of the line with the quotation mark that is not closed.

    After it, marks are only in pairs. The last line that was read has a mark at a wrong place,
    unless the file ended. Raises ``error`` if it is not about quotation marks.
    """
    is_end = str(error) == "unexpected end of data"
    if not is_end and not str(error).endswith("""expected after '"'"""):
        raise error
    inside = read if is_end else read[:-1]
    indexes = (i for i in reversed(range(len(inside))) if '"' in inside[i].replace('""', ""))
    return next(indexes, 0)
