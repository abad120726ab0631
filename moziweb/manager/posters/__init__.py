"""Posters in the manager: unsaved posters and their previews."""

from dataclasses import replace

from pyramid.config import Configurator

from moziweb.services import services_of, set_services

PREVIEWS: Final = "manager_previews"
"""Registry key of the preview cache."""


def includeme(config: Configurator) -> None:
    """Registers the preview cache. Requires ``moziweb.posters``."""
    services_of(config.registry).poster_previews = PreviewCache(
        services_of(config.registry).poster_editor
    )
