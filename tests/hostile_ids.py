"""Texts that are no ids, for every place that reads one."""

from typing import Final

from moziweb.db.types import MAX_ID

MALFORMED_IDS: Final = (
    "0", "-1", "+1", "01", " 1", "1 ", "1\n", "1.0", "1_0", "1e3", "0x1", "x", "\u0661", "\u00b2",
    str(MAX_ID + 1), "12345678901", "9" * 5000,
)  # fmt: skip
"""Malformed or out of range. The first ten digits of 12345678901 are an id."""
