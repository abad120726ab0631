"""The search of the movie list: people, distributors, ids, pasted addresses, slips."""

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.manager.movies.list_page import MovieListPage, page_of_movies
from moziweb.manager.movies.list_query import Filter, ListQuery, Sort
from moziweb.manager.movies.list_search import Search
from moziweb.manager.movies.queries import distributors_by_name
from moziweb.movies.models import CreditRole, Person
from tests import factories

from .test_list_page import CONTEXT

Find = Callable[..., MovieListPage]


@pytest.fixture
def find(dbsession: Session) -> Find:
    """Searches among three movies, one of them not on the site."""
    matrix = factories.make_movie(
        dbsession, "Mátrix", original_title="The Matrix", imdb_id="tt0133093", tmdb_id=603
    )
    factories.set_distributor(dbsession, matrix, "Fórum Hungary")
    factories.add_people(dbsession, matrix, CreditRole.CAST, "Keanu Reeves/Neo")
    other = factories.make_movie(dbsession, "Árvíztűrő tükörfúrógép", published=False)
    factories.add_people(dbsession, other, CreditRole.DIRECTOR, "Nagy Márta")
    factories.make_movie(dbsession, "Avatar")
    dbsession.commit()

    def page(text: str, **query: object) -> MovieListPage:
        named = Search.of(text, distributors_by_name(dbsession)).distributors
        return page_of_movies(dbsession, ListQuery(text, named=named, **query), CONTEXT)  # type: ignore[arg-type]

    return page


def titles(page: MovieListPage) -> list[str]:
    return [row.movie.title for row in page.rows]


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize(
    "text",
    [
        "keanu",
        "REEVES mátrix",
        "forum hungary",
        "603",
        "tt0133093",
        "TT0133093",
        "https://www.imdb.com/title/tt0133093/?ref_=nv_sr_srsg_0",
        "https://m.imdb.com/title/tt0133093",
        "imdb.com/hu/title/tt0133093/",
        "https://www.themoviedb.org/movie/603-the-matrix?language=hu-HU",
        "themoviedb.org/movie/603",
    ],
)
def test_movie_is_found_by_what_names_it(find: Find, text: str, sort: Sort) -> None:
    found = find(text, sort=sort)
    assert titles(found) == ["Mátrix"]
    assert not found.similar


@pytest.mark.parametrize(
    "text",
    [
        "nm0000206", "NM0000206", "https://www.imdb.com/name/nm0000206/?ref_=x",
        "https://www.themoviedb.org/person/6384-keanu-reeves", "/person/{}-keanu-reeves",
        "https://mozi.example/manager/names/person/{}",
    ],
)  # fmt: skip
def test_movies_of_a_person_are_found_by_what_names_them(
    find: Find, dbsession: Session, text: str
) -> None:
    person = dbsession.scalars(select(Person).where(Person.name == "Keanu Reeves")).one()
    person.imdb_id, person.tmdb_id = "nm0000206", 6384
    dbsession.commit()
    assert titles(find(text.format(person.id))) == ["Mátrix"]
    assert not find("nm0000207").rows


def test_movie_is_found_by_its_own_addresses(find: Find) -> None:
    (row,) = find("mátrix").rows
    for path in ("/movie/{}-matrix", "/en/movie/{}-matrix", "/manager/movies/{}"):
        address = "https://mozi.example" + path.format(row.movie.id)
        assert titles(find(address)) == ["Mátrix"], address


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("arvizturo tukorfurogpe", "Árvíztűrő tükörfúrógép"),
        ("keanu reevse", "Mátrix"),
        ("nagy marat", "Árvíztűrő tükörfúrógép"),
        ("avtaar", "Avatar"),
    ],
)
def test_slips_find_what_is_spelled_alike(find: Find, text: str, found: str) -> None:
    page = find(text)
    assert page.similar
    assert titles(page)[0] == found


def test_slips_keep_the_filter(find: Find) -> None:
    assert titles(find("arvizturo tukorfurogpe", filter=Filter.UNPUBLISHED))
    assert titles(find("avtaar", filter=Filter.UNPUBLISHED)) == []


@pytest.mark.parametrize("text", ["tt9999999", "999999", "https://www.imdb.com/title/tt1/", "%_"])
def test_unknown_id_has_no_similar_movies(find: Find, text: str) -> None:
    assert titles(find(text)) == []


def test_filter_of_a_distributor_holds_with_every_sort(find: Find, dbsession: Session) -> None:
    ((number, _name),) = distributors_by_name(dbsession)
    for sort in Sort:
        assert titles(find("", sort=sort, distributor=number)) == ["Mátrix"], sort
        assert titles(find("", sort=sort, distributor=number + 1)) == [], sort
        assert titles(find("avatar", sort=sort, distributor=number)) == [], sort
