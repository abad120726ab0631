"""Neighbours in the week, movies of the same directors and genre, and whose pages list them."""

from collections.abc import Iterable
from datetime import date, timedelta

from sqlalchemy.orm import Session

from moziweb.movies.calendar import month_of, week_of
from moziweb.movies.models import CreditRole, DatePrecision, Genre, Movie, Person, Premiere
from moziweb.movies.queries import Listing
from moziweb.movies.related_queries import (
    MAX_RELATED,
    movies_listing,
    movies_of_directors,
    movies_of_genre,
    premiere_days_of,
    week_neighbours,
)
from tests.factories import THURSDAY, add_genres, add_people, make_movie, make_premiere

DAY = timedelta(days=1)


def titles(listings: Iterable[Listing]) -> list[str]:
    return [each.movie.title for each in listings]


def neighbours_of(session: Session, premiere: Premiere) -> tuple[str | None, str | None]:
    movie = session.get_one(Movie, premiere.movie_id)
    found = week_neighbours(session, movie, premiere)
    previous, following = found.previous, found.following
    return (previous.title if previous else None), (following.title if following else None)


def test_neighbours_are_those_of_the_order_of_the_week(dbsession: Session) -> None:
    order = [
        make_premiere(dbsession, make_movie(dbsession, title), THURSDAY + days * DAY)
        for title, days in (("Ábel", 0), ("Béla", 0), ("A nap", 1), ("Cecil", 6))
    ]
    make_premiere(dbsession, make_movie(dbsession, "Előbb"), THURSDAY - DAY)
    make_premiere(dbsession, make_movie(dbsession, "Utóbb"), THURSDAY + 7 * DAY)
    make_premiere(dbsession, make_movie(dbsession, "Rejtett", published=False), THURSDAY)
    month = {"precision": DatePrecision.MONTH}
    make_premiere(dbsession, make_movie(dbsession, "Valamikor"), THURSDAY, **month)
    names = [None, "Ábel", "Béla", "A nap", "Cecil", None]
    found = [neighbours_of(dbsession, premiere) for premiere in order]
    assert found == list(zip(names[:-2], names[2:], strict=True))


def test_movie_is_no_neighbour_of_itself(dbsession: Session) -> None:
    movie, other = make_movie(dbsession, "A"), make_movie(dbsession, "B")
    first = make_premiere(dbsession, movie, THURSDAY)
    make_premiere(dbsession, movie, THURSDAY + DAY, service="MUBI")
    make_premiere(dbsession, other, THURSDAY + 2 * DAY)
    assert neighbours_of(dbsession, first) == (None, "B")


def test_movies_of_the_directors_come_by_their_latest_premiere(dbsession: Session) -> None:
    movie = make_movie(dbsession, "Ez")
    add_people(dbsession, movie, CreditRole.DIRECTOR, "Tarr Béla", "Hranitzky Ágnes")
    for number in range(MAX_RELATED + 1):
        other = make_movie(dbsession, f"{number}")
        name = "Tarr Béla" if number % 2 else "Hranitzky Ágnes"
        add_people(dbsession, other, CreditRole.DIRECTOR, name)
        for days in (0, 100):
            make_premiere(dbsession, other, THURSDAY + number * DAY + days * DAY)
    undated, played = make_movie(dbsession, "Dátum nélkül"), make_movie(dbsession, "Játszott")
    add_people(dbsession, undated, CreditRole.DIRECTOR, "Tarr Béla")
    add_people(dbsession, played, CreditRole.CAST, "Tarr Béla")
    people = [each.id for each in dbsession.query(Person)]
    found = movies_of_directors(dbsession, movie, people)
    assert titles(found) == ["6", "5", "4", "3", "2", "1"]
    assert movies_of_directors(dbsession, movie, []) == ()


def test_movie_with_many_premieres_takes_one_place(dbsession: Session) -> None:
    movie = make_movie(dbsession, "Ez")
    for title, days in (("Sokszor", range(15)), ("Egyszer", [2])):
        other = make_movie(dbsession, title)
        add_people(dbsession, other, CreditRole.DIRECTOR, "Tarr Béla")
        add_genres(dbsession, other, "Dráma")
        for number in days:
            make_premiere(dbsession, other, date(2026, 8, 10) + number * DAY)
    person, drama = dbsession.query(Person).one(), dbsession.query(Genre).one()
    found = movies_of_directors(dbsession, movie, [person.id])
    assert [(each.movie.title, each.day.day) for each in found] == [
        ("Sokszor", 24),
        ("Egyszer", 12),
    ]
    found = movies_of_genre(dbsession, movie, drama.id, date(2026, 8, 11))
    assert [(each.movie.title, each.day.day) for each in found] == [
        ("Sokszor", 11),
        ("Egyszer", 12),
    ]


def test_movies_of_the_genre_are_those_of_the_month(dbsession: Session) -> None:
    movie = make_movie(dbsession, "Ez")
    for title, day, genre in (
        ("Előtte", date(2026, 8, 1), "Dráma"),
        ("Utána", date(2026, 8, 31), "Dráma"),
        ("Aznap", THURSDAY, "Dráma"),
        ("Más műfaj", THURSDAY, "Krimi"),
        ("Más hónap", date(2026, 9, 1), "Dráma"),
    ):
        other = make_movie(dbsession, title)
        add_genres(dbsession, other, genre)
        make_premiere(dbsession, other, day)
    add_genres(dbsession, movie, "Dráma")
    make_premiere(dbsession, movie, THURSDAY)
    drama = dbsession.query(Genre).filter_by(name="Dráma").one()
    found = movies_of_genre(dbsession, movie, drama.id, THURSDAY)
    assert titles(found) == ["Aznap", "Utána", "Előtte"]


def test_pages_that_may_list_a_movie(dbsession: Session) -> None:
    movie, same_month, elsewhere, directed = (make_movie(dbsession, name) for name in "ABCD")
    hidden = make_movie(dbsession, "Rejtett", published=False)
    make_premiere(dbsession, movie, THURSDAY)
    make_premiere(dbsession, same_month, THURSDAY + 7 * DAY)
    make_premiere(dbsession, hidden, THURSDAY)
    make_premiere(dbsession, elsewhere, THURSDAY + 100 * DAY)
    for each in (movie, directed):
        add_people(dbsession, each, CreditRole.DIRECTOR, "Tarr Béla")
    assert premiere_days_of(dbsession, [movie.id, hidden.id]) == {THURSDAY}
    month = month_of(THURSDAY)
    found = movies_listing(dbsession, [movie.id], [month])
    assert [slug for _id, slug in found] == ["a", "b", "d"]
    week = week_of(THURSDAY + 100 * DAY)
    assert [slug for _id, slug in movies_listing(dbsession, [], [week])] == ["c"]
    person = dbsession.query(Person).one()
    assert [slug for _id, slug in movies_listing(dbsession, [], [], [person.id])] == ["a", "d"]
