"""Ids: the limit of the column type that both databases share, and their text form."""

import re
from typing import Final

MAX_ID: Final = 2**31 - 1
"""The largest id: ids are 32-bit integers on PostgreSQL."""

_ID: Final = re.compile(r"[1-9][0-9]{0,9}")


def parse_id(text: object) -> int | None:
    """The id in a path, a query, a form or a file name; None for anything else.

    An id has one text form: ASCII digits without leading zeros, from 1 to ``MAX_ID``. Handle None
    as an id that no row has (in a path: 404), or, if the id is a cursor, as no cursor.
    """
    found = int(text) if isinstance(text, str) and _ID.fullmatch(text) else 0
    return found if 0 < found <= MAX_ID else None
