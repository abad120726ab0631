"""The URLs of facets."""

from sqlalchemy import select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.facet_queries import BLOCK
from moziweb.movies.models import CreditRole, Genre, Movie
from moziweb.site.page_cache.facet_urls import facet_urls, facets_of_tags
from moziweb.site.page_cache.url_inventory import UrlInventory
from tests.factories import (
    THURSDAY,
    add_genres,
    add_people,
    make_movie,
    make_premiere,
    set_distributor,
)
from tests.site.cached import CACHED, site, write


def test_every_block_of_a_facet_has_a_url_that_exists(app: TestApp, dbsession: Session) -> None:
    for number in range(BLOCK + 1):
        movie = make_movie(dbsession, f"{number}")
        add_genres(dbsession, movie, "Dráma")
        make_premiere(dbsession, movie)
    dbsession.commit()
    urls = UrlInventory.of(app.app.registry).urls
    genre = dbsession.scalars(select(Genre)).one()
    found = list(facet_urls(dbsession, urls, genre, THURSDAY))
    assert found[:2] == ["/genre/drama", "/en/genre/drama"]
    assert len(found) == 4
    for path in found:
        app.get(path)


def test_inventory_has_every_facet(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession)
    add_genres(dbsession, movie, "Dráma")
    add_people(dbsession, movie, CreditRole.CAST, "Valaki")
    set_distributor(dbsession, movie, "Fórum")
    make_premiere(dbsession, movie, service="MUBI")
    dbsession.commit()
    paths = [url.path for url in UrlInventory.of(app.app.registry)]
    for kind in ("genre", "person", "distributor", "service", "year"):
        found = {each for each in paths if each.startswith(f"/{kind}/")}
        (path,) = {each for each in found if not each.endswith(".ics")}
        app.get(path)
    for path in ("/calendar?genre=drama", "/en/premieres.atom?service=mubi"):
        assert path in paths
        app.get(path, status=200)
    (calendar,) = {each for each in paths if each.startswith("/person/") and each.endswith(".ics")}
    app.get(calendar, status=200)


def test_facets_of_list_tags(dbsession: Session) -> None:
    add_genres(dbsession, make_movie(dbsession), "Dráma")
    genre = dbsession.scalars(select(Genre)).one()
    tags = [f"list:genre:{genre.id}", "list:person:9", f"genre:{genre.id}", "list:news", "movie:1"]
    assert list(facets_of_tags(dbsession, tags)) == [genre]


def test_person_who_was_not_found_appears(settings: dict[str, str], dbsession: Session) -> None:
    """Also for a movie that was published before."""
    movie = make_movie(dbsession)
    dbsession.commit()
    with site(settings | CACHED) as app:
        for path in ("/person/1", "/distributor/1"):
            app.get(path, status=404)
            assert app.get(path, status=404).headers["X-Cache"] == "hit"

        def credit(session: Session) -> None:
            same = session.get_one(Movie, movie.id)
            add_people(session, same, CreditRole.CAST, "Valaki")
            set_distributor(session, same, "Fórum")

        write(app, credit)
        for path in ("/person/1", "/distributor/1"):
            app.get(path, status=301)
