"""Limits of column types that both databases share."""

from typing import Final

MAX_ID: Final = 2**31 - 1
"""The largest id: ids are 32-bit integers on PostgreSQL."""
