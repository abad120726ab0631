"""Who may do what: access control lists on resources, principals of requests.

A resource says in ``__acl__`` what is allowed on it and below it; a view names the permission that
it needs. What nobody granted is denied.
"""

from dataclasses import dataclass
from typing import Any

from pyramid.authorization import ACLHelper, Authenticated, Everyone
from pyramid.config import Configurator

from moziweb.request import Request
from moziweb.services import services_of

VIEW = "view"
"""The permission to see a thing."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: an id, and the principals that ACLs may name for them."""

    userid: str
    principals: tuple[str, ...]


class SecurityPolicy:
    """Pyramid's security policy over ACLs. Who signs in, and how, is the manager's matter."""

    def __init__(self) -> None:
        self._acl = ACLHelper()

    def identity(self, request: Request) -> Identity | None:
        """Who asks, or None."""
        return services_of(request.registry).identify(request)

    def authenticated_userid(self, request: Request) -> str | None:
        """The id of ``identity``."""
        identity = self.identity(request)
        return identity.userid if identity else None

    def permits(self, request: Request, context: object, permission: str) -> Any:
        """Pyramid's ``Allowed`` or ``Denied``, by the ACLs of ``context`` and its parents."""
        return self._acl.permits(context, self.principals(request), permission)

    def principals(self, request: Request) -> tuple[str, ...]:
        """Whom ACLs may name for this request."""
        identity = self.identity(request)
        return (Everyone, Authenticated, *identity.principals) if identity else (Everyone,)

    def remember(self, request: Request, userid: str, **options: object) -> list[tuple[str, str]]:
        """No headers: a session begins in one place, where somebody signs in."""
        return []

    def forget(self, request: Request, **options: object) -> list[tuple[str, str]]:
        """No headers, as with ``remember``."""
        return []


def includeme(config: Configurator) -> None:
    """Set the policy."""
    config.set_security_policy(SecurityPolicy())
