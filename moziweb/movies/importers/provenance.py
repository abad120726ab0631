"""Whose word on a field counts more."""

from collections.abc import Mapping
from typing import Final

from .candidate import CSV, TMDB

HAND: Final = "hand"
DEMO: Final = "demo"

RANKS: Final[Mapping[str, int]] = {DEMO: 0, TMDB: 1, CSV: 2, HAND: 3}
"""A distributor knows its own films better than TMDB does; whoever runs the site knows best."""


def keeps(standing: str | None, offered: str) -> bool:
    """Whether a value from ``standing`` stays when ``offered`` has another one.

    ``standing`` None is a value that nobody signed: it may be somebody's work, so it stays.
    """
    return RANKS.get(standing or HAND, RANKS[HAND]) > RANKS[offered]
