"""CSV and JSON files in their variations."""

import json

import pytest

from moziweb.movies.importers.file_readers import FileRow, read_table
from moziweb.movies.importers.problems import ImportRefused

TWO = [("row 2", {"title": "Dűne", "runtime": "155"}), ("row 3", {"title": "A; b, c"})]


def rows(data: bytes) -> list[tuple[str, dict[str, str]]]:
    return [(row.place, dict(row.cells)) for row in read_table(data).rows]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [";", ","])
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
    assert problem(b"title;runtime\na;1\nD\xfbne;2\n").startswith("row 3, title: not UTF-8")


def test_json_array_and_object_with_an_array() -> None:
    items = [{"Title": 300, "genres": ["Action", "War"], "runtime": None}, {"title": "b"}]
    for whole in (items, {"count": 2, "movies": items}):
        table = read_table(json.dumps(whole).encode())
        assert table.rows[0] == FileRow("item 1", {"title": "300", "genres": "Action|War"})
    assert problem(b'[{"title": "a"}, 7]').startswith("item 2: not an object")
    assert problem(b'[{"title": {"hu": "a"}}]').startswith("item 1, title: neither a text")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the first row has nothing"),
        (b"name;date\na;b\n", "the first row has name, date"),
        (b"title;Title\na;b\n", "two columns are called title"),
        (b'[{"title": "a"', "not valid JSON"),
        (b'{"title": "a"}', "contains no array"),
        (b"title\n" + b'"' + b"x" * 200_000, "not valid CSV"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_file_that_is_no_table_is_refused_in_one_line(data: bytes, message: str) -> None:
    with pytest.raises(ImportRefused, match=message) as refused:
        read_table(data)
    assert "\n" not in str(refused.value)
