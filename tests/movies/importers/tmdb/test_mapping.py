"""Candidates of TMDB movies: values, absent fields, and problems."""

import json
import unicodedata
from datetime import UTC, date, datetime
from typing import Any

import pytest

from moziweb.movies.importers.candidate import (
    Candidate,
    GenreFact,
    PersonFact,
    PremiereFact,
    TrailerFact,
    from_json,
    to_json,
)
from moziweb.movies.importers.tmdb.mapping import candidate_of
from tests.movies.importers.tmdb_world import a_movie, catalogue
from tests.services.tmdb_movies import release

FETCHED = datetime(2026, 8, 20, tzinfo=UTC)
IMAGES = "https://image.tmdb.org/t/p/"


def candidate(**changes: Any) -> Candidate:
    return candidate_of(a_movie() | changes, IMAGES, FETCHED)


def test_all_fields_are_converted() -> None:
    movie, found = catalogue(0), candidate(title="Magyar cím")
    assert found.problems == ()
    assert (found.place, found.tmdb_id, found.imdb_id) == ("tmdb 1000", 1000, movie.imdb_id)
    values = dict(found.values)
    assert (values["title"], values["original_title"]) == ("Magyar cím", movie.title)
    assert values["premieres"] == (PremiereFact(date(2026, 9, 3)),)
    assert (values["rating"], values["runtime"]) == ("12", movie.runtime)
    assert values["poster"] == f"{IMAGES}original/poster1000Abc.jpg"
    assert values["synopsis_en"] == f"A synthetic synopsis of {movie.title}."
    assert [person.name for person in values["directors"]] == list(movie.directors)
    assert [person.name for person in values["cast"]] == list(movie.cast)[:12]
    assert values["directors"][0].tmdb_id == 100050
    assert found.years == {2026, movie.released.year}
    assert from_json(to_json(found)) == found


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"overview": ""}, "synopsis"),
        ({"overview": None}, "synopsis"),
        ({"runtime": 0}, "runtime"),
        ({"runtime": None}, "runtime"),
        ({"imdb_id": None}, "imdb_id"),
        ({"imdb_id": ""}, "imdb_id"),
        ({"genres": None}, "genres"),
        ({"credits": {}}, "cast"),
        ({"credits": {"cast": None, "crew": [None]}}, "directors"),
        ({"videos": None}, "trailers"),
        ({"translations": []}, "synopsis_en"),
        ({"release_dates": None}, "premieres"),
        ({"poster_path": None, "images": {"posters": []}}, "poster"),
        ({"spoken_languages": [], "original_language": "xx"}, "languages"),
    ],
)
def test_empty_field_is_absent_without_a_problem(changes: dict[str, Any], field: str) -> None:
    found = candidate(**changes)
    assert field not in found.values
    assert found.problems == ()


@pytest.mark.parametrize(
    ("changes", "column", "field"),
    [
        ({"runtime": -5}, "runtime", "runtime"),
        ({"runtime": "lots"}, "runtime", "runtime"),
        ({"runtime": [1]}, "runtime", "runtime"),
        ({"imdb_id": "nm0000093"}, "imdb_id", "imdb_id"),
        ({"overview": {"hu": "x"}}, "overview", "synopsis"),
        ({"poster_path": "//evil.example/x.jpg"}, "poster_path", "poster"),
        ({"poster_path": "/a.svg"}, "poster_path", "poster"),
        ({"release_date": "soon"}, "release_date", "release_date"),
    ],
)
def test_invalid_field_is_reported_and_the_rest_converted(
    changes: dict[str, Any], column: str, field: str
) -> None:
    found = candidate(**changes)
    (problem,) = found.problems
    assert (problem.place, problem.column, problem.fatal) == ("tmdb 1000", column, False)
    assert field not in found.values
    assert found.values["title"]


def test_movie_without_a_title_is_not_imported() -> None:
    (problem,) = candidate(title="", original_title=None).problems
    assert problem.fatal
    assert candidate(title=None).title == catalogue(0).title


def test_certification_of_another_country_is_reported() -> None:
    movie = a_movie(0, release("2026-09-03", certification="PG-13"))
    found = candidate_of(movie, IMAGES, FETCHED)
    assert "rating" not in found.values
    assert found.problems[0].column == "certification"
    pending = candidate_of(a_movie(0, release("2026-09-03", certification="NR")), IMAGES, FETCHED)
    assert pending.problems == ()


def test_cancelled_movie_has_no_date() -> None:
    found = candidate(status="Canceled")
    assert "premieres" not in found.values
    assert "cancelled" in found.problems[0].english


def test_hungarian_poster_is_preferred_without_a_path() -> None:
    posters = [
        {"file_path": "/en.jpg", "iso_639_1": "en", "vote_average": 9.0},
        {"file_path": "/hu1.jpg", "iso_639_1": "hu", "vote_average": 1.0},
        {"file_path": "/hu2.jpg", "iso_639_1": "hu", "vote_average": 2.0},
    ]
    found = candidate(poster_path=None, images={"posters": posters})
    assert found.values["poster"] == f"{IMAGES}original/hu2.jpg"


def test_no_poster_without_the_base_url_of_images() -> None:
    assert "poster" not in candidate_of(a_movie(), None, FETCHED).values


def test_trailers_are_linkable_and_hungarian_first() -> None:
    def video(key: str, language: str, site: str = "YouTube", kind: str = "Trailer") -> Any:
        return {"key": key, "iso_639_1": language, "site": site, "type": kind, "name": key}

    videos = [
        video("english1", "en"), video("hungary1", "hu"), video("x", "hu"),
        video("clip0001", "hu", kind="Clip"), video("daily001", "hu", site="Dailymotion"),
    ]  # fmt: skip
    assert candidate(videos={"results": videos}).values["trailers"] == (
        TrailerFact("YouTube", "hungary1", "hungary1", "hu"),
        TrailerFact("YouTube", "english1", "english1", "en"),
    )


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-05-01T12:00:00.000Z", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01T12:00:00+02:00", datetime(2026, 5, 1, 10, tzinfo=UTC)),
        ("2026-05-01T12:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        (None, None),
        (7, None),
    ],
)
def test_trailer_has_the_time_of_its_upload(text: Any, time: datetime | None) -> None:
    video = {"key": "hungary1", "site": "YouTube", "type": "Trailer", "published_at": text}
    found = candidate(videos={"results": [video]})
    (trailer,) = found.values["trailers"]
    assert trailer.published_at == time
    assert from_json(to_json(found)).values["trailers"] == (trailer,)


def test_genres_have_the_names_of_the_site() -> None:
    genres = [{"id": 80, "name": "Bűnügyi"}, {"id": 10770, "name": "TV film"}, {"id": None}]
    assert candidate(genres=genres).values["genres"] == (
        GenreFact("Krimi", "Crime"),
        GenreFact("TV film", "TV film"),
    )


def test_person_credited_twice_appears_once() -> None:
    cast = [
        {"id": 7, "name": "Anna", "character": "A", "order": 1},
        {"id": 7, "name": "Anna", "character": "B", "order": 2},
        {"id": 8, "name": "Anna", "character": "\0\n ", "order": 0},
        {"id": 9, "name": None},
    ]
    found = candidate(credits={"cast": cast, "crew": []}).values["cast"]
    assert found == (PersonFact("Anna", "", 8), PersonFact("Anna", "A", 7))


def test_decomposed_texts_are_read_in_nfc() -> None:
    person = {"id": 1, "name": "Törőcsik", "character": "Édua", "job": "Director"}
    texts: dict[str, Any] = {
        "title": "Űrhajó",
        "overview": "Élő.",
        "credits": {"cast": [person], "crew": [person]},
    }
    movie = a_movie(0, release("2026-09-03", note="évforduló")) | texts
    json_text = json.dumps(movie, ensure_ascii=False)
    composed, decomposed = (
        candidate_of(json.loads(unicodedata.normalize(form, json_text)), IMAGES, FETCHED)
        for form in ("NFC", "NFD")
    )
    assert composed.values["title"] == "Űrhajó"
    assert composed.values["premieres"][0].rerelease
    assert decomposed == composed
