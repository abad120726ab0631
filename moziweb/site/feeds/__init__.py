"""Serialisers of calendars (iCalendar), news (Atom) and site maps.

They take plain values and return bytes; the views are in ``moziweb.site.views``.
"""

import re
from typing import Final

CALENDARS: Final = ("", "-cinema", "-streaming")
"""The calendars, by the part of the URL in which they differ."""

SITEMAP_BLOCK: Final = 500
"""Ids per site map: a movie takes about 1 kB, and a cache entry holds 1 MB."""

PEOPLE_SITEMAPS: Final = 20
"""Site maps of people: of those who were added last. The pages of movies link all of them."""

_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 forbids even when escaped."""


def strip_illegal(text: str) -> str:
    """``text`` without characters that would make a feed invalid."""
    return _ILLEGAL.sub("", text)
