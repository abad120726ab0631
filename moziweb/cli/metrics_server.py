"""A small HTTP server for processes that serve no pages: /metrics and the heartbeats."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from pyramid.registry import Registry
from pyramid.router import Router
from waitress.server import create_server

from .context import SetupError

SERVED_PATHS: Final = frozenset({"/metrics", "/__heartbeat__", "/__lbheartbeat__"})

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


@contextmanager
def serving_metrics(registry: Registry, address: tuple[str, int] | None) -> Iterator[None]:
    """Serve at ``address`` during the block; not if it is None.

    Without ``metrics.token`` and ``metrics.allow`` there are only the heartbeats. Raises
    ``SetupError`` if the address cannot be used.
    """
    if address is None:
        yield
        return
    host, port = address
    try:
        server = create_server(_only_paths(Router(registry)), host=host, port=port, threads=2)
    except (OSError, ValueError) as error:
        raise SetupError(f"--metrics {host}:{port}: {error}") from None
    thread = threading.Thread(target=server.run, name="metrics-server", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.task_dispatcher.shutdown()


def _only_paths(app: Router) -> Callable[[Environ, StartResponse], Iterable[bytes]]:
    """The application without its pages and posters."""

    def limited(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] in SERVED_PATHS:
            answered: Iterable[bytes] = app(environ, start_response)
            return answered
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"404 Not Found\n"]

    return limited
