"""moziweb: a movie premieres calendar for Hungary. The app factory stands here."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from moziweb.services import services_of, set_services

if TYPE_CHECKING:
    from pyramid.config import Router

    from moziweb.cache.http.fast_path import FastPathMiddleware

# Each include and why it stands where it does. Later ones may rest on earlier ones.
INCLUDES = (
    "moziweb.i18n",  # the locale of a path, and the directive that page routes are made with
    "moziweb.ops.metrics",  # counts what the cache tells, so before it
    "moziweb.db",  # request.dbsession, under pyramid_tm
    "moziweb.movies.tags",  # which rows bear which tags, before sessions are watched
    "moziweb.posters.cache_tags",
    "moziweb.caching",  # what is written makes pages stale; cache=… on views
    "moziweb.storage",  # where posters are kept; on disk, it serves them too
    "moziweb.ops",  # security headers, health
    "moziweb.posters",  # the resource tree at /poster/…
    "moziweb.demo",  # teaches the poster service to draw
    "moziweb.site",  # what visitors see
    "moziweb.manager",  # what operators see
)


def main(global_config: dict[str, str], **settings: Any) -> "Router | FastPathMiddleware":
    """The WSGI application of an ini file's ``[app:main]``.

    A missing or wrong setting ends the process with one line that names it.
    """
    # Not above: the processes that decode pictures import a part of this package, and Pyramid and
    # SQLAlchemy would make each of them four times as large.
    from pyramid.config import Configurator

    from moziweb.caching import served_first

    from .cache import ConfigurationError
    from .settings import SettingsError, load
    from .settings.origins import origins_of
    from .storage import StorageMisconfigured

    try:
        typed = load({**settings})
    except SettingsError as error:
        raise SystemExit(f"moziweb: {error}") from None
    try:
        with Configurator(settings=typed) as config:
            services = services_of(config.registry)
            origins = origins_of(settings)
            set_services(config.registry, replace(services, settings_origins=origins))
            for include in INCLUDES:
                config.include(include)
            return served_first(config.make_wsgi_app())
    except (ConfigurationError, StorageMisconfigured) as error:
        raise SystemExit(f"moziweb: {error}") from None
