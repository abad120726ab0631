"""The database: engine, sessions, base of the models, migrations. It has no models of its own."""

from dataclasses import replace

from pyramid.config import Configurator

from moziweb.services import services_of, set_services

from .engine import create_engine, create_probe_engine, query_limits_of, session_parameters
from .retry import RetryPolicy, add_repeatable_route, repeat_on_conflict
from .session import Database, dbsession

__all__ = [
    "Database",
    "create_engine",
    "create_probe_engine",
    "dbsession",
    "includeme",
    "query_limits_of",
    "repeat_on_conflict",
    "session_parameters",
]


def includeme(config: Configurator) -> None:
    """Add the service ``database``, ``request.dbsession`` under pyramid_tm, and retries.

    Adds the directive ``add_repeatable_route``.
    """
    # pyramid_tm would read the user outside of the exception views, for the name of a transaction.
    config.add_settings(
        {"tm.manager_hook": "pyramid_tm.explicit_manager", "tm.annotate_user": False}
    )
    config.include("pyramid_tm")
    config.include("moziweb.services")
    database = Database(create_engine(config.registry.settings))
    config.set_execution_policy(RetryPolicy(database.engine))
    config.add_directive("add_repeatable_route", add_repeatable_route)
    services = services_of(config.registry)
    set_services(config.registry, replace(services, database=database))
    config.add_request_method(dbsession, reify=True)
