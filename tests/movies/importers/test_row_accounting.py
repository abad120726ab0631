"""The law of rows: rows read = new + changed + unchanged + refused, and each refused one is named.

Lists are generated with the faults of real ones. The database is kept between the examples, so rows
are new, changed and unchanged.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moziweb.movies.importers.csv_columns import ListOptions, candidates_of
from moziweb.movies.importers.file_readers import list_sample, read_table
from moziweb.movies.importers.headings import proposed_columns
from moziweb.movies.importers.planning import Effect, Plan
from moziweb.movies.importers.problems import ImportRefused
from moziweb.movies.importers.report import ImportSummary
from moziweb.movies.importers.service import Importer
from moziweb.movies.slugs import slug_of

from .conftest import POSTERS, TODAY, from_csv

LISTS = Path(__file__).parent / "lists"
COLUMNS = (
    "title", "release_date", "release_type", "distributor", "imdb_id", "tmdb_id", "external_id",
    "genres", "poster_url", "trailer_url", "overview",
)  # fmt: skip

CELLS = {
    "title": ["", "Dűne", "Dűne", "dune", "Avatár", "Ő", "\x07", "x" * 301, 'a "b" c', "a,b"],
    "release_date": ["", "2026-08-13", "2026-12-17", "2027", "2026.13.45.", "holnap"],
    "release_type": ["", "cinema", "streaming", "kino"],
    "distributor": [
        "",
        "InterCom",
        "intercom",
        "Max",
        "Max\nInc",
        "\x07",
        "x" * 60,
        "x" * 61,
        "x" * 121,
    ],
    "imdb_id": ["", "", "tt0137523", "tt0137524", "imdb:0137523"],
    "tmdb_id": ["", "", "550", "551", "9" * 5000, "\u0663"],
    "external_id": ["", "", "1", "2", "x" * 201],
    "genres": ["", "Sci-fi", "dráma|Dráma", "|", "foo|Foo", "\x07|!|?", "щ" * 60],
    "poster_url": ["", "https://example.com/p.jpg", "https://example.com/\ud800", "http://[", "x"],
    "trailer_url": ["", "https://youtu.be/dQw4w9WgXcQ|youtu.be/dQw4w9WgXcQ", "//[", "vimeo.com/x"],
    "overview": ["", "Two\nlines", 'quoted ""', "x" * 20_001, "\u2028\ufffe"],
}
ROWS = st.tuples(*(st.sampled_from(CELLS[column]) for column in COLUMNS))
FAULTS = st.sampled_from(
    ["", "", "", "cell lost", "pair", "cell added", "quote", "bytes", "blank before"]
)
LIMITED = settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


def csv_line(cells: Sequence[str], fault: str) -> bytes:
    """A row with a fault; the column after the title is the one with the quotation mark."""
    text = io.StringIO()
    row = list(cells)
    if fault == "cell lost":
        row.pop()
    if fault == "cell added":
        row.append("x")
    csv.writer(text).writerow(row)
    line = text.getvalue()
    if fault == "quote":
        line = 'A film,"open,2026\n'
    if fault == "pair":
        line = 'A film,2026,"open,2026\nB film,2026,closed",2026' + "," * (len(COLUMNS) - 4) + "\n"
    if fault == "blank before":
        line = "\n,,\n" + line
    return (b"\xfb" if fault == "bytes" else b"") + line.encode(errors="surrogatepass")


def accounted(plans: Sequence[Plan]) -> ImportSummary:
    """Asserts that each row has one plan, and each refused one a fatal problem with its place."""
    places = Counter(
        place for plan in plans for place in (plan.candidate.place, *plan.candidate.merged)
    )
    assert set(places.values()) <= {1}
    summary = ImportSummary()
    for plan in plans:
        summary.add(plan)
        assert not any("the database" in problem.text for problem in plan.problems)
        rows = {plan.candidate.place, *plan.candidate.merged}
        named = {problem.place for problem in plan.problems if problem.fatal}
        assert named == (rows if plan.effect is Effect.REFUSED else set())
    sums = summary.sums
    assert sums["read"] == places.total()
    assert sums["read"] == sum(sums[effect] for effect in Effect)
    return summary


@LIMITED
@given(st.lists(st.tuples(ROWS, FAULTS), max_size=12))
def test_each_row_of_a_csv_list_is_accounted_for(
    importer: Importer, rows: list[tuple[tuple[str, ...], str]]
) -> None:
    lines = [csv_line(cells, fault) for cells, fault in rows]
    candidates = from_csv(",".join(COLUMNS).encode() + b"\n" + b"".join(lines))
    read = accounted(list(importer.preview(candidates))).sums["read"]
    assert accounted([each.plan for each in importer.run(candidates)]).sums["read"] == read
    written = sum(any(text.strip() for text in filled(*row)) for row in rows)
    broken = any("\n" in cell for cells, _fault in rows for cell in cells[:-1])
    pairs = sum(fault == "pair" for _cells, fault in rows)
    if broken or any(fault == "quote" or (fault and "\n" in cells[-1]) for cells, fault in rows):
        assert read >= written  # the second line of a cell may be a row of its own
    else:
        assert read == written + pairs


def filled(cells: Sequence[str], fault: str) -> Sequence[str]:
    """The cells of ``csv_line``."""
    if fault == "cell lost":
        return cells[:-1]
    return (*cells, "" if fault in {"", "blank before"} else "x")


ONE_LINE = ("title", "release_date", "distributor", "imdb_id")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["", '"', "x\ny"])), max_size=8))
def test_no_line_of_cells_of_one_line_is_hidden(faults: list[tuple[int, str]]) -> None:
    """A mark that is not closed may be closed by that of another row."""
    lines = [";".join(ONE_LINE)]
    for number, (column, fault) in enumerate(faults):
        cells = [f"T{number}", "2026-01-02", f"D{number}", f"tt{number:07}"]
        cells[column] = {"": cells[column], '"': f'"{cells[column]}'}.get(fault, f'"{fault}"')
        lines += ";".join(cells).split("\n")
    candidates = from_csv("\n".join(lines))
    refused = {each.place for each in candidates if each.is_refused}
    kept = {each.place for each in candidates if not each.is_refused}
    assert refused | kept == {f"row {number}" for number in range(2, len(lines) + 1)}
    for number, line in enumerate(lines[1:], 2):
        assert f"row {number}" in refused or line.count(";") == len(ONE_LINE) - 1


@LIMITED
@given(st.lists(st.tuples(*[st.integers(0, 2)] * 4), max_size=8))
def test_rows_merge_only_under_one_title(rows: list[tuple[int, int, int, int]]) -> None:
    titles, kinds = ("Dűne", "DUNE", "Avatár"), ("cinema", "festival", "streaming")
    lines = [
        f"{titles[title]};{id_ or ''};{('', '550', '551')[tmdb]};2026-12-03;{kinds[kind]};"
        for title, id_, tmdb, kind in rows
    ]
    columns = "title;external_id;tmdb_id;release_date;release_type;runtime"
    text = "\n".join([columns, *(f"{line}{n}" for n, line in enumerate(lines, 100))])
    slugs = [slug_of(titles[title]) for title, *_others in rows]
    for candidate in from_csv(text):
        places = (candidate.place, *candidate.merged)
        numbers = [int(place.removeprefix("row ")) - 2 for place in places]
        assert {slugs[number] for number in numbers} == {slug_of(candidate.title)}
        named = {each.place for each in candidate.problems if each.column == "runtime"}
        assert named == set(candidate.merged)  # each row has another runtime


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from(["\ud800", "Dűne", "2026-08-13", "tt0137523"]),
)  # fmt: skip
ITEMS = st.one_of(
    SCALARS,
    st.dictionaries(
        st.sampled_from([*COLUMNS, "Megjegyzés", "\udce9"]),
        st.one_of(SCALARS, st.lists(st.one_of(SCALARS, st.lists(SCALARS, max_size=2)), max_size=3)),
    ),
)


@LIMITED
@given(st.lists(ITEMS, max_size=12))
def test_each_item_of_a_json_list_is_accounted_for(importer: Importer, items: list[Any]) -> None:
    candidates = from_csv(json.dumps(items))
    for plans in (
        list(importer.preview(candidates)),
        [each.plan for each in importer.run(candidates)],
    ):
        assert accounted(plans).sums["read"] == len(items)


@LIMITED
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_any_file_is_read_or_refused_in_one_line(data: bytes) -> None:
    for start in (b"", b"title\n", b"title;runtime\n", b'[{"title":', b"\xff\xfe", b"PK\x03\x04"):
        message = ""
        try:
            from_csv(start + data)
        except ImportRefused as error:
            message = str(error)
        assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "read", "refused"),
    [
        ("lost_rows_no_title.csv", 4, ["row 2", "row 3", "row 4"]),
        ("lost_rows_cells.csv", 4, ["row 2", "row 3", "row 4"]),
        ("lost_row_bad_id.csv", 2, ["row 3"]),
        ("unclosed_quote_last.csv", 3, ["row 2"]),
        ("broken-rows.csv", 7, ["row 3", "row 4", "row 5", "row 6", "row 7", "row 8"]),
        ("cp1250.csv", 3, []),
        ("cp1250_headings.csv", 1, []),
        ("real.xlsx", 1, []),
        ("utf16le_bom.csv", 3, []),
        ("nfd_distributor.csv", 2, []),
    ],
)
def test_rows_of_lists_that_lost_some(
    importer: Importer, name: str, read: int, refused: list[str]
) -> None:
    plans = list(importer.preview(from_csv((LISTS / name).read_bytes())))
    sums = accounted(plans).sums
    assert (sums["read"], sums["refused"]) == (read, len(refused))
    assert [each.candidate.place for each in plans if each.effect is Effect.REFUSED] == refused


def test_line_of_an_open_quotation_mark_is_named() -> None:
    first, *_others = from_csv((LISTS / "unclosed_quote_last.csv").read_bytes())
    assert str(first.problems[0]).startswith("row 2: a quotation mark in line 2 is not closed")
    (later,) = from_csv(b'title;overview\n\n"a";"b\nc"\nd;"e\n')[1:]
    assert str(later.problems[0]).startswith("row 4 (line 5): a quotation mark in line 5 is not")


def test_list_of_windows_with_hungarian_headings_is_read(importer: Importer) -> None:
    data = (LISTS / "vertigo-cp1250.csv").read_bytes()
    with pytest.raises(ImportRefused, match="no column is called title; the first row has Forg"):
        from_csv(data)
    sample = list_sample(data)
    pairs = zip(sample.headings, proposed_columns(sample.headings), strict=True)
    columns = {column: heading for (heading, _own), column in pairs if column}
    options = ListOptions(TODAY, POSTERS.is_allowed_url)
    plans = list(importer.preview(candidates_of(read_table(data, columns), options)))
    assert accounted(plans).sums["read"] == data.count(b"\n") - 1
    assert plans[0].candidate.title == "Az elveszett őrző"


def test_rows_that_merge_are_counted_and_refused_together(importer: Importer) -> None:
    text = (
        "external_id,title,release_date,release_type,distributor,tmdb_id,imdb_id\n"
        "7,Dűne,2026-08-13,cinema,,{ids}\n"
        "7,Dűne,2026-11-13,streaming,Max,{ids}\n"
    )
    (first,) = importer.run(from_csv(text.format(ids=",")))
    assert (first.plan.candidate.rows, accounted([first.plan]).sums["new"]) == (2, 2)
    list(importer.run(from_csv("title,tmdb_id\nA,550\n")))
    (second,) = importer.preview(from_csv(text.format(ids="550,")))
    assert accounted([second]).sums["refused"] == 2
    assert "row 3: refused with row 2" in str(second.problems[-1])


ONE_MOVIE = (
    "Dűne;2026-08-27;cinema;;",
    "Dűne;2026-09-03;festival;550;",
    "Dűne;2026-10-01;streaming;;tt0137523",
)


@pytest.mark.parametrize("rows", list(permutations(ONE_MOVIE)))
@pytest.mark.parametrize("same_kind", [False, True])
def test_rows_of_one_title_are_applied_as_previewed(
    importer: Importer, rows: tuple[str, ...], same_kind: bool
) -> None:
    text = "\n".join(["title;release_date;release_type;tmdb_id;imdb_id", *rows])
    if same_kind:
        text = text.replace("festival", "cinema").replace("streaming", "cinema")
    plans = list(importer.preview(from_csv(text)))
    assert accounted(plans).sums["new"] == (1 if same_kind else 3)
    applied = [importer.apply(each.candidate, each.fingerprint).plan for each in plans]
    assert [each.effect for each in applied] == [each.effect for each in plans]
    again = list(importer.preview(from_csv(text)))
    assert {each.effect for each in again} <= {Effect.SAME, Effect.REFUSED}
    ids = {(each.candidate.tmdb_id, each.candidate.imdb_id) for each in plans}
    assert same_kind or ids == {(550, "tt0137523")}


def test_row_that_may_be_two_movies_is_refused() -> None:
    columns = "title;release_date;release_type;tmdb_id;imdb_id\n"
    movies = "Dűne;2026-08-27;;550;\nDűne;2026-08-27;;551;tt0137523\n"
    for row in ("Dűne;2026-10-01;streaming;;", "Dűne;2026-10-01;streaming;550;tt0137523"):
        first, second, third = from_csv(columns + movies + row)
        assert first.problems == second.problems == ()
        assert "may be the film of any of row 2, row 3" in str(third.problems[0])


def test_rows_of_one_title_with_other_ids_are_other_movies() -> None:
    columns = "title;release_date;external_id;tmdb_id;original_title\n"
    rows = "Dűne;2026-08-27;1;;Dune\nDűne;2026-08-27;2;;Dune\nDűne;2026-08-27;;5;Other\n"
    assert [each.problems for each in from_csv(columns + rows)] == [(), (), ()]
