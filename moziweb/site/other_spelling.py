"""Redirects of URLs that differ from that of a page in case or in slashes at their end."""

import re
from typing import Final
from urllib.parse import quote

from pyramid.interfaces import IRoutesMapper

from moziweb.request import Request

from . import PAGES

_WEEK: Final = re.compile(r"(/week/[0-9]{4}-)w")
_WITH_SLASH: Final = {"": "/", "/en": "/en/", "/api/main": "/api/main/", "/api/v1": "/api/v1/"}
"""The paths that end in a slash."""

_NAMES: Final = frozenset(
    {"api_main", "api_movie", "api_v1_root", *(name for name, _pattern in PAGES)}
)


def other_spelling(request: Request) -> str | None:
    """The absolute URL of the page that ``request`` asks for in another spelling.

    ``/Week/2026-w34/`` is ``/week/2026-W34``. None if the path is spelt as those of pages, or if no
    page has a path of this form. Whether the page exists is not known.
    """
    path = request.path_info
    plain = _WEEK.sub(r"\1W", path.rstrip("/").lower())
    canonical = _WITH_SLASH.get(plain, plain)
    if canonical == path or request.method not in {"GET", "HEAD"}:
        return None
    route = request.registry.getUtility(IRoutesMapper)(Request.blank(quote(canonical)))["route"]
    if route is None or route.name not in _NAMES:
        return None
    query = f"?{request.query_string}" if request.query_string else ""
    return f"{request.registry.settings['site.base_url']}{quote(canonical)}{query}"
