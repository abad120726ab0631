"""The documents of the API, its errors and its headers."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.former_addresses import id_key, keep_address
from moziweb.movies.models import (
    CreditRole,
    DatePrecision,
    Genre,
    Movie,
    Person,
    Premiere,
    StreamingService,
)
from moziweb.services import services_of
from moziweb.site.api.endpoints import LIST_ENDPOINTS
from tests.conftest import BASE_URL, QueryCounter
from tests.factories import (
    THURSDAY,
    add_genres,
    add_people,
    add_poster,
    add_trailer,
    make_movie,
    make_premiere,
    move_premiere,
    set_distributor,
)
from tests.site.cached import Movies, write

API = "/api/v1"
WEEK = timedelta(weeks=1)


def items(app: TestApp, path: str) -> list[dict[str, Any]]:
    """The items of all blocks of a list."""
    found: list[dict[str, Any]] = []
    url = API + path
    while url:
        document = app.get(url).json
        found += document["items"]
        assert len(found) < 1000
        url = (document["next"] or "").removeprefix(BASE_URL)
    return found


def titles(app: TestApp, path: str) -> list[str]:
    """The titles of the movies of a list of premieres."""
    return [each["movie"]["title"] for each in items(app, path)]


def problem(app: TestApp, path: str, status: int = 400) -> dict[str, Any]:
    """The problem document of a request."""
    response = app.get(API + path, status=status)
    assert response.content_type == "application/problem+json"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    document: dict[str, Any] = response.json
    assert document["status"] == status
    assert {"type", "title", "detail"} <= document.keys()
    return document


@pytest.fixture
def movie(dbsession: Session) -> Movie:
    """A movie with everything, which opens on two days."""
    movie = make_movie(
        dbsession, "Az", original_title="That", synopsis="Hosszú.", synopsis_en="Long.",
        rating="12", imdb_id="tt1", countries=("HU",), languages=("hu",),
    )  # fmt: skip
    add_genres(dbsession, movie, "Vígjáték/Comedy")
    add_people(dbsession, movie, CreditRole.CAST, "Törőcsik Mari/Teréz")
    add_people(dbsession, movie, CreditRole.DIRECTOR, "Tarr Béla")
    set_distributor(dbsession, movie, "Fórum")
    add_trailer(dbsession, movie)
    add_poster(dbsession, movie)
    premiere = make_premiere(dbsession, movie, THURSDAY, formats=("IMAX",), audio="both")
    move_premiere(dbsession, premiere, THURSDAY + WEEK, "eső")
    make_premiere(dbsession, movie, THURSDAY, service="MUBI")
    dbsession.commit()
    return movie


def addresses(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """The addresses in a document, each with the key that it is under."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from addresses(each, name if name in {"urls", "api_url", "next"} else key)
    elif isinstance(value, list):
        for each in value:
            yield from addresses(each, key)
    elif key and value is not None:
        yield key, value


def test_every_address_is_absolute_and_leads_to_a_page(app: TestApp, movie: Movie) -> None:
    person = items(app, "/people")[0]["id"]
    paths = [f"/movies/{movie.id}", f"/people/{person}", "/premieres?limit=1"]
    paths += [f"/{each.name}" for each in LIST_ENDPOINTS]
    found = set()
    for path in paths:
        for key, address in addresses(app.get(API + path).json):
            assert address.startswith(f"{BASE_URL}/"), path
            found.add((key, address.removeprefix(BASE_URL)))
    assert {key for key, _address in found} == {"urls", "api_url", "next"}
    for key, address in found:
        app.get(address, status=200)
        other = f"/en{address}" if not address.startswith("/en/") else address.removeprefix("/en")
        # Pages have both languages. Their slugs are the same.
        assert (key, other) in found or key != "urls", address


def test_every_item_has_an_id_and_its_times(app: TestApp, movie: Movie) -> None:
    for each in LIST_ENDPOINTS:
        (item, *_rest) = items(app, f"/{each.name}")
        if each.name == "changes":
            assert item["movie_id"] == movie.id
            assert item["time"].endswith("Z")
        else:
            assert item["id"]
            assert item["created"] <= item["updated"]
            assert item["updated"].endswith("Z")


def test_premieres_of_days_in_blocks(app: TestApp, dbsession: Session) -> None:
    for shift in range(-2, 5):
        make_premiere(dbsession, make_movie(dbsession, f"{shift}"), THURSDAY + shift * WEEK)
    make_premiere(dbsession, make_movie(dbsession, "0 later"), THURSDAY)
    hidden = make_movie(dbsession, "hidden", published=False)
    make_premiere(dbsession, hidden)
    dbsession.commit()
    path = f"/premieres?from={THURSDAY}&to={THURSDAY + 2 * WEEK}&limit=2"
    assert titles(app, path) == ["0", "0 later", "1", "2"]
    assert titles(app, "/premieres")[0] == "-2"
    assert titles(app, f"/premieres?from={THURSDAY + WEEK}&to={THURSDAY}") == []


def test_premieres_without_a_day_are_listed_at_the_first_one(
    app: TestApp, dbsession: Session
) -> None:
    for precision, day in ((DatePrecision.MONTH, date(2026, 9, 1)), ("year", date(2027, 1, 1))):
        movie = make_movie(dbsession, str(precision))
        make_premiere(dbsession, movie, day, precision=precision)
    dbsession.commit()
    month, year = items(app, "/premieres")
    assert (month["date"], month["precision"]) == ("2026-09", "month")
    assert (year["date"], year["precision"]) == ("2027", "year")
    assert titles(app, "/premieres?from=2026-09-02") == ["year"]


def test_filters(app: TestApp, movie: Movie) -> None:
    for query, number in {
        "genre=vigjatek": 2, "service=mubi": 1, "kind=cinema": 1, "kind=festival": 0,
        "rating=12": 2, "rating=18": 0, "audio=dubbed": 1, "audio=original": 0,
        "format=IMAX": 1, "format=3D": 0,
        "genre=vigjatek&kind=cinema&rating=12&audio=subtitled&format=IMAX": 1,
    }.items():  # fmt: skip
        assert len(items(app, f"/premieres?{query}")) == number, query


def test_premiere(app: TestApp, movie: Movie) -> None:
    streamed, cinema = items(app, "/premieres")
    assert streamed["service"]["slug"] == "mubi"
    assert cinema["service"] is None
    assert (cinema["kind"], cinema["formats"], cinema["audio"]) == ("cinema", ["IMAX"], "both")
    assert cinema["created"] <= cinema["updated"]
    found = cinema["movie"]
    assert (found["id"], found["title"], found["rating"]) == (movie.id, "Az", "12")
    assert found["urls"] == {
        "hu": f"{BASE_URL}/movie/{movie.id}-az",
        "en": f"{BASE_URL}/en/movie/{movie.id}-az",
    }
    assert found["api_url"] == f"{BASE_URL}{API}/movies/{movie.id}"
    assert found["poster"]["webp"]["thumb"].startswith(f"{BASE_URL}/poster/{movie.id}-az.")
    assert [genre["name_en"] for genre in found["genres"]] == ["Comedy"]


def test_movie(app: TestApp, movie: Movie) -> None:
    found = app.get(f"{API}/movies/{movie.id}").json
    assert (found["synopsis"], found["synopsis_en"]) == ("Hosszú.", "Long.")
    assert found["distributor"]["name"] == "Fórum"
    assert found["directors"][0]["name"] == "Tarr Béla"
    actor = found["cast"][0]
    assert (actor["name"], actor["character"]) == ("Törőcsik Mari", "Teréz")
    assert app.get(actor["api_url"].removeprefix(BASE_URL)).json["name"] == "Törőcsik Mari"
    moved = found["premieres"][1]["former_dates"]
    assert [(each["date"], each["reason"]) for each in moved] == [("2026-08-20", "eső")]
    assert found["trailers"][0]["site"] == "YouTube"
    assert found["created"].endswith("Z")


def test_movies_and_people_in_blocks(app: TestApp, dbsession: Session, movie: Movie) -> None:
    ids = [make_movie(dbsession, f"Film {number}").id for number in range(3)]
    make_movie(dbsession, "hidden", published=False)
    alone = make_movie(dbsession, "also hidden", published=False)
    add_people(dbsession, alone, CreditRole.CAST, "Senki")
    dbsession.commit()
    assert [each["id"] for each in items(app, "/movies?limit=1")] == [movie.id, *ids]
    names = [each["name"] for each in items(app, "/people?limit=1")]
    assert sorted(names) == ["Tarr Béla", "Törőcsik Mari"]
    assert [each["name"] for each in items(app, "/distributors")] == ["Fórum"]
    assert [each["slug"] for each in items(app, "/genres")] == ["vigjatek"]
    assert [each["urls"]["en"] for each in items(app, "/services")] == [
        f"{BASE_URL}/en/service/mubi"
    ]


def test_person(app: TestApp, movie: Movie) -> None:
    person = next(each for each in items(app, "/people") if each["name"] == "Tarr Béla")
    found = app.get(f"{API}/people/{person['id']}").json
    (credit,) = found["credits"]
    assert (credit["role"], credit["movie"]["title"]) == ("director", "Az")
    assert found["urls"]["hu"] == f"{BASE_URL}/person/{person['id']}-tarr-bela"


def test_id_of_a_merged_person_redirects(app: TestApp, dbsession: Session, movie: Movie) -> None:
    kept = dbsession.query(Person).filter_by(name="Tarr Béla").one()
    keep_address(dbsession, kept, id_key(900))
    dbsession.commit()
    answer = app.get(f"{API}/people/900", status=301)
    assert answer.location == f"{BASE_URL}{API}/people/{kept.id}"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.follow().json["name"] == "Tarr Béla"
    problem(app, "/people/901", 404)


def test_former_slugs_redirect(app: TestApp, dbsession: Session, movie: Movie) -> None:
    genre, service = dbsession.query(Genre).one(), dbsession.query(StreamingService).one()
    keep_address(dbsession, genre, "regi")
    keep_address(dbsession, service, "indafilm")
    dbsession.commit()
    path = f"{API}/premieres?service=indafilm&limit=1&cursor=1-1&genre=regi"
    answer = app.get(path, status=301)
    query = "service=mubi&limit=1&cursor=1-1&genre=vigjatek"
    assert answer.location == f"{BASE_URL}{API}/premieres?{query}"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    (found,) = answer.follow().json["items"]
    assert found["service"]["slug"] == "mubi"


def test_merge_changes_the_answer_at_the_former_address(cached: TestApp, movies: Movies) -> None:
    """Also that of a former slug, which the cache has refused before."""
    path = f"{API}/premieres?genre=regi"
    problem(cached, "/premieres?genre=regi")
    problem(cached, "/people/900", 404)

    def merge(session: Session) -> None:
        keep_address(session, session.query(Genre).one(), "regi")
        keep_address(session, session.get_one(Person, movies.person), id_key(900))

    write(cached, merge)
    for _ in range(2):
        assert cached.get(path, status=301).location.endswith("?genre=vigjatek")
        answer = cached.get(f"{API}/people/900", status=301)
        assert answer.location.endswith(f"/people/{movies.person}")
    assert answer.headers["X-Cache"] == "hit"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def changes(app: TestApp, query: str = "") -> list[tuple[int, bool]]:
    return [(each["movie_id"], each["removed"]) for each in items(app, f"/changes?{query}")]


def test_changes_are_listed_once_at_their_last_time(app: TestApp, dbsession: Session) -> None:
    first, second, third = (make_movie(dbsession, f"{number}") for number in range(3))
    make_movie(dbsession, "never shown", published=False)
    dbsession.commit()
    last = items(app, "/changes")[-1]["time"]
    write(app, lambda session: add_trailer(session, session.get_one(Movie, first.id)))
    write(app, lambda session: setattr(session.get_one(Movie, second.id), "published", False))
    write(app, lambda session: session.delete(session.get_one(Movie, third.id)))
    everything = [(first.id, False), (second.id, True), (third.id, True)]
    assert changes(app) == changes(app, "limit=1") == everything
    assert items(app, "/changes")[1]["api_url"] is None
    app.get(f"{API}/movies/{second.id}", status=404)
    assert {movie_id for movie_id, _ in changes(app, f"since={last}")} >= {first.id, second.id}
    write(app, lambda session: setattr(session.get_one(Movie, second.id), "published", True))
    assert changes(app) == [(first.id, False), (third.id, True), (second.id, False)]
    later = items(app, "/changes")[-1]["time"]
    assert changes(app, f"since={later}") == [(second.id, False)]


def test_unknown_slug_is_a_problem(app: TestApp, movie: Movie) -> None:
    for name in ("genre", "service"):
        found = problem(app, f"/premieres?{name}=nincs")
        assert found["parameter"] == name
        assert "'nincs'" in found["detail"]
        assert found["type"] == f"{BASE_URL}/en/developers#invalid-value"


def test_unknown_parameter_is_a_problem_on_every_path(app: TestApp, movie: Movie) -> None:
    for path in ("/", "/openapi.json", "/premieres", f"/movies/{movie.id}", "/genres", "/changes"):
        assert problem(app, f"{path}?forras=x")["parameter"] == "forras"


def test_every_error_is_a_problem(app: TestApp) -> None:
    assert problem(app, "/movies/1", 404)["title"] == "Not Found"
    for path in ("/movies/x", "/people/01", "/people/9999999999", "/nincs", "/movies/"):
        problem(app, path, 404)
    problem(app, "/premieres?from=%ff")
    problem(app, "/%ff")
    response = app.post(f"{API}/genres", status=405)
    assert response.content_type == "application/problem+json"
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_other_origins_may_read(app: TestApp) -> None:
    response = app.options(f"{API}/genres?x=1", headers={"Origin": "https://example.org"})
    assert response.status_int == 204
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "If-None-Match" in response.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Origin" not in app.options("/about").headers


def test_root_has_the_addresses_of_all_lists(app: TestApp, movie: Movie) -> None:
    root = app.get(f"{API}/").json
    assert app.get(API, status=301).location == f"{BASE_URL}{API}/"
    for url in (root["openapi"], root["premieres"], *root["documentation"].values()):
        app.get(url.removeprefix(BASE_URL), status=200)


def test_number_of_queries(app: TestApp, movie: Movie, query_counter: QueryCounter) -> None:
    for path, number in {
        "/premieres": 4, "/premieres?genre=vigjatek&service=mubi": 5, "/movies": 3,
        "/people": 1, "/distributors": 1, "/genres": 1, "/services": 1, "/changes": 2,
    }.items():  # fmt: skip
        with query_counter(services_of(app.app.registry).database.engine) as statements:
            app.get(API + path)
        assert len(statements) == number, statements


def test_unchanged_document_is_not_sent_again(cached: TestApp, movies: Movies) -> None:
    path = f"{API}/movies/{movies.here}"
    first = cached.get(path)
    headers = {"If-None-Match": first.headers["ETag"]}
    again = cached.get(path, headers=headers, status=304)
    assert again.headers["Access-Control-Allow-Origin"] == "*"
    assert "ETag" in again.headers["Access-Control-Expose-Headers"]
    write(cached, lambda session: setattr(session.get_one(Movie, movies.here), "runtime", 7))
    assert cached.get(path, headers=headers, status=200).json["runtime"] == 7


def test_last_block_has_no_next_one(cached: TestApp, movies: Movies) -> None:
    path = f"{API}/premieres?kind=cinema&limit=2"
    assert cached.get(path).json["next"]

    def withdraw(session: Session) -> None:
        session.get_one(Movie, movies.ahead).published = False
        for each in session.query(Premiere).where(Premiere.precision == "year"):
            session.delete(each)

    write(cached, withdraw)
    assert cached.get(path).json["next"] is None


def test_hit_does_not_ignore_parameters(cached: TestApp, movies: Movies) -> None:
    for path in (f"/movies/{movies.here}", "/genres", "/premieres"):
        cached.get(API + path)
        assert cached.get(API + path).headers["X-Cache"] in {"hit", "l1"}
        problem(cached, f"{path}?x=1")


def test_errors_from_the_cache_are_problems(cached: TestApp) -> None:
    for _ in range(2):
        problem(cached, "/movies/99999", 404)
    assert cached.get(f"{API}/movies/99999", status=404).headers["X-Cache"] == "hit"
