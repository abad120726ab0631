"""Who may do what: access control lists on resources, principals of requests.

A resource says in ``__acl__`` what is allowed on it and below it; a view names the permission that
it needs. What nobody granted is denied.
"""

from typing import Any

from pyramid.authorization import ACLHelper, Everyone
from pyramid.config import Configurator

from moziweb.request import Request

VIEW = "view"
"""The permission to see a thing."""


class SecurityPolicy:
    """Pyramid's security policy over ACLs. Nobody signs in yet: all are ``Everyone``."""

    def __init__(self) -> None:
        self._acl = ACLHelper()

    def identity(self, request: Request) -> str | None:
        """The signed-in operator of the request; there is none."""
        return None

    def authenticated_userid(self, request: Request) -> str | None:
        """The id of ``identity``."""
        return self.identity(request)

    def permits(self, request: Request, context: object, permission: str) -> Any:
        """Pyramid's ``Allowed`` or ``Denied``, by the ACLs of ``context`` and its parents."""
        return self._acl.permits(context, self.principals(request), permission)

    def principals(self, request: Request) -> tuple[str, ...]:
        """Whom ACLs may name for this request; roles join here once operators sign in."""
        return (Everyone,)

    def remember(self, request: Request, userid: str, **options: object) -> list[tuple[str, str]]:
        """The headers that sign somebody in: none."""
        return []

    def forget(self, request: Request, **options: object) -> list[tuple[str, str]]:
        """The headers that sign somebody out: none."""
        return []


def includeme(config: Configurator) -> None:
    """Set the policy."""
    config.set_security_policy(SecurityPolicy())
