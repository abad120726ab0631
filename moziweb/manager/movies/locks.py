"""Locks of movies and of the names that they refer to.

One order everywhere: movies by id, then people, genres, distributors and services by id. A save
locks its movie before it refers to a name, so a merge or a deletion must not lock the name first.
Saves and imports lock the names of people that they may add after the movie and before other names
(``movie_rows.lock_new_people``).
Who locks another movie later on may still meet a deadlock: every writer runs its transaction again
(``moziweb.db.retry``).
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from moziweb.movies.models import Movie


def lock_movie(session: Session, movie_id: int) -> None:
    """Locks a movie's row against other writers until the transaction ends; call it before reading.

    It does not write: the version grows with real changes only (``movies.edit_version``), so a save
    without changes causes no conflict. On SQLite a write transaction is exclusive anyway.
    """
    session.execute(select(Movie.id).where(Movie.id == movie_id).with_for_update(key_share=True))


def lock_movies(session: Session, movie_ids: Iterable[int]) -> dict[int, str]:
    """As `lock_movie` for several, also against new parts; returns the slugs of those that exist.

    In the order of ids, so that no two transactions wait for each other.
    """
    query = select(Movie.id, Movie.slug).where(Movie.id.in_(set(movie_ids))).order_by(Movie.id)
    return {row.id: row.slug for row in session.execute(query.with_for_update())}


def lock_with_movies(
    session: Session, model: Any, row_ids: Iterable[int], movie_ids: Select[int]
) -> tuple[dict[int, Any], dict[int, str]]:
    """Locks rows and the movies that refer to them: the rows as they are now, and slugs by id.

    ``movie_ids`` is the query of the movies. Nothing can refer to a locked row, so no other movie
    does from then on.
    """
    movies = lock_movies(session, session.scalars(movie_ids))
    query = select(model).where(model.id.in_(set(row_ids))).order_by(model.id).with_for_update()
    locked = session.scalars(query.execution_options(populate_existing=True))
    rows = {row.id: row for row in locked}
    # Again: what other transactions have written until then.
    found = set(session.scalars(movie_ids))
    movies |= lock_movies(session, found - movies.keys())
    return rows, {each: movies[each] for each in sorted(found & movies.keys())}
