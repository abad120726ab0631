"""Metrics of posters for Prometheus: sources by state, the queue, and what this process made."""

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pyramid.registry import Registry
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from moziweb.services import Services, services_of

from .models import BACKGROUND_ONLY, PosterSource, SourceState


class PosterMetrics(Collector):
    """Values read at each scrape. Those of the database are the same in all processes.

    They are missing while the database is down.
    """

    def __init__(self, registry: Registry) -> None:
        """``registry`` is the application's."""
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """The gauges and counters."""
        services = services_of(self._registry)
        yield from _results(services)
        try:
            with services.database.engine.connect() as connection:
                yield from _stored(services, connection)
        except SQLAlchemyError:
            return


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


def _stored(services: Services, connection: Connection) -> Iterator[Metric]:
    sources = GaugeMetricFamily(
        "moziweb_posters_sources", "Sources of posters by state.", labels=["state"]
    )
    query = select(PosterSource.state, func.count()).group_by(PosterSource.state)
    found = dict(connection.execute(query).all())
    for state in SourceState:
        sources.add_metric([state], found.get(state, 0))
    yield sources
    paused = GaugeMetricFamily(
        "moziweb_posters_storage_paused", "1 while the circuit breaker of storage is open."
    )
    paused.add_metric([], bool(services.posters.storage_pause(connection)))
    yield paused
    age = GaugeMetricFamily(
        "moziweb_posters_queue_age_seconds", "How long the oldest source has waited."
    )
    age.add_metric([], _queue_age(services, connection))
    yield age
    queue = services.poster_queue
    silence = None if queue is None else queue.worker_silence(connection)
    if queue is not None:
        workers = GaugeMetricFamily(
            "moziweb_posters_worker_silence_seconds",
            "Time since a worker gave a sign of life; NaN if none runs.",
        )
        workers.add_metric([], float("nan") if silence is None else silence)
        yield workers


def _queue_age(services: Services, connection: Connection) -> float:
    """The age of the oldest job, or of the oldest source that no attempt was made for."""
    if services.poster_queue is not None:
        return services.poster_queue.age(connection)
    is_waiting = PosterSource.state == SourceState.PENDING
    oldest = connection.scalar(
        select(func.min(PosterSource.created_at)).where(is_waiting, BACKGROUND_ONLY)
    )
    return 0.0 if oldest is None else max(0.0, (services.clock() - oldest).total_seconds())
