"""Columns whose index SQLite does not use."""

from typing import Any

from sqlalchemy import Engine, Select, create_engine, make_url, select, text

from moziweb.db.planner_hints import NoIndex
from moziweb.movies.models import Movie

QUERY = select(Movie.title).where(NoIndex(Movie.id).in_([1, 2])).order_by(Movie.slug)


def sql_of(query: Select[Any], url: str) -> str:
    dialect = make_url(url).get_dialect()()
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def test_only_sqlite_gets_a_plus() -> None:
    assert "WHERE +movie.id IN" in sql_of(QUERY, "sqlite://")
    assert "WHERE movie.id IN" in sql_of(QUERY, "postgresql+psycopg://")


def plan_of(engine: Engine, query: str) -> str:
    with engine.connect() as connection:
        return str(connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).all())


def test_sqlite_does_not_search_by_the_column() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE movie (id INTEGER PRIMARY KEY, title TEXT)"))
    assert "SEARCH" in plan_of(engine, "SELECT title FROM movie WHERE id IN (1, 2)")
    hinted = select(text("title")).select_from(Movie).where(NoIndex(Movie.id).in_([1, 2]))
    assert "SCAN" in plan_of(engine, sql_of(hinted, "sqlite://"))
    engine.dispose()


def test_values_are_those_of_the_column() -> None:
    assert NoIndex(Movie.id).type is Movie.__table__.c.id.type
