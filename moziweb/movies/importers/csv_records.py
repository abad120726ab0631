"""Splits the text of a CSV file into records. Pure.

Quotation marks are checked strictly: if one is not closed, a lenient parser makes the following
rows a part of its cell.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """A record. ``number`` counts records as a spreadsheet counts rows, ``line`` is its first line.

    If its quotation marks are wrong, ``quote_line`` is the line of the one that is not closed, and
    ``cells`` is empty.
    """

    number: int
    line: int
    cells: Sequence[str] = ()
    quote_line: int | None = None


def records(content: str, delimiter: str) -> Iterator[Record]:
    """Yield the records of a file, also the empty ones. Raises ``csv.Error``.

    If a record of several lines has wrong quotation marks, or not as many cells as the first
    record, the next record begins in its second line, so that no line is lost.
    """
    lines = io.StringIO(content, newline="").readlines()
    first = number = width = read_again = 0
    while first < len(lines):
        number += 1
        following = (lines[index] for index in range(first, len(lines)))
        reader = csv.reader(following, delimiter=delimiter, strict=True)
        cells, error = _next(reader)
        read = lines[first : first + reader.line_num]
        mark = first + 1 + _opening_line(read, error) if error else None
        yield Record(number, first + 1, cells, mark)
        width = width or len(cells)
        if error is None and len(cells) == width:
            first += len(read)
            continue
        first += 1
        read_again += sum(map(len, read[1:]))
        if read_again > 3 * len(content):  # otherwise the time is quadratic
            raise csv.Error(f"too many quotation marks are not closed; one is in line {first}")


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
