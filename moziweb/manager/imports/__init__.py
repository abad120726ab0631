"""Imports that somebody looks at before they are done: jobs, their films, and who works on them."""

from datetime import datetime

from pyramid.config import Configurator

from moziweb.movies.importers.service import Importer, Noted
from moziweb.movies.importers.tmdb.source import source_of
from moziweb.posters.importer_port import ImportedPosters

from .runner import Runner

__all__ = ["Runner", "includeme"]


def includeme(config: Configurator) -> None:
    """The runner of an application, and TMDB as its ini file has it, in the registry."""
    registry = config.registry
    database = registry["database"]

    def now() -> datetime:
        moment: datetime = registry["clock"]()
        return moment

    def importer(noted: Noted, at_once: int) -> Importer:
        return Importer(database, ImportedPosters(), now, at_once=at_once, noted=noted)

    registry["tmdb"] = source_of(registry, now)
    registry["import_runner"] = Runner(database, importer, registry["tmdb"], now)
