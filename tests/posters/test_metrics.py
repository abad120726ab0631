"""Metrics of posters: sources by state, the queue, results of this process."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.posters.models import SourceState
from moziweb.services import services_of
from tests import factories
from tests.conftest import NOW, running_app
from tests.ops.test_metrics import OPEN, value


@pytest.fixture
def sources(dbsession: Session) -> list[int]:
    """A source whose file is missing, a waiting one, and two that have failed."""
    failed = (SourceState.FAILED, 900.0)
    rows = ((SourceState.PENDING, 500.0), (SourceState.PENDING, 100.0), failed, failed)
    ids = []
    for state, ago in rows:
        movie = factories.make_movie(dbsession)
        added = factories.add_poster(
            dbsession,
            movie,
            url=None,
            key="upload/00/none.jpg",
            state=state,
            created_at=NOW - timedelta(seconds=ago),
        )
        ids.append(added.id)
    dbsession.commit()
    return ids


def test_states_queue_and_results_are_exposed(settings: dict[str, str], sources: list[int]) -> None:
    with running_app(settings | OPEN | {"posters.background": "off"}) as app:
        name = "moziweb_posters_sources"
        states = {state: value(app, name, state=state) for state in SourceState}
        assert states == {
            **dict.fromkeys(SourceState, 0),
            SourceState.PENDING: 2,
            SourceState.FAILED: 2,
        }
        assert value(app, "moziweb_posters_queue_age_seconds") == 500
        assert value(app, "moziweb_posters_worker_silence_seconds") is None
        assert value(app, "moziweb_posters_storage_paused") == 0
        assert value(app, "moziweb_posters_made_total") == 0
        services_of(app.app.registry).posters.ensure_variants(sources[0])
        results = "moziweb_posters_results_total"
        assert value(app, results, result="failed") == 1
        assert value(app, results, result="made") is None


def test_requests_for_posters_are_a_route(app: TestApp) -> None:
    app.get("/poster/1-a.1.jpg", status=404)
    app.get("/nowhere", status=404)
    transactions = services_of(app.app.registry).transactions
    assert {route for route, _status, _counts in transactions.counts()} == {"poster", "none"}
