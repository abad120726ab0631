"""Queries of feeds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, event, insert, text
from sqlalchemy.orm import Session

from moziweb.movies.feed_queries import NewsKind, latest_news
from moziweb.movies.models import Movie, Premiere, PremiereKind
from tests.factories import THURSDAY


def test_news_do_not_read_the_old_premieres_that_an_import_announced(dbsession: Session) -> None:
    """PostgreSQL would go through all of them, from the latest announcement on."""
    engine = dbsession.get_bind()
    assert isinstance(engine, Engine)
    movie = {"title": "x", "original_title": "x", "slug": "x"}
    ids = dbsession.scalars(insert(Movie).returning(Movie.id), [movie] * 3_000).all()
    imported = datetime(2026, 8, 19, 12, tzinfo=UTC)
    old, coming = ids[:-600], ids[-600:]
    premieres = [
        {"movie_id": key, "kind": PremiereKind.CINEMA, "announced_at": imported,
         "date": THURSDAY - timedelta(days=number + 1)}
        for number, key in enumerate(old)
    ] + [
        {"movie_id": key, "kind": PremiereKind.CINEMA, "date": THURSDAY,
         "announced_at": imported - timedelta(days=1, minutes=number)}
        for number, key in enumerate(coming)
    ]  # fmt: skip
    dbsession.execute(insert(Premiere), premieres)
    if engine.dialect.name == "postgresql":
        dbsession.execute(text("ANALYZE movie, premiere"))
    sent: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2:4]))
    news = latest_news(dbsession, [Premiere.date >= THURSDAY], 10)
    assert [(each.kind, each.premiere.movie_id) for each in news] == [
        (NewsKind.ANNOUNCED, key) for key in coming[:10]
    ]
    announced = sent[0]
    explain = "EXPLAIN " if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
    plan = dbsession.connection().exec_driver_sql(explain + announced[0], announced[1])
    assert "ix_premiere_announced_at" not in " ".join(str(row) for row in plan)
