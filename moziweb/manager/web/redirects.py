"""Redirects of the manager: to its own pages, by their path alone."""

from collections.abc import Iterable
from typing import Any

from pyramid.httpexceptions import HTTPSeeOther


class SeeOther(HTTPSeeOther):
    """303 to a path. The browser reads it against the address that it knows to have asked.

    WebOb would make an absolute address of it, of the request's Host header, which whoever sends
    the request chooses.
    """

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer, with Location as it was given."""

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            own = [(k, self.location if k.lower() == "location" else v) for k, v in headers]
            return start_response(status, own, *error)

        answered: Iterable[bytes] = super().__call__(environ, start)
        return answered
