"""Parts of texts are found by trigram indexes, which follow every write."""

from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, insert, select, text, update
from sqlalchemy.orm import Session

from moziweb.db.text_index import among_first_with_part, contains_part, number_with_part
from moziweb.movies.models import Movie, Person
from moziweb.movies.queries import IS_PUBLISHED
from tests.factories import make_movie


def found(session: Session, part: str) -> list[str]:
    query = select(Movie.search_text).where(contains_part(Movie.search_text, part))
    return sorted(session.scalars(query))


@pytest.fixture
def titles(dbsession: Session) -> Session:
    for title in ("Avatar", "Az avar", "50_50", "Tavasz a", "A tér"):
        make_movie(dbsession, title)
    dbsession.commit()
    return dbsession


@pytest.mark.parametrize(
    ("part", "texts"),
    [
        ("ava", ["avatar", "az avar", "tavasz a"]),
        (" av", ["avatar", "az avar"]),
        ("ar ", ["avatar", "az avar"]),
        (" a ", ["a ter", "tavasz a"]),
        (" avatar ", ["avatar"]),
        ("z av", ["az avar"]),
        ("0_5", ["50_50"]),
        ("5_5", []),  # an underscore is no wildcard
        ("av", ["avatar", "az avar", "tavasz a"]),
    ],
)
def test_part_is_found(titles: Session, part: str, texts: list[str]) -> None:
    assert found(titles, part) == texts


@pytest.mark.parametrize("part", ["ava", " av", "av"])
@pytest.mark.parametrize("newest", [False, True])
def test_first_rows_with_a_part(titles: Session, part: str, newest: bool) -> None:
    make_movie(titles, "Avas", published=False)
    titles.flush()
    of_all = select(Movie.id).where(contains_part(Movie.search_text, part), Movie.published)
    expected = titles.scalars(of_all.order_by(Movie.id.desc() if newest else Movie.id)).all()
    for limit in range(1, 4):
        first = among_first_with_part(Movie.search_text, part, limit, IS_PUBLISHED, newest=newest)
        assert set(titles.scalars(select(Movie.id).where(first))) == set(expected[:limit])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlite_stops_at_the_last_of_the_first_rows(titles: Session) -> None:
    first = among_first_with_part(Movie.search_text, "ava", 2, IS_PUBLISHED, newest=True)
    query = select(Movie.id).where(first).compile(titles.get_bind(), compile_kwargs=LITERAL)
    plan = [row[-1] for row in titles.execute(text(f"EXPLAIN QUERY PLAN {query}"))]
    assert any("movie_trigram VIRTUAL TABLE" in step for step in plan)
    assert not any("ORDER BY" in step for step in plan), plan


@pytest.mark.parametrize(("part", "number"), [("ava", 3), (" av", 2), ("ar ", 2), ("qzx", 0)])
def test_number_of_rows_with_a_part(titles: Session, part: str, number: int) -> None:
    for most in (2, 10):
        counted = select(number_with_part(Movie.search_text, part, most))
        assert titles.scalar(counted) == min(most, number)


LITERAL = {"literal_binds": True}


def test_index_follows_writes(titles: Session) -> None:
    titles.execute(insert(Movie), [{"title": "Új", "original_title": "Avas", "slug": "x",
                                    "synopsis": ""}])  # fmt: skip
    assert "uj avas" in found(titles, "ava")
    titles.execute(update(Movie).where(Movie.search_text == "avatar").values(search_text="gone"))
    assert found(titles, "gone") == ["gone"]
    titles.execute(delete(Movie).where(Movie.search_text.in_(["az avar", "gone"])))
    titles.commit()
    assert found(titles, "ava") == ["tavasz a", "uj avas"]
    assert found(titles, "gone") == []


@pytest.mark.parametrize("model", [Movie, Person])
def test_index_is_used(dbsession: Session, model: Any) -> None:
    """Otherwise the cost would grow with the number of rows."""
    engine = dbsession.get_bind()
    assert isinstance(engine, Engine)
    values = {"title": "", "original_title": "", "slug": "x", "synopsis": ""}
    rows = [{"search_text": f"{number:x} {number:o}"} for number in range(0x10000, 0x13000)]
    if model is Person:
        values = {"name": "x"}
    dbsession.execute(insert(model), [row | values for row in rows])
    dbsession.execute(text(f"ANALYZE {model.__tablename__}"))
    sent: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2:4]))
    for part in ("zqx", " zq", " z ", " zqxw "):
        dbsession.scalars(select(model.id).where(contains_part(model.search_text, part))).all()
        statement, parameters = sent[-1]
        explain = "EXPLAIN " if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
        plan = dbsession.connection().exec_driver_sql(explain + statement, parameters)
        lines = " ".join(str(row) for row in plan)
        if engine.dialect.name == "postgresql":
            assert f"ix_{model.__tablename__}_search_text_trgm" in lines, lines
            assert "Seq Scan" not in lines
        else:
            assert f"SCAN {model.__tablename__}_trigram VIRTUAL TABLE INDEX 0:G" in lines, lines
            assert f"SCAN {model.__tablename__} " not in lines
