"""Two heartbeats, as Mozilla's Dockerflow names them.

``/__lbheartbeat__`` says that the process answers, for whoever balances load. ``/__heartbeat__``
asks the database, the storage and the cache, for whoever watches. Neither needs anything of the
site itself.
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
"""A row of the outbox that waits for longer has been passed over by relays several times."""


def lbheartbeat(request: Request) -> dict[str, str]:
    """200, without asking anything."""
    request.response.cache_control.no_store = True
    return {"status": OK}


def heartbeat(request: Request) -> dict[str, Any]:
    """Each part's state; 503 unless all are ``ok``.

    ``{"status": "ok", "checks": {"database": "ok", "storage": "ok"}}``, and with a cache also
    ``stamps``, ``entries``, ``outbox`` and beside the checks ``outbox_age``, in seconds. A part
    may be ``unavailable``; the database also ``outdated``, when it lacks migrations, and the
    outbox ``behind``, when invalidations wait in it. Why is in the log.
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
    """Whether the schema is the one that this version of the code brings."""
    return OK if current_revision(engine) == head_revision() else OUTDATED


def storage_state(storage: Storage) -> str:
    """Whether objects can be stored; raises ``StorageError`` when not."""
    storage.check()
    return OK


def stamps_state(cache: Cache) -> str:
    """Whether the clock can be read; raises ``StoreError`` when not."""
    cache.stamps.read_clock()
    return OK


def entries_state(cache: Cache) -> str:
    """Whether every region's store answers; raises ``StoreError`` when one does not."""
    for region in cache.regions.values():
        region.check()
    return OK


class OutboxAge:
    """How long invalidations have been waiting in the outbox."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.seconds: float | None = None
        """The age of the oldest one, once ``state`` has been asked for and could tell."""

    def state(self) -> str:
        """Whether it is a normal one; raises ``SQLAlchemyError`` when it cannot be told."""
        pages = self._services.page_cache
        if pages is None:
            return OK
        with self._services.database.engine.connect() as connection:
            self.seconds = pages.outbox.age(connection, now=time.time())
        return OK if self.seconds < BACKLOG_SECONDS else BEHIND


def includeme(config: Configurator) -> None:
    """The two routes."""
    for name, view in (("lbheartbeat", lbheartbeat), ("heartbeat", heartbeat)):
        config.add_route(name, f"/__{name}__")
        config.add_view(view, route_name=name, renderer="json", request_method="GET")


def _guarded(name: str, check: Callable[[], str]) -> str:
    try:
        return check()
    except (SQLAlchemyError, StorageError, StoreError):
        log.exception("heartbeat: %s", name)
        return UNAVAILABLE
