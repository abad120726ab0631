"""Counts of variants."""

import pytest
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.posters.maintenance import status
from moziweb.posters.maintenance.status import VARIANT_COUNT_AGE, VariantCounts
from moziweb.posters.models import PosterSource, PosterVariant, SourceKind
from tests.factories import make_movie


def add_variant(session: Session, name: str) -> None:
    movie = make_movie(session)
    source = PosterSource(movie_id=movie.id, kind=SourceKind.DRAWN)
    session.add(source)
    session.flush()
    content = {"format": "jpg", "recipe_hash": "r", "source_sha256": "s"}
    session.add(PosterVariant(source_id=source.id, name=name, **content))
    session.flush()


def test_slow_counts_are_kept_for_a_minute(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1.0
        return now

    counts = VariantCounts(clock)
    with database.write() as session:
        add_variant(session, "a")
        assert counts.by_state(session) == {"pending": 1}
        add_variant(session, "b")
        assert counts.by_state(session) == {"pending": 1}
        now += VARIANT_COUNT_AGE
        assert counts.by_state(session) == {"pending": 2}
        now += VARIANT_COUNT_AGE
        monkeypatch.setattr(status, "SLOW_VARIANT_COUNT", 9.0)
        for name, count in (("c", 3), ("d", 4)):
            add_variant(session, name)
            assert counts.by_state(session) == {"pending": count}
