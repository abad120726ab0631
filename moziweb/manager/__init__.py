"""The manager: where signed-in editors and administrators change the site.

``web/navigation.py`` lists its sections and ``web/resources.py`` their access control lists. Routes
are here, views in ``views``, templates in ``templates/manager``.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from pyramid.config import Configurator
from pyramid.events import NewRequest, NewResponse

from moziweb.request import Request
from moziweb.services import services_of, set_services

from .auth.cookies import is_manager_request
from .auth.csrf import CSRFTokens
from .auth.login_throttle import LoginThrottle
from .auth.sessions import Sessions, identify
from .web import resources
from .web.request_limits import limit_body

# Route, path below /manager in each language, resource.
ROUTES: Final = (
    ("home", "", resources.ManagerRoot),
    ("sign_in", "/sign-in", resources.ManagerRoot),
    ("sign_out", "/sign-out", resources.AccountResource),
    ("sign_out_everywhere", "/sign-out-everywhere", resources.AccountResource),
    ("account", "/account", resources.AccountResource),
    ("movies", "/movies", resources.MoviesResource),
    ("new_movie", "/movies/new", resources.MoviesResource),
    ("movie", "/movies/{movie}", resources.MovieResource),
    ("movie_effects", "/movies/{movie}/effects", resources.MovieResource),
    ("movie_publish", "/movies/{movie}/publish", resources.MovieResource),
    ("movie_posters", "/movies/{movie}/posters", resources.MovieResource),
    ("movie_unsaved_poster", "/movies/{movie}/posters/unsaved/{unsaved}", resources.MovieResource),
    (
        "movie_poster_preview",
        "/movies/{movie}/posters/unsaved/{unsaved}/{variant}",
        resources.MovieResource,
    ),
    ("posters_dashboard", "/posters", resources.PostersResource),
    ("cache_dashboard", "/cache", resources.CacheResource),
    ("cache_purge", "/cache/purge", resources.CacheResource),
    ("cache_warm", "/cache/warm", resources.CacheResource),
    ("imports", "/imports", resources.ImportsResource),
    ("import", "/imports/{job}", resources.ImportResource),
    ("settings", "/settings", resources.SettingsResource),
    ("audit", "/audit", resources.AuditResource),
    ("users", "/users", resources.UsersResource),
    ("user", "/users/{user}", resources.UserResource),
)


def add_manager_route(config: Configurator, name: str, path: str, resource: type) -> None:
    """``config.add_manager_route(name, path, resource)``: ``/manager{path}`` in each language.

    The route is named ``manager.{name}``. ``resource`` is the class in ``web.resources`` whose ACL
    applies.
    """
    config.add_page_route(f"manager.{name}", f"/manager{path}", factory=resource)


def includeme(config: Configurator) -> None:
    """Adds services, routes and views. Requires ``moziweb.site``, which sets up the templates."""
    registry, settings = config.registry, config.registry.settings
    database = services_of(registry).database

    def now() -> Any:
        return services_of(registry).clock()

    sessions = Sessions(
        database,
        now,
        idle=timedelta(minutes=settings["manager.idle_minutes"]),
        lifetime=timedelta(hours=settings["manager.session_hours"]),
    )
    services = replace(
        services_of(registry),
        sessions=sessions,
        login_throttle=LoginThrottle(database, now),
        identify=identify,
    )
    set_services(registry, services)
    config.add_directive("add_manager_route", add_manager_route)
    for name, path, resource in ROUTES:
        config.add_manager_route(name, path, resource)
    config.add_route("manager_slash", "/{locale:(en/)?}manager/")
    config.add_route("manager_films", "/{locale:(en/)?}manager/films{below:(/.*)?}")
    config.include(_csrf)
    config.add_view_predicate("managers", _ManagersPredicate)
    config.add_subscriber(limit_body, NewRequest)
    config.add_subscriber(_never_store, NewResponse)
    config.include(".web.template_filters")
    config.include(".imports")
    config.include(".posters")
    config.include(".dashboards")
    config.scan(".views")


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
        event.response.headers["Cache-Control"] = "no-store"
