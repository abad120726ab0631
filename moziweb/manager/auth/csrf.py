"""Tokens against forged requests: the session's own, or before signing in the browser's."""

import secrets

from pyramid.interfaces import ICSRFStoragePolicy
from pyramid.request import Request
from zope.interface import implementer

from .cookies import PRE_LOGIN
from .sessions import signed_in


@implementer(ICSRFStoragePolicy)
class CSRFTokens:
    """Pyramid's storage policy for them.

    Who signs in gets the token of the new session: what was known before is worth nothing after.
    """

    def new_csrf_token(self, request: Request) -> str:
        """A new token for a browser that is not signed in, set as a cookie."""
        token = secrets.token_urlsafe(32)
        request.add_response_callback(
            lambda request, response: PRE_LOGIN.write(request, response, token)
        )
        return token

    def get_csrf_token(self, request: Request) -> str:
        """The token that forms carry; a browser without one is given one."""
        known = self._known(request)
        if known:
            return known
        token: str = request.environ.setdefault("moziweb.manager.auth.csrf", "")
        if not token:
            token = request.environ["moziweb.manager.auth.csrf"] = self.new_csrf_token(request)
        return token

    def check_csrf_token(self, request: Request, supplied: str) -> bool:
        """Whether it is the browser's or the session's; one that has none has no right one."""
        known = self._known(request)
        return bool(known) and secrets.compare_digest(known.encode(), supplied.encode())

    def _known(self, request: Request) -> str:
        someone = signed_in(request)
        return someone.csrf_token if someone else PRE_LOGIN.read(request)
