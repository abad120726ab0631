"""Ranks the sources of a field."""

from collections.abc import Mapping
from typing import Final

from .candidate import CSV, TMDB

HAND: Final = "hand"
DEMO: Final = "demo"

RANKS: Final[Mapping[str, int]] = {DEMO: 0, TMDB: 1, CSV: 2, HAND: 3}
"""A value is replaced only by a source of the same or a higher rank."""


def keeps(current: str | None, offered: str) -> bool:
    """Whether a value from ``current`` is kept when ``offered`` has another one.

    None is an unknown source; it ranks as ``HAND``, since the value may be entered by hand.
    """
    return RANKS.get(current or HAND, RANKS[HAND]) > RANKS[offered]
