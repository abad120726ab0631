"""waitress for ``pserve``: ``use = egg:moziweb#waitress`` in an ini file's ``[server:main]``.

What it adds to waitress's own runner: ``${PORT:-6543}`` in values, one plain line when the address
cannot be had, the address on the screen when the site is ready, cached pages from its own loop, and
an orderly end on SIGTERM.
"""

import errno
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeAlias

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, MultiSocketServer, create_server
from waitress.task import ErrorTask

from moziweb.cache.http.fast_path import FastPathMiddleware
from moziweb.cache.http.waitress_channel import install
from moziweb.posters.decoder import DecoderPool

from .ops.headers import site_headers
from .settings import SettingsError, expand
from .storage import Storage, StorageError

_LAST_PORT: Final = 65_535

_SWITCH_SECONDS: Final = 0.0001
"""How long a busy thread keeps the interpreter while others wait for it; Python's own is 0.005.

A page out of the cache takes 0.1 ms of it, but changes hands between waitress's threads some six
times on its way: each time behind whoever uploads a poster or renders a page.
"""

Server: TypeAlias = BaseWSGIServer | MultiSocketServer

_NICENESS: Final = 5
"""How far waitress's threads, which render and make posters, stand back behind its loop.

The loop answers from memory in 0.1 ms, and wakes up three times for it. Where a thread of the same
rank has the core, it may wait for milliseconds each time.
"""

_REASONS = {
    errno.EADDRINUSE: "is in use already; end what listens there, or choose another with PORT=…",
    errno.EACCES: "may not be used from this account; choose a port from 1024 up",
    errno.EADDRNOTAVAIL: "is no address of this machine",
}


class ServerError(Exception):
    """The server cannot start. Its text is one line for the operator."""


def serve(app: Callable[..., Any], global_conf: Mapping[str, str], **settings: str) -> int:
    """Serve ``app`` until SIGTERM or Ctrl-C: what pserve calls.

    ``settings`` are waitress's own options as text, which waitress itself gives their types
    (https://docs.pylonsproject.org/projects/waitress/en/stable/arguments.html). When the server
    cannot start, one line is said and the process ends with status 1.
    """
    try:
        server = bind(app, settings)
    except ServerError as error:
        print(f"moziweb: {error}", file=sys.stderr, flush=True)  # noqa: T201 - to the operator
        os._exit(1)  # pserve turns SystemExit into "Exiting … (-v to see traceback)" and status 0
    _end_on_sigterm()
    _start_relay(app)
    _look_at_storage(app)
    _leave_a_core_to_pages(app)
    sys.setswitchinterval(_SWITCH_SECONDS)
    _spare_what_stays()
    with _making_posters(app):
        _let_the_loop_go_first()
        print(f"moziweb is at {address(server)}", flush=True)  # noqa: T201 - said to the operator
        server.run()
    return 0


def _spare_what_stays() -> None:
    """Let the garbage collector never look again at what the application has made by now.

    A full collection stops every thread; over the half a million objects of a site that has been
    set up it took 160 ms, in the middle of requests.
    """
    gc.collect()
    gc.freeze()


def bind(app: Callable[..., Any], settings: Mapping[str, str]) -> Server:
    """A waitress server that listens at its address; raises ``ServerError``."""
    try:
        options: dict[str, Any] = {
            name: expand(name, text, os.environ) for name, text in settings.items()
        }
        _check_port(settings, options)
        _check_threads(app, options)
        sockets: dict[int, Any] = {}
        server = create_server(app, map=sockets, **options)
    except SettingsError as error:
        raise ServerError(str(error)) from error
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror)
        raise ServerError(f"{_place(options)} {reason}") from error
    except ValueError as error:  # what waitress raises for an option that it does not know
        raise ServerError(f"[server:main]: {error}") from error
    _head_refusals(app, sockets)
    if isinstance(app, FastPathMiddleware):
        install(sockets, app)
    return server


def address(server: Server) -> str:
    """Where a browser on this machine finds a bound server."""
    if isinstance(server, MultiSocketServer):
        host, port = map(str, server.effective_listen[0][:2])
    else:
        host, port = server.getsockname()
    if host == "unix":
        return f"{host}:{port}"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - shown, not bound
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _check_port(settings: Mapping[str, str], options: Mapping[str, str]) -> None:
    """Refuse what is no port: waitress would take 80000 for 14464, and tell of others by no name.

    Port 0 is any free one.
    """
    port = options.get("port", "0").strip()
    if not (port.isascii() and port.isdigit() and int(port) <= _LAST_PORT):
        said = f"port = {settings['port']}"
        given = f" ({port})" if port != settings["port"].strip() else ""
        raise ServerError(f"{said}{given}: expected a whole number from 0 to {_LAST_PORT}")


def _place(options: Mapping[str, str]) -> str:
    alone = options.get("listen") or options.get("unix_socket")
    return alone or f"{options.get('host', '0.0.0.0')}:{options.get('port', '8080')}"  # noqa: S104


def _head_refusals(app: Callable[..., Any], sockets: Mapping[int, Any]) -> None:
    """Give the site's headers to what waitress answers by itself: no request, or too large a one.

    Its answers repeat what they refuse, and no browser should take that for a page.
    """
    registry = getattr(app, "registry", None)
    if registry is None or "storage" not in registry:
        return
    headers = tuple(site_headers(registry).items())

    class Refusal(ErrorTask):
        def execute(self) -> None:
            self.response_headers = [*self.response_headers, *headers]
            super().execute()

    class Channel(HTTPChannel):
        error_task_class = Refusal

    for each in sockets.values():
        if isinstance(each, BaseWSGIServer):
            each.channel_class = Channel


def _start_relay(app: Callable[..., Any]) -> None:
    """Publish what writers that died have left in the journal, from this process, too.

    A thread begins here and not with the application: nobody forks after this.
    """
    registry = getattr(app, "registry", {})
    relay = registry.get("cache_relay")
    if relay is not None:
        relay.start()


def _look_at_storage(app: Callable[..., Any]) -> None:
    """Tell at once of a bucket that refuses what we are set up to ask of it, an ACL for instance.

    Beside the start and not before it: pages do without storage, and one that is away answers late.
    """
    storage: Storage | None = getattr(app, "registry", {}).get("storage")
    if storage is None:
        return

    def look() -> None:
        try:
            storage.check()
        except StorageError as error:
            print(f"moziweb: storage: {error}", file=sys.stderr, flush=True)  # noqa: T201
        finally:
            _spare_what_stays()  # boto3's model of S3 alone is a hundred thousand objects

    threading.Thread(target=look, name="storage-check", daemon=True).start()


@contextmanager
def _making_posters(app: Callable[..., Any]) -> Iterator[None]:
    """Have this process make posters in the background, too, if it is set up to."""
    pool = getattr(app, "registry", {}).get("poster_pool")
    if pool is None:
        yield
        return
    pool.start()
    try:
        yield
    finally:
        pool.stop()


def _leave_a_core_to_pages(app: Callable[..., Any]) -> None:
    """Decode posters on one core fewer than there are, unless the ini says on how many."""
    registry = getattr(app, "registry", None)
    workshop: DecoderPool | None = registry and registry.get("poster_workshop")
    if registry and workshop and registry.settings["posters.decoder.children"] is None:
        workshop.reserve_core()


def _check_threads(app: Callable[..., Any], options: Mapping[str, str]) -> None:
    """Refuse to let posters have every thread: pages would wait for them.

    Posters are told how many threads there are.
    """
    registry = getattr(app, "registry", {})
    settings = getattr(registry, "settings", None) or {}
    slots, threads = settings.get("posters.inline_slots"), int(options.get("threads", "4"))
    if slots is not None and slots + 1 >= threads:  # one more may wait for a poster
        raise ServerError(
            f"posters.inline_slots = {slots} and one that waits leave no thread for pages: "
            f"[server:main] has threads = {threads}; make it larger, or the slots fewer"
        )
    gate = registry.get("poster_gate")
    if gate is not None:
        gate.serve_with(threads)


def _let_the_loop_go_first() -> None:
    """Nice every thread but this one, in which the loop will run.

    Linux ranks threads, not processes. What they start in turn has their rank.
    """
    if sys.platform != "linux":
        return
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.native_id is not None:
            with suppress(OSError):  # it has ended meanwhile, or a container forbids it
                os.setpriority(os.PRIO_PROCESS, thread.native_id, _nicer(thread.native_id))


def _nicer(thread: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS


def _end_on_sigterm() -> None:
    """Turn SIGTERM into the end that waitress knows: no new work, what runs is finished.

    Under ``pserve --reload`` the reloader passes the signal on to the process that serves.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
