"""Posters in the manager: unsaved posters and their previews."""

from typing import Final

from pyramid.config import Configurator

from .preview_cache import PreviewCache

PREVIEWS: Final = "manager_previews"
"""Registry key of the preview cache."""


def includeme(config: Configurator) -> None:
    """Registers the preview cache. Requires ``moziweb.posters``."""
    config.registry[PREVIEWS] = PreviewCache(config.registry["poster_desk"])
