"""Request ids, and log lines for requests: all of them (``log.access``), or those that are slow.

The middleware is the outermost part of the application in a server. It answers with
``X-Request-ID`` and adds the id to every log line of the request; ``includeme`` adds the route,
``bind_user`` the user of the manager.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from pyramid.config import Configurator
from pyramid.events import BeforeTraversal
from structlog.contextvars import bind_contextvars, clear_contextvars

from moziweb.cache.http.fast_path import ROUTE
from moziweb.logs.request_id import HEADER, request_id
from moziweb.timings import timings_of

log = logging.getLogger(__name__)

_Sent = tuple[str, Iterable[tuple[str, str]]]

CACHE_HEADER: Final = "X-Cache"

_PATH_CHARACTERS: Final = "/~:@!$&'()*+,;="
"""Characters of a path that are not escaped in the log, besides letters and digits."""


@dataclass(frozen=True, slots=True)
class RequestLogMiddleware:
    """``app`` with request ids; logs all requests if ``access``, else those over ``slow`` seconds.

    ``slow`` is None for no limit. A slow request is logged with its time by part, in milliseconds,
    and its number of queries (``moziweb.timings``).
    """

    app: Callable[..., Iterable[bytes]]
    access: bool = False
    slow: float | None = None

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Call the application. The id stays in the context until the thread's next request."""
        began = time.perf_counter()
        identifier = request_id(environ.get("HTTP_X_REQUEST_ID"))
        clear_contextvars()
        bind_contextvars(request_id=identifier)
        sent: _Sent = ("500", ())

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            nonlocal sent
            sent = status, headers
            return start_response(status, [*headers, (HEADER, identifier)], *error)

        try:
            return self.app(environ, start)
        finally:
            self._log(environ, sent, time.perf_counter() - began)

    def _log(self, environ: dict[str, Any], sent: "_Sent", seconds: float) -> None:
        status, headers = sent
        timings = timings_of(environ)
        if timings is not None:
            seconds = timings.total()
        is_slow = self.slow is not None and seconds > self.slow
        if not (self.access or is_slow):
            return
        fields: dict[str, object] = {}
        cache = next((value for name, value in headers if name == CACHE_HEADER), None)
        if cache:
            fields["cache"] = cache
        if ROUTE in environ:
            fields["route"] = environ[ROUTE]
        if is_slow and timings is not None:
            spent = {str(part): seconds for part, seconds in timings.seconds.items() if seconds}
            fields["split"] = {part: _ms(seconds) for part, seconds in spent.items()}
            fields["queries"] = timings.queries
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        log_request(method, path, status, seconds, is_slow=is_slow, **fields)


def log_request(
    method: str, path: str, status: str, seconds: float, *, is_slow: bool = False, **fields: object
) -> None:
    """Log an answered request; a slow one is a warning. The query is left out: it may be private.

    ``path`` is decoded as Latin-1, as in the environ; ``status`` begins with the number.
    """
    code = int(status[:3])
    shown = quote(path.encode("latin-1", "replace"), safe=_PATH_CHARACTERS)
    log.log(
        logging.WARNING if is_slow else logging.INFO,
        "slow request: %s %s: %d in %.1f ms" if is_slow else "%s %s: %d in %.1f ms",
        method,
        shown,
        code,
        seconds * 1000,
        extra={"method": method, "path": shown, "status": code, "ms": _ms(seconds), **fields},
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def bind_user(name: str) -> None:
    """Add the name of the user to the log lines of this thread's request."""
    bind_contextvars(user=name)


def _bind_route(event: BeforeTraversal) -> None:
    route = event.request.matched_route
    if route is not None:
        bind_contextvars(route=route.name)


def includeme(config: Configurator) -> None:
    """Add the route to the log lines of a request."""
    config.add_subscriber(_bind_route, BeforeTraversal)
