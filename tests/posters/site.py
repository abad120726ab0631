"""An application of posters only: database, storage and the resource tree, without pages."""

from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator, Router

from moziweb.settings import load

BASE_URL = "http://localhost"


def make_site(
    settings: dict[str, Any], configure: Callable[[Configurator], None] = lambda _: None
) -> Router:
    """The application; ``configure`` may replace readers before the commit."""
    typed = load({"site.base_url": BASE_URL, "posters.decoder.niceness": "0", **settings})
    with Configurator(settings=typed) as config:
        for include in ("moziweb.db", "moziweb.storage", "moziweb.posters"):
            config.include(include)
        configure(config)
        return config.make_wsgi_app()


def disk_settings(folder: object, database_url: str) -> dict[str, Any]:
    """Settings of a site on disk."""
    return {
        "sqlalchemy.url": database_url,
        "storage.backend": "disk",
        "storage.disk.path": str(folder),
    }
