"""Records of CSV files, and the line of a quotation mark that is not closed."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.movies.importers.csv_records import Record, is_blank, records

LINES = st.text(alphabet='ab;"\n', max_size=40)
CELLS = st.text(alphabet='ab;",\r\n \u0151\x00', max_size=8)


def read(content: str) -> list[tuple[int, list[str], int | None]]:
    """The line, the cells and the wrong quotation mark of each record."""
    return [(each.line, list(each.cells), each.quote_line) for each in records(content, ";")]


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=8))
def test_a_well_formed_file_is_read_as_by_the_standard_library(rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(rows)
    found = list(records(text.getvalue(), ";"))
    assert [list(each.cells) for each in found] == rows
    assert [each.number for each in found] == list(range(1, len(rows) + 1))
    assert {each.quote_line for each in found} <= {None}


@given(LINES)
def test_every_line_is_in_a_record(content: str) -> None:
    """In one that begins there, or in one of several lines that has the cells of the first."""
    lines = io.StringIO(content, newline="").readlines()
    try:
        found = list(records(content, ";"))
    except csv.Error:  # too many wrong marks
        return
    assert bool(found) == bool(lines)
    start = next((n for n, each in enumerate(found) if not is_blank(each.cells)), len(found))
    width = len(found[start].cells) if start < len(found) else 0
    ends = [*(each.line for each in found), len(lines) + 1][1:]
    for number, (record, end) in enumerate(zip(found, ends, strict=True)):
        assert end > record.line
        if end > record.line + 1:
            assert record.quote_line is None
            assert number < start or len(record.cells) == width


@pytest.mark.parametrize(
    ("content", "bad"),
    [
        ('a;b\n"open;1\nc;2\n', [(2, 2)]),
        ('a;b\nc;1\n"open;1', [(3, 3)]),
        ('a;b\n"open;1\n"c";2\nd;3\n', [(2, 2)]),
        ('a;b\n"one\ntwo";"open\nc;2\n', [(2, 3), (3, 3)]),
        ('a;b\n"say ""x";"open\nd;1\n', [(2, 2)]),
        ('a;b\n"wrong" mark;1\nc;2\n', [(2, 2)]),
        ('a;b\n"one\ntwo" wrong;1\nc;2\n', [(2, 2)]),
    ],
)
def test_wrong_mark_is_named_and_the_next_line_is_read(
    content: str, bad: list[tuple[int, int]]
) -> None:
    found = read(content)
    assert [(line, mark) for line, _cells, mark in found if mark is not None] == bad
    after = found[[line for line, _cells, _mark in found].index(bad[0][0]) + 1 :]
    last = content.splitlines()[-1].split(";")
    assert not after or after[-1][1] == last


def test_cells_of_several_lines_shift_line_numbers() -> None:
    assert list(records('a;b\n"1\n2";3\n\nc;d\n', ";")) == [
        Record(1, 1, ["a", "b"]),
        Record(2, 2, ["1\n2", "3"]),
        Record(3, 4, []),
        Record(4, 5, ["c", "d"]),
    ]


def test_record_of_several_lines_with_other_cells_does_not_hide_its_lines() -> None:
    found = read('a;b\nx;1;"open\nc;2\n";d\ne;4\n')
    assert [line for line, _cells, _mark in found] == [1, 2, 3, 4, 5]
    assert (3, ["c", "2"], None) in found


def test_time_is_not_quadratic() -> None:
    """From the outside and from the inside of a quotation, each of these lines opens one."""
    with pytest.raises(csv.Error, match="too many quotation marks"):
        list(records("a\n" + 'x";"\n' * 50_000, ";"))


def test_too_long_cell_is_refused() -> None:
    with pytest.raises(csv.Error, match="field larger"):
        list(records('a\n"' + "x" * 200_000, ";"))


def test_line_break_in_a_cell_of_one_line_does_not_hide_a_row() -> None:
    """Two marks that are not closed make a pair."""
    content = 'a;b;c;text\nQa;1;"d;\nQb;2;d2";t\nQc;3;d;"one\ntwo"\nQd;4;"d\n";t\n'
    found = list(records(content, ";", lambda heading: heading != "text"))
    assert [(each.line, each.broken) for each in found] == [
        (1, None), (2, 2), (3, None), (4, None), (6, None),
    ]  # fmt: skip
    assert list(found[3].cells) == ["Qc", "3", "d", "one\ntwo"]
