"""Tags of the places of movies in a week, and of the movies of a genre in a month."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session, selectinload

from moziweb.cache import CacheEvents, InvalidationTracker, StampStore, kind_of, pending_tags
from moziweb.cache.stores.memory import MemoryAtomicStore
from moziweb.caching import DECLARATIONS, OUTBOX
from moziweb.db import Database
from moziweb.movies import tag_declarations  # noqa: F401 - declares the tags
from moziweb.movies.calendar import month_of, week_of
from moziweb.movies.models import DatePrecision, Genre, Movie, MovieGenre, Premiere
from moziweb.movies.related_tags import with_related
from moziweb.movies.tags import beside_tag, genre_month_tag, place_tag
from tests.factories import THURSDAY, add_genres, make_movie, make_premiere

WEEK = week_of(THURSDAY)
DAY = timedelta(days=1)
RELATED = frozenset({"beside", "place", "genre-month"})

Change = Callable[[Session], object]


@pytest.fixture
def database(database: Database) -> Database:
    """Its sessions collect tags."""
    stamps = StampStore(MemoryAtomicStore(), 3600)
    database.watch(InvalidationTracker(DECLARATIONS, OUTBOX, stamps, CacheEvents()).watch)
    return database


@pytest.fixture
def ids(database: Database) -> dict[str, int]:
    """The movies of a week, by title: five on its first day. C has a genre, X is a draft."""
    with database.write() as session:
        movies = {title: make_movie(session, title, published=title != "X") for title in "ACEGIX"}
        for movie in movies.values():
            make_premiere(session, movie, THURSDAY)
        add_genres(session, movies["C"], "Dráma/Drama")
        session.flush()
        return {title: movie.id for title, movie in movies.items()}


def recorded(database: Database, change: Change) -> frozenset[str]:
    """The tags that a transaction adds to the outbox."""
    with database.write() as session:
        change(session)
        session.flush()
        return DECLARATIONS.resolved(session.connection(), pending_tags(session))


def expanded(database: Database, tags: frozenset[str]) -> frozenset[str]:
    """The published ones of neighbours and genres, looked up now."""
    found = DECLARATIONS.expansions.expanded_on(database.engine, tags)
    return frozenset(each for each in found if kind_of(each) in RELATED)


def published(database: Database, change: Change) -> frozenset[str]:
    """The tags of neighbours and genres that a transaction publishes."""
    return expanded(database, recorded(database, change))


def beside(ids: dict[str, int], titles: str) -> set[str]:
    return {beside_tag(ids[title]) for title in titles}


def retitled(movie_id: int, title: str) -> Change:
    def change(session: Session) -> None:
        session.get_one(Movie, movie_id).title = title

    return change


def moved(movie_id: int, days: int) -> Change:
    def change(session: Session) -> None:
        premiere = session.scalars(select(Premiere).where(Premiere.movie_id == movie_id)).one()
        premiere.date = THURSDAY + days * DAY

    return change


def shown(movie_id: int, published: bool) -> Change:
    def change(session: Session) -> None:
        session.get_one(Movie, movie_id).published = published

    return change


def test_title_makes_stale_the_pages_on_both_sides_of_its_new_place(
    database: Database, ids: dict[str, int]
) -> None:
    """Those that link it have the tag of its names."""
    assert published(database, retitled(ids["A"], "F")) == beside(ids, "EG")
    assert published(database, retitled(ids["A"], "Z")) == beside(ids, "I")
    assert published(database, retitled(ids["A"], "Zz")) == beside(ids, "I")


def test_date_leaves_a_place_and_comes_to_another_one(
    database: Database, ids: dict[str, int]
) -> None:
    """C has a genre."""
    month = genre_month_tag(genre_of(database), month_of(THURSDAY))
    left = place_tag(ids["C"], WEEK)
    assert published(database, moved(ids["C"], 1)) == {left, month, *beside(ids, "I")}
    following = place_tag(ids["C"], WEEK.next)
    assert published(database, moved(ids["C"], 7)) == {left, following, month}
    assert published(database, moved(ids["C"], 0)) == {left, following, month, *beside(ids, "AE")}


def genre_of(database: Database) -> int:
    with database.read() as session:
        return session.scalars(select(Genre.id)).one()


def test_publication_and_withdrawal(database: Database, ids: dict[str, int]) -> None:
    place = place_tag(ids["X"], WEEK)
    assert published(database, shown(ids["X"], True)) == {place, *beside(ids, "I")}
    assert published(database, shown(ids["X"], False)) == {place}


def test_new_and_deleted_premieres_and_movies(database: Database, ids: dict[str, int]) -> None:
    def create(session: Session) -> None:
        make_premiere(session, make_movie(session, "D", id=1000), THURSDAY)

    def delete(session: Session) -> None:
        parts = selectinload(Movie.premieres).selectinload(Premiere.changes)
        session.delete(session.get_one(Movie, 1000, options=[parts]))

    def announce(session: Session) -> None:
        make_premiere(session, session.get_one(Movie, 1000), THURSDAY + DAY)

    def delete_premiere(session: Session) -> None:
        later = select(Premiere).where(Premiere.movie_id == 1000, Premiere.date > THURSDAY)
        session.delete(session.scalars(later.options(selectinload(Premiere.changes))).one())

    place = place_tag(1000, WEEK)
    assert published(database, create) == {place, *beside(ids, "CE")}
    assert published(database, announce) == {place, *beside(ids, "I")}
    assert published(database, delete_premiere) == {place}
    assert published(database, delete) == {place}


def test_what_is_in_no_week_has_no_place(database: Database, ids: dict[str, int]) -> None:
    def announce(session: Session) -> None:
        for precision in (DatePrecision.MONTH, DatePrecision.YEAR):
            day = precision.first_day(THURSDAY)
            make_premiere(session, session.get_one(Movie, ids["C"]), day, precision=precision)

    assert published(database, announce) == set()


def test_change_of_a_draft_publishes_nothing(database: Database, ids: dict[str, int]) -> None:
    for change in (retitled(ids["X"], "B"), moved(ids["X"], 1)):
        assert published(database, change) == set()


def test_genre_makes_stale_the_months_of_its_movies(
    database: Database, ids: dict[str, int]
) -> None:
    """Those of the genre that a movie gets or loses, and of all of its genres if it moves."""
    drama, month = genre_of(database), month_of(THURSDAY)

    def add(session: Session) -> None:
        session.add(MovieGenre(movie_id=ids["E"], genre_id=drama))

    def move_and_remove(session: Session) -> None:
        moved(ids["E"], 40)(session)
        session.delete(session.get_one(MovieGenre, (ids["E"], drama)))

    assert published(database, add) == {genre_month_tag(drama, month)}
    other = genre_month_tag(drama, month_of(THURSDAY + 40 * DAY))
    assert published(database, move_and_remove) >= {genre_month_tag(drama, month), other}
    assert published(database, retitled(ids["C"], "Cc")) == beside(ids, "AG")


def test_place_that_is_not_found_any_more_makes_the_whole_week_stale(
    database: Database, ids: dict[str, int]
) -> None:
    """Bb came between A and C, then Ba between A and Bb, and left again.

    The sides of Bb were looked up while Ba was there, those of Ba after it has left.
    """
    tags = {}
    for number, title in enumerate(("Bb", "Ba"), 1000):

        def create(session: Session, number: int = number, title: str = title) -> None:
            make_premiere(session, make_movie(session, title, id=number), THURSDAY)

        tags[title] = recorded(database, create)
    early = expanded(database, tags["Bb"])
    assert early >= {beside_tag(1001), *beside(ids, "C")}
    assert beside_tag(ids["A"]) not in early
    recorded(database, moved(1001, 70))
    assert expanded(database, tags["Ba"]) >= {beside_tag(1000), *beside(ids, "ACEGI")}
    assert beside_tag(ids["E"]) not in expanded(database, tags["Bb"])
    for change in (retitled(1000, "Bz"), shown(1000, False)):
        recorded(database, change)
        assert expanded(database, tags["Bb"]) >= beside(ids, "ACEGI")


def test_queries_do_not_grow_with_the_movies_of_a_transaction(
    database: Database, ids: dict[str, int]
) -> None:
    """Two for all changes of a transaction, one after it."""
    statements: list[str] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def count(_c: object, _cursor: object, statement: str, *_: object) -> None:
        statements.extend([statement] if statement.startswith("SELECT") else [])

    def queries(titles: str) -> tuple[int, int]:
        with database.write() as session:
            for title in titles:
                retitled(ids[title], f"{title}{len(titles)}")(session)
                moved(ids[title], len(titles))(session)
            session.flush()
            collected = pending_tags(session)
            statements.clear()
            related = with_related(session.connection(), map(unconditional, collected), ())
            tags = frozenset(each for each in related if kind_of(each) == "beside-place")
            within = len(statements)
        statements.clear()
        assert expanded(database, tags)
        return within, len(statements)

    assert queries("A") == queries("CEGI") == (2, 1)


def unconditional(name: str) -> str:
    """A tag without its condition that the movie is shown."""
    return name.split(":", 2)[2] if name.startswith("if-shown:") else name
