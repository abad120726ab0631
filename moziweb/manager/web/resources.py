"""The manager's resources, and what each role may do there.

::

    Manager                editors see and change, administrators do all
    ├── Films
    │   └── Film           "42"
    ├── Imports
    │   └── OneImport      "3"
    ├── Posters            how all of them stand
    ├── CacheConsole       editors look, administrators purge and warm
    ├── Settings           administrators alone
    ├── AuditLog
    ├── Account            one's own
    └── Users              administrators alone
        └── OneUser        "7"

A route names its resource as ``factory``, and a view the permission that it needs there. A resource
is made before anybody knows whether it may be seen, so making one asks the database for nothing:
what does not exist and what may not be seen look alike from outside.
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
        # Before any transaction: noting the session's use takes one of its own.
        signed_in(request)

    @property
    def __parent__(self) -> object:
        return None


class ManagerResource(ManagerRoot):
    """A resource whose parent is the root; what its own ACL does not say, the root's does."""

    __acl__: ClassVar[Acl] = []

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._parent: object = ManagerRoot(request)

    @property
    def __parent__(self) -> object:
        return self._parent


class MoviesResource(ManagerResource):
    """All films."""

    __name__ = "movies"


class MovieResource(ManagerResource):
    """One film, which may not exist."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._parent = MoviesResource(request)
        self.movie_id = id_of(request, "movie")

    @property
    def __name__(self) -> str:  # type: ignore[override]  # Pyramid's protocol
        return str(self.movie_id)


class ImportsResource(ManagerResource):
    """Imports, and the ways to begin one."""

    __name__ = "imports"


class ImportResource(ManagerResource):
    """One of them, which may not exist."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._parent = ImportsResource(request)
        self.job_id = id_of(request, "job")


class PostersResource(ManagerResource):
    """The posters of all films."""

    __name__ = "posters"


class CacheResource(ManagerResource):
    """The cache of the site."""

    __name__ = "cache"


class SettingsResource(ManagerResource):
    """What the ini file says."""

    __name__ = "settings"
    __acl__: ClassVar[Acl] = [(Allow, ROLE_PRINCIPALS[Role.ADMIN], ALL_PERMISSIONS), DENY_ALL]


class AuditResource(ManagerResource):
    """Who changed what."""

    __name__ = "audit"


class AccountResource(ManagerResource):
    """The account of whoever asks, and nobody else's."""

    __name__ = "account"


class UsersResource(ManagerResource):
    """The people of the manager."""

    __name__ = "users"
    __acl__: ClassVar[Acl] = [(Allow, ROLE_PRINCIPALS[Role.ADMIN], ALL_PERMISSIONS), DENY_ALL]


class UserResource(ManagerResource):
    """One of them, who may not exist."""

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
