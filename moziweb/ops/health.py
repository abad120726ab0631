"""Two heartbeats with the names of Mozilla's Dockerflow.

``/__lbheartbeat__`` is for load balancers: the process answers. ``/__heartbeat__`` is for
monitoring: it checks everything that the site needs. Neither uses the site's own code.
https://github.com/mozilla-services/Dockerflow
"""

import logging
import math
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pyramid.config import Configurator
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from moziweb.cache import Cache, StoreError
from moziweb.cache.http.page_cache import PageCache
from moziweb.db import create_probe_engine
from moziweb.db.schema_state import SchemaState, current_revision, head_revision, schema_state
from moziweb.logs.outage import Outage
from moziweb.request import Request
from moziweb.services import Services
from moziweb.storage import Storage, StorageError
from moziweb.storage.disk import DiskStorage

if TYPE_CHECKING:
    from moziweb.posters.generation.procrastinate_queue import ProcrastinateQueue
    from moziweb.posters.generation.service import PosterService

log = logging.getLogger(__name__)

OK: Final = "ok"
UNAVAILABLE: Final = "unavailable"
OUTDATED: Final = "outdated"
BEHIND: Final = "behind"
PAUSED: Final = "paused"
DISK_FULL: Final = "full"
AHEAD: Final = "ahead"

HEALTHY: Final = (OK, AHEAD)
"""States of a part that serves: a release runs on the schema of the next one."""

BACKLOG_SECONDS: Final = 30.0
"""Age of an outbox row that several polls of the relays have not published."""

QUEUE_SECONDS: Final = 3600.0
"""Age of a poster job that the workers should have done, even after a large import."""

WORKER_SECONDS: Final = 40.0
"""Age of the last sign of life of a worker, which gives one every 10 seconds."""

MIN_FREE_BYTES: Final = 100_000_000
"""Free space that a file system needs, or a twentieth of a small one."""

LIMIT_SECONDS: Final = 2.0
"""How long a request waits for the checks; S3 may take longer to fail."""

KEEP_SECONDS: Final = 3.0
"""How long the result of the checks is kept."""

RECHECK_SECONDS: Final = 1.0
"""For this time the stamps are read again: the first read wakes the probe of an outage."""


@dataclass(frozen=True)
class CheckResult:
    """The state of one part. ``reason`` is a line for the operator, empty if the part is ok.

    ``figures`` are added to the response.
    """

    state: str = OK
    reason: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


Check = Callable[[], CheckResult]


def lbheartbeat(request: Request) -> dict[str, str]:
    """Always 200."""
    request.response.cache_control.no_store = True
    return {"status": OK}


class Heartbeat:
    """The view ``/__heartbeat__``: the state of each part; 503 unless all are healthy.

    ``{"status": "ok", "checks": {"database": "ok", "storage": "ok", …}}``. A part may be
    ``unavailable``; the database also ``outdated`` if migrations are missing, the outbox ``behind``
    if invalidations wait in it for too long, and the queue if posters do; ``posters`` are
    ``paused`` while the circuit breaker of storage is open, and ``disk`` may be ``full``. With a
    cache there are ``stamps``, ``entries`` and ``outbox``; with workers, ``worker`` and ``queue``.
    Figures are added: ``outbox_age`` and ``queue_age`` in seconds, ``disk_free_mb``. ``reasons``
    has a line for each part that is not ok; the log has the traceback.

    Any client can request it, so at most one request at a time waits, for ``LIMIT_SECONDS``. Others
    get the previous result, and a result is kept for ``KEEP_SECONDS``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._probes: list[_Probe] = []
        self._results: dict[str, CheckResult] = {}
        self._kept_until = 0.0

    def __call__(self, request: Request) -> dict[str, Any]:
        """The body; sets the status of the response."""
        results = self._current(request.services)
        healthy = all(result.state in HEALTHY for result in results.values())
        request.response.cache_control.no_store = True
        request.response.status_int = 200 if healthy else 503
        body: dict[str, Any] = {
            "status": OK if healthy else UNAVAILABLE,
            "checks": {name: result.state for name, result in results.items()},
        }
        reasons = {name: each.reason for name, each in results.items() if each.reason}
        if reasons:
            body["reasons"] = reasons
        for result in results.values():
            body |= {name: round(figure, 1) for name, figure in result.figures.items()}
        return body

    def _current(self, services: Services) -> Mapping[str, CheckResult]:
        if time.monotonic() < self._kept_until:
            return self._results
        # The very first requests have no previous result, so all of them wait.
        if not self._lock.acquire(blocking=not self._results):
            return self._results
        try:
            if time.monotonic() >= self._kept_until:
                self._results = self._probe(services)
                self._kept_until = time.monotonic() + KEEP_SECONDS
            return self._results
        finally:
            self._lock.release()

    def _probe(self, services: Services) -> dict[str, CheckResult]:
        if not self._probes:
            self._probes = probes_of(services)
        deadline = time.monotonic() + LIMIT_SECONDS
        for probe in self._probes:
            probe.start()
        results: dict[str, CheckResult] = {}
        for probe in self._probes:
            results |= probe.results(deadline)
        return results


class _Probe:
    """Runs checks one after another in a thread, which outlives the request if one hangs.

    The checks have one service in common: if it cannot be reached, the other checks are skipped.
    """

    def __init__(self, checks: Mapping[str, Check], close: Callable[[], None] = lambda: None):
        """``close`` runs after the checks."""
        self._checks = checks
        self._close = close
        self._outages = {name: Outage(f"heartbeat: {name}", 0.0) for name in checks}
        self._results: dict[str, CheckResult] = {}
        self._thread: threading.Thread | None = None

    @property
    def names(self) -> list[str]:
        """The names of the parts."""
        return list(self._checks)

    def start(self) -> None:
        """Start the checks, unless earlier ones are still running."""
        if self._thread is None or not self._thread.is_alive():
            self._results = {}
            name = f"heartbeat-{next(iter(self._checks))}"
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()

    def results(self, deadline: float) -> dict[str, CheckResult]:
        """The results by name, at ``deadline`` at the latest."""
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        found = dict(self._results)
        late = CheckResult(UNAVAILABLE, f"no answer within {LIMIT_SECONDS:g} s")
        return {name: found.get(name, late) for name in self._checks}

    def _run(self) -> None:
        try:
            for name, check in self._checks.items():
                result = _checked(name, check, self._outages[name])
                self._results[name] = result
                if result.state == UNAVAILABLE and len(self._results) == 1:
                    self._results = dict.fromkeys(self._checks, result)
                    return
        finally:
            self._close()


def _checked(name: str, check: Check, outage: Outage) -> CheckResult:
    try:
        result = check()
    except (SQLAlchemyError, StorageError, StoreError) as error:
        outage.failed(_line(error))
        return CheckResult(UNAVAILABLE, _line(error))
    except Exception as error:
        log.exception("heartbeat: %s", name)
        return CheckResult(UNAVAILABLE, f"{type(error).__name__}: the log has the traceback")
    outage.worked()
    return result


def probes_of(services: Services) -> list[_Probe]:
    """The checks of an application. Those of the database share a connection of their own."""
    engine = create_probe_engine(services.database.engine)
    pages = services.page_cache
    in_database: dict[str, Check] = {"database": lambda: check_database(engine)}
    if pages is not None:
        in_database["outbox"] = lambda: check_outbox(pages, engine)
    in_database["posters"] = lambda: check_posters(services.posters, engine)
    queue = services.poster_queue
    if queue is not None:
        in_database["worker"] = lambda: check_worker(queue, engine)
        in_database["queue"] = lambda: check_queue(queue, engine)
    probes = [
        _Probe(in_database, close=engine.dispose),
        _Probe({"storage": lambda: check_storage(services.storage)}),
        _Probe({"disk": lambda: check_disk(folders_of(services))}),
    ]
    if pages is not None:
        probes += [
            _Probe({"stamps": lambda: check_stamps(pages.cache)}),
            _Probe({"entries": lambda: check_entries(pages.cache)}),
        ]
    return probes


def check_database(engine: Engine) -> CheckResult:
    """``outdated`` if migrations are missing, ``ahead`` if the schema is of a newer release."""
    current, head = current_revision(engine), head_revision()
    state = schema_state(current)
    if state is SchemaState.CURRENT:
        return CheckResult()
    if state is SchemaState.AHEAD:
        return CheckResult(AHEAD, f"the schema is at {current}, newer than {head} of this release")
    return CheckResult(OUTDATED, f"the schema is at {current}, not at {head}: moziweb db upgrade")


def check_storage(storage: Storage) -> CheckResult:
    """Whether objects can be stored; raises ``StorageError``."""
    storage.check()
    return CheckResult()


def check_stamps(cache: Cache) -> CheckResult:
    """Whether the clock can be read; raises ``StoreError``."""
    deadline = time.monotonic() + RECHECK_SECONDS
    while True:
        try:
            cache.stamps.read_clock()
        except StoreError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.05)
        else:
            return CheckResult()


def check_entries(cache: Cache) -> CheckResult:
    """Whether the store of every region answers; raises ``StoreError``."""
    for region in cache.regions.values():
        region.check()
    return CheckResult()


def check_outbox(pages: PageCache, engine: Engine) -> CheckResult:
    """``behind`` if the oldest invalidation is too old; raises ``SQLAlchemyError``."""
    with engine.connect() as connection:
        age = pages.outbox.age(connection, now=time.time())
    figures = {"outbox_age": age}
    if age < BACKLOG_SECONDS:
        return CheckResult(figures=figures)
    return CheckResult(BEHIND, "invalidations wait: is a relay running?", figures)


def check_posters(posters: "PosterService", engine: Engine) -> CheckResult:
    """``paused`` while the circuit breaker of storage is open; raises ``SQLAlchemyError``."""
    with engine.connect() as connection:
        reason = posters.storage_pause(connection)
    return CheckResult(PAUSED, reason) if reason else CheckResult()


def check_worker(queue: "ProcrastinateQueue", engine: Engine) -> CheckResult:
    """``unavailable`` unless a worker has given a sign of life; raises ``SQLAlchemyError``."""
    with engine.connect() as connection:
        silence = queue.worker_silence(connection)
    if silence is None:
        return CheckResult(UNAVAILABLE, "no worker runs: moziweb worker")
    if silence > WORKER_SECONDS:
        return CheckResult(UNAVAILABLE, f"the last worker has been silent for {silence:.0f} s")
    return CheckResult()


def check_queue(queue: "ProcrastinateQueue", engine: Engine) -> CheckResult:
    """``behind`` if the oldest job is too old; raises ``SQLAlchemyError``."""
    with engine.connect() as connection:
        age = queue.age(connection)
    figures = {"queue_age": age}
    if age < QUEUE_SECONDS:
        return CheckResult(figures=figures)
    return CheckResult(BEHIND, f"the oldest poster has waited for {age:.0f} s", figures)


def folders_of(services: Services) -> list[Path]:
    """The folders that the site writes to: temporary files, objects, an SQLite database."""
    folders = [Path(tempfile.gettempdir())]
    if isinstance(services.storage, DiskStorage):
        folders.append(services.storage.path)
    url = services.database.engine.url
    if url.get_backend_name() == "sqlite" and url.database:
        folders.append(Path(url.database).absolute().parent)
    return folders


def check_disk(folders: Iterable[Path]) -> CheckResult:
    """``full`` if one of the folders has little space left; one that is missing is skipped."""
    free, full = math.inf, ""
    for folder in folders:
        with suppress(FileNotFoundError, NotADirectoryError):
            usage = shutil.disk_usage(folder)
            if usage.free < min(MIN_FREE_BYTES, usage.total / 20):
                full = f"{folder} has {usage.free / 1e6:.0f} MB left"
            free = min(free, usage.free)
    figures = {"disk_free_mb": free / 1e6} if free < math.inf else {}
    return CheckResult(DISK_FULL if full else OK, full, figures)


def includeme(config: Configurator) -> None:
    """Add the two routes."""
    for name, view in (("lbheartbeat", lbheartbeat), ("heartbeat", Heartbeat())):
        config.add_route(name, f"/__{name}__")
        config.add_view(view, route_name=name, renderer="json", request_method="GET")


def _line(error: Exception) -> str:
    """The first line of an error, without the SQL that SQLAlchemy adds."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return (str(cause).splitlines() or [type(cause).__name__])[0]
