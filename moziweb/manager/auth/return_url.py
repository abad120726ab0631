"""Validates the redirect after sign-in: only paths of the manager."""

import re
from typing import Final

from moziweb.db.session import SAFE_METHODS
from moziweb.request import Request

from .cookies import PATHS

_DRAFT_ROUTES: Final = frozenset(
    {"manager.movie", "manager.name", "manager.new_movie", "manager.week_grid"}
)
"""Routes whose forms are kept as drafts if the session has ended."""

# No backslash, no control character, no double slash at the start: browsers read those as the name
# of another host.
_MANAGER_URL: Final = re.compile(
    rf"(?:{'|'.join(PATHS)})(?:/(?!\.)[A-Za-z0-9._~-]+)*(?:\?[A-Za-z0-9._~%&=+:,-]*)?"
)


def safe_return_url(url: str) -> str | None:
    """Returns ``url`` if it is the path of a page of the manager, else None."""
    return url if len(url) <= 1000 and _MANAGER_URL.fullmatch(url) else None


def return_url_of(request: Request) -> str:
    """Returns where to go after sign-in, "" for the overview.

    A POST is not repeated: it returns to the page of its form, if the form is kept as a draft.
    """
    if request.method in SAFE_METHODS:
        return safe_return_url(request.path_qs) or ""
    return (safe_return_url(request.path) or "") if keeps_draft(request) else ""


def is_htmx(request: Request) -> bool:
    """Whether htmx sent the request; it takes fragments of the response into the current page."""
    return request.headers.get("HX-Request") == "true"


def keeps_draft(request: Request) -> bool:
    """Whether the fields of a request are kept as a draft until the user has signed in.

    Only if our own page sent them: otherwise another site could fill in a form of ours.
    """
    route = request.matched_route
    is_form = request.method == "POST" and route is not None and route.name in _DRAFT_ROUTES
    return is_form and has_own_origin(request)


def has_own_origin(request: Request) -> bool:
    """Whether the ``Origin`` header is this site. Browsers set it; scripts cannot."""
    base_url: str = request.registry.settings["site.base_url"]
    return request.headers.get("Origin") == base_url
