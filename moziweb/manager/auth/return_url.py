"""Where somebody is led after signing in: a page of the manager, and never anywhere else."""

import re
from typing import Final

from moziweb.db.session import SAFE_METHODS
from moziweb.request import Request

from .cookies import PATHS

_FORMS: Final = frozenset({"manager.movie", "manager.new_movie"})
"""Routes of forms that are too long to be typed twice."""

# What may stand in an address of ours. No backslash, no control character, no second slash at the
# beginning: browsers read those as the name of another host.
_OURS: Final = re.compile(
    rf"(?:{'|'.join(PATHS)})(?:/(?!\.)[A-Za-z0-9._~-]+)*(?:\?[A-Za-z0-9._~%&=+:,-]*)?"
)


def safe_return_url(way: str) -> str | None:
    """``way`` if it is the address of a page of the manager, else None."""
    return way if len(way) <= 1000 and _OURS.fullmatch(way) else None


def return_url_of(request: Request) -> str:
    """The address to come back to after signing in, "" where there is none worth it.

    What was to be sent is not sent again: its form is gone to instead, if it has one.
    """
    if request.method in SAFE_METHODS:
        return safe_return_url(request.path_qs) or ""
    return (safe_return_url(request.path) or "") if is_kept(request) else ""


def is_htmx(request: Request) -> bool:
    """Whether htmx asks, which takes pieces of the answer into a page that stays."""
    return request.headers.get("HX-Request") == "true"


def is_kept(request: Request) -> bool:
    """Whether what a request sends is worth keeping for after signing in."""
    route = request.matched_route
    return request.method == "POST" and route is not None and route.name in _FORMS
