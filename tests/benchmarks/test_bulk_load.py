"""Loaded rows: the schema and the tables that triggers keep are as if they were inserted."""

from sqlalchemy import insert, select, text

from benchmarks.bulk_load import Progress, bulk_load
from moziweb.db import Database
from moziweb.db.text_index import contains_part
from moziweb.movies.models import UNANNOUNCED, Movie, Premiere, PremiereKind
from moziweb.posters.models import POSTERLESS, PosterSource, SourceKind
from tests.factories import THURSDAY, make_movie

TABLES = ("movie", "premiere", "poster_source")

SCHEMAS = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger')",
    "postgresql": "SELECT indexdef FROM pg_indexes UNION ALL"
    " SELECT tgname FROM pg_trigger WHERE tgenabled = 'O' AND NOT tgisinternal",
}


def schema_of(database: Database) -> set[str]:
    """The indexes and triggers."""
    with database.read() as session:
        return set(session.scalars(text(SCHEMAS[database.engine.dialect.name])))


def test_load_ends_with_the_rows_of_triggers_and_the_same_schema(database: Database) -> None:
    with database.write() as session:
        first = make_movie(session, "Egy").id
    before = schema_of(database)
    url = database.engine.url.render_as_string(hide_password=False)
    database.engine.dispose()
    bare, announced, chosen, offered = range(first + 1, first + 5)
    movies = [
        {"id": movie, "title": f"Betöltött {movie}", "original_title": "Loaded", "slug": "loaded"}
        for movie in (bare, announced, chosen, offered)
    ]
    sources = [
        {"movie_id": movie, "kind": SourceKind.URL, "url": "https://example.com/p.jpg",
         "chosen": movie == chosen}
        for movie in (chosen, offered)
    ]  # fmt: skip
    premieres = [{"movie_id": announced, "date": THURSDAY, "kind": PremiereKind.CINEMA}]
    with bulk_load(url, TABLES, Progress()) as connection:
        connection.execute(insert(Movie), movies)
        connection.execute(insert(PosterSource), sources)
        connection.execute(insert(Premiere), premieres)

    assert schema_of(database) == before
    with database.write() as session:
        last = offered + 1
        session.execute(insert(Movie), [{**movies[0], "id": last, "title": "Az utolsó"}])
        assert set(session.scalars(select(UNANNOUNCED))) == {first, bare, chosen, offered, last}
        assert set(session.scalars(select(POSTERLESS))) == {first, bare, announced, offered, last}
        found = session.scalars(select(Movie.id).where(contains_part(Movie.search_text, "betolt")))
        assert set(found) == {bare, announced, chosen, offered}
