"""Two heartbeats with the names of Mozilla's Dockerflow.

``/__lbheartbeat__`` is for load balancers: the process answers. ``/__heartbeat__`` is for
monitoring: it checks the database, the storage and the cache. Neither uses the site's own code.
https://github.com/mozilla-services/Dockerflow
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from pyramid.config import Configurator
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from moziweb.cache import Cache, StoreError
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


def lbheartbeat(request: Request) -> dict[str, str]:
    """Always 200."""
    request.response.cache_control.no_store = True
    return {"status": OK}


def heartbeat(request: Request) -> dict[str, Any]:
    """The state of each part; 503 unless all are ``ok``.

    ``{"status": "ok", "checks": {"database": "ok", "storage": "ok"}}``. With a cache, the checks
    include ``stamps``, ``entries`` and ``outbox``, and ``outbox_age`` (seconds) is added. A part
    may be ``unavailable``; the database also ``outdated`` if migrations are missing, and the
    outbox ``behind`` if invalidations wait in it for too long. The log has the reason.
    """
    services = request.services
    checks: dict[str, Callable[[], str]] = {
        "database": lambda: database_state(services.database.engine),
        "storage": lambda: storage_state(services.storage),
    }
    outbox = OutboxAge(services)
    if services.page_cache is not None:
        cache = services.page_cache.cache
        checks |= {
            "stamps": lambda: stamps_state(cache),
            "entries": lambda: entries_state(cache),
            "outbox": outbox.state,
        }
    states = {name: _guarded(name, check) for name, check in checks.items()}
    healthy = all(state == OK for state in states.values())
    request.response.cache_control.no_store = True
    request.response.status_int = 200 if healthy else 503
    body: dict[str, Any] = {"status": OK if healthy else UNAVAILABLE, "checks": states}
    if outbox.seconds is not None:
        body["outbox_age"] = round(outbox.seconds, 1)
    return body


def database_state(engine: Engine) -> str:
    """``outdated`` unless the schema is that of this version of the code."""
    return OK if current_revision(engine) == head_revision() else OUTDATED


def storage_state(storage: Storage) -> str:
    """Whether objects can be stored; raises ``StorageError``."""
    storage.check()
    return OK


def stamps_state(cache: Cache) -> str:
    """Whether the clock can be read; raises ``StoreError``."""
    cache.stamps.read_clock()
    return OK


def entries_state(cache: Cache) -> str:
    """Whether the store of every region answers; raises ``StoreError``."""
    for region in cache.regions.values():
        region.check()
    return OK


class OutboxAge:
    """Age of the oldest invalidation in the outbox."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.seconds: float | None = None
        """The age, after a successful ``state``."""

    def state(self) -> str:
        """``behind`` if it is too old; raises ``SQLAlchemyError``."""
        pages = self._services.page_cache
        if pages is None:
            return OK
        with self._services.database.engine.connect() as connection:
            self.seconds = pages.outbox.age(connection, now=time.time())
        return OK if self.seconds < BACKLOG_SECONDS else BEHIND


def includeme(config: Configurator) -> None:
    """Add the two routes."""
    for name, view in (("lbheartbeat", lbheartbeat), ("heartbeat", heartbeat)):
        config.add_route(name, f"/__{name}__")
        config.add_view(view, route_name=name, renderer="json", request_method="GET")


def _guarded(name: str, check: Callable[[], str]) -> str:
    try:
        return check()
    except (SQLAlchemyError, StorageError, StoreError):
        log.exception("heartbeat: %s", name)
        return UNAVAILABLE
