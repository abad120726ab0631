"""The cells of each column, and the reports of invalid ones."""

import unicodedata
from datetime import date
from functools import partial

import pytest

from moziweb.movies.importers import values
from moziweb.movies.importers.candidate import (
    Candidate,
    GenreFact,
    PremiereFact,
    TrailerFact,
    from_json,
    to_json,
)
from moziweb.movies.importers.dates import is_date_format
from moziweb.movies.importers.problems import ImportRefused, InvalidValue
from moziweb.movies.models import DatePrecision, PremiereKind
from tests.hostile_ids import MALFORMED_IDS
from tests.measured import cpu_limit, number_of_calls
from tests.movies.importers.conftest import from_csv

WHOLE = """\
external_id;title;original_title;release_date;date_precision;release_type;distributor;rating;\
runtime;genres;formats;languages;poster_url;trailer_url;imdb_id;tmdb_id;overview
F-1;Dűne: Harmadik rész;Dune: Part Three;2026.12.17.;;cinema;InterCom;12;165;Sci-Fi|Kaland;\
2D|imax;angol|fr;https://example.com/p.jpg;https://youtu.be/dQw4w9WgXcQ;tt31378509;1170608;Paul.
"""


def test_every_column_is_read() -> None:
    (candidate,) = from_csv(WHOLE)
    assert candidate.problems == ()
    assert (candidate.ref, candidate.place, set(candidate.years)) == ("F-1", "row 2", {2026})
    premiere = PremiereFact(date(2026, 12, 17), formats=("2D", "IMAX"))
    assert dict(candidate.values) == {
        "title": "Dűne: Harmadik rész",
        "original_title": "Dune: Part Three",
        "distributor": "InterCom",
        "rating": "12",
        "runtime": 165,
        "genres": (GenreFact("Sci-fi", "Sci-Fi"), GenreFact("Kaland", "Adventure")),
        "languages": ("en", "fr"),
        "trailers": (TrailerFact("YouTube", "dQw4w9WgXcQ"),),
        "imdb_id": "tt31378509",
        "tmdb_id": 1170608,
        "synopsis": "Paul.",
        "poster": "https://example.com/p.jpg",
        "premieres": (premiere,),
    }


def test_candidate_survives_json() -> None:
    (candidate,) = from_csv(WHOLE + "F-2;;;2026.13.01;;;;;;;;;;;;;\n")[:1]
    restored = from_json(to_json(candidate))
    assert restored == candidate
    assert restored.values == candidate.values


def one(columns: str, cells: str) -> Candidate:
    (candidate,) = from_csv(f"title;{columns}\nDűne;{cells}\n")
    return candidate


@pytest.mark.parametrize(
    ("cells", "day", "precision"),
    [
        ("2026-08-13;", "2026-08-13", DatePrecision.DAY),
        ("2026.08.13.;", "2026-08-13", DatePrecision.DAY),
        ("2026. 8. 13;", "2026-08-13", DatePrecision.DAY),
        ("2026-08;", "2026-08-01", DatePrecision.MONTH),
        ("2026.08.;", "2026-08-01", DatePrecision.MONTH),
        ("2026;", "2026-01-01", DatePrecision.YEAR),
        ("2026-01-01;", "2026-01-01", DatePrecision.YEAR),
        ("2026-01-01;day", "2026-01-01", DatePrecision.DAY),
        ("2026-08-13;month", "2026-08-01", DatePrecision.MONTH),
    ],
)
def test_dates_and_their_precision(cells: str, day: str, precision: DatePrecision) -> None:
    (premiere,) = one("release_date;date_precision", cells).values["premieres"]
    assert premiere == PremiereFact(date.fromisoformat(day), precision)


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("release_date", "Jun 12 1998", "not a date such as"),
        ("release_date", "2026-02-30", "no such day"),
        ("release_date", "2062-08-13", "more than 10 years ahead"),
        ("release_date", "1026-08-13", "outside the calendar"),
        ("release_type", "kino", "not one of cinema"),
        ("date_precision", "week", "not one of day"),
        ("rating", "PG-13", "not one of KN, 6, 12, 16, 18, X, NR"),
        ("runtime", "0", "not between 1 and 1000"),
        ("runtime", "2h 5m", "not a whole number"),
        ("formats", "4DX|3D", "not one of 2D, 3D, IMAX"),
        ("languages", "klingonul", "unknown language"),
        ("poster_url", "javascript:alert(1)", "not a URL that an image"),
        ("poster_url", "/poster.jpg", "not a URL that an image"),
        ("poster_url", "https://example.com:22/p.jpg", "not a URL that an image"),
        ("poster_url", "https://[example.com/p.jpg", "not a URL that an image"),
        ("trailer_url", "https://[youtu.be/dQw4w9WgXcQ", "neither YouTube nor Vimeo"),
        ("trailer_url", "https://evil.example/v", "neither YouTube nor Vimeo"),
        ("trailer_url", "https://youtu.be/<script>", "not a video id"),
        ("distributor", "x" * 121, "longer than 120"),
    ],
)
def test_invalid_cell_is_reported_and_the_rest_imported(
    column: str, cell: str, message: str
) -> None:
    candidate = one(column, cell)
    (problem,) = candidate.problems
    assert (problem.place, problem.column, problem.fatal) == ("row 2", column, False)
    assert message in problem.english
    assert set(candidate.values) == {"title"}


@pytest.mark.parametrize(
    ("column", "cell"),
    [("imdb_id", "nm0000093"), ("tmdb_id", "99999999999"), ("external_id", "x" * 201)],
)
def test_row_with_an_invalid_id_is_not_imported(column: str, cell: str) -> None:
    (problem,) = one(column, cell).problems
    assert (problem.column, problem.fatal) == (column, True)


def test_tmdb_id_has_the_form_of_all_ids() -> None:
    assert values.tmdb_id("550") == values.tmdb_id("550.0") == 550  # as spreadsheets write it
    for text in MALFORMED_IDS:
        if text != "1.0":
            with pytest.raises(InvalidValue, match="not a TMDB id"):
                values.tmdb_id(text)


@pytest.mark.parametrize(
    "pattern", ["%Y", "%b %d %Y", "%d/%m/%y", "%Y-%m-%dT%H:%M:%S%z", "%j. %Y", "%%%Y", "x"]
)
def test_date_formats_of_strptime_are_known(pattern: str) -> None:
    assert is_date_format(pattern)


@pytest.mark.parametrize("pattern", ["%Y %Y", "%", "%q", "%-d", "%G-%V", "%Y\0", "\ud800", "%s"])
def test_malformed_date_format_is_refused_in_one_line(pattern: str) -> None:
    with pytest.raises(ImportRefused, match="not a date format of strptime") as refused:
        from_csv("title;release_date\nDűne;2026-08-13\n", date_format=pattern)
    str(refused.value).encode()


def test_too_long_name_of_a_list_is_refused() -> None:
    from_csv("title\na\n", name="x" * 36)
    with pytest.raises(ImportRefused, match="the name of the list is too long"):
        from_csv("title\na\n", name="x" * 37)


def test_title_of_control_characters_is_missing() -> None:
    (problem,) = from_csv("title\n\x07\n")[0].problems
    assert str(problem).startswith("row 2, title: missing")


def test_too_long_service_is_reported() -> None:
    cells = f"2026-08-13;streaming;{'x' * 61}"
    (problem,) = one("release_date;release_type;distributor", cells).problems
    assert "distributor: longer than 60" in str(problem)


def test_precision_finer_than_the_date_is_reported() -> None:
    (problem,) = one("release_date;date_precision", "2026-08;day").problems
    assert problem.column == "date_precision"


def test_pending_rating_is_no_problem_and_no_value() -> None:
    candidate = one("rating", "NR")
    assert candidate.problems == ()
    assert "rating" not in candidate.values


def test_control_characters_are_dropped() -> None:
    candidate = one("overview", '"a\x00\x1bb\u2028c"')
    assert candidate.values["synopsis"] == "ab\u2028c"


def test_distributor_of_a_streaming_premiere_is_the_service() -> None:
    candidate = one("release_date;release_type;distributor", "2026-08-13;streaming;Netflix")
    day = date(2026, 8, 13)
    assert candidate.values["premieres"] == (
        PremiereFact(day, kind=PremiereKind.STREAMING, service="Netflix"),
    )
    assert "distributor" not in candidate.values


def test_rows_of_one_movie_with_other_premieres_are_merged() -> None:
    (candidate,) = from_csv(
        "external_id,title,release_date,release_type,distributor\n"
        "7,Dűne,2026-08-13,cinema,InterCom\n"
        "7,Dűne,2026-11-13,streaming,Max\n"
    )
    kinds = [premiere.kind for premiere in candidate.values["premieres"]]
    assert kinds == [PremiereKind.CINEMA, PremiereKind.STREAMING]


def test_duplicate_row_is_reported() -> None:
    first, second, third = from_csv(
        "title;release_date\nHamupipőke;2026-03-05\nHamupipőke;2026-10-01\nHamupipőke;2027-10-01\n"
    )
    assert first.problems == third.problems == ()
    assert "the same film as row 2" in str(second.problems[0])
    assert second.problems[0].fatal


def test_decomposed_row_is_read_as_the_composed_one() -> None:
    text = """\
title;release_date;release_type;languages;poster_url
Fórum;2026. szeptémber 3;fesztivál;észt;https://example.com/é.jpg
"""
    (composed,) = from_csv(text, date_format="%Y. szeptémber %d")
    assert composed.years == {2026}
    decomposed, pattern = (
        unicodedata.normalize("NFD", each) for each in (text, "%Y. szeptémber %d")
    )
    (found,) = from_csv(decomposed, date_format=pattern)
    poster = unicodedata.normalize("NFD", "https://example.com/é.jpg")  # another URL
    assert found.problems == ()
    assert dict(found.values) == {**composed.values, "poster": poster}


def test_row_with_the_id_of_another_title_is_refused() -> None:
    """The second title was lost without a problem."""
    first, second = from_csv(
        "title;external_id;release_date;release_type\n"
        "Film One;7;2026-12-03;cinema\n"
        "Totally Other;7;2026-12-24;streaming\n"
    )
    assert (first.problems, first.merged) == ((), ())
    (problem,) = second.problems
    assert (problem.place, problem.column, problem.fatal) == ("row 3", "title", True)
    assert "the same id as row 2, but another title: 'Totally Other'" in str(problem)


@pytest.mark.parametrize(("one", "other"), [("!!!", "???"), ("…", "!")])
def test_titles_without_letters_are_compared_as_they_are(one: str, other: str) -> None:
    found = from_csv(
        f"title;release_date;release_type\n{one};2026-12-03;\n{other};2026-12-24;streaming\n"
    )
    assert [each.is_refused for each in found] == [False, True]


@pytest.mark.parametrize(("column", "one", "other"), [
    ("imdb_id", "tt0137523", "tt0137524"), ("tmdb_id", "550", "551"),
])  # fmt: skip
def test_row_with_the_id_of_another_row_and_a_second_id_is_refused(
    column: str, one: str, other: str
) -> None:
    first, second = from_csv(
        f"title;external_id;release_date;release_type;{column}\n"
        f"Dűne;7;2026-12-03;cinema;{one}\n"
        f"Dűne;7;2026-12-24;streaming;{other}\n"
    )
    assert first.problems == ()
    assert f"row 3, {column}: the same id as row 2, but another" in str(second.problems[0])
    assert second.is_refused


def test_row_with_a_second_external_id_of_a_movie_is_refused() -> None:
    first, second = from_csv(
        "title;external_id;release_date;release_type;tmdb_id\n"
        "Dűne;7;2026-12-03;cinema;550\n"
        "Dűne;8;2026-12-24;streaming;550\n"
    )
    assert first.problems == ()
    assert "row 3, external_id: the same id as row 2, but another" in str(second.problems[0])


def test_values_that_differ_in_rows_of_one_movie_are_reported() -> None:
    columns = [*WHOLE.splitlines()[0].split(";")]
    one = dict(zip(columns, WHOLE.splitlines()[1].split(";"), strict=True))
    other = one | {
        "title": "DŰNE harmadik rész", "original_title": "Dune 3", "release_type": "festival",
        "distributor": "Fórum", "rating": "16", "runtime": "100", "genres": "Sci-Fi",
        "languages": "fr", "poster_url": "https://example.com/q.jpg",
        "trailer_url": "https://youtu.be/dQw4w9WgXcR", "overview": "Chani.", "formats": "2D",
    }  # fmt: skip
    rows = [";".join(columns), ";".join(one.values()), ";".join(other.values())]
    (candidate,) = from_csv("\n".join(rows))
    (alone,) = from_csv("\n".join(rows[:2]))
    assert not candidate.is_refused
    assert candidate.merged == ("row 3",)
    assert dict(candidate.values) | {"premieres": alone.values["premieres"]} == alone.values
    assert {each.place for each in candidate.problems} == {"row 3"}
    expected = set(other) - {
        "external_id", "imdb_id", "tmdb_id", "release_date", "date_precision", "release_type",
        "formats",
    }  # fmt: skip
    assert {each.column for each in candidate.problems} == expected
    (runtime,) = (each for each in candidate.problems if each.column == "runtime")
    assert str(runtime) == "row 3, runtime: '100' is not imported; row 2 has '165'"


@pytest.mark.parametrize(
    ("column", "member"),
    [("genres", "Sci-fi"), ("formats", "2D"), ("languages", "hu"),
     ("trailer_url", "https://youtu.be/dQw4w9WgXcQ")],
)  # fmt: skip
def test_cell_has_at_most_50_members(column: str, member: str) -> None:
    assert one(column, "|".join([member] * 50)).problems == ()
    (problem,) = one(column, "|".join([member] * 51)).problems
    assert (problem.column, problem.fatal) == (column, False)
    assert "more than 50 members" in problem.english


def test_large_cells_of_genres_are_not_parsed() -> None:
    cell = "|".join(["Sci-fi"] * 600)
    text = "title;genres\n" + "".join(f"film {n};{cell}\n" for n in range(1000))
    with cpu_limit(2):
        assert all(len(each.problems) == 1 for each in from_csv(text))


def test_work_for_rows_of_one_title_is_not_quadratic() -> None:
    texts = [
        "title;external_id\n" + "".join(f"Dűne;{n}\n" for n in range(rows)) for rows in (150, 600)
    ]
    few, many = (number_of_calls(partial(from_csv, text)) for text in texts)
    assert many < 5 * few
    assert not any(each.problems for each in from_csv(texts[-1]))
