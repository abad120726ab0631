"""The load of waitress: its threads, its queue and its connections, for the metrics."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from waitress.server import BaseWSGIServer

from moziweb.ops.metrics import ServerLoad
from moziweb.services import services_of_app, set_services


def report_load(app: Callable[..., Any], sockets: Mapping[int, Any]) -> None:
    """Let the metrics of an application read the load of its server.

    ``sockets`` is the map that ``waitress.create_server`` was given.
    """
    services = services_of_app(app)
    if services is None:
        return
    servers: list[Any] = [each for each in sockets.values() if isinstance(each, BaseWSGIServer)]
    dispatcher = servers[0].task_dispatcher

    def load() -> ServerLoad:
        connections = sum(len(server.active_channels) for server in servers)
        return ServerLoad(
            len(dispatcher.threads), dispatcher.active_count, len(dispatcher.queue), connections
        )

    set_services(app.registry, replace(services, server_load=load))  # type: ignore[attr-defined]
