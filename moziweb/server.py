"""waitress for ``pserve``: ``use = egg:moziweb#waitress`` in an ini file's ``[server:main]``.

What it adds to waitress's own runner: ``${PORT:-6543}`` in values, one plain line when the address
cannot be had, the address on the screen when the site is ready, and an orderly end on SIGTERM.
"""

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from waitress.server import BaseWSGIServer, MultiSocketServer, create_server

from .settings import SettingsError, expand

_REASONS = {
    errno.EADDRINUSE: "is in use already; end what listens there, or choose another with PORT=…",
    errno.EACCES: "may not be used from this account; choose a port from 1024 up",
    errno.EADDRNOTAVAIL: "is no address of this machine",
}


def serve(app: Callable[..., Any], global_conf: Mapping[str, str], **settings: str) -> int:
    """Serve ``app`` until SIGTERM or Ctrl-C; pserve's exit status.

    ``settings`` are waitress's own options as text, which waitress itself gives their types
    (https://docs.pylonsproject.org/projects/waitress/en/stable/arguments.html).
    Raises ``SystemExit`` with one line when an option is wrong or the address is not to be had.
    """
    options = _options(settings)
    server = _bound(app, options)
    _end_on_sigterm()
    print(f"moziweb is at {address(server)}", flush=True)  # noqa: T201 - said to the operator
    server.run()
    return 0


def address(server: BaseWSGIServer | MultiSocketServer) -> str:
    """Where a browser on this machine finds a bound server."""
    if isinstance(server, MultiSocketServer):
        host, port = map(str, server.effective_listen[0][:2])
    else:
        host, port = server.getsockname()
    if host == "unix":
        return f"{host}:{port}"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - shown, not bound
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _options(settings: Mapping[str, str]) -> dict[str, Any]:
    try:
        return {name: expand(name, text, os.environ) for name, text in settings.items()}
    except SettingsError as error:
        _end(str(error))


def _bound(app: Callable[..., Any], options: dict[str, Any]) -> BaseWSGIServer | MultiSocketServer:
    try:
        return create_server(app, **options)
    except OSError as error:
        where = options.get("listen") or f"{options.get('host', '')}:{options.get('port', '8080')}"
        _end(f"{where} {_REASONS.get(error.errno or 0, error.strerror)}")
    except ValueError as error:  # what waitress raises for an option it does not know
        _end(f"[server:main]: {error}")


def _end_on_sigterm() -> None:
    """Turn SIGTERM into the end that waitress knows: no new work, what runs is finished.

    Under ``pserve --reload`` the reloader passes the signal on to the process that serves.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def _end(line: str) -> NoReturn:
    raise SystemExit(f"moziweb: {line}")
