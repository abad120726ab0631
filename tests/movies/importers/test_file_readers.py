"""CSV and JSON files in their variations."""

import json
from collections.abc import Callable

import pytest

from moziweb.movies.importers.file_readers import (
    MAX_HEADINGS,
    MAX_LINES,
    MAX_LIST_ROWS,
    FileRow,
    list_sample,
    read_table,
)
from moziweb.movies.importers.problems import ImportRefused
from tests.measured import cpu_limit

from .conftest import from_csv

TWO = [("row 2", {"title": "Dűne", "runtime": "155"}), ("row 3", {"title": "A; b, c"})]


def rows(data: bytes) -> list[tuple[str, dict[str, str]]]:
    return [(row.place, dict(row.cells)) for row in read_table(data).rows]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_utf8_with_or_without_bom_and_either_delimiter(
    mark: bytes, delimiter: str, newline: str
) -> None:
    lines = [("Title", "runtime"), ("Dűne", "155"), ('"A; b, c"', "")]
    text = newline.join(delimiter.join(cells) for cells in lines)
    assert rows(mark + text.encode()) == TWO


def test_case_and_spaces_of_headings_do_not_matter() -> None:
    assert rows(b"TITLE;Release Date;Trailer-URL\na;b;c\n") == [
        ("row 2", {"title": "a", "release_date": "b", "trailer_url": "c"})
    ]


def test_cell_may_have_line_breaks_and_empty_rows_are_skipped() -> None:
    assert rows(b'title;overview\n"a";"one\ntwo"\n;;\n\nb;\n')[0][1]["overview"] == "one\ntwo"


def test_headings_can_be_mapped_to_columns() -> None:
    table = read_table("Cím;Perc;Egyéb\nDűne;155;x\n".encode(), {"title": "Cím", "runtime": "perc"})
    assert dict(table.rows[0].cells) == TWO[0][1]
    assert table.ignored == ("Egyéb",)


def problem(data: bytes) -> str:
    (found,) = (row.problem for row in read_table(data).rows if row.problem)
    return str(found)


def test_row_of_another_width_and_invalid_utf8_are_reported() -> None:
    assert problem(b"title;runtime\na;1;2\nb;2\n").startswith("row 2: 3 cells under 2 headings")
    data = "title;runtime\nŐ, ő;1\n".encode() + b"D\xfbne;2\n"
    assert problem(data).startswith("row 3, title: not UTF-8")


def test_json_array_and_object_with_an_array() -> None:
    items = [{"Title": 300, "genres": ["Action", "War"], "runtime": None}, {"title": "b"}]
    for whole in (items, {"count": 2, "movies": items}):
        table = read_table(json.dumps(whole).encode())
        assert table.rows[0] == FileRow("item 1", {"title": "300", "genres": "Action|War"})
    assert problem(b'[{"title": "a"}, 7]').startswith("item 2: not an object")
    assert problem(b'[{"title": {"hu": "a"}}]').startswith("item 1, title: neither a text")


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_utf16_is_read_with_or_without_a_byte_order_mark(codec: str, mark: str) -> None:
    mark = "" if codec == "utf-16" else mark
    assert rows(f"{mark}title;runtime\r\nDűne;155\r\n".encode(codec)) == TWO[:1]


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;", "sep=;;;"])
def test_line_with_the_delimiter_is_no_row(line: str) -> None:
    """Excel does not count it; the line in the file is named, too."""
    data = f"{line}\r\ntitle;a,b,c\r\nDűne;1\r\nx;1;2\r\n".encode()
    table = read_table(data)
    assert [row.place for row in table.rows] == ["row 2 (line 3)", "row 3 (line 4)"]
    assert table.rows[0].cells == {"title": "Dűne"}
    assert str(table.rows[1].problem).startswith("row 3 (line 4): 3 cells under 2 headings")
    assert table.ignored == ("a,b,c",)


def test_open_quotation_mark_after_the_line_with_the_delimiter_is_named() -> None:
    assert problem(b'sep=,\ntitle,overview\na,"open\n').startswith(
        "row 2 (line 3): a quotation mark in line 3 is not closed"
    )


@pytest.mark.parametrize("start", ["\n\r\n", ";;;\n", ' ;" "\n\n', "\ufeff\n;\n"])
def test_blank_lines_before_the_headings_are_skipped(start: str) -> None:
    data = f"{start}title;runtime\nDűne;155\n".encode()
    lines = start.count("\n")
    assert rows(data) == [(f"row {lines + 2}", {"title": "Dűne", "runtime": "155"})]


def test_sample_has_headings_with_their_columns_and_the_first_rows() -> None:
    sample = list_sample("Cím;runtime\n\nDűne;155\na;1;x\nb;2\nc;3\nd;4\n".encode("cp1250"))
    assert sample.headings == (("Cím", None), ("runtime", "runtime"))
    assert sample.rows == (["Dűne", "155"], ["a", "1", "x"], ["b", "2"], ["c", "3"])
    assert (sample.encoding, sample.guessed) == ("cp1250", True)
    items = list_sample(b'[{"Title": "a", "x": [1, 2]}, 7, {"y": null, "x": {"z": 1}}]')
    assert items.headings == (("Title", "title"), ("x", None), ("y", None))
    assert items.rows == (["a", "1|2", ""], ["", "", ""], ["", "", ""])


def test_list_without_headings_has_no_sample() -> None:
    for data in (b"", b"\n;\n", b"[]"):
        with pytest.raises(ImportRefused, match="the file has no headings"):
            list_sample(data)


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_delimiter_is_found_by_usual_headings(delimiter: str) -> None:
    lines = ("Magyar cím", "Bemutató", "Valami"), ("a", "b", "c")
    data = "\n".join(map(delimiter.join, lines)).encode()
    assert len(list_sample(data).headings) == 3


def test_numbers_of_json_stay_as_they_are_written() -> None:
    """``int`` refuses more than 4,300 digits, ``float`` rounds."""
    (row,) = read_table(b'[{"title": %b, "runtime": 155.0}]' % (b"9" * 5000)).rows
    assert row.cells == {"title": "9" * 5000, "runtime": "155.0"}


def test_deep_arrays_and_surrogates_in_json_are_reported() -> None:
    deep = b"[" * 400 + b"]" * 400
    assert problem(b'[{"title": %b}]' % deep).startswith("item 1, title: neither a text")
    assert problem(b'[{"title": "\\ud800"}]').startswith("item 1, title: not UTF-8; save the list")
    many = json.dumps([dict.fromkeys(map(str, range(MAX_HEADINGS + 1)))]).encode()
    assert "more than 200 cells" in problem(many)


def test_headings_without_a_column_are_short_and_printable() -> None:
    names = ["Megjegyzés", "\udce9\x00", "a\ud800b", "x" * 1000, "\x1b[0m"]
    table = read_table(json.dumps([{"title": "a", **dict.fromkeys(names)}]).encode())
    assert table.ignored == ("Megjegyzés", "ab", "x" * 100, "[0m")
    assert read_table(b"title;a\x00b\nc;d\n").ignored == ("ab",)


def test_largest_list() -> None:
    assert len(read_table(b"title\n" + b"a\n" * MAX_LIST_ROWS).rows) == MAX_LIST_ROWS
    assert read_table(b"title\n" + b"\n" * (MAX_LINES - 1)).rows == ()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the first row has nothing"),
        (b"name;date\na;b\n", "the first row has name, date"),
        (b"title;Title\na;b\n", "two columns are called title"),
        (b'[{"title": "a"', "not valid JSON"),
        (b'{"title": "a"}', "contains no array"),
        (lambda: b"title\n" + b'"' + b"x" * 200_000, "not valid CSV"),
        (lambda: b"[" * 100_000, "not valid JSON"),
        (lambda: b"[]," * 16_000_000, "more than 2000000 values; split it"),
        (lambda: b"[" + b"{}," * 1_900_000 + b"1]", "more than 2000000 values"),
        (b'{"a": [{}], "b": [1], "c": [{}]}', "more than one array of objects"),
        (lambda: b"title\n" + b"a\n" * (MAX_LIST_ROWS + 1), "more than 10000 rows; split it"),
        (
            lambda: json.dumps([{"title": "a"}] * (MAX_LIST_ROWS + 1)).encode(),
            "more than 10000 rows",
        ),
        (lambda: b"title\n" + b"\n" * MAX_LINES, "more than 100000 lines; split it"),
        (lambda: b"title\r" + b"\r" * MAX_LINES, "more than 100000 lines"),
        (lambda: b"title" + b";a" * MAX_HEADINGS, "more than 200 cells"),
        (b'title;"open\na;b\n', "a quotation mark in line 1 is not closed"),
        (lambda: b"a\n" + b'title;"\n' * 50_000, "no column is called title"),
        (lambda: b"title;a\n" + b'x";"\n' * 50_000, "too many quotation marks"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", "not text in UTF-8"),
        (b"\xff\xfet\x00i", "not text in UTF-8"),
        *(
            (text.encode(codec), "not text in UTF-8; save the list as CSV in UTF-8")
            for text in ("title;release_date\na;2026\n", '[{"title": "a"}]')
            for codec in ("utf-32", "utf-32-le", "utf-32-be")
        ),
        ("\ufefftitle;runtime".encode("utf-32-be"), "not text in UTF-8"),
        (b"\xff\xfe\x00\xd8", "not text in UTF-8"),
    ],
)
def test_file_that_is_no_table_is_refused_in_one_line(
    data: bytes | Callable[[], bytes], message: str
) -> None:
    """Functions make large files, because parameters stay in memory until the end of the run."""
    data = data() if callable(data) else data
    with cpu_limit(1):
        with pytest.raises(ImportRefused, match=message) as refused:
            read_table(data)
        assert "\n" not in str(refused.value)


def test_line_break_in_a_column_of_one_line_is_reported() -> None:
    data = (
        b"title;release_date;distributor;imdb_id;note\n"
        b'Qa;2026-01-02;"Dist;\nQb;2026-01-03;Dist2";tt0000005;\n'
        b'Qc;2026-01-04;Dist;tt0000006;"one\ntwo"\n'
    )
    first, second, third = read_table(data).rows
    assert str(first.problem).startswith("row 2, distributor: a line break; is a quotation mark")
    assert (second.place, second.cells["title"], second.problem) == ("row 3", "Qb", None)
    assert third.cells["title"] == "Qc"


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (b'"title": "a", "title": "b"', "title: two columns are called title"),
        (b'"title": "a", "Title": null', "title: two columns are called title"),
        (b'"title": "a", "release date": 1, "Release-Date": 2', "release_date: two columns"),
        (b'"title": ["a", {"b": 1}]', "title: neither a text nor a number"),
        (b'"genres": [[]]', "genres: neither a text nor a number"),
    ],
)
def test_json_object_with_two_values_of_a_column_is_reported(item: bytes, message: str) -> None:
    assert problem(b"[{%b}]" % item).startswith(f"item 1, {message}")


def test_only_array_of_objects_has_the_films() -> None:
    assert rows(b'{"errors": [], "years": [1], "films": [{"title": "a", "x": 1, "x": 2}]}') == [
        ("item 1", {"title": "a"})
    ]


@pytest.mark.parametrize(
    ("make_value", "message"),
    [
        (lambda: json.dumps(["Dr\xe1ma"] * 51), "genres: more than 50 members"),
        (lambda: json.dumps(list(map(str, range(200_000)))), "genres: more than 50 members"),
        (lambda: json.dumps("a|" * 1_000_000), "genres: longer than 131072 characters"),
        (lambda: json.dumps(["a" * 100_000] * 50), "genres: longer than 131072 characters"),
        (
            lambda: json.dumps("a" + "\u0301\u0316" * 50_000),
            "genres: more than 30 accents on a letter",
        ),
        (lambda: "1" * 131_073, "genres: longer than 131072 characters"),
    ],
)
def test_too_large_cell_of_json_is_reported_before_it_is_parsed(
    make_value: Callable[[], str], message: str
) -> None:
    data = f'[{{"title": "a", "genres": {make_value()}}}]'
    with cpu_limit(1):
        (candidate,) = from_csv(data)
        assert str(candidate.problems[0]).startswith(f"item 1, {message}")
        assert candidate.is_refused
