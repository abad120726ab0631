"""Posters in the manager: unsaved posters and their previews."""

from dataclasses import replace

from pyramid.config import Configurator

from moziweb.services import services_of, set_services

from .preview_cache import PreviewCache


def includeme(config: Configurator) -> None:
    """Adds the service ``poster_previews``. Requires ``moziweb.posters``."""
    services = services_of(config.registry)
    previews = PreviewCache(services.poster_editor)
    set_services(config.registry, replace(services, poster_previews=previews))
