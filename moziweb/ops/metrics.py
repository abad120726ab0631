"""Metrics for Prometheus: requests, threads and connections, the cache, the outbox.

``/metrics`` exists only if the ini file has ``metrics.token`` or ``metrics.allow``. Every process
has its own counters, so Prometheus must scrape each of them, not the load balancer.

Names end in their unit. Labels have few, fixed values: regions, statuses, kinds of tags, routes.
URLs are no labels, because clients could create any number of them.
"""

import hmac
import ipaddress
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid.response import Response
from pyramid.tweens import INGRESS
from sqlalchemy.exc import SQLAlchemyError

from moziweb.cache import CacheEvents, CompositeEvents, InProcessCounters, kind_of
from moziweb.cache.http.page_cache import PageCache
from moziweb.cache.http.refresh import REFRESH_MARK
from moziweb.cache.protocol.invalidation_log import LogCheck, LogCounts, LogReset
from moziweb.db.query_timings import MeasuredPool
from moziweb.db.retry import will_retry
from moziweb.request import Request
from moziweb.services import services_of, set_services
from moziweb.timings import Part, timings_of

from .cache_reads import ReadSampler
from .transactions import (
    REQUEST_SECONDS,
    UNROUTED,
    TransactionCounters,
    TransactionCounts,
)

Handler = Callable[[Request], Response]

RENDER_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
ENTRY_BYTES: Final = tuple(2**power for power in range(9, 21))
"""512 bytes to 1 MiB, the limit of memcached."""

_COUNTED: Final = (
    ("created", "created", "Fragments, page templates and pages rendered.", ("region", "kind")),
    ("not_stored", "not_stored", "Renders served but not stored, by reason.", ("region", "reason")),
    ("corrupt", "corrupt", "Stored values that were not entries.", ("region",)),
    ("store_failed", "store_failures", "Failed calls of entry stores.", ("region", "operation")),
    ("stamps_failed", "stamps_failures", "Failed calls of the store of stamps.", ("operation",)),
    ("refresh_failed", "refresh_errors", "Background refreshes that failed.", ("reason",)),
)
"""Counters whose labels are the arguments of an event: event, name, help text, labels."""

_FORMER_NAMES: Final = {
    "created": "made", "not_stored": "refused", "refresh_errors": "renewal_errors",
}  # fmt: skip
"""Names of counters until 0.1.0; both are exposed for one release."""


class CacheMetrics(CacheEvents):
    """Counts the events of the cache, but for those of every hit, which are counted once for all.

    ``CacheState`` and ``TransactionMetrics`` read those.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"moziweb_cache_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(
                f"moziweb_cache_{name}", text, ("region",), registry=registry, buckets=buckets
            )

        self._rendered = counter("rendered", "Entries rendered.", "region")
        self._seconds = histogram(
            "render_seconds", "Time of a render of one or several entries.", RENDER_SECONDS
        )
        self._bytes = histogram("entry_bytes", "Size of stored entries, encoded.", ENTRY_BYTES)
        self._tags = counter("invalidations", "Tags published, by kind.", "kind")
        self._errors = counter("publish_errors", "Publications that failed and were retried.")
        self._purges = counter("purge_errors", "Purges that the CDN did not accept.")
        self._relayed = counter("relayed", "Outbox rows published by the relay.")
        former: dict[str, Counter] = {}
        for event, name, text, labels in _COUNTED:
            counted = counter(name, text, *labels)
            setattr(self, event, _incrementing(counted))
            if name in _FORMER_NAMES:
                former[_FORMER_NAMES[name]] = counted
        registry.register(DeprecatedNames(former))

    def rendered(self, region: str, seconds: float, keys: Sequence[str]) -> None:
        """See ``CacheEvents``."""
        self._rendered.labels(region).inc(len(keys))
        self._seconds.labels(region).observe(seconds)

    def stored(self, region: str, size: int) -> None:
        """See ``CacheEvents``."""
        self._bytes.labels(region).observe(size)

    def published(self, tags: Iterable[str]) -> None:
        """See ``CacheEvents``."""
        for tag in tags:
            self._tags.labels(kind_of(tag)).inc()

    def publish_failed(self, tags: Iterable[str]) -> None:
        """See ``CacheEvents``."""
        self._errors.inc()

    def purge_failed(self) -> None:
        """See ``CacheEvents``."""
        self._purges.inc()

    def relayed(self, rows: int) -> None:
        """See ``CacheEvents``."""
        self._relayed.inc(rows)


def _incrementing(counter: Counter) -> Callable[..., None]:
    return lambda *labels: counter.labels(*labels).inc()


OUTBOX_AGE: Final = "moziweb_cache_outbox_age_seconds"


class DeprecatedNames(Collector):
    """Exposes counters under their former names (``made`` for a ``created``) for one release."""

    def __init__(self, counters: Mapping[str, Counter]) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """The samples of the counters."""
        for name, counter in self._counters.items():
            (metric,) = counter.collect()
            text = f"Deprecated: renamed to {metric.name}_total."
            former = CounterMetricFamily(f"moziweb_cache_{name}", text)
            for sample in metric.samples:
                if sample.name.endswith("_total"):
                    former.add_sample(f"{former.name}_total", sample.labels, sample.value)
            yield former


class CacheState(Collector):
    """Values read at each scrape: served entries, age of the outbox, size of the local cache."""

    def __init__(self, registry: Registry) -> None:
        """``registry`` is the application's. Its cache, if any, is added later."""
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """The gauges. None without a cache."""
        pages = services_of(self._registry).page_cache
        if pages is None:
            return
        seconds = self._outbox_age(pages)
        for name, note in (("outbox", ""), ("journal", f" Deprecated: renamed to {OUTBOX_AGE}.")):
            age = GaugeMetricFamily(
                OUTBOX_AGE.replace("outbox", name),
                "Age of the oldest unpublished invalidation; NaN if the database is down." + note,
            )
            age.add_metric([], seconds)
            yield age
        served = CounterMetricFamily(
            "moziweb_cache_served_total",
            "Entries served, by cache status.",
            labels=["region", "status"],
        )
        for labels, count in services_of(self._registry).cache_counters.served_totals().items():
            served.add_metric(labels, count)
        yield served
        used = GaugeMetricFamily(
            "moziweb_cache_l1_bytes", "Memory of this process's local cache.", labels=["region"]
        )
        for name, region in pages.cache.regions.items():
            used.add_metric([name], region.local_cache_bytes)
        yield used
        yield from _log_counters(pages.cache.stamps.log.counts())

    def _outbox_age(self, pages: PageCache) -> float:
        try:
            with services_of(self._registry).database.engine.connect() as connection:
                return pages.outbox.age(connection, now=time.time())
        except SQLAlchemyError:
            return float("nan")


def _log_counters(counts: LogCounts) -> Iterator[Metric]:
    fetches = CounterMetricFamily(
        "moziweb_cache_log_fetches_total", "Reads of records of the invalidation log."
    )
    fetches.add_metric([], counts.fetches)
    checks = CounterMetricFamily(
        "moziweb_cache_log_checks_total",
        "Copies and entries that the log confirmed, or why it did not.",
        labels=["result"],
    )
    for result in LogCheck:
        checks.add_metric([result], counts.checks.get(result, 0))
    resets = CounterMetricFamily(
        "moziweb_cache_log_resets_total",
        "Times that this process started to follow the log again.",
        labels=["reason"],
    )
    for reason in LogReset:
        resets.add_metric([reason], counts.resets.get(reason, 0))
    yield from (fetches, checks, resets)


class TransactionMetrics(Collector):
    """The counters of requests, read at each scrape."""

    def __init__(self, transactions: TransactionCounters) -> None:
        self._transactions = transactions

    def collect(self) -> Iterator[Metric]:
        """Histogram, time by part, queries and Apdex, by route."""
        histogram = HistogramMetricFamily(
            "moziweb_http_request_seconds",
            "Time from the begin of a request's processing to its response, by route and status.",
            labels=["route", "status"],
        )
        routes: dict[str, list[TransactionCounts]] = {}
        for route, status, counts in self._transactions.counts():
            histogram.add_metric([route, status], _cumulative(counts.buckets), counts.answering)
            routes.setdefault(route, []).append(counts)
        yield histogram
        yield from self._by_route(routes)
        threshold = GaugeMetricFamily("moziweb_apdex_threshold_seconds", "The T of Apdex.")
        threshold.add_metric([], self._transactions.apdex_seconds)
        yield threshold

    def _by_route(self, routes: Mapping[str, Sequence[TransactionCounts]]) -> Iterator[Metric]:
        parts = CounterMetricFamily(
            "moziweb_http_part_seconds_total",
            "Time of requests by part: queue, cache, database, storage, images, render.",
            labels=["route", "part"],
        )
        queries = CounterMetricFamily(
            "moziweb_http_queries_total", "Database queries of requests.", labels=["route"]
        )
        apdex = CounterMetricFamily(
            "moziweb_apdex_requests_total",
            "Requests within the T of Apdex, within four times T, and others.",
            labels=["route", "result"],
        )
        for route, counted in routes.items():
            for part in Part:
                parts.add_metric([route, part], sum(each.seconds[part] for each in counted))
            queries.add_metric([route], sum(each.queries for each in counted))
            satisfied = sum(each.satisfied for each in counted)
            tolerated = sum(each.tolerated for each in counted)
            frustrated = sum(each.requests for each in counted) - satisfied - tolerated
            for result, count in zip(APDEX, (satisfied, tolerated, frustrated), strict=True):
                apdex.add_metric([route, result], count)
        yield from (parts, queries, apdex)


APDEX: Final = ("satisfied", "tolerated", "frustrated")


def _cumulative(buckets: Sequence[int]) -> list[tuple[str, float]]:
    bounds = [*map(floatToGoString, REQUEST_SECONDS), "+Inf"]
    return list(zip(bounds, accumulate(buckets), strict=True))


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """Threads of waitress, those that work, requests that wait for one, open connections."""

    threads: int
    busy: int
    queued: int
    connections: int


class ProcessState(Collector):
    """Threads and connections of this process, read at each scrape."""

    def __init__(self, registry: Registry) -> None:
        """``registry`` is the application's."""
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """The gauges; those of the server only in a web process."""
        services = services_of(self._registry)
        if services.server_load is not None:
            load = services.server_load()
            yield _gauge("moziweb_server_threads", "Threads of waitress.", load.threads)
            yield _gauge("moziweb_server_busy_threads", "Threads that work.", load.busy)
            yield _gauge("moziweb_server_queue", "Requests that wait for a thread.", load.queued)
            yield _gauge("moziweb_server_connections", "Open connections.", load.connections)
        pool = services.database.engine.pool
        if isinstance(pool, MeasuredPool):
            used = pool.checkedout()
            yield _gauge("moziweb_database_pool_used", "Connections in use.", used)
            yield _gauge("moziweb_database_pool_limit", "Most connections.", pool.limit)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, text)
    gauge.add_metric([], value)
    return gauge


@dataclass(frozen=True, slots=True)
class Guard:
    """Access to the metrics: with the token, or from an allowed address."""

    token: str | None
    networks: Collection[Any]

    @property
    def is_open(self) -> bool:
        """Whether any access is configured."""
        return bool(self.token or self.networks)

    def admits(self, request: Request) -> bool:
        """Whether this request has access."""
        remote = request.environ.get("REMOTE_ADDR", "")
        return self._has_token(request) or self._is_allowed_address(remote)

    def _has_token(self, request: Request) -> bool:
        if not self.token:
            return False
        given = request.environ.get("HTTP_AUTHORIZATION", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode())

    def _is_allowed_address(self, remote: str) -> bool:
        try:
            address = ipaddress.ip_address(remote)
        except ValueError:  # a Unix socket has no address
            return False
        return any(address in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of an application, and the guard of their access."""

    registry: CollectorRegistry
    guard: Guard


def metrics(request: Request) -> Response:
    """All metrics in the requested format; 401 without access."""
    found = request.services.metrics
    if found is None or not found.guard.admits(request):
        response = Response("401 Unauthorized\n", status=401, content_type="text/plain")
        response.headers["WWW-Authenticate"] = 'Bearer realm="metrics"'
    else:
        encode, kind = choose_encoder(request.environ.get("HTTP_ACCEPT", ""))
        response = Response(encode(found.registry))
        response.headers["Content-Type"] = kind
    response.cache_control.no_store = True
    return response


def transaction_of(request: Request) -> str:
    """The name of the request's route; that of its resource if it was traversed."""
    route = getattr(request, "matched_route", None)
    if route is not None:
        return str(route.name)
    found = getattr(request, "exception", None), getattr(request, "context", None)
    names = (getattr(each, "transaction", None) for each in found)
    return next((name for name in names if name), UNROUTED)


def timing_tween_factory(handler: Handler, registry: Registry) -> Handler:
    """The outermost tween: counts each request, by route and status."""
    transactions = services_of(registry).transactions

    def timing_tween(request: Request) -> Response:
        response = handler(request)
        timings = timings_of(request.environ)
        if timings is None or REFRESH_MARK in request.environ or will_retry(request):
            return response  # no client gets it
        transactions.add(transaction_of(request), str(response.status_int), timings)
        return response

    return timing_tween


def includeme(config: Configurator) -> None:
    """Count, and serve metrics if the ini file gives access. Include it before ``caching``.

    ``cache_counters`` and ``transactions`` always count: the manager shows them.
    """
    settings = config.registry.settings
    counters, transactions = InProcessCounters(), TransactionCounters(settings["apdex.seconds"])
    reads = ReadSampler()
    services = replace(
        services_of(config.registry),
        cache_counters=counters,
        transactions=transactions,
        cache_reads=reads,
        cache_events=CompositeEvents(counters, transactions, reads),
    )
    set_services(config.registry, services)
    config.add_tween(
        f"{__name__}.timing_tween_factory",
        under=INGRESS,
        over="moziweb.ops.headers.headers_tween_factory",
    )
    guard = Guard(settings["metrics.token"], settings["metrics.allow"])
    if not guard.is_open:
        return
    registry = CollectorRegistry(auto_describe=False)
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    services = replace(
        services,
        metrics=Metrics(registry, guard),
        cache_events=CompositeEvents(counters, transactions, reads, CacheMetrics(registry)),
    )
    set_services(config.registry, services)
    registry.register(TransactionMetrics(transactions))
    registry.register(ProcessState(config.registry))
    registry.register(CacheState(config.registry))
    config.add_route("metrics", "/metrics")
    config.add_view(metrics, route_name="metrics", request_method="GET")
