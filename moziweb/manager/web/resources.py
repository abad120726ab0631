"""The manager's resources and what each role may do with them.

::

    ManagerRoot            editors see and change, administrators do everything
    ├── MoviesResource
    │   └── MovieResource  "42"
    ├── ImportsResource
    │   └── ImportResource "3"
    ├── PostersResource    dashboard of all posters
    ├── CacheResource      editors look, administrators purge and warm
    ├── SettingsResource   administrators only
    ├── AuditResource
    ├── AccountResource    the current user's own
    └── UsersResource      administrators only
        └── UserResource   "7"

A route names its resource as ``factory``, a view its permission. Resources are created before the
permission is checked, so creating one does not query its row: a missing row and a forbidden one
look the same from outside.
"""

from typing import ClassVar, Final, TypeAlias

from pyramid.authorization import ALL_PERMISSIONS, DENY_ALL, Allow
from pyramid.httpexceptions import HTTPNotFound

from moziweb.db.types import parse_id
from moziweb.request import Request

from ..auth.models import Role
from ..auth.sessions import ROLE_PRINCIPALS, signed_in

Acl: TypeAlias = list[tuple[object, object, object]]

SEE: Final = "see"
EDIT: Final = "edit"
ADMINISTER: Final = "administer"


class ManagerRoot:
    """The root: ``/manager``."""

    __name__ = ""
    __acl__: ClassVar[Acl] = [
        (Allow, ROLE_PRINCIPALS[Role.ADMIN], ALL_PERMISSIONS),
        (Allow, ROLE_PRINCIPALS[Role.EDITOR], (SEE, EDIT)),
        DENY_ALL,
    ]

    def __init__(self, request: Request) -> None:
        # Before the request's transaction: recording the session's use takes its own.
        signed_in(request)

    @property
    def __parent__(self) -> object:
        return None


class ManagerResource(ManagerRoot):
    """A child of the root; the root's ACL applies where its own has no entry."""

    __acl__: ClassVar[Acl] = []

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._parent: object = ManagerRoot(request)

    @property
    def __parent__(self) -> object:
        return self._parent


class MoviesResource(ManagerResource):
    """All movies."""

    __name__ = "movies"


class MovieResource(ManagerResource):
    """One movie, which may not exist."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._parent = MoviesResource(request)
        self.movie_id = id_of(request, "movie")

    @property
    def __name__(self) -> str:  # type: ignore[override]  # Pyramid's protocol
        return str(self.movie_id)


class ImportsResource(ManagerResource):
    """All imports."""

    __name__ = "imports"


class ImportResource(ManagerResource):
    """One import, which may not exist."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._parent = ImportsResource(request)
        self.job_id = id_of(request, "job")


class PostersResource(ManagerResource):
    """The posters of all movies."""

    __name__ = "posters"


class CacheResource(ManagerResource):
    """The cache of the site."""

    __name__ = "cache"


class SettingsResource(ManagerResource):
    """The settings in effect."""

    __name__ = "settings"
    __acl__: ClassVar[Acl] = [(Allow, ROLE_PRINCIPALS[Role.ADMIN], ALL_PERMISSIONS), DENY_ALL]


class AuditResource(ManagerResource):
    """The audit log."""

    __name__ = "audit"


class AccountResource(ManagerResource):
    """The current user's own account."""

    __name__ = "account"


class UsersResource(ManagerResource):
    """All users."""

    __name__ = "users"
    __acl__: ClassVar[Acl] = [(Allow, ROLE_PRINCIPALS[Role.ADMIN], ALL_PERMISSIONS), DENY_ALL]


class UserResource(ManagerResource):
    """One user, who may not exist."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._parent = UsersResource(request)
        self.user_id = id_of(request, "user")


def id_of(request: Request, name: str) -> int:
    """The id in a route's path; raises ``HTTPNotFound`` if it is malformed or out of range."""
    found = parse_id(request.matchdict[name])
    if found is None:
        raise HTTPNotFound
    return found
