"""Adds the services, routes and views of the manager: ``config.include("moziweb.manager")``.

``web/navigation.py`` lists its sections and ``web/resources.py`` their access control lists. Routes
are here, views in ``views``, templates in ``templates/manager``.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from pyramid.config import Configurator
from pyramid.events import NewRequest, NewResponse
from pyramid.registry import Registry

from moziweb.movies.importers.service import Importer, OnWritten
from moziweb.movies.importers.tmdb.source import source_of
from moziweb.posters.importer_port import ImportedPosters
from moziweb.posters.maintenance.status import PosterCounter, PosterCounts
from moziweb.request import Request
from moziweb.services import services_of, set_services

from .auth.cookies import is_manager_request
from .auth.csrf import CSRFTokens
from .auth.login_throttle import LoginThrottle
from .auth.sessions import Sessions, identity_of
from .bulk.runner import BulkRunner
from .dashboards.samples import SampleHistory
from .dashboards.warming_job import Warmer
from .imports.runner import Runner
from .movies.affected_pages import pages_of_import
from .movies.changes import before_import
from .movies.filter_counts import FilterCounts
from .posters.preview_cache import PreviewCache
from .web.request_limits import limit_body, posted_fields
from .web.resources import (
    AdminResource,
    ImportListResource,
    ImportResource,
    ManagerResource,
    MovieResource,
    UserResource,
)

# Route "manager.…", path below /manager in each language, resource with the access control list.
ROUTES: Final = (
    ("home", "", ManagerResource),
    ("sign_in", "/sign-in", ManagerResource),
    ("sign_in_code", "/sign-in/code", ManagerResource),
    ("sign_in_passkey", "/sign-in/passkey", ManagerResource),
    ("sign_in_passkey_options", "/sign-in/passkey-options", ManagerResource),
    ("sign_out", "/sign-out", ManagerResource),
    ("sign_out_everywhere", "/sign-out-everywhere", ManagerResource),
    ("set_password", "/set-password", ManagerResource),
    ("account", "/account", ManagerResource),
    ("confirm", "/account/confirm", ManagerResource),
    ("second_factors", "/account/second-factors", ManagerResource),
    ("passkey_options", "/account/passkey-options", ManagerResource),
    ("movies", "/movies", ManagerResource),
    ("new_movie", "/movies/new", ManagerResource),
    ("movie", "/movies/{movie}", MovieResource),
    ("movie_affected_pages", "/movies/{movie}/effects", MovieResource),
    ("movie_publish", "/movies/{movie}/publish", MovieResource),
    ("movie_preview", "/movies/{movie}/preview", MovieResource),
    ("movie_posters", "/movies/{movie}/posters", MovieResource),
    ("week_grid", "/week/{week}/grid", ManagerResource),
    ("week_grid_affected_pages", "/week/{week}/grid/effects", ManagerResource),
    ("week_posters", "/week/{week}/posters", ManagerResource),
    ("movie_unsaved_poster", "/movies/{movie}/posters/unsaved/{unsaved}", MovieResource),
    ("movie_poster_preview", "/movies/{movie}/posters/unsaved/{unsaved}/{variant}", MovieResource),
    ("posters_dashboard", "/posters", ManagerResource),
    ("cache_dashboard", "/cache", ManagerResource),
    ("cache_purge", "/cache/purge", ManagerResource),
    ("performance", "/performance", ManagerResource),
    ("cache_warm", "/cache/warm", ManagerResource),
    ("imports", "/imports", ManagerResource),
    ("import_list", "/imports/lists/{upload}", ImportListResource),
    ("import", "/imports/{job}", ImportResource),
    ("bulk", "/bulk", ManagerResource),
    ("bulk_job", "/bulk/{job}", ImportResource),
    ("names", "/names", ManagerResource),
    ("name_suggestions", "/names/suggestions", ManagerResource),
    ("name", "/names/{kind}/{row}", ManagerResource),
    ("name_merge", "/names/{kind}/{row}/merge", ManagerResource),
    ("name_merging", "/names/{kind}/{row}/merge/{other}", ManagerResource),
    ("delete", "/delete/{kind}/{row}", ManagerResource),
    ("bin", "/bin", ManagerResource),
    ("settings", "/settings", AdminResource),
    ("audit", "/audit", ManagerResource),
    ("undo", "/audit/{entry}/undo", ManagerResource),
    ("users", "/users", AdminResource),
    ("user", "/users/{user}", UserResource),
)

REPEATABLE_ROUTES: Final = (
    "new_movie",
    "movie",
    "movie_affected_pages",
    "movie_publish",
    "movie_posters",
    "movie_unsaved_poster",
    "week_grid",
    "week_grid_affected_pages",
    "week_posters",
    "imports",
    "import_list",
    "import",
    "bulk",
    "bulk_job",
    "name",
    "name_merging",
    "delete",
    "bin",
    "undo",
    "posters_dashboard",
    "sign_out_everywhere",
    "users",
    "user",
)
"""Routes whose forms write through ``request.dbsession``; see ``moziweb.db.retry``.

What those of posters store before is stored under the same key by the second attempt.
"""


def includeme(config: Configurator) -> None:
    """Adds services, routes and views. Requires ``moziweb.site``, which sets up the templates."""
    _add_services(config.registry)
    for name, path, resource in ROUTES:
        config.add_page_route(f"manager.{name}", f"/manager{path}", factory=resource)
    for name in REPEATABLE_ROUTES:
        config.add_repeatable_route(f"manager.{name}")
    config.add_route("manager_slash", "/{locale:(en/)?}manager/")
    config.add_route("manager_films", "/{locale:(en/)?}manager/films{below:(/.*)?}")
    config.include(_csrf)
    config.add_view_predicate("managers", _ManagersPredicate)
    config.add_request_method(posted_fields, "POST", reify=True)
    config.add_subscriber(limit_body, NewRequest)
    config.add_subscriber(_never_store, NewResponse)
    config.include(".web.template_filters")
    config.scan(".views")


def _add_services(registry: Registry) -> None:
    """Adds the services of the manager. Requires ``moziweb.posters``."""
    services, settings = services_of(registry), registry.settings
    database = services.database

    def now() -> datetime:
        return services_of(registry).clock()

    def importer(on_written: OnWritten, chunk_size: int, publish: bool) -> Importer:
        posters = ImportedPosters(services_of(registry).poster_editor.policy)
        return Importer(
            database, posters, now, chunk_size, on_written, before_import, publish=publish
        )

    idle = timedelta(minutes=settings["manager.idle_minutes"])
    lifetime = timedelta(hours=settings["manager.session_hours"])
    tmdb = source_of(registry, now)
    services = replace(
        services,
        sessions=Sessions(database, now, idle=idle, lifetime=lifetime),
        login_throttle=LoginThrottle(database, now),
        identify=identity_of,
        tmdb=tmdb,
        import_runner=Runner(database, importer, tmdb, now, partial(pages_of_import, registry)),
        bulk_runner=BulkRunner(registry, now),
        poster_previews=PreviewCache(services.poster_editor),
        waiting_posters=SampleHistory(),
        filter_counts=FilterCounts(),
        poster_counter=PosterCounter(database, PosterCounts.of),
        cache_warmer=Warmer(registry, now),
    )
    set_services(registry, services)


def _csrf(config: Configurator) -> None:
    """Requires a CSRF token for every unsafe request, in all views of the application."""
    config.set_csrf_storage_policy(CSRFTokens())
    config.set_default_csrf_options(require_csrf=True)
    config.add_settings(
        {"pyramid.csrf_trusted_origins": urlsplit(config.registry.settings["site.base_url"]).netloc}
    )


class _ManagersPredicate:
    """View predicate ``managers=True``: matches only requests of the manager."""

    def __init__(self, value: bool, info: object) -> None:
        self._value = value

    def text(self) -> str:
        return f"managers = {self._value}"

    phash = text

    def __call__(self, context: object, request: Request) -> bool:
        return is_manager_request(request) is self._value


def _never_store(event: Any) -> None:
    """Forbids every cache to store the manager's pages, including the browser's."""
    if is_manager_request(event.request):
        event.response.headers["Cache-Control"] = "private, no-store"
