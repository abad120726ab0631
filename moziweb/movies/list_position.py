"""Where a block of a list begins, as a parameter of its URL.

A block begins at the sort key of its first row, not at the row: it stays valid if the row leaves.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final, Self

from moziweb.db.types import parse_id

from .collation import MAX_SORT_KEY_LENGTH

_TEXT: Final = re.compile(r"(?:([0-9]{4}-[0-9]{2}-[0-9]{2})-)?([0-9]+)")


@dataclass(frozen=True, slots=True)
class ListPosition:
    """The sort key of a row: the date of its premiere, None without one, and its id."""

    day: date | None
    row_id: int

    def __str__(self) -> str:
        return f"{self.day}-{self.row_id}" if self.day else str(self.row_id)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The inverse of ``str``; None for any other text."""
        match = _TEXT.fullmatch(text)
        row_id = parse_id(match[2]) if match else None
        if match is None or row_id is None:
            return None
        try:
            return cls(date.fromisoformat(match[1]) if match[1] else None, row_id)
        except ValueError:  # 30 February
            return None


@dataclass(frozen=True, slots=True)
class TitlePosition:
    """The sort key of a row in a list by titles: that of its title (``collation.py``), its id."""

    sort_key: str
    row_id: int

    def __str__(self) -> str:
        return f"{self.row_id}-{self.sort_key}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The inverse of ``str``; None for any other text."""
        number, _dash, title_key = text.partition("-")
        row_id = parse_id(number)
        is_key = title_key.isprintable() and 0 < len(title_key) <= MAX_SORT_KEY_LENGTH
        return cls(title_key, row_id) if row_id and is_key else None
