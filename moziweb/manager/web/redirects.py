"""Redirects to paths of the manager."""

from collections.abc import Iterable
from typing import Any

from pyramid.httpexceptions import HTTPException, HTTPMovedPermanently, HTTPSeeOther


class _PathRedirect(HTTPException):
    """Sends ``Location`` as given, which browsers resolve against the URL that they requested.

    WebOb would make it absolute with the Host header, which the sender of the request chooses.
    """

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            own = [(k, self.location if k.lower() == "location" else v) for k, v in headers]
            return start_response(status, own, *error)

        body: Iterable[bytes] = super().__call__(environ, start)
        return body


class SeeOther(_PathRedirect, HTTPSeeOther):
    """303 to a path."""


class Detour(SeeOther):
    """303 to a page that comes first: the form was not done."""


class MovedPermanently(_PathRedirect, HTTPMovedPermanently):
    """301 to a path."""
