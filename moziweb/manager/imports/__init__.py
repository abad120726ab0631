"""Imports with a preview: jobs, their items, and the runner."""

from datetime import datetime

from pyramid.config import Configurator

from moziweb.movies.importers.service import Importer, Noted
from moziweb.movies.importers.tmdb.source import source_of
from moziweb.posters.importer_port import ImportedPosters

from .runner import Runner

__all__ = ["Runner", "includeme"]


def includeme(config: Configurator) -> None:
    """Registers the runner, and TMDB as configured."""
    registry = config.registry
    database = registry["database"]

    def now() -> datetime:
        moment: datetime = registry["clock"]()
        return moment

    def importer(noted: Noted, at_once: int) -> Importer:
        return Importer(database, ImportedPosters(), now, at_once=at_once, noted=noted)

    registry["tmdb"] = source_of(registry, now)
    registry["import_runner"] = Runner(database, importer, registry["tmdb"], now)
