"""Removals of movies, for clients that keep copies."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.movies import tag_declarations  # noqa: F401 - it listens to changes
from moziweb.movies.models import RemovedMovie
from tests.factories import make_movie


def removed(session: Session) -> Sequence[int]:
    session.commit()
    query = select(RemovedMovie.movie_id).order_by(RemovedMovie.movie_id)
    return session.scalars(query).all()


def test_withdrawn_movie_is_removed_until_it_is_published_again(dbsession: Session) -> None:
    movie = make_movie(dbsession)
    assert removed(dbsession) == []
    movie.published = False
    assert removed(dbsession) == [movie.id]
    movie.title = "Más"
    assert removed(dbsession) == [movie.id]
    movie.published = True
    assert removed(dbsession) == []


def test_deleted_movie_is_removed(dbsession: Session) -> None:
    movie = make_movie(dbsession)
    movie_id = movie.id
    dbsession.commit()
    dbsession.delete(movie)
    assert removed(dbsession) == [movie_id]


def test_movie_that_was_never_published_is_not_removed(dbsession: Session) -> None:
    movie = make_movie(dbsession, published=False)
    dbsession.commit()
    dbsession.delete(movie)
    assert removed(dbsession) == []


def test_withdrawn_movie_stays_removed_when_it_is_deleted(dbsession: Session) -> None:
    movie = make_movie(dbsession)
    movie.published = False
    assert removed(dbsession) == [movie.id]
    dbsession.delete(movie)
    assert removed(dbsession) == [movie.id]


def test_movie_that_comes_back_is_not_removed(dbsession: Session) -> None:
    for _ in range(2):
        movie = make_movie(dbsession, id=7)
        assert removed(dbsession) == []
        dbsession.delete(movie)
        assert removed(dbsession) == [7]
