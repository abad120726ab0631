"""What programs read: calendars (iCalendar), news (Atom) and site maps.

Their makers take plain values and return bytes; the views are in ``moziweb.site.views``.
"""

import re
from typing import Final
from urllib.parse import urlsplit

CALENDARS: Final = ("", "-cinema", "-streaming")
"""The calendars that there are, as their addresses tell them apart."""

MAP_BLOCK: Final = 500
"""Ids of films in one site map: each takes about a kilobyte, and an entry of the cache holds a
million bytes."""

_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document may hold, in any spelling, and no calendar needs."""


def legal(text: str) -> str:
    """``text`` without the characters that would make a feed unreadable."""
    return _ILLEGAL.sub("", text)


def authority(base_url: str) -> str:
    """The host that a site's names of things are made under: they outlive its addresses."""
    return urlsplit(base_url).hostname or "moziweb"
