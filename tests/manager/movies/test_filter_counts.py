"""Counts of the overview: exact after every change, and kept in between on a large site."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from moziweb.manager.audit.log import COMMAND, Subject, record
from moziweb.manager.movies import filter_counts
from moziweb.manager.movies.filter_counts import MAX_COUNT_AGE, FilterCounts
from moziweb.manager.movies.list_query import Filter, FilterContext
from moziweb.movies.calendar import budapest_today
from moziweb.posters.models import SourceState
from tests import factories
from tests.conftest import NOW

FILTERS = (Filter.NO_POSTER, Filter.FAILED, Filter.NO_DATE)
CONTEXT = FilterContext(budapest_today(NOW), NOW - timedelta(days=90))


class Clock:
    """Each look at the clock takes a second: every count is slow."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def add_failed(session: Session) -> None:
    movie = factories.make_movie(session)
    factories.add_poster(session, movie, state=SourceState.FAILED)


def test_slow_counts_are_kept_until_the_next_audit_entry(dbsession: Session) -> None:
    clock = Clock()
    counts = FilterCounts(clock)
    factories.make_movie(dbsession)
    assert [*counts.of(dbsession, CONTEXT, FILTERS).values()] == [1, 0, 1]
    factories.make_movie(dbsession)
    assert [*counts.of(dbsession, CONTEXT, FILTERS).values()] == [1, 0, 1], "kept"
    add_failed(dbsession)
    assert [*counts.of(dbsession, CONTEXT, FILTERS).values()] == [1, 1, 1], "of workers"
    record(dbsession, COMMAND, "movie.add", Subject("movie", "a"), NOW, [])
    dbsession.flush()
    assert [*counts.of(dbsession, CONTEXT, FILTERS).values()] == [2, 1, 3]


def test_slow_counts_are_kept_for_a_minute_and_a_day(dbsession: Session) -> None:
    clock = Clock()
    counts = FilterCounts(clock)
    for expected in (0, 0, 2):
        assert counts.of(dbsession, CONTEXT, FILTERS)[Filter.NO_DATE] == expected
        factories.make_movie(dbsession)
        clock.now += MAX_COUNT_AGE / 2
    tomorrow = FilterContext(CONTEXT.today + timedelta(days=1), CONTEXT.fresh_since)
    assert counts.of(dbsession, tomorrow, FILTERS)[Filter.NO_DATE] == 3


def test_fast_counts_are_not_kept(dbsession: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_counts, "SLOW_COUNT_SECONDS", 60.0)
    counts = FilterCounts()
    for expected in range(3):
        assert counts.of(dbsession, CONTEXT, FILTERS)[Filter.NO_DATE] == expected
        factories.make_movie(dbsession)
