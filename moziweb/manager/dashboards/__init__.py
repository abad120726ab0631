"""Dashboards of posters, cache and settings."""

from typing import Final

from pyramid.config import Configurator

from .samples import SampleHistory
from .warming_job import Warmer

POSTER_TREND: Final = "manager_poster_trend"
CACHE_WARMER: Final = "manager_cache_warmer"


def includeme(config: Configurator) -> None:
    """Registers the in-memory samples of the posters dashboard, and the cache warmer."""
    registry = config.registry
    registry[POSTER_TREND] = SampleHistory()
    registry[CACHE_WARMER] = Warmer(registry, lambda: registry["clock"]())
