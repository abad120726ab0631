"""The smallest application that pserve can serve, for tests of the server alone."""

from collections.abc import Callable, Iterable
from typing import Any


def main(global_config: dict[str, str], **settings: str) -> Callable[..., Iterable[bytes]]:
    """A WSGI application that answers every request with ``hello``."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
        return [b"hello"]

    return app
