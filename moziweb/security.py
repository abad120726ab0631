"""Authorization: access control lists on resources, principals of requests.

The ``__acl__`` of a resource grants permissions on it and on its children; a view names the
permission that it needs. A permission that no ACL grants is denied.
"""

from dataclasses import dataclass
from typing import Any

from pyramid.authorization import ACLHelper, Authenticated, Everyone
from pyramid.config import Configurator

from moziweb.request import Request
from moziweb.services import services_of

VIEW = "view"
"""The permission to view a resource."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The user of a request: an id, and their principals for ACLs."""

    userid: str
    principals: tuple[str, ...]


class SecurityPolicy:
    """Pyramid's security policy with ACLs. ``Services.identify`` identifies users."""

    def __init__(self) -> None:
        self._acl = ACLHelper()

    def identity(self, request: Request) -> Identity | None:
        """Return the user of the request, or None."""
        return services_of(request.registry).identify(request)

    def authenticated_userid(self, request: Request) -> str | None:
        """Return the id of the user, or None."""
        identity = self.identity(request)
        return identity.userid if identity else None

    def permits(self, request: Request, context: object, permission: str) -> Any:
        """Return ``Allowed`` or ``Denied``, by the ACLs of ``context`` and its parents."""
        return self._acl.permits(context, self.principals(request), permission)

    def principals(self, request: Request) -> tuple[str, ...]:
        """Return the principals of the request."""
        identity = self.identity(request)
        return (Everyone, Authenticated, *identity.principals) if identity else (Everyone,)

    def remember(self, request: Request, userid: str, **options: object) -> list[tuple[str, str]]:
        """Return no headers: the manager's sign-in sets the cookies."""
        return []

    def forget(self, request: Request, **options: object) -> list[tuple[str, str]]:
        """Return no headers, as ``remember``."""
        return []


def includeme(config: Configurator) -> None:
    """Set the security policy."""
    config.set_security_policy(SecurityPolicy())
