"""The database: engine, sessions, naming convention and migrations. Knows nothing of movies."""

from pyramid.config import Configurator

from .engine import create_engine
from .session import Database, dbsession

__all__ = ["Database", "create_engine", "dbsession", "includeme"]


def includeme(config: Configurator) -> None:
    """Put the ``Database`` in the registry and ``dbsession`` on requests, under pyramid_tm."""
    config.add_settings({"tm.manager_hook": "pyramid_tm.explicit_manager"})
    config.include("pyramid_tm")
    config.registry["database"] = Database(create_engine(config.registry.settings))
    config.add_request_method(dbsession, reify=True)
