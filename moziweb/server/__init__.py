"""waitress for ``pserve``: ``use = egg:moziweb#waitress`` in an ini file's ``[server:main]``.

Beyond waitress's own runner: ``${PORT:-6543}`` in values, one-line errors when the server cannot
listen, the URL on the screen when the site is ready, background threads, and a shutdown that
loses no request. ``waitress_tuning`` names the changes to waitress and the interpreter.
"""

import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from waitress.server import BaseWSGIServer, MultiSocketServer, create_server

import moziweb
from moziweb.ops.cache_reads import CacheReadRecorder
from moziweb.ops.performance import PerformanceRecorder, release_of
from moziweb.services import services_of_app
from moziweb.settings import SettingsError, expand
from moziweb.settings.schema import integer
from moziweb.storage import Storage, StorageError

from . import waitress_tuning as tuning
from .connections import WAITRESS_OPTIONS
from .load import report_load
from .shutdown import GracefulShutdown

_WHOLE_NUMBERS: Final = {
    **{
        name: integer(0, 2**31 - 1)
        for name in (
            "asyncore_loop_timeout", "backlog", "channel_request_lookahead", "channel_timeout",
            "cleanup_interval", "connection_limit", "inbuf_overflow", "max_request_body_size",
            "max_request_header_size", "outbuf_high_watermark", "outbuf_overflow", "recv_bytes",
            "send_bytes", "trusted_proxy_count",
        )
    },
    "port": integer(0, 65_535),
    "threads": integer(1, 1_000),
}  # fmt: skip
"""The numbers among waitress's options. waitress would use port 14464 for 80000, and its errors for
other values lack the option's name."""

STORAGE_CALL_SECONDS: Final = 5.0
"""How long a request to S3 may take in the web process; platforms end a request after 30 s."""

Server: TypeAlias = BaseWSGIServer | MultiSocketServer

_REASONS = {
    errno.EADDRINUSE: "is already in use; stop the other server or set another port with PORT=…",
    errno.EACCES: "is not permitted for this account; set a port from 1024 up",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
}


class ServerError(Exception):
    """The server cannot start. Its text is one line for the operator."""


def serve(app: Callable[..., Any], global_conf: Mapping[str, str], **settings: str) -> int:
    """Serve ``app`` until SIGTERM or Ctrl-C. Called by pserve.

    ``settings`` are waitress's own options as text, which waitress itself converts
    (https://docs.pylonsproject.org/projects/waitress/en/stable/arguments.html). When the server
    cannot start, prints one line and ends the process with status 1.
    """
    tuning.limit_freed_memory(app)
    shutdown = tuning.graceful_shutdown(app)
    try:
        server = bind(app, settings, shutdown)
    except ServerError as error:
        print(f"moziweb: {error}", file=sys.stderr, flush=True)  # noqa: T201 - for the operator
        os._exit(1)  # pserve turns SystemExit into "Exiting … (-v to see traceback)" and status 0
    shutdown.handle_signals()
    tuning.reserve_core(app)
    tuning.freeze_startup_objects(app)
    _start_threads(app)
    with _poster_pool(app), _recorder(app):
        print(f"moziweb is at {address(server)}", flush=True)  # noqa: T201 - for the operator
        server.run()
    return 0


def bind(
    app: Callable[..., Any],
    settings: Mapping[str, str],
    shutdown: GracefulShutdown | None = None,
) -> Server:
    """A waitress server that listens at its address; raises ``ServerError``."""
    shutdown = shutdown or tuning.graceful_shutdown(app)
    try:
        given = {**WAITRESS_OPTIONS, **settings}
        options: dict[str, Any] = {
            name: expand(name, text, os.environ).strip() for name, text in given.items()
        }
        _check_numbers(given, options)
        _check_threads(app, options)
        sockets: dict[int, Any] = {}
        server = create_server(app, map=sockets, **options)
    except SettingsError as error:
        raise ServerError(str(error)) from error
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror)
        raise ServerError(f"{_endpoint(options)} {reason}") from error
    except ValueError as error:  # raised by waitress for an unknown option
        raise ServerError(f"[server:main]: {error}") from error
    tuning.limit_connections(app, sockets, shutdown)
    tuning.answer_in_loop(app, sockets)
    shutdown.install(sockets)
    report_load(app, sockets)
    return server


def address(server: Server) -> str:
    """The URL at which a browser on this machine reaches a bound server."""
    if isinstance(server, MultiSocketServer):
        host, port = map(str, server.effective_listen[0][:2])
    else:
        host, port = server.getsockname()
    if host == "unix":
        return f"{host}:{port}"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - shown, not bound
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _check_numbers(given: Mapping[str, str], options: Mapping[str, str]) -> None:
    """Raise ``ServerError``, which names the option, for a value that is not a number in bounds."""
    for name in _WHOLE_NUMBERS.keys() & options.keys():
        value_type, text = _WHOLE_NUMBERS[name], options[name]
        try:
            value_type.parse(text)
        except ValueError:
            expanded = f" ({text})" if text != given[name].strip() else ""
            expected = f"expected {value_type.description}"
            raise ServerError(f"{name} = {given[name]}{expanded}: {expected}") from None


def _endpoint(options: Mapping[str, str]) -> str:
    configured = options.get("listen") or options.get("unix_socket")
    return configured or f"{options.get('host', '0.0.0.0')}:{options.get('port', '8080')}"  # noqa: S104


def _check_threads(app: Callable[..., Any], options: Mapping[str, str]) -> None:
    """Raise ``ServerError`` if posters could occupy every thread; pages would wait for them.

    Passes the number of threads to the admission control of posters.
    """
    registry = getattr(app, "registry", {})
    settings = getattr(registry, "settings", None) or {}
    slots, threads = settings.get("posters.inline_slots"), int(options.get("threads", "4"))
    if slots is not None and slots + 1 >= threads:  # one more request may wait for a poster
        raise ServerError(
            f"posters.inline_slots = {slots} needs at least {slots + 2} waitress threads; "
            f"[server:main] has threads = {threads}"
        )
    services = services_of_app(app)
    if services is not None:
        services.poster_admission.set_thread_count(threads)


def _start_threads(app: Callable[..., Any]) -> None:
    """Start the outbox relay, the background refresher, the probe and a check of the storage.

    Limits the calls of the storage first.

    Called here and not when the application is built, because nothing forks after this. The probe
    starts here because the loop can be the first to notice an outage, and must not start a thread.
    """
    services = services_of_app(app)
    if services is None:
        return
    services.storage.limit_calls(STORAGE_CALL_SECONDS)
    if (pages := services.page_cache) is not None:
        pages.cache.start_probe_thread()
        pages.relay.start()
        if pages.refresher is not None:
            pages.refresher.start()
    check = threading.Thread(
        target=_check_storage, args=(app, services.storage), name="storage-check", daemon=True
    )
    check.start()


def _check_storage(app: Callable[..., Any], storage: Storage) -> None:
    """Print an error if the bucket refuses the configured requests, for example because of an ACL.

    In a thread: pages do not need the storage, and a server that is down answers late.
    """
    try:
        storage.check()
    except StorageError as error:
        print(f"moziweb: storage: {error}", file=sys.stderr, flush=True)  # noqa: T201
    finally:
        tuning.freeze_startup_objects(app)  # boto3's model of S3 is 100,000 objects


@contextmanager
def _recorder(app: Callable[..., Any]) -> Iterator[None]:
    """Record the performance of this process in the database."""
    services = services_of_app(app)
    if services is None:
        yield
        return
    release = release_of(Path(moziweb.__file__).parent)
    cache_reads = CacheReadRecorder(services.cache_reads, services.cache_counters)
    recorder = PerformanceRecorder(
        services.database, services.transactions, release, cache_reads=cache_reads
    )
    recorder.start()
    try:
        yield
    finally:
        recorder.stop()


@contextmanager
def _poster_pool(app: Callable[..., Any]) -> Iterator[None]:
    """Run the background pool that makes posters, if the ini file has one in this process."""
    services = services_of_app(app)
    pool = None if services is None else services.poster_threads
    if pool is None:
        yield
        return
    pool.start()
    try:
        yield
    finally:
        pool.stop()
