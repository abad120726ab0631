"""An application that says what it got, in a server as ``pserve`` binds it, in this process."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

from pyramid.registry import Registry

from moziweb import server
from moziweb.posters.generation.admission import AdmissionControl
from moziweb.server.shutdown import GracefulShutdown
from moziweb.services import Services, set_services
from tests.services.ports import HOST
from tests.services.raw_http import PATIENCE, running

BIG = 200_000


class EchoApp:
    """Answers with the target and the size of the body; ``/big`` with `BIG` bytes."""

    shutdown: GracefulShutdown | None = None

    def __init__(self, **settings: Any) -> None:
        self.registry = Registry()
        self.registry.settings = {
            "site.base_url": "https://moziweb.test",
            "site.hsts": False,
            **settings,
        }
        storage: Any = SimpleNamespace(
            limit_calls=lambda _: None, check=lambda: None, url="https://posters.example/{}".format
        )
        admission = AdmissionControl(cast(Any, None), slots=1, wait_seconds=1)
        set_services(self.registry, Services(storage=storage, poster_admission=admission))
        self.server: Any = None
        self.environs: list[dict[str, Any]] = []
        self.free = threading.Event()
        self.held = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.environs.append(environ)
        if environ["PATH_INFO"] == "/wait":
            self.held.set()
            assert self.free.wait(PATIENCE)
        target, size = environ["REQUEST_URI"], len(environ["wsgi.input"].read())
        body = f"{environ['REQUEST_METHOD']} {target} {size}".encode()
        if environ["PATH_INFO"] == "/big":
            body = bytes(BIG)
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]


@contextmanager
def serving(app: EchoApp, **options: str) -> Iterator[int]:
    """Serve with options of ``[server:main]``; the port."""
    app.server = server.bind(app, {"listen": f"{HOST}:0", "threads": "2", **options}, app.shutdown)
    with running(app.server, app.server._map):
        try:
            yield int(app.server.effective_port)
        finally:
            app.free.set()
