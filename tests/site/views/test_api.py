"""The JSON API."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.models import CreditRole, Person
from tests.conftest import BASE_URL
from tests.factories import (
    THURSDAY,
    add_genres,
    add_people,
    add_poster,
    add_trailer,
    make_movie,
    make_premiere,
    named,
    set_distributor,
)


def test_movie_payload(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, "Az", original_title="That", imdb_id="tt1", synopsis="Hosszú.")
    named(dbsession, Person, "Törőcsik Mari", imdb_id="nm1")
    add_people(dbsession, movie, CreditRole.CAST, "Törőcsik Mari/Teréz", "Latinovits Zoltán")
    add_people(dbsession, movie, CreditRole.DIRECTOR, "Tarr Béla")
    add_trailer(dbsession, movie, "abc")
    add_genres(dbsession, movie, "Vígjáték/Comedy")
    set_distributor(dbsession, movie, "Fórum")
    source = add_poster(dbsession, movie)
    make_premiere(dbsession, movie, service="MUBI")
    dbsession.commit()

    response = app.get(f"/api/movie/{movie.id}")
    assert response.content_type == "application/json"
    poster = f"{BASE_URL}/poster/{movie.id}-az.{source.id}"
    assert response.json == {
        "id": movie.id,
        "url": f"{BASE_URL}/movie/{movie.id}-az",
        "api_url": f"{BASE_URL}/api/movie/{movie.id}",
        "title": "Az",
        "original_title": "That",
        "slug": "az",
        "imdb_id": "tt1",
        "tmdb_id": None,
        "runtime": 110,
        "rating": None,
        "genres": [{"slug": "vigjatek", "name": "Vígjáték", "name_en": "Comedy"}],
        "poster": {
            "full": f"{poster}.jpg",
            "thumb": f"{poster}.thumb.jpg",
            "small": f"{poster}.small.jpg",
            "blur": f"{poster}.blur.jpg",
            "webp": {
                "full": f"{poster}.webp",
                "thumb": f"{poster}.thumb.webp",
                "small": f"{poster}.small.webp",
                "blur": f"{poster}.blur.webp",
            },
        },
        "synopsis": "Hosszú.",
        "synopsis_en": "",
        "distributor": "Fórum",
        "countries": [],
        "languages": [],
        "directors": [{"name": "Tarr Béla", "imdb_id": None}],
        "actors": [
            {"name": "Törőcsik Mari", "imdb_id": "nm1", "character": "Teréz"},
            {"name": "Latinovits Zoltán", "imdb_id": None, "character": ""},
        ],
        "premieres": [
            {
                "kind": "streaming",
                "service": "MUBI",
                "date": "2026-08-20",
                "precision": "day",
                "formats": [],
                "audio": None,
                "rerelease": False,
                "cancelled": False,
            }
        ],
        "trailers": [
            {
                "site": "YouTube",
                "video_id": "abc",
                "name": "Előzetes",
                "language": "hu",
                "url": "https://www.youtube.com/watch?v=abc",
            }
        ],
    }


def test_main_has_the_premieres_of_the_index(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, "Ma")
    set_distributor(dbsession, movie, "Fórum")
    make_premiere(dbsession, movie, formats=("2D",), cancelled_at=datetime(2026, 8, 1, tzinfo=UTC))
    undated = make_movie(dbsession, "Egyszer")
    dbsession.commit()

    response = app.get("/api/main/")
    assert response.content_type == "application/json"
    assert response.json["date"] == "2026-08-20"
    first, second = response.json["premieres"]
    assert (first["section"], second["section"]) == ("this-week", "undated")
    assert first["movie"]["title"] == "Ma"
    assert first["movie"]["distributor"] == "Fórum"
    assert first["premiere"]["date"] == THURSDAY.isoformat()
    assert first["premiere"]["cancelled"] is True
    assert second["movie"]["id"] == undated.id
    assert second["movie"]["poster"] is None
    assert second["premiere"] is None


def test_main_has_each_movie_once_with_the_keys_of_other_clients(
    app: TestApp, dbsession: Session
) -> None:
    movie = make_movie(dbsession, "Ma", original_title="Now", synopsis="Sok.", imdb_id="tt1")
    add_genres(dbsession, movie, "Vígjáték/Comedy")
    source = add_poster(dbsession, movie)
    make_premiere(dbsession, movie, service="MUBI")
    make_premiere(dbsession, movie)
    undated = make_movie(dbsession, "Egyszer")
    dbsession.commit()
    first, second = app.get("/api/main/").json["data"]["on_show"]
    assert first == {
        "id": movie.id,
        "hu_title": "Ma",
        "original_title": "Now",
        "raw_genres": ["Vígjáték"],
        "poster_thumb": f"{BASE_URL}/poster/{movie.id}-ma.{source.id}.thumb.jpg",
        "hu_release": "2026-08-20",
        "hu_plot": "Sok.",
        "imdb_id": "tt1",
    }
    assert (second["id"], second["hu_release"]) == (undated.id, None)
    assert second["poster_thumb"] is None


def test_unpublished_movie_is_not_returned(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, published=False)
    make_premiere(dbsession, movie)
    dbsession.commit()
    assert app.get("/api/main/").json["premieres"] == []
    app.get(f"/api/movie/{movie.id}", status=404)


@pytest.mark.parametrize(
    "path",
    ["/api/movie/1", "/api/movie/x", "/api/movie/%00", "/api/movie/99999999999999999999", "/api/x"],
)
def test_unknown_url_is_json_404(app: TestApp, path: str) -> None:
    response = app.get(path, status=404)
    assert response.content_type == "application/json"
    assert response.json == {"error": {"code": 404, "message": "Not Found"}}


def test_movie_redirects_with_a_slash(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession)
    dbsession.commit()
    response = app.get(f"/api/movie/{movie.id}/", status=301)
    assert response.location == f"{BASE_URL}/api/movie/{movie.id}"


def test_main_redirects_without_slash(app: TestApp) -> None:
    assert app.get("/api/main", status=301).location == f"{BASE_URL}/api/main/"
