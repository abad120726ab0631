"""Who asks: the session that a request of the manager names."""

from typing import Final

from pyramid.request import Request, RequestLocalCache

from moziweb.security import Identity

from .cookies import SESSION, is_managers
from .models import Role
from .sessions import Sessions, SignedIn

ROLES: Final = {role: f"role:{role.value}" for role in Role}
"""The principals of roles, for ACLs."""


def signed_in(request: Request) -> SignedIn | None:
    """The session of a request; None for everybody else, and on every page of the public site."""
    found: SignedIn | None = _sessions_of_requests.get_or_create(request)
    return found


def whoever(request: Request) -> SignedIn:
    """The session of a request that had to be signed in to come here."""
    found = signed_in(request)
    if found is None:
        raise LookupError("a view that needs a user is open to nobody else")
    return found


def identify(request: Request) -> Identity | None:
    """What the security policy is to know of ``signed_in``."""
    found = signed_in(request)
    if found is None:
        return None
    return Identity(str(found.user_id), (ROLES[found.role],))


def _find(request: Request) -> SignedIn | None:
    if not is_managers(request):
        return None
    token = SESSION.read(request)
    sessions: Sessions = request.registry["manager_sessions"]
    return sessions.find(token) if token else None


_sessions_of_requests: Final = RequestLocalCache(_find)
