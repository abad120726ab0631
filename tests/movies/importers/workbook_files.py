"""Makes workbooks for tests: whole ones by openpyxl, and malformed ones by hand."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from openpyxl import Workbook

_NS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def workbook(*sheets: Sequence[Sequence[Any]]) -> bytes:
    """Return a workbook with the rows of each sheet."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"Lap {number}")
        for row in rows:
            sheet.append(list(row))
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


def with_sheet(xml: bytes, more: Mapping[str, bytes] | None = None) -> bytes:
    """Return a workbook whose only sheet has this XML in its ``sheetData``; ``more`` are parts."""
    sheet = f'<worksheet xmlns="{_NS}"><sheetData>'.encode() + xml + b"</sheetData></worksheet>"
    return with_parts({"xl/worksheets/sheet1.xml": sheet, **(more or {})})


def with_parts(changed: Mapping[str, bytes]) -> bytes:
    """Return a workbook of one row, with some of its parts replaced or added."""
    saved = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook([["title"], ["Dűne"]]))) as source,
        zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in dict.fromkeys((*source.namelist(), *changed)):
            target.writestr(name, changed[name] if name in changed else source.read(name))
    return saved.getvalue()
