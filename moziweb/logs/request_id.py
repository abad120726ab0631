"""Request ids: the client's ``X-Request-ID`` if it is well-formed, otherwise a new one."""

import re
import secrets
from itertools import count
from typing import Final

HEADER: Final = "X-Request-ID"

MAX_LENGTH: Final = 64

_REFUSED: Final = re.compile(r"[^A-Za-z0-9._-]+")
_PROCESS: Final = secrets.token_hex(6)
_NUMBERS: Final = count(1)


def request_id(given: str | None) -> str:
    """The id of a request whose header is ``given``.

    Characters other than ASCII letters, digits, ``.``, ``_`` and ``-`` are removed, and those
    beyond ``MAX_LENGTH``. If nothing remains, the id is new: random per process, then a number.
    """
    if given:
        # Most ids are UUIDs. The pattern takes 1.4 µs, 3 % of a page from memory; this half of it.
        if len(given) <= MAX_LENGTH and given.isascii() and given.replace("-", "").isalnum():
            return given
        cleaned = _REFUSED.sub("", given[: 4 * MAX_LENGTH])[:MAX_LENGTH]
        if cleaned:
            return cleaned
    return f"{_PROCESS}-{next(_NUMBERS)}"
