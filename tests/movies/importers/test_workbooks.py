"""Workbooks: their cells as people read them, and their limits."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from moziweb.movies.importers.file_readers import MAX_HEADINGS, MAX_LINES, read_table
from moziweb.movies.importers.problems import ImportRefused
from tests.measured import cpu_limit

from .conftest import from_csv
from .test_row_accounting import LISTS
from .workbook_files import with_parts, with_sheet, workbook


def cells(data: bytes) -> list[tuple[str, dict[str, str]]]:
    return [(row.place, dict(row.cells)) for row in read_table(data).rows]


def test_workbook_of_a_distributor_is_read() -> None:
    (candidate,) = from_csv((LISTS / "real.xlsx").read_bytes())
    assert candidate.problems == ()
    assert (candidate.title, candidate.values["runtime"]) == ("Űrhajósok éjszakája", 101)
    assert [each.date for each in candidate.values["premieres"]] == [date(2026, 12, 10)]


MIDNIGHT = datetime(2026, 12, 10)  # noqa: DTZ001


def test_cells_are_read_as_people_see_them() -> None:
    rows: list[list[Any]] = [
        [None, None],
        ["title", "release_date", "runtime", "tmdb_id", "rating", "overview"],
        [],
        ["Dűne", MIDNIGHT, 155.0, 438631, 12, "egy\nkettő"],
        [300, date(2026, 12, 17), "  90 ", None, "KN"],
        ["Szám", 46366],
    ]
    assert cells(workbook(rows)) == [
        ("row 4", {"title": "Dűne", "release_date": "2026-12-10", "runtime": "155",
                   "tmdb_id": "438631", "rating": "12", "overview": "egy\nkettő"}),
        ("row 5", {"title": "300", "release_date": "2026-12-17", "runtime": "90", "rating": "KN"}),
        ("row 6", {"title": "Szám", "release_date": "46366"}),
    ]  # fmt: skip


def test_row_that_is_wider_than_the_headings_is_reported() -> None:
    first, second = read_table(workbook([["title", None], ["a", None, None], ["b", "x"]])).rows
    assert (first.cells, first.problem) == ({"title": "a"}, None)
    assert str(second.problem).startswith("row 3: 2 cells under 1 headings")


def test_sheets_without_rows_are_no_lists() -> None:
    assert cells(workbook([], [["title"], ["Dűne"]], [[None]])) == [("row 2", {"title": "Dűne"})]


def test_rows_on_several_sheets_are_refused() -> None:
    rows = [["title"], ["Dűne"]]
    with pytest.raises(ImportRefused, match=r"several sheets .* keep one of Lap 1, Lap 3"):
        read_table(workbook(rows, [], rows))


def test_stated_size_of_a_sheet_is_not_believed() -> None:
    row = '<row r="1"><c r="A1" t="inlineStr"><is><t>title</t></is></c></row>'
    far = '<row r="3"><c r="A3" t="inlineStr"><is><t>Dűne</t></is></c></row>'
    assert cells(with_sheet((row + far).encode())) == [("row 3", {"title": "Dűne"})]


HEADING = b'<row r="1"><c r="A1" t="inlineStr"><is><t>title</t></is></c></row>'


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: b"PK\x03\x04\x14\x00", "the workbook cannot be read; save the list as xlsx"),
        (lambda: with_parts({"xl/workbook.xml": b"<no"}), "the workbook cannot be read"),
        (lambda: with_parts({"xl/worksheets/sheet1.xml": b"<worksheet>"}), "cannot be read"),
        (lambda: with_parts({"[Content_Types].xml": b"<Types/>"}), "cannot be read"),
        (lambda: with_parts({"x.xml": b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"}), "cannot be read"),
        (
            lambda: with_parts({"x.xml": "<!DOCTYPE a><a/>".encode("utf-16-le")}),
            "the workbook cannot be read",
        ),
        (lambda: with_parts({"x": b"\0" * 60_000_000}), "larger than 50 MB when it is unpacked"),
        (lambda: with_parts({f"x{n}": b"" for n in range(1001)}), "larger than 50 MB"),
        (lambda: with_sheet(b"<row>" + b"<c/>" * 2_000_000 + b"</row>"), "more than 500000 cells"),
        (lambda: with_sheet(HEADING + b'<row r="200000"><c r="A200000"><v>1</v></c></row>'),
         f"more than {MAX_LINES} lines"),
        (lambda: workbook([["title"] * (MAX_HEADINGS + 1)]), "more than 200 cells"),
        (lambda: workbook([["title"]] + [["a"]] * 10_001), "more than 10000 rows; split it"),
        (lambda: workbook([]), "no column is called title"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "with a password or of before"),
    ],
)  # fmt: skip
def test_workbook_beyond_the_limits_is_refused_in_one_line(
    make: Callable[[], bytes], message: str
) -> None:
    data = make()
    with cpu_limit(3):
        with pytest.raises(ImportRefused, match=message) as refused:
            read_table(data)
        assert "\n" not in str(refused.value)


def test_cell_far_to_the_right_makes_no_wide_rows() -> None:
    data = with_sheet(HEADING + b'<row r="2"><c r="A2"><v>1</v></c><c r="XFD2"><v>2</v></c></row>')
    (row,) = read_table(data).rows
    assert row.cells == {"title": "1"}


def test_largest_list_is_read_in_seconds() -> None:
    rows: list[list[Any]] = [
        ["title", "runtime", "rating"],
        *([f"Film {n}", 90, "12"] for n in range(10_000)),
    ]
    data = workbook(rows)
    with cpu_limit(6):
        assert len(read_table(data).rows) == 10_000
