"""Two heartbeats, as Mozilla's Dockerflow names them.

``/__lbheartbeat__`` says that the process answers, for whoever balances load. ``/__heartbeat__``
asks the database and the storage, for whoever watches. Neither needs anything of the site itself.
https://github.com/mozilla-services/Dockerflow
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from pyramid.config import Configurator
from pyramid.request import Request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from moziweb.db import Database
from moziweb.db.migrations import current_revision, head_revision
from moziweb.storage import Storage, StorageError

log = logging.getLogger(__name__)

OK: Final = "ok"
UNAVAILABLE: Final = "unavailable"
OUTDATED: Final = "outdated"


def lbheartbeat(request: Request) -> dict[str, str]:
    """200, without asking anything."""
    request.response.cache_control.no_store = True
    return {"status": OK}


def heartbeat(request: Request) -> dict[str, Any]:
    """Each part's state; 503 unless all are ``ok``.

    ``{"status": "ok", "checks": {"database": "ok", "storage": "ok"}}``; a part may be
    ``unavailable``, the database also ``outdated``: it lacks migrations. Why is in the log.
    """
    database: Database = request.registry["database"]
    storage: Storage = request.registry["storage"]
    checks = {
        "database": _guarded("database", lambda: database_state(database.engine)),
        "storage": _guarded("storage", lambda: storage_state(storage)),
    }
    healthy = all(state == OK for state in checks.values())
    request.response.cache_control.no_store = True
    request.response.status_int = 200 if healthy else 503
    return {"status": OK if healthy else UNAVAILABLE, "checks": checks}


def database_state(engine: Engine) -> str:
    """Whether the schema is the one that this version of the code brings."""
    return OK if current_revision(engine) == head_revision() else OUTDATED


def storage_state(storage: Storage) -> str:
    """Whether objects can be stored; raises ``StorageError`` when not."""
    storage.check()
    return OK


def includeme(config: Configurator) -> None:
    """The two routes."""
    for name, view in (("lbheartbeat", lbheartbeat), ("heartbeat", heartbeat)):
        config.add_route(name, f"/__{name}__")
        config.add_view(view, route_name=name, renderer="json", request_method="GET")


def _guarded(name: str, check: Callable[[], str]) -> str:
    try:
        return check()
    except (SQLAlchemyError, StorageError):
        log.exception("heartbeat: %s", name)
        return UNAVAILABLE
