"""The lists of genres and of streaming services."""

from sqlalchemy.orm import Session
from webtest import TestApp

from tests.factories import add_genres, make_movie, make_premiere


def test_genres_are_in_the_order_of_their_names(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession)
    add_genres(dbsession, movie, "Vígjáték/Comedy", "Állatfilm/Wildlife")
    dbsession.commit()
    page = app.get("/genres").text
    assert page.index("Állatfilm") < page.index("Vígjáték")
    page = app.get("/en/genres").text
    assert page.index("Comedy") < page.index("Wildlife")
    assert 'href="/en/genre/vigjatek"' in page


def test_services_link_to_their_pages(app: TestApp, dbsession: Session) -> None:
    assert 'href="/service/' not in app.get("/services").text
    make_premiere(dbsession, make_movie(dbsession), service="MUBI")
    dbsession.commit()
    assert 'href="/service/mubi"' in app.get("/services").text
