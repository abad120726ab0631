"""The consoles: how posters and the cache stand, drawn and told, and what can be done about it."""

from typing import Final

from pyramid.config import Configurator

from .samples import SampleHistory
from .warming_job import Warmer

POSTER_TREND: Final = "manager_poster_trend"
CACHE_WARMER: Final = "manager_cache_warmer"


def includeme(config: Configurator) -> None:
    """What a process remembers for its consoles, and who works for them."""
    registry = config.registry
    registry[POSTER_TREND] = SampleHistory()
    registry[CACHE_WARMER] = Warmer(registry, lambda: registry["clock"]())
