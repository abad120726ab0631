"""Runs a request again, once, after a lost database connection or a conflict of transactions.

Safe requests are run again on a new connection. They wait for it: a restart of PostgreSQL takes
seconds. Other requests are run again after a conflict, if nothing of their first attempt remains
(``config.add_repeatable_route``). They are not after a lost connection: the commit may have
succeeded. Commands and threads run their transactions again by ``repeat_on_conflict``.

pyramid_retry would run every request again that pyramid_tm finds retryable, for any view.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import Engine
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    PendingRollbackError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from moziweb.logs.outage import first_line
from moziweb.services import services_of, set_services
from moziweb.timings import timed

from .session import SAFE_METHODS

if TYPE_CHECKING:
    from pyramid.router import Router

log = logging.getLogger(__name__)

DATABASE_ERRORS: Final = (
    OperationalError,
    InterfaceError,
    InternalError,
    PendingRollbackError,
    PoolTimeoutError,
)
"""What is raised if the database is down, overloaded or restarting.

``PendingRollbackError`` and ``InternalError`` come from the next statement of a transaction that
has already failed, after code that handled the first error.
"""

OUTAGE_SECONDS: Final = 5.0
"""How long after the begin of an outage requests wait for the database. Later ones fail at once."""

RETRY_PAUSE_SECONDS: Final = 0.05

MAX_BODY: Final = 1_000_000
"""Bytes of the largest body that is read for a second attempt."""

TRANSACTION_ATTEMPTS: Final = 4
"""How often ``repeat_on_conflict`` runs a transaction at most."""

_CONFLICT: Final = ("40", "23505", "23503")
"""SQLSTATE prefixes: serialization failures and deadlocks, after which PostgreSQL rolls back; a
unique value that another transaction has taken, and a reference to a row that it has deleted. The
next attempt sees what the other transaction has committed.
"""

_LOST: Final = ("08", "57P", "25P03")
"""SQLSTATE prefixes: broken connections, a server that stops or starts, an idle transaction."""

_RETRIED: Final = "moziweb.db.retried"

T = TypeVar("T")


def is_connection_lost(error: object) -> bool:
    """Whether an exception says that the connection to PostgreSQL is lost or was refused."""
    if isinstance(error, PendingRollbackError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", "")
    if state is None:  # an error of the client library, such as "connection refused"
        return isinstance(error, OperationalError | InterfaceError)
    return state.startswith(_LOST)


def is_conflict(error: object) -> bool:
    """Whether an exception is a conflict of two transactions of PostgreSQL."""
    state = getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
    return state is not None and state.startswith(_CONFLICT)


def repeat_on_conflict(work: Callable[[], T]) -> T:
    """Runs one whole transaction, and again after a conflict; returns its result.

    ``work`` must open the transaction, and do nothing else that remains. The error of the last of
    ``TRANSACTION_ATTEMPTS`` is raised.
    """
    for attempt in range(1, TRANSACTION_ATTEMPTS):
        try:
            return work()
        except DBAPIError as error:
            if not is_conflict(error):
                raise
            log.warning("a transaction is run again: %s", first_line(error))
        # Two transactions with a deadlock must not meet again.
        time.sleep(random.uniform(0, attempt * RETRY_PAUSE_SECONDS))  # noqa: S311
    return work()


def will_retry(request: Request) -> bool:
    """Whether a request has failed and can be run again; false in its second attempt."""
    error = getattr(request, "exception", None)
    if error is None or _RETRIED in request.environ:
        return False
    if request.method in SAFE_METHODS:
        return is_connection_lost(error) or is_conflict(error)
    route = getattr(request, "matched_route", None)
    routes = services_of(request.registry).repeatable_routes
    is_repeatable = route is not None and route.name in routes
    return is_repeatable and bool(request.is_body_seekable) and is_conflict(error)


class Reconnection:
    """Waits until the database accepts connections, for a limited time after an outage began."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._began = self._failed = float("-inf")

    def wait(self) -> bool:
        """Whether the database accepts connections now, or does so before the limit."""
        while self._has_time_left():
            if self._connects():
                with self._lock:
                    self._failed = float("-inf")
                return True
            time.sleep(RETRY_PAUSE_SECONDS)
        return False

    def _has_time_left(self) -> bool:
        now = time.monotonic()
        with self._lock:
            if now - self._failed > OUTAGE_SECONDS:  # else it is a known outage
                self._began = now
            self._failed = now
            return now - self._began < OUTAGE_SECONDS

    def _connects(self) -> bool:
        try:
            self._engine.connect().close()
        except DATABASE_ERRORS:
            return False
        return True


class RetryPolicy:
    """The execution policy of the application."""

    def __init__(self, engine: Engine) -> None:
        self._reconnection = Reconnection(engine)

    def __call__(self, environ: dict[str, Any], router: "Router") -> Response:
        """Run a request, and again if it failed and is repeatable."""
        with timed(environ):
            return self._run(environ, router)

    def _run(self, environ: dict[str, Any], router: "Router") -> Response:
        with router.request_context(environ) as request:
            if request.method not in SAFE_METHODS and (request.content_length or 0) <= MAX_BODY:
                _let_body_be_read_again(environ)
            # Views keep loaded rows and tokens in the environ, which must not outlive the attempt.
            pristine = environ.copy()
            response: Response = router.invoke_request(request)
            error = getattr(request, "exception", None)
            if not will_retry(request):
                return response
        if is_connection_lost(error) and not self._reconnection.wait():
            return response
        # A lost connection is in the log already: ``Outage``.
        level = logging.DEBUG if is_connection_lost(error) else logging.WARNING
        log.log(level, "%s %s is run again: %s", request.method, request.path, first_line(error))
        with router.request_context({**pristine, _RETRIED: True}) as request:
            if request.is_body_seekable:
                request.body_file_raw.seek(0)
            return router.invoke_request(request)  # type: ignore[no-any-return]


def _let_body_be_read_again(environ: dict[str, Any]) -> None:
    """Tell WebOb that the body is a file, as waitress's are. Nothing is read before the view."""
    if hasattr(environ["wsgi.input"], "seek"):
        environ["webob.is_body_seekable"] = True


def add_repeatable_route(config: Configurator, name: str) -> None:
    """Let unsafe requests of a route be run again after a conflict.

    Its views write through ``request.dbsession``. What else they write may be written twice.
    """
    services = services_of(config.registry)
    routes = services.repeatable_routes | {name}
    set_services(config.registry, replace(services, repeatable_routes=routes))
