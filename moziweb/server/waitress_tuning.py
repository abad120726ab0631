"""Applies the changes of a serving process to waitress and CPython.

For speed and memory: each function but ``limit_connections`` reads its ini key and does nothing
where the key switches it off. Its docstring has the figure that justifies the change and the
command that measures it; the change to the loop itself is ``moziweb.cache.http.waitress_channel``.

As limits on clients (docs/decisions/0014): ``connections`` has the options of waitress with other
defaults, the channel, the parser and two patterns of it; ``forwarding`` the headers of proxies.
"""

import gc
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final

from waitress.server import BaseWSGIServer

from moziweb.allocator import return_freed_memory
from moziweb.cache.http.fast_path import FastPathMiddleware
from moziweb.cache.http.waitress_channel import install
from moziweb.logs.reporters import OPENTELEMETRY, traced
from moziweb.ops.headers import FAILURE_CACHE_CONTROL, site_headers
from moziweb.ops.request_log import RequestLogMiddleware, log_request
from moziweb.services import services_of_app
from moziweb.settings import SETTINGS

from .connections import ConnectionLimits, install_limits
from .forwarding import ForwardedHeadersMiddleware
from .shutdown import GracefulShutdown

_DEFAULTS: Final = {each.name: each.default for each in SETTINGS}


def limit_connections(
    app: Callable[..., Any], sockets: Mapping[int, Any], shutdown: GracefulShutdown
) -> None:
    """Limit what a client may hold (``connections``); read the headers of proxies (``forwarding``).

    The application gets request ids and log lines (``moziweb.ops.request_log``).

    waitress's own errors get the site's security headers and Cache-Control: their body repeats a
    part of the request, and a browser must not interpret it.
    Call it before ``answer_in_loop``.
    """
    headers = {"Cache-Control": FAILURE_CACHE_CONTROL}
    if services_of_app(app) is not None:
        headers |= site_headers(app.registry)  # type: ignore[attr-defined]
    servers = [each for each in sockets.values() if isinstance(each, BaseWSGIServer)]
    limits = ConnectionLimits(
        request_timeout=_setting(app, "server.request_timeout"),
        write_timeout=_setting(app, "server.write_timeout"),
    )
    install_limits(servers, limits, headers, shutdown)
    for server in servers:
        forwarded = ForwardedHeadersMiddleware(app, server.adj, headers)
        server.application = RequestLogMiddleware(
            traced(forwarded) if _setting(app, OPENTELEMETRY) else forwarded,
            access=_setting(app, "log.access"),
            slow=_setting(app, "log.slow_seconds"),
        )


def graceful_shutdown(app: Callable[..., Any]) -> GracefulShutdown:
    """The shutdown of a server with the application's times."""
    return GracefulShutdown(
        _setting(app, "server.drain_seconds"), _setting(app, "server.shutdown_timeout")
    )


def answer_in_loop(app: Callable[..., Any], sockets: MutableMapping[int, Any]) -> None:
    """Answer hits of the in-process cache in waitress's loop (``server.answer_in_loop``).

    21,823 requests/s, 2.17 times a bare WSGI function; 0.70 times with the key off ("in threads").
    ``python -m benchmarks.page_hit --rounds 3``, on a quiet machine
    """
    if isinstance(app, FastPathMiddleware) and _setting(app, "server.answer_in_loop"):
        install(sockets, app, log_request if _setting(app, "log.access") else None)


def limit_freed_memory(app: Callable[..., Any]) -> None:
    """Let the C library keep little memory that was freed (``server.memory_arenas``).

    Call it before threads start. After 60 cold posters and a crawl of the demo's 2,231 pages the
    process has 250 MB, 304 MB with 0. ``python -m benchmarks.serving_memory``
    """
    return_freed_memory(_setting(app, "server.memory_arenas"))


def reserve_core(app: Callable[..., Any]) -> None:
    """Run one decoder process fewer than there are cores (``posters.decoder.children`` empty).

    While cold posters are made on two cores by decoders of niceness 10, p95 of the index is 4.5 ms
    with two of them and 2.4 ms with one, which makes as many posters (three runs of each).
    ``python -m benchmarks.cold_posters --niceness 10``, and with ``--children 2``
    """
    services = services_of_app(app)
    if services is not None and _setting(app, "posters.decoder.children") is None:
        services.decoder_pool.reserve_core()


def freeze_startup_objects(app: Callable[..., Any]) -> None:
    """Exclude all objects that exist now from garbage collection (``server.freeze_objects``).

    A full collection stops every thread: for 124 ms with the objects of the site, 0 ms if they are
    frozen. p95 of the index while threads render is 7.7 times as long with the key off.
    ``python -m benchmarks.busy_threads --rounds 15``, on a quiet machine
    """
    if _setting(app, "server.freeze_objects"):
        gc.collect()
        gc.freeze()


def _setting(app: Callable[..., Any], name: str) -> Any:
    """A value of ``[app:main]``; the key's default for an application without settings."""
    settings = getattr(getattr(app, "registry", None), "settings", None) or {}
    return settings.get(name, _DEFAULTS[name])
