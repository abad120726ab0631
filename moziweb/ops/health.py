"""Two heartbeats with the names of Mozilla's Dockerflow.

``/__lbheartbeat__`` is for load balancers: the process answers. ``/__heartbeat__`` is for
monitoring: it checks the database, the storage and the cache. Neither uses the site's own code.
https://github.com/mozilla-services/Dockerflow
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pyramid.config import Configurator
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from moziweb.cache import Cache, StoreError
from moziweb.cache.http.page_cache import PageCache
from moziweb.db.migrations import current_revision, head_revision
from moziweb.request import Request
from moziweb.services import Services
from moziweb.storage import Storage, StorageError

log = logging.getLogger(__name__)

OK: Final = "ok"
UNAVAILABLE: Final = "unavailable"
OUTDATED: Final = "outdated"
BEHIND: Final = "behind"

BACKLOG_SECONDS: Final = 30.0
"""Age of an outbox row that several polls of the relays have not published."""

LIMIT_SECONDS: Final = 2.0
"""How long a request waits for the checks; S3 may take half a minute to fail."""

KEEP_SECONDS: Final = 3.0
"""How long the result of the checks is kept."""


@dataclass(frozen=True)
class CheckResult:
    """The state of one part. ``reason`` is a line for the operator, empty if the part is ok."""

    state: str = OK
    reason: str = ""
    outbox_age: float | None = None


Check = Callable[[], CheckResult]


def lbheartbeat(request: Request) -> dict[str, str]:
    """Always 200."""
    request.response.cache_control.no_store = True
    return {"status": OK}


class Heartbeat:
    """The view ``/__heartbeat__``: the state of each part; 503 unless all are ``ok``.

    ``{"status": "ok", "checks": {"database": "ok", "storage": "ok"}}``. With a cache, the checks
    include ``stamps``, ``entries`` and ``outbox``, and ``outbox_age`` (seconds) is added. A part
    may be ``unavailable``; the database also ``outdated`` if migrations are missing, and the
    outbox ``behind`` if invalidations wait in it for too long. ``reasons`` has a line for each part
    that is not ok; the log has the traceback.

    Any client can request it, so at most one request at a time waits, for ``LIMIT_SECONDS``. Others
    get the previous result, and a result is kept for ``KEEP_SECONDS``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._probes: dict[str, _Probe] = {}
        self._results: dict[str, CheckResult] = {}
        self._kept_until = 0.0

    def __call__(self, request: Request) -> dict[str, Any]:
        """The body; sets the status of the response."""
        results = self._current(request.services)
        healthy = all(result.state == OK for result in results.values())
        request.response.cache_control.no_store = True
        request.response.status_int = 200 if healthy else 503
        body: dict[str, Any] = {
            "status": OK if healthy else UNAVAILABLE,
            "checks": {name: result.state for name, result in results.items()},
        }
        if not healthy:
            body["reasons"] = {name: each.reason for name, each in results.items() if each.reason}
        ages = [each.outbox_age for each in results.values() if each.outbox_age is not None]
        if ages:
            body["outbox_age"] = round(ages[0], 1)
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
            self._probes = {name: _Probe(name, check) for name, check in checks_of(services)}
        deadline = time.monotonic() + LIMIT_SECONDS
        for probe in self._probes.values():
            probe.start()
        return {name: probe.result(deadline) for name, probe in self._probes.items()}


class _Probe:
    """Runs a check in a thread, which outlives the request if the check hangs."""

    def __init__(self, name: str, check: Check) -> None:
        self._name = name
        self._check = check
        self._result = CheckResult()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the check, unless an earlier one is still running."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._run, name=f"heartbeat-{self._name}", daemon=True
            )
            self._thread.start()

    def result(self, deadline: float) -> CheckResult:
        """The result, at ``deadline`` at the latest."""
        thread = self._thread
        if thread is not None:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                return CheckResult(UNAVAILABLE, f"no answer within {LIMIT_SECONDS:g} s")
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._check()
        except (SQLAlchemyError, StorageError, StoreError) as error:
            log.exception("heartbeat: %s", self._name)
            self._result = CheckResult(UNAVAILABLE, _line(error))
        except Exception as error:  # the result must not be that of an earlier run
            log.exception("heartbeat: %s", self._name)
            self._result = CheckResult(
                UNAVAILABLE, f"{type(error).__name__}: the log has the traceback"
            )


def checks_of(services: Services) -> list[tuple[str, Check]]:
    """The checks of an application by the name of the part."""
    checks: list[tuple[str, Check]] = [
        ("database", lambda: check_database(services.database.engine)),
        ("storage", lambda: check_storage(services.storage)),
    ]
    pages = services.page_cache
    if pages is not None:
        checks += [
            ("stamps", lambda: check_stamps(pages.cache)),
            ("entries", lambda: check_entries(pages.cache)),
            ("outbox", lambda: check_outbox(pages, services.database.engine)),
        ]
    return checks


def check_database(engine: Engine) -> CheckResult:
    """``outdated`` unless the schema is that of this version of the code."""
    current, head = current_revision(engine), head_revision()
    if current == head:
        return CheckResult()
    return CheckResult(OUTDATED, f"the schema is at {current}, not at {head}: moziweb db upgrade")


def check_storage(storage: Storage) -> CheckResult:
    """Whether objects can be stored; raises ``StorageError``."""
    storage.check()
    return CheckResult()


def check_stamps(cache: Cache) -> CheckResult:
    """Whether the clock can be read; raises ``StoreError``."""
    cache.stamps.read_clock()
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
    if age < BACKLOG_SECONDS:
        return CheckResult(outbox_age=age)
    return CheckResult(BEHIND, "invalidations wait: is a relay running?", age)


def includeme(config: Configurator) -> None:
    """Add the two routes."""
    for name, view in (("lbheartbeat", lbheartbeat), ("heartbeat", Heartbeat())):
        config.add_route(name, f"/__{name}__")
        config.add_view(view, route_name=name, renderer="json", request_method="GET")


def _line(error: Exception) -> str:
    """The first line of an error, without the SQL that SQLAlchemy adds."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return (str(cause).splitlines() or [type(cause).__name__])[0]
