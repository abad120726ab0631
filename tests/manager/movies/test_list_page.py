"""The list of movies: search, filters, sort orders, paging, and number of queries."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from itertools import chain, cycle, product
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, insert, select, text
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.manager.auth.accounts import all_users
from moziweb.manager.auth.models import Role, User
from moziweb.manager.movies.list_page import MOVIES_PER_PAGE, page_of_movies
from moziweb.manager.movies.list_query import Filter, FilterContext, ListQuery, Sort
from moziweb.manager.movies.queries import form_choices
from moziweb.movies.models import (
    DatePrecision,
    Distributor,
    FieldProvenance,
    Genre,
    Movie,
    Premiere,
    Rating,
    StreamingService,
)
from moziweb.posters.models import POSTERLESS, PosterSource, SourceState
from moziweb.services import services_of
from tests import factories
from tests.catalogue import add_movies
from tests.conftest import NOW, counted_queries
from tests.manager.conftest import BOTH

CONTEXT = FilterContext(date(2026, 8, 20), NOW - timedelta(days=30))


def titles(session: Session, **query: object) -> list[str]:
    return [row.movie.title for row in page_of_movies(session, ListQuery(**query), CONTEXT).rows]  # type: ignore[arg-type]


def walk(session: Session, query: ListQuery) -> Iterator[list[int]]:
    """The ids of each page, from the first to the last."""
    while True:
        page = page_of_movies(session, query, CONTEXT)
        yield [row.movie.id for row in page.rows]
        if not page.next:
            return
        query = ListQuery(query.text, query.filter, query.sort, after=page.next)


def walk_back(session: Session, query: ListQuery) -> Iterator[list[int]]:
    page = page_of_movies(session, query, CONTEXT)
    while page.next:
        page = page_of_movies(session, ListQuery(sort=query.sort, after=page.next), CONTEXT)
    yield [row.movie.id for row in page.rows]
    while page.previous:
        page = page_of_movies(session, ListQuery(sort=query.sort, before=page.previous), CONTEXT)
        yield [row.movie.id for row in page.rows]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("igeret", ["Az Ígéret földje"]),
        ("ÍGÉRET", ["Az Ígéret földje"]),
        ("foldje az", ["Az Ígéret földje"]),
        ("promised", ["Az Ígéret földje"]),
        ("arvizturo tukorfurogep", ["Árvíztűrő tükörfúrógép"]),
        ("tt1234567", ["Árvíztűrő tükörfúrógép"]),
        ("100", ["100%"]),
        ("nincs ilyen", []),
    ],
)
def test_search_folds_accents(dbsession: Session, text: str, found: list[str]) -> None:
    factories.make_movie(dbsession, "Az Ígéret földje", original_title="The Promised Land")
    factories.make_movie(dbsession, "Árvíztűrő tükörfúrógép", imdb_id="tt1234567")
    factories.make_movie(dbsession, "100%")
    dbsession.commit()
    assert titles(dbsession, text=text) == found


def test_number_is_searched_as_an_id_too(dbsession: Session) -> None:
    movie = factories.make_movie(dbsession, "Valami")
    factories.make_movie(dbsession, f"{movie.id} másodperc")
    assert set(titles(dbsession, text=str(movie.id))) == {"Valami", f"{movie.id} másodperc"}


def test_the_search_follows_the_title(dbsession: Session) -> None:
    import_module("moziweb.movies.edit_version")  # as the application does
    movie = factories.make_movie(dbsession, "Régi")
    movie.title = "Új"
    dbsession.flush()
    assert titles(dbsession, text="uj") == ["Új"]


def test_each_filter(dbsession: Session) -> None:
    def movie(title: str, day: date | None = date(2020, 1, 2), **values: object) -> Movie:
        given: dict[str, object] = {"synopsis": "Valaki elindul.", "rating": Rating.KN, **values}
        made = factories.make_movie(dbsession, title, **given)
        if day:
            factories.make_premiere(dbsession, made, day)
        if title != "plakátlan":
            state = SourceState.FAILED if title == "hibás" else SourceState.READY
            width = 779 if title == "kicsi" else 780
            factories.add_poster(dbsession, made, state=state, width=width)
        return made

    movie("e heti", date(2026, 8, 26))
    movie("jövő heti", date(2026, 8, 27))
    movie("kicsi")
    movie("szótlan", synopsis="")
    movie("besorolatlan", rating=None)
    movie("plakátlan")
    movie("hibás")
    movie("dátumtalan", None)
    factories.make_premiere(
        dbsession, movie("havi", None), date(2026, 8, 1), precision=DatePrecision.MONTH
    )
    movie("rejtett", published=False)
    for title, source, days in (("régi", "tmdb", 31), ("friss", "csv", 29), ("kézi", "hand", 99)):
        when = NOW - timedelta(days=days)
        row = FieldProvenance(
            movie_id=movie(title).id, field="title", source=source, fetched_at=when
        )
        dbsession.add(row)
    dbsession.flush()
    assert {each: set(titles(dbsession, filter=each)) for each in Filter if each} == {
        Filter.THIS_WEEK: {"e heti"},
        Filter.NEXT_WEEK: {"jövő heti"},
        Filter.SMALL_POSTER: {"kicsi"},
        Filter.NO_SYNOPSIS: {"szótlan"},
        Filter.NO_RATING: {"besorolatlan"},
        Filter.NO_POSTER: {"plakátlan"},
        Filter.FAILED: {"hibás"},
        Filter.NO_DATE: {"dátumtalan", "havi"},
        Filter.STALE: {"régi"},
        Filter.UNPUBLISHED: {"rejtett"},
    }


def test_movies_without_a_poster_are_found_however_it_was_lost(dbsession: Session) -> None:
    """Triggers of the database keep the list."""
    names = ("unchosen", "deleted", "moved", "left", "never", "gone")
    made = {name: factories.make_movie(dbsession, name) for name in names}
    posters = {
        name: factories.add_poster(dbsession, movie)
        for name, movie in made.items()
        if name != "never"
    }
    assert titles(dbsession, filter=Filter.NO_POSTER) == ["never"]
    posters["unchosen"].chosen = False
    posters["moved"].movie_id = made["never"].id
    posters["left"].state = SourceState.FAILED
    dbsession.flush()
    dbsession.execute(delete(PosterSource).where(PosterSource.id == posters["deleted"].id))
    dbsession.execute(delete(Movie).where(Movie.id == made["gone"].id))
    assert set(titles(dbsession, filter=Filter.NO_POSTER)) == {"unchosen", "deleted", "moved"}
    posters["unchosen"].chosen = True
    dbsession.flush()
    assert set(titles(dbsession, filter=Filter.NO_POSTER)) == {"deleted", "moved"}
    listed = {made[name].id for name in ("deleted", "moved")}
    assert set(dbsession.scalars(select(POSTERLESS))) == listed


def many(session: Session, count: int) -> None:
    """Adds movies with equal titles, equal times, no date, or two dates."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    session.execute(
        insert(Movie),
        [
            {
                "id": number, "title": f"Film {number // 3}", "original_title": f"Movie {number}",
                "slug": f"film-{number // 3}",
                "updated_at": moment + timedelta(minutes=number // 4),
            }
            for number in range(1, count + 1)
        ],
    )  # fmt: skip
    day = date(2020, 1, 2)
    session.execute(
        insert(Premiere),
        [
            {
                "movie_id": number,
                "kind": "cinema",
                "date": day + timedelta(days=number // 5 + years),
            }
            for number in range(1, count + 1)
            if number % 7
            for years in ((0, 400) if number % 11 == 0 else (0,))
        ],
    )
    session.commit()


@pytest.mark.parametrize("sort", list(Sort))
def test_pages_hold_every_movie_once_both_ways(dbsession: Session, sort: Sort) -> None:
    many(dbsession, 4 * MOVIES_PER_PAGE + 3)
    forwards = list(walk(dbsession, ListQuery(sort=sort)))
    assert [len(page) for page in forwards] == [MOVIES_PER_PAGE] * 4 + [3]
    flat = [number for page in forwards for number in page]
    assert sorted(flat) == list(range(1, 4 * MOVIES_PER_PAGE + 4))
    backwards = [
        each for page in reversed(list(walk_back(dbsession, ListQuery(sort=sort)))) for each in page
    ]
    assert backwards == flat
    rows = {movie.id: movie for movie in dbsession.scalars(select(Movie))}
    if sort is Sort.TITLE:
        assert flat == sorted(flat, key=lambda number: (rows[number].sort_key, number))
    if sort is Sort.CHANGED:
        assert flat == sorted(flat, key=lambda number: (rows[number].updated_at, number))[::-1]
    if sort is Sort.DATE:
        assert all(number % 7 == 0 for number in flat[-29:])


def test_choices_and_users_are_in_hungarian_order(dbsession: Session) -> None:
    names = ["Zsarnok", "Zene", "Csoda", "Cukor", "Ősz", "Óra", "Az", "Ázsia", "Asztal"]
    for number, name in enumerate(names):
        factories.named(dbsession, Distributor, name)
        factories.named(dbsession, StreamingService, name, slug=str(number))
        factories.named(dbsession, Genre, name, slug=str(number), name_en=f"{number}")
        dbsession.add(User(name=name, role=Role.EDITOR, password_hash="", created_at=NOW))
    dbsession.flush()
    ordered = ["Asztal", "Az", "Ázsia", "Cukor", "Csoda", "Óra", "Ősz", "Zene", "Zsarnok"]
    choices = form_choices(dbsession, "hu")
    assert list(choices.genres.values()) == ordered
    assert list(choices.distributors) == list(choices.services) == ordered
    assert [user.name for user in all_users(dbsession)] == ordered


def test_titles_are_in_hungarian_order(dbsession: Session) -> None:
    """Over the edge of a page, which a title of 300 characters ends, both ways."""
    last = "Csoda " * 50
    for title in ("Zsarnok", "Zene", last, "Cukor", "Ősz", "Óra", "Orr", "Ázsia", "Az", "Asztal"):
        factories.make_movie(dbsession, title[:300])
    for number in range(MOVIES_PER_PAGE - 5):
        factories.make_movie(dbsession, f"1{number:03}")
    dbsession.commit()
    forwards = list(walk(dbsession, ListQuery(sort=Sort.TITLE)))
    backwards = list(walk_back(dbsession, ListQuery(sort=Sort.TITLE)))
    names = [dbsession.get_one(Movie, each).title[:7].strip() for page in forwards for each in page]
    assert names[MOVIES_PER_PAGE - 5 :] == [
        "Asztal", "Az", "Ázsia", "Cukor", "Csoda C", "Óra", "Orr", "Ősz", "Zene", "Zsarnok"
    ]  # fmt: skip
    assert [len(page) for page in forwards] == [MOVIES_PER_PAGE, 5]
    assert list(chain(*reversed(backwards))) == list(chain(*forwards))


def test_added_movie_does_not_shift_pages(dbsession: Session) -> None:
    many(dbsession, 2 * MOVIES_PER_PAGE)
    page = page_of_movies(dbsession, ListQuery(), CONTEXT)
    factories.make_movie(dbsession, "Éppen most", id=100_000)
    after = page_of_movies(dbsession, ListQuery(after=page.next), CONTEXT)
    assert len(after.rows) == MOVIES_PER_PAGE
    assert not {row.movie.id for row in page.rows} & {row.movie.id for row in after.rows}


def test_the_latest_changes_are_read_from_an_index_if_all_have_one_time(
    dbsession: Session,
) -> None:
    """Otherwise PostgreSQL reads and sorts all movies that were changed at that time."""
    count = 3_000
    movies = [
        {"title": f"Film {number}", "original_title": "x", "slug": "x", "updated_at": NOW}
        for number in range(count)
    ]
    dbsession.execute(insert(Movie), movies)
    engine = dbsession.get_bind()
    assert isinstance(engine, Engine)
    is_sqlite = engine.dialect.name == "sqlite"
    dbsession.execute(text("ANALYZE" if is_sqlite else "ANALYZE movie"))
    sent: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2:4]))
    first = page_of_movies(dbsession, ListQuery(), CONTEXT)
    lists = [sent[0]]
    sent.clear()
    second = page_of_movies(dbsession, ListQuery(after=first.next), CONTEXT)
    lists.append(sent[0])
    ids = [row.movie.id for row in (*first.rows, *second.rows)]
    assert ids == list(range(ids[0], ids[0] - 2 * MOVIES_PER_PAGE, -1))
    for statement, parameters in lists:
        explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
        plan = dbsession.connection().exec_driver_sql(explain + statement, parameters)
        lines = " ".join(str(row) for row in plan)
        assert "ix_movie_updated_at_movie_id" in lines


@BOTH
def test_every_list_needs_at_most_five_queries(site: TestApp, admin: TestApp) -> None:
    """For any number of movies: ``benchmarks.manager`` counts queries and time with 6,000."""
    database = services_of(site.app.registry).database
    with database.write() as session:
        add_movies(session, 600, NOW)
    paths = ["/manager", "/manager/audit", "/manager/users", "/manager/imports", "/manager/account"]
    searches = cycle(("the", "", "tt0033117"))
    for sort, show in product(Sort, Filter):
        paths.append(f"/manager/movies?sort={sort}&show={show}&q={next(searches)}")
    paths.append("/manager/movies?sort=title&after=t~s~1")
    paths.append("/manager/movies?sort=date&after=d~1955-01-01~1")  # into those without dates
    for path in paths:
        with counted_queries(database.engine) as statements:
            page = admin.get(path, status=200)
        assert len(statements) <= 5, path
    assert "nincs dátum" in page.text
