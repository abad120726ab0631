from contextlib import nullcontext
from datetime import timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.db.paging import block_after, keyset_pages, keyset_rows
from moziweb.movies.models import Movie, Premiere
from tests import factories
from tests.conftest import QueryCounter


def movie_query(dbsession: Session, count: int) -> Select[int, str]:
    """A query of ``count`` movies, whose keys are not in the order of their titles."""
    for number in range(count):
        factories.make_movie(dbsession, f"Film {count - number}")
    dbsession.commit()
    return select(Movie.id, Movie.title)


def test_pages_hold_every_row_once_in_the_order_of_the_key(
    database: Database, dbsession: Session, query_counter: QueryCounter
) -> None:
    query = movie_query(dbsession, 7)
    with query_counter(database.engine) as statements:
        pages = list(keyset_pages(database.read, query, 3))
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [title for page in pages for _, title in page] == [f"Film {n}" for n in range(7, 0, -1)]
    assert len(statements) == len(pages) + 1


def test_empty_result_has_no_page(database: Database) -> None:
    assert list(keyset_pages(database.read, select(Movie.id), 3)) == []


def test_no_connection_is_held_between_pages(database: Database, dbsession: Session) -> None:
    rows = keyset_rows(database.read, movie_query(dbsession, 4), 2)
    next(rows)
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert len(list(rows)) == 3


def test_one_session_can_read_all_pages(dbsession: Session) -> None:
    query = movie_query(dbsession, 4)
    assert len(list(keyset_rows(lambda: nullcontext(dbsession), query, 3))) == 4


def test_block_begins_after_a_key_of_several_columns(dbsession: Session) -> None:
    first_day = factories.THURSDAY
    days = [first_day, first_day, first_day + timedelta(1)]
    movie = factories.make_movie(dbsession)
    made = [factories.make_premiere(dbsession, movie, day) for day in days]
    order = Premiere.date, Premiere.id
    first = dbsession.scalars(block_after(select(Premiere), order, None, 2)).all()
    assert first == made[:2]
    after = made[0].date, made[0].id
    assert dbsession.scalars(block_after(select(Premiere), order, after, 9)).all() == made[1:]
