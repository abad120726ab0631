"""The selection of Hungarian dates."""

from datetime import date
from typing import Any

import pytest

from moziweb.movies.importers.candidate import PremiereFact
from moziweb.movies.importers.tmdb.dates import hungarian_releases
from moziweb.movies.models import DatePrecision, PremiereKind
from tests.services.tmdb_movies import release


def of(*entries: dict[str, Any], country: str = "HU") -> Any:
    return hungarian_releases(
        {"results": [{"iso_3166_1": country, "release_dates": list(entries)}]}
    )


def days(*entries: dict[str, Any]) -> list[tuple[str, PremiereKind]]:
    return [(fact.date.isoformat(), fact.kind) for fact in of(*entries).premieres]


def test_theatrical_precedes_limited_and_festival() -> None:
    festival, limited, cinema = (
        release("2026-05-01", 1, note="Titanic Filmfesztivál"),
        release("2026-08-27", 2),
        release("2026-09-03", 3),
    )
    assert days(festival, limited, cinema) == [("2026-09-03", PremiereKind.CINEMA)]
    assert days(festival, limited) == [("2026-08-27", PremiereKind.LIMITED)]
    (fact,) = of(festival).premieres
    assert (fact.kind, fact.note) == (PremiereKind.FESTIVAL, "Titanic Filmfesztivál")
    assert days(*[release("2026-09-03", kind) for kind in (4, 5, 6)]) == []


def test_note_fits_its_column() -> None:
    (fact,) = of(release("2026-05-01", 1, note=" a\0\n b" + "x" * 400)).premieres
    assert fact.note == "a b" + "x" * 297


def test_date_of_another_country_is_ignored() -> None:
    assert of(release("2026-09-03"), country="US").premieres == ()


def test_real_sample_has_a_premiere_and_a_rerelease() -> None:
    found = of(release("2000-01-27", 3, "18"), release("2015-06-18", 3, note="Re-release"))
    assert found.premieres == (
        PremiereFact(date(2000, 1, 27)),
        PremiereFact(date(2015, 6, 18), rerelease=True),
    )
    assert found.certifications == ("18",)


def test_time_zone_does_not_move_a_date() -> None:
    entry = release("2026-09-03") | {"release_date": "2026-09-03T23:30:00.000-08:00"}
    assert days(entry) == [("2026-09-03", PremiereKind.CINEMA)]


def test_first_of_january_means_a_year() -> None:
    (fact,) = of(release("2027-01-01")).premieres
    assert fact.precision is DatePrecision.YEAR


def test_second_date_in_the_same_year_is_not_a_premiere() -> None:
    assert days(release("2026-09-01", note="Preview"), release("2026-09-03")) == [
        ("2026-09-01", PremiereKind.CINEMA)
    ]


@pytest.mark.parametrize(
    "malformed", [None, [], "x", {"results": None}, {"results": [None, 7, {"iso_3166_1": "HU"}]}]
)
def test_malformed_release_dates_have_no_premieres(malformed: Any) -> None:
    assert hungarian_releases(malformed).premieres == ()


def test_invalid_date_is_reported_and_the_others_are_used() -> None:
    found = of(
        release("2026-09-03") | {"release_date": ""},
        release("2026-09-03") | {"release_date": None},
        release("2026-10-01"),
    )
    assert len(found.errors) == 2
    assert [fact.date for fact in found.premieres] == [date(2026, 10, 1)]
