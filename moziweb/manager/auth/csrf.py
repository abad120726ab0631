"""CSRF tokens: the session's token, or before sign-in one in a cookie."""

import secrets

from pyramid.interfaces import ICSRFStoragePolicy
from pyramid.request import Request
from zope.interface import implementer

from .cookies import PRE_LOGIN
from .sessions import signed_in


@implementer(ICSRFStoragePolicy)
class CSRFTokens:
    """Pyramid's CSRF storage policy.

    A sign-in changes the token to that of the new session, so an older token is no longer valid.
    """

    def new_csrf_token(self, request: Request) -> str:
        """Returns a new token for a browser without a session and sets it as a cookie."""
        token = secrets.token_urlsafe(32)
        request.add_response_callback(
            lambda request, response: PRE_LOGIN.write(request, response, token)
        )
        return token

    def get_csrf_token(self, request: Request) -> str:
        """Returns the token for forms; creates one if the browser has none."""
        current = self._current_token(request)
        if current:
            return current
        token: str = request.environ.setdefault("moziweb.manager.auth.csrf", "")
        if not token:
            token = request.environ["moziweb.manager.auth.csrf"] = self.new_csrf_token(request)
        return token

    def check_csrf_token(self, request: Request, supplied: str) -> bool:
        """Whether ``supplied`` is the current token. False if there is no current token."""
        current = self._current_token(request)
        return bool(current) and secrets.compare_digest(current.encode(), supplied.encode())

    def _current_token(self, request: Request) -> str:
        current_user = signed_in(request)
        return current_user.csrf_token if current_user else PRE_LOGIN.read(request)
