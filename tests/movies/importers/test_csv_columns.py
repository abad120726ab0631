"""The cells of each column, and the reports of invalid ones."""

import unicodedata
from datetime import date

import pytest

from moziweb.movies.importers.candidate import (
    Candidate,
    GenreFact,
    PremiereFact,
    TrailerFact,
    from_json,
    to_json,
)
from moziweb.movies.models import DatePrecision, PremiereKind
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
