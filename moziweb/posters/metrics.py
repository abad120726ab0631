"""Metrics of posters for Prometheus: sources by state, the queue, and what this process made."""

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pyramid.registry import Registry
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from moziweb.services import Services, services_of

from .maintenance.status import PosterCounter, SourceCounts
from .models import PosterSource, SourceState


class PosterMetrics(Collector):
    """Values read at each scrape. Those of the database are the same in all processes.

    They are missing while the database is down. A scrape reads no more rows on a larger site: its
    sources are counted in a thread, at most once a minute, and are missing before the first count
    and after one that failed.
    """

    def __init__(self, registry: Registry) -> None:
        """``registry`` is the application's."""
        self._registry = registry
        database = services_of(registry).database
        self._counter = PosterCounter(database, SourceCounts.of, models=[PosterSource])

    def collect(self) -> Iterator[Metric]:
        """The gauges and counters."""
        services = services_of(self._registry)
        yield from _results(services)
        try:
            with services.database.read() as session:
                yield from self._stored(services, session)
        except SQLAlchemyError:
            return

    def _stored(self, services: Services, session: Session) -> Iterator[Metric]:
        counts = self._counter.latest(session, services.clock())
        connection, queue = session.connection(), services.poster_queue
        if self._counter.has_failed:  # those of before would look like those of now
            counts = None
        if counts is not None:
            yield _states(counts)
        paused = GaugeMetricFamily(
            "moziweb_posters_storage_paused", "1 while the circuit breaker of storage is open."
        )
        paused.add_metric([], bool(services.posters.storage_pause(connection)))
        yield paused
        if queue is not None:
            silence = queue.worker_silence(connection)
            workers = GaugeMetricFamily(
                "moziweb_posters_worker_silence_seconds",
                "Time since a worker gave a sign of life; NaN if none runs.",
            )
            workers.add_metric([], float("nan") if silence is None else silence)
            yield workers
            yield _queue_age(queue.age(connection))
        elif counts is not None:
            yield _queue_age(counts.age)


def _results(services: Services) -> Iterator[Metric]:
    counts = services.posters.counts
    results = CounterMetricFamily(
        "moziweb_posters_results_total",
        "Attempts of this process to make a source's variants, and why they failed.",
        labels=["result", "code"],
    )
    for (status, code), count in counts.results().items():
        results.add_metric([status, code], count)
    made = CounterMetricFamily("moziweb_posters_made_total", "Variants that this process made.")
    made.add_metric([], counts.made)
    yield from (results, made)


def _states(counts: SourceCounts) -> Metric:
    sources = GaugeMetricFamily(
        "moziweb_posters_sources", "Sources of posters by state.", labels=["state"]
    )
    for state in SourceState:
        sources.add_metric([state], counts.by_state.get(state, 0))
    return sources


def _queue_age(seconds: float) -> Metric:
    age = GaugeMetricFamily(
        "moziweb_posters_queue_age_seconds", "How long the oldest source has waited."
    )
    age.add_metric([], seconds)
    return age
