"""Reads the rows of a workbook (xlsx) as texts, within limits. Pure: it takes bytes.

A workbook is a ZIP archive of XML. A small one can contain gigabytes, so the archive is measured
before it is parsed.
"""

import io
import logging
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import islice
from typing import Any, Final

from moziweb.i18n import _

from .csv_records import Record
from .problems import ImportRefused

log = logging.getLogger(__name__)

ZIP_START: Final = b"PK\x03\x04"
OLE_START: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""The first bytes of xls, the format of before 2007, and of workbooks with a password."""

MAX_WORKBOOK_PARTS: Final = 1_000
MAX_UNPACKED: Final = 50_000_000
"""Bytes of all parts. ``zipfile`` reads no more of a part than its header says."""

MAX_TAGS: Final = 2_000_000
"""XML tags of all parts: the memory and the time of the parser depend on them."""

_CHUNK: Final = 1 << 20
_DOCTYPE: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_TRAILING_ZERO: Final = re.compile(r"-?[0-9]+\.0")
_UNREADABLE: Final = _("the workbook cannot be read; save the list as xlsx or as CSV in UTF-8")


def workbook_records(data: bytes, most: int, width: int) -> Iterator[Record]:
    """Yield the rows of the only sheet that has any: at most ``most``, of ``width`` cells.

    Raises ``ImportRefused`` if it is no workbook, is too large, or has rows on several sheets.
    """
    from openpyxl import load_workbook  # takes 0.2 s to import

    try:
        _measure(data)
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        try:
            sheets = [sheet for sheet in book.worksheets if _has_rows(sheet, most, width)]
            if len(sheets) > 1:
                names = ", ".join(sheet.title for sheet in sheets)[:300]
                text = _("several sheets of the workbook have rows; keep one of ${sheets}")
                raise ImportRefused(text, sheets=names)
            for sheet in sheets:
                yield from _records(sheet, most, width)
        finally:
            book.close()
    except ImportRefused:
        raise
    except Exception as error:
        # openpyxl raises nearly every kind of error for malformed parts.
        log.info("a workbook cannot be read: %r", error)
        raise ImportRefused(_UNREADABLE) from None


def _measure(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
        unpacked = sum(each.file_size for each in parts)
        if len(parts) > MAX_WORKBOOK_PARTS or unpacked > MAX_UNPACKED:
            text = _("the workbook is larger than ${most} MB when it is unpacked; split it")
            raise ImportRefused(text, most=MAX_UNPACKED // 1_000_000)
        tags = 0
        for part in parts:
            with archive.open(part) as opened:
                end = b""
                while chunk := opened.read(_CHUNK):
                    chunk = chunk.replace(b"\0", b"")  # UTF-16
                    tags += chunk.count(b"<")
                    if _DOCTYPE.search(end + chunk):
                        raise ImportRefused(_UNREADABLE)
                    end = chunk[-10:]
        if tags > MAX_TAGS:
            text = _("the workbook has more than ${most} cells; split it")
            raise ImportRefused(text, most=MAX_TAGS // 4)


def _has_rows(sheet: Any, most: int, width: int) -> bool:
    return sheet.sheet_state == "visible" and any(map(any, _rows(sheet, most, width)))


def _rows(sheet: Any, most: int, width: int) -> Iterator[list[str]]:
    """Yield the rows without the empty cells at their ends, which a spreadsheet may not keep."""
    sheet.reset_dimensions()  # the size that a file states may be wrong
    for row in islice(sheet.iter_rows(max_col=width, values_only=True), most):
        cells = [*row] if row.count(None) < len(row) else []
        while cells and cells[-1] is None:
            cells.pop()
        yield list(map(_cell_text, cells))


def _records(sheet: Any, most: int, width: int) -> Iterator[Record]:
    headings = 0
    for number, cells in enumerate(_rows(sheet, most, width), 1):
        while cells and not cells[-1]:
            cells.pop()
        headings = headings or len(cells)
        padding = [""] * (headings - len(cells)) if cells else []
        yield Record(number, number, cells + padding)


def _cell_text(value: Any) -> str:
    """Return a cell as a person reads it: a date without its time, 155 for 155.0."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    text = str(value).strip()
    return text.removesuffix(".0") if _TRAILING_ZERO.fullmatch(text) else text
