"""The manager's two cookies, which the public site neither sets nor is ever sent.

A browser sends a cookie below its path, and the manager stands at two, one for each language: a
cookie is set for both. Pages of the public site are asked for without one, signed in or not, so a
CDN serves operators what it serves everybody.
"""

from dataclasses import dataclass
from typing import Final

from pyramid.request import Request
from pyramid.response import Response
from webob.cookies import parse_cookie  # type: ignore[attr-defined]  # the stubs lack it

from moziweb.i18n import LOCALES, locale_prefix

HOME: Final = "manager"

PATHS: Final = tuple(f"/{locale_prefix(locale)}{HOME}" for locale in LOCALES)


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie of the browser's session, out of the reach of scripts.

    Where the site is served over HTTPS it is ``Secure``, and its name says so: a browser takes a
    cookie of such a name over HTTPS only.
    """

    name: str

    def read(self, request: Request) -> str:
        """Its value, "" when there is none.

        Of several the first, which is the one with the longest path: what somebody planted for the
        whole host does not stand before ours (RFC 6265, 5.4).
        """
        name = self._full_name(request).encode()
        pairs = parse_cookie(request.environ.get("HTTP_COOKIE", ""))
        value = next((value for known, value in pairs if known == name), b"")
        return value.decode("latin-1")

    def write(self, request: Request, response: Response, value: str) -> None:
        """Set it."""
        for path in PATHS:
            response.set_cookie(
                self._full_name(request),
                value,
                path=path,
                secure=is_secure(request),
                httponly=True,
                samesite="Lax",
            )

    def remove(self, request: Request, response: Response) -> None:
        """Have the browser forget it."""
        for path in PATHS:
            response.set_cookie(
                self._full_name(request),
                "",
                max_age=0,
                path=path,
                secure=is_secure(request),
                httponly=True,
                samesite="Lax",
            )

    def _full_name(self, request: Request) -> str:
        return f"__Secure-{self.name}" if is_secure(request) else self.name


SESSION: Final = Cookie("moziweb_session")
"""The token of a session."""

PRE_LOGIN: Final = Cookie("moziweb_before")
"""The CSRF token of the sign-in page, where there is no session to keep one yet."""


def is_secure(request: Request) -> bool:
    """Whether browsers reach the site over HTTPS: its address says so, whatever stands before."""
    base_url: str = request.registry.settings["site.base_url"]
    return base_url.startswith("https://")


def is_manager_request(request: Request) -> bool:
    """Whether a request is for the manager, and so may be asked for its cookies."""
    path = request.environ.get("PATH_INFO", "")
    return any(path == home or path.startswith(f"{home}/") for home in PATHS)
