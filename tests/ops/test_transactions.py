"""Counters of requests: parts, queries, errors and Apdex, by route."""

import time
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.ops.transactions import REQUEST_SECONDS, TransactionCounters, TransactionCounts
from moziweb.services import services_of
from moziweb.timings import ENVIRON_KEY, Part, Timings
from tests.site.cached import CACHED, Movies, fill, pages, site


@pytest.fixture
def movies(dbsession: Session) -> Movies:
    return fill(dbsession)


@pytest.fixture
def cached(settings: dict[str, str], movies: Movies) -> Iterator[TestApp]:
    with site(settings | CACHED) as app:
        yield app


def of(app: TestApp) -> TransactionCounters:
    return services_of(app.app.registry).transactions


def counts_of(transactions: TransactionCounters, route: str) -> dict[str, TransactionCounts]:
    return {status: counts for name, status, counts in transactions.counts() if name == route}


def measured(queue: float = 0.0, queries: int = 0, **seconds: float) -> Timings:
    timings = Timings(Part.RENDER, queue)
    timings.queries = queries
    for name, value in seconds.items():
        timings.seconds[Part(name)] = value
    return timings


def test_page_is_split_into_its_parts(cached: TestApp, movies: Movies) -> None:
    path = pages(movies)["week"]
    began = time.time() - 2
    response = cached.get(path, headers={"X-Request-Start": f"t={began:.3f}"})
    timings: Timings = response.request.environ[ENVIRON_KEY]
    assert timings.queries > 0
    counts = counts_of(of(cached), "week")["200"]
    assert counts.requests == 1
    assert counts.queries == timings.queries
    assert counts.seconds[Part.QUEUE] == pytest.approx(2, abs=0.5)
    for part in (Part.CACHE, Part.DATABASE, Part.RENDER):
        assert counts.seconds[part] > 0
    assert counts.seconds[Part.STORAGE] == counts.seconds[Part.IMAGES] == 0
    assert sum(counts.seconds.values()) == pytest.approx(
        counts.answering + counts.seconds[Part.QUEUE]
    )
    assert counts.satisfied == 0  # the visitor has waited for 2 s


def test_hits_are_counted_under_their_own_route(cached: TestApp, movies: Movies) -> None:
    path = pages(movies)["week"]
    for expected in ("miss", "hit", "l1", "l1"):
        assert cached.get(path).headers["X-Cache"] == expected
    before = deepcopy(counts_of(of(cached), "week")["200"])
    cached.get(path, headers={"X-Request-Start": f"{time.time() - 3:.3f}"})
    counts = counts_of(of(cached), "week")["200"]
    assert counts.requests == before.requests + 1 == 5
    assert counts.queries == before.queries
    assert counts.seconds[Part.QUEUE] == pytest.approx(3, abs=0.5)
    assert (counts.satisfied, counts.tolerated) == (before.satisfied, before.tolerated)
    assert counts.satisfied > 0


def test_read_of_an_object_is_the_time_of_storage(cached: TestApp) -> None:
    cached.get("/objects/no-such-object", status=404)
    counts = counts_of(of(cached), "objects")["404"]
    assert counts.seconds[Part.STORAGE] > 0


@pytest.mark.parametrize(
    ("seconds", "satisfied", "tolerated"),
    [(0.4, 1, 0), (0.6, 0, 1), (1.9, 0, 1), (2.1, 0, 0)],
)
def test_apdex_of_a_time(seconds: float, satisfied: int, tolerated: int) -> None:
    for count in _ways(seconds):
        transactions = TransactionCounters(0.5)
        count(transactions)
        totals = transactions.totals()
        assert (totals.requests, totals.satisfied, totals.tolerated) == (1, satisfied, tolerated)


def _ways(seconds: float) -> list[Any]:
    """A hit and a request, with and without a queue."""
    half = seconds / 2
    return [
        lambda t: t.answered("index", "200", seconds, 0.0),
        lambda t: t.answered("index", "200", half, half),
        lambda t: t.add("index", "200", measured(render=seconds)),
        lambda t: t.add("index", "200", measured(queue=half, database=half)),
    ]


def test_errors_are_frustrated_however_quick() -> None:
    transactions = TransactionCounters(0.5)
    transactions.add("index", "503", measured(render=0.001))
    transactions.add("index", "404", measured(render=0.001))
    totals = transactions.totals()
    assert (totals.requests, totals.errors, totals.satisfied) == (2, 1, 1)


def test_probes_are_no_transactions_of_visitors() -> None:
    transactions = TransactionCounters(0.5)
    for route in ("heartbeat", "lbheartbeat", "metrics"):
        transactions.add(route, "200", measured(render=0.001))
    assert transactions.totals().requests == 0
    assert len(list(transactions.counts())) == 3


def test_totals_since_an_earlier_moment() -> None:
    transactions = TransactionCounters(0.5)
    transactions.add("index", "200", measured(queries=3, database=0.1))
    transactions.add("week", "200", measured(render=0.1))
    before = transactions.totals()
    transactions.add("index", "500", measured(queries=2, database=0.2, render=0.3))
    new = transactions.totals().since(before)
    assert (new.requests, new.errors, new.queries, new.satisfied) == (1, 1, 2, 0)
    assert new.seconds[Part.DATABASE] == pytest.approx(0.2)
    assert list(new.routes) == ["index"]
    requests, errors, seconds = new.routes["index"]
    assert (requests, errors) == (1, 1)
    assert seconds == pytest.approx(0.5, abs=0.01)


def test_times_are_in_their_buckets() -> None:
    transactions = TransactionCounters(0.5)
    for seconds in (0.0005, 0.0006, 10.0, 11.0):
        transactions.answered("index", "200", seconds, 0.0)
    buckets = counts_of(transactions, "index")["200"].buckets
    assert len(buckets) == len(REQUEST_SECONDS) + 1
    assert (buckets[0], buckets[1], buckets[-2], buckets[-1]) == (1, 1, 1, 1)
