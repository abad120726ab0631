"""The services of an application: one frozen value that the includes build.

Views use ``request.services``; code that has a registry uses ``services_of``. An include adds its
services with ``dataclasses.replace``, whose arguments mypy checks::

    set_services(registry, replace(services_of(registry), storage=storage))
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from moziweb.clock import utc_now

if TYPE_CHECKING:  # the packages below and above import this module
    from pyramid.config import Configurator
    from pyramid.registry import Registry

    from moziweb.cache import CacheEvents, InProcessCounters
    from moziweb.cache.http.page_cache import PageCache
    from moziweb.db import Database
    from moziweb.manager.auth.login_throttle import LoginThrottle
    from moziweb.manager.auth.sessions import Sessions
    from moziweb.manager.bulk.runner import BulkRunner
    from moziweb.manager.dashboards.samples import SampleHistory
    from moziweb.manager.dashboards.warming_job import Warmer
    from moziweb.manager.imports.runner import Runner
    from moziweb.manager.movies.filter_counts import FilterCounts
    from moziweb.manager.posters.preview_cache import PreviewCache
    from moziweb.movies.importers.tmdb.source import TmdbSource
    from moziweb.ops.cache_reads import ReadSampler
    from moziweb.ops.metrics import Metrics, ServerLoad
    from moziweb.ops.transactions import TransactionCounters
    from moziweb.posters.decoder import DecoderPool
    from moziweb.posters.editorial import PosterEditor
    from moziweb.posters.generation.admission import AdmissionControl
    from moziweb.posters.generation.procrastinate_queue import ProcrastinateQueue
    from moziweb.posters.generation.readers import SourceReader
    from moziweb.posters.generation.selection import OnChosen
    from moziweb.posters.generation.service import PosterService
    from moziweb.posters.generation.thread_pool import ThreadPool
    from moziweb.posters.maintenance.status import PosterCounter, PosterCounts
    from moziweb.posters.models import SourceKind
    from moziweb.posters.sharing import SharePictures
    from moziweb.request import Request
    from moziweb.security import Identity
    from moziweb.settings.origins import Origin
    from moziweb.site.page_cache.recent_texts import RecentTexts
    from moziweb.storage import Storage

_KEY: Final = "moziweb.services"


class ServiceMissing(LookupError):
    """A service is used, and the include that adds it is missing."""


class _Missing:
    """Takes the place of the services of a package that is not included; every use raises."""

    def __init__(self, package: str) -> None:
        self._message = f"a service of {package} is used; include {package} first"

    def __getattr__(self, name: str) -> Any:
        raise ServiceMissing(self._message)


_DB: Final[Any] = _Missing("moziweb.db")
_STORAGE: Final[Any] = _Missing("moziweb.storage")
_METRICS: Final[Any] = _Missing("moziweb.ops.metrics")
_POSTERS: Final[Any] = _Missing("moziweb.posters")
_SITE: Final[Any] = _Missing("moziweb.site")
_MANAGER: Final[Any] = _Missing("moziweb.manager")


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services of one application.

    A service that is None is switched off in the ini file. Any other one raises ``ServiceMissing``
    at its first use if its package was not included.
    """

    clock: Callable[[], datetime] = utc_now
    """Returns the current time, timezone-aware, in UTC. Tests replace it."""
    identify: "Callable[[Request], Identity | None]" = lambda request: None
    """Returns who sent a request, or None."""
    settings_origins: "dict[str, Origin]" = field(default_factory=dict)
    """Where the value of each ini key comes from."""

    reports_errors: bool = False
    """Whether a reporter of errors is set up (``moziweb.logs.reporters``)."""

    database: "Database" = _DB
    repeatable_routes: frozenset[str] = frozenset()
    """Names of the routes whose unsafe requests may be run again (``db/retry.py``)."""
    storage: "Storage" = _STORAGE

    metrics: "Metrics | None" = None
    transactions: "TransactionCounters" = _METRICS
    server_load: "Callable[[], ServerLoad] | None" = None
    """Returns the load of the server; None where no server runs, such as in commands."""
    cache_counters: "InProcessCounters" = _METRICS
    cache_reads: "ReadSampler" = _METRICS
    cache_events: "CacheEvents | None" = None
    page_cache: "PageCache | None" = None

    poster_chosen: "OnChosen | None" = None
    """Records that a worker has made a source its movie's poster."""
    posters: "PosterService" = _POSTERS
    poster_readers: "dict[SourceKind, SourceReader]" = field(default_factory=dict)
    poster_editor: "PosterEditor" = _POSTERS
    poster_admission: "AdmissionControl" = _POSTERS
    decoder_pool: "DecoderPool" = _POSTERS
    share_pictures: "SharePictures" = _POSTERS
    poster_threads: "ThreadPool | None" = None
    poster_queue: "ProcrastinateQueue | None" = None

    recent_searches: "RecentTexts" = _SITE
    """Folded words of the last searches whose results did not replace those of another one."""

    sessions: "Sessions" = _MANAGER
    login_throttle: "LoginThrottle" = _MANAGER
    poster_previews: "PreviewCache" = _MANAGER
    tmdb: "TmdbSource" = _MANAGER
    import_runner: "Runner" = _MANAGER
    bulk_runner: "BulkRunner" = _MANAGER
    waiting_posters: "SampleHistory" = _MANAGER
    filter_counts: "FilterCounts" = _MANAGER
    poster_counter: "PosterCounter[PosterCounts]" = _MANAGER
    cache_warmer: "Warmer" = _MANAGER


def services_of(registry: "Registry") -> Services:
    """Return the services that the includes have added so far."""
    services: Services | None = registry.get(_KEY)
    return Services() if services is None else services


def services_of_app(app: object) -> Services | None:
    """Return the services of a WSGI application; None if it is not an application of ours."""
    registry = getattr(app, "registry", None)
    services: Services | None = None if registry is None else registry.get(_KEY)
    return services


def set_services(registry: "Registry", services: Services) -> None:
    """Replace the services of an application."""
    registry[_KEY] = services


def includeme(config: "Configurator") -> None:
    """Add ``request.services``."""
    config.add_request_method(lambda request: services_of(request.registry), "services", reify=True)
