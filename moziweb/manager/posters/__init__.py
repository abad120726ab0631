"""Posters in the manager: pictures that are looked at before they are saved, and their previews."""

from typing import Final

from pyramid.config import Configurator

from .preview_cache import PreviewCache

PREVIEWS: Final = "manager_previews"
"""The registry's name of the previews."""


def includeme(config: Configurator) -> None:
    """Put the previews in the registry. Rests on ``moziweb.posters``."""
    config.registry[PREVIEWS] = PreviewCache(config.registry["poster_desk"])
