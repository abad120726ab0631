"""Dashboards of posters, cache and settings."""

from dataclasses import replace

from pyramid.config import Configurator

from moziweb.services import services_of, set_services

from .samples import SampleHistory
from .warming_job import Warmer


def includeme(config: Configurator) -> None:
    """Registers the in-memory samples of the posters dashboard, and the cache warmer."""
    registry = config.registry
    warmer = Warmer(registry, lambda: services_of(registry).clock())
    services = services_of(registry)
    services = replace(services, waiting_posters=SampleHistory(), cache_warmer=warmer)
    set_services(registry, services)
