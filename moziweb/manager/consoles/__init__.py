"""The consoles: how posters and the cache stand, drawn and told, and what can be done about it."""

from typing import Final

from pyramid.config import Configurator

from .trend import Trend

POSTER_TREND: Final = "manager_poster_trend"


def includeme(config: Configurator) -> None:
    """What a process remembers for its consoles."""
    config.registry[POSTER_TREND] = Trend()
