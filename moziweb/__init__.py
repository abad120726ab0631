"""moziweb: a movie premieres calendar for Hungary. This module has the application factory."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from moziweb.services import services_of, set_services

if TYPE_CHECKING:
    from pyramid.config import Router

    from moziweb.cache.http.fast_path import FastPathMiddleware

# Includes in their order. Later ones may use services of earlier ones.
INCLUDES = (
    "moziweb.i18n",  # the locale of a request, and the directive add_page_route
    "moziweb.ops.metrics",  # counts events of the cache, so it comes before the cache
    "moziweb.db",  # request.dbsession, under pyramid_tm
    "moziweb.movies.tag_declarations",  # declares the tags of rows, before sessions are watched
    "moziweb.posters.cache_tags",
    "moziweb.caching",  # invalidates pages after writes; adds cache=… to views
    "moziweb.storage",  # stores posters; on disk it also serves them
    "moziweb.ops",  # security headers, health
    "moziweb.manager.audit.poster_choices",  # records choices of workers, before the posters
    "moziweb.posters",  # the resource tree at /poster/…
    "moziweb.demo",  # adds the reader of drawn sources to the poster service
    "moziweb.site",  # pages for visitors
    "moziweb.manager",  # pages for operators
)


def main(global_config: dict[str, str], **settings: Any) -> "Router | FastPathMiddleware":
    """Return the WSGI application of an ini file's ``[app:main]``.

    Raises ``SystemExit`` with one line that names a missing or wrong setting.
    """
    # Not imported above: decoder processes import a part of this package, and with Pyramid and
    # SQLAlchemy each of them would take four times the memory.
    from pyramid.config import Configurator

    from moziweb.caching import served_first

    from .cache import ConfigurationError
    from .logs.reporters import start_reporters
    from .settings import SettingsError, load
    from .settings.origins import origins_of
    from .storage import StorageMisconfigured

    try:
        typed = load({**settings})
        reports_errors = start_reporters(typed)
    except SettingsError as error:
        raise SystemExit(f"moziweb: {error}") from None
    try:
        with Configurator(settings=typed) as config:
            services = services_of(config.registry)
            origins = origins_of(settings)
            services = replace(services, settings_origins=origins, reports_errors=reports_errors)
            set_services(config.registry, services)
            for include in INCLUDES:
                config.include(include)
            return served_first(config.make_wsgi_app())
    except (ConfigurationError, StorageMisconfigured) as error:
        raise SystemExit(f"moziweb: {error}") from None
