"""The smallest applications that pserve can serve, for tests of the server alone."""

from collections.abc import Callable, Iterable
from threading import Event
from typing import Any

from pyramid.registry import Registry

HOUR = 3600.0


def main(global_config: dict[str, str], **settings: str) -> Callable[..., Iterable[bytes]]:
    """A WSGI application that answers every request with ``hello``."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
        return [b"hello"]

    return app


class HeldApp:
    """Never answers; drains for an hour."""

    registry = Registry()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> None:
        Event().wait(HOUR)


def held(global_config: dict[str, str], **settings: str) -> HeldApp:
    """The factory of ``HeldApp``."""
    app = HeldApp()
    app.registry.settings = {"server.drain_seconds": HOUR, "server.shutdown_timeout": HOUR}
    return app
