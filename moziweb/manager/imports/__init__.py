"""Imports with a preview: jobs, their items, and the runner."""

from dataclasses import replace
from datetime import datetime

from pyramid.config import Configurator

from moziweb.movies.importers.service import Importer, OnWritten
from moziweb.movies.importers.tmdb.source import source_of
from moziweb.posters.importer_port import ImportedPosters
from moziweb.services import services_of, set_services

from .runner import Runner

__all__ = ["Runner", "includeme"]


def includeme(config: Configurator) -> None:
    """Registers the runner, and TMDB as configured."""
    registry = config.registry
    database = services_of(registry).database

    def now() -> datetime:
        moment: datetime = services_of(registry).clock()
        return moment

    def importer(on_written: OnWritten, chunk_size: int) -> Importer:
        return Importer(
            database, ImportedPosters(), now, chunk_size=chunk_size, on_written=on_written
        )

    tmdb = source_of(registry, now)
    runner = Runner(database, importer, tmdb, now)
    set_services(registry, replace(services_of(registry), tmdb=tmdb, import_runner=runner))
