"""Blocks of lists: each row once, in the order of the key."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, event, insert, text
from sqlalchemy.orm import Session

from moziweb.movies.block_queries import (
    MovieChange,
    changes_since,
    credits_of,
    distributor_block,
    movie_block,
    people_block,
    premiere_block,
)
from moziweb.movies.filters import PremiereFilter
from moziweb.movies.models import Audio, CreditRole, Movie, Person, RemovedMovie
from tests.factories import (
    THURSDAY,
    add_people,
    make_movie,
    make_premiere,
    named,
    set_distributor,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 8, 20, 12, tzinfo=UTC)


def blocks_of_premieres(session: Session, size: int) -> list[int]:
    """The ids of all premieres, read in blocks."""
    found: list[int] = []
    after: tuple[date, int] | None = None
    while block := premiere_block(session, date.min, date.max, (), after, size):
        for each in block:
            assert each.premiere
            after = each.premiere.date, each.premiere.id
            found.append(each.premiere.id)
    return found


def test_premieres_of_one_day_are_in_several_blocks(dbsession: Session) -> None:
    made = [make_premiere(dbsession, make_movie(dbsession), THURSDAY).id for _ in range(5)]
    earlier = make_premiere(dbsession, make_movie(dbsession), THURSDAY - timedelta(1)).id
    assert blocks_of_premieres(dbsession, 2) == [earlier, *made]
    assert blocks_of_premieres(dbsession, 99) == [earlier, *made]


def test_premieres_are_filtered(dbsession: Session) -> None:
    wanted = make_premiere(dbsession, make_movie(dbsession), audio="both")
    make_premiere(dbsession, make_movie(dbsession), audio="original")
    chosen = PremiereFilter(audio=Audio.DUBBED).conditions
    (found,) = premiere_block(dbsession, THURSDAY, THURSDAY, chosen, None, 9)
    assert found.premiere is wanted


def test_movies_have_no_premiere(dbsession: Session) -> None:
    first, second = make_movie(dbsession), make_movie(dbsession)
    make_movie(dbsession, published=False)
    make_premiere(dbsession, first)
    assert [each.movie for each in movie_block(dbsession, 0, 9)] == [first, second]
    (found,) = movie_block(dbsession, first.id, 9)
    assert (found.movie, found.premiere) == (second, None)


def test_people_and_distributors_have_a_published_movie(dbsession: Session) -> None:
    for title, published in (("shown", True), ("hidden", False)):
        movie = make_movie(dbsession, title, published=published)
        add_people(dbsession, movie, CreditRole.CAST, f"Actor {title}", "Both")
        set_distributor(dbsession, movie, f"Distributor {title}")
    people = people_block(dbsession, 0, 9)
    assert [each.name for each in people] == ["Actor shown", "Both"]
    assert people_block(dbsession, people[0].id, 9) == people[1:]
    assert [each.name for each in distributor_block(dbsession, 0, 9)] == ["Distributor shown"]


def test_role_is_listed_once(dbsession: Session) -> None:
    movie = make_movie(dbsession, "shown")
    add_people(dbsession, movie, CreditRole.CAST, "Tilda/One", "Tilda/Two")
    add_people(dbsession, movie, CreditRole.DIRECTOR, "Tilda")
    add_people(dbsession, make_movie(dbsession, published=False), CreditRole.CAST, "Tilda")
    person = named(dbsession, Person, "Tilda")
    found = credits_of(dbsession, person.id)
    assert [(row.role, row.title) for row in found] == [("cast", "shown"), ("director", "shown")]


def test_changes_are_ordered_by_time(dbsession: Session) -> None:
    times = [EPOCH + timedelta(days=number) for number in range(4)]
    second = make_movie(dbsession, updated_at=times[1])
    first = make_movie(dbsession, updated_at=times[0])
    make_movie(dbsession, updated_at=times[3], published=False)
    dbsession.add(RemovedMovie(movie_id=99, removed_at=times[2]))
    dbsession.flush()
    everything = [
        MovieChange(times[0], first.id, is_removal=False),
        MovieChange(times[1], second.id, is_removal=False),
        MovieChange(times[2], 99, is_removal=True),
    ]
    assert _all_changes(dbsession, EPOCH) == everything
    assert _all_changes(dbsession, times[1]) == everything[1:]


def _all_changes(session: Session, since: datetime) -> Sequence[MovieChange]:
    """All changes, read in blocks of one."""
    found: list[MovieChange] = []
    while block := changes_since(
        session, since, (found[-1].time, found[-1].movie_id) if found else None, 1
    ):
        found += block
    return found


def test_movie_of_a_block_is_that_of_the_session(dbsession: Session) -> None:
    movie = make_movie(dbsession)
    assert isinstance(movie_block(dbsession, 0, 1)[0].movie, Movie)
    assert movie_block(dbsession, movie.id, 1) == ()


def test_changes_are_read_by_time_and_not_from_all_published_movies(dbsession: Session) -> None:
    engine = dbsession.get_bind()
    assert isinstance(engine, Engine)
    movies = [
        {"title": "x", "original_title": "x", "slug": "x",
         "updated_at": NOON - timedelta(minutes=number // 100)}
        for number in range(2_000)
    ]  # fmt: skip
    dbsession.execute(insert(Movie), movies)
    is_sqlite = engine.dialect.name == "sqlite"
    if not is_sqlite:  # SQLite has no statistics in the product either
        dbsession.execute(text("ANALYZE movie"))
    sent: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2:4]))
    first = changes_since(dbsession, NOON - timedelta(days=1), None, 50)
    last = first[-1].time, first[-1].movie_id
    assert len(changes_since(dbsession, NOON - timedelta(days=1), last, 50)) == 50
    for statement, parameters in (sent[0], sent[2]):
        explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
        plan = dbsession.connection().exec_driver_sql(explain + statement, parameters)
        assert "ix_movie_updated_at_movie_id" in " ".join(str(row) for row in plan)
