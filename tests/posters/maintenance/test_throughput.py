"""Variants and sources per hour."""

from datetime import UTC, datetime, timedelta

import pytest

from moziweb.db import Database
from moziweb.posters.maintenance import throughput
from moziweb.posters.maintenance.throughput import hourly_throughput
from moziweb.posters.models import PosterSource, PosterVariant, SourceKind
from tests.factories import make_movie

NOW = datetime(2026, 8, 20, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("old", "new", "counted"),
    [(0, 1, 1), (9, 1, 1), (9, 3, 3), (1, 6, 6), (0, 9, 8), (20, 0, 0)],
)
def test_rows_are_counted_as_far_back_as_the_hours(
    database: Database, monkeypatch: pytest.MonkeyPatch, old: int, new: int, counted: int
) -> None:
    """Of more rows than the largest window, the newest ones are counted."""
    monkeypatch.setattr(throughput, "WINDOWS", (2, 4, 8))
    with database.write() as session:
        movie = make_movie(session)
        times = [NOW - timedelta(days=9)] * old + [NOW - timedelta(hours=1)] * new
        for number, at in enumerate(times):
            source = PosterSource(movie_id=movie.id, kind=SourceKind.DRAWN, created_at=at)
            session.add(source)
            session.flush()
            variant = PosterVariant(
                source_id=source.id, name="thumb", format="jpg", recipe_hash=f"{number}",
                source_sha256="0", created_at=at,
            )  # fmt: skip
            session.add(variant)
            session.flush()
    with database.read() as session:
        hours = hourly_throughput(session, NOW)
    assert (sum(hour.made for hour in hours), hours[-2].made) == (counted, counted)
    assert sum(hour.added for hour in hours) == counted
