"""The database: engine, sessions, base of the models, migrations. It has no models of its own."""

from dataclasses import replace

from pyramid.config import Configurator

from moziweb.services import services_of, set_services

from .engine import create_engine
from .session import Database, dbsession

__all__ = ["Database", "create_engine", "dbsession", "includeme"]


def includeme(config: Configurator) -> None:
    """Add the service ``database``, and ``request.dbsession`` under pyramid_tm."""
    config.add_settings({"tm.manager_hook": "pyramid_tm.explicit_manager"})
    config.include("pyramid_tm")
    config.include("moziweb.services")
    settings = config.registry.settings
    timeout = settings["sqlalchemy.statement_timeout"]
    database = Database(create_engine(settings, statement_timeout=timeout))
    services = services_of(config.registry)
    set_services(config.registry, replace(services, database=database))
    config.add_request_method(dbsession, reify=True)
