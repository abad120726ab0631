"""The manager's resources and what each role may do with them.

A route names its resource as ``factory``, a view its permission. Resources are created before the
permission is checked, so creating one does not query its row: a missing row and a forbidden one
look the same from outside.
"""

from typing import ClassVar, Final, TypeAlias

from pyramid.authorization import ALL_PERMISSIONS, DENY_ALL, Allow

from moziweb.db.types import parse_id
from moziweb.request import Request

from ..auth.models import Role
from ..auth.sessions import ROLE_PRINCIPALS, signed_in
from .params import or_404

Acl: TypeAlias = list[tuple[object, object, object]]

SEE: Final = "see"
EDIT: Final = "edit"
ADMINISTER: Final = "administer"


class ManagerResource:
    """A page or a row of the manager: editors see and change, administrators do everything."""

    __acl__: ClassVar[Acl] = [
        (Allow, ROLE_PRINCIPALS[Role.ADMIN], ALL_PERMISSIONS),
        (Allow, ROLE_PRINCIPALS[Role.EDITOR], (SEE, EDIT)),
        DENY_ALL,
    ]

    def __init__(self, request: Request) -> None:
        # Before the request's transaction: recording the session's use takes its own.
        signed_in(request)


class AdminResource(ManagerResource):
    """A page for administrators only."""

    __acl__: ClassVar[Acl] = [(Allow, ROLE_PRINCIPALS[Role.ADMIN], ALL_PERMISSIONS), DENY_ALL]


class MovieResource(ManagerResource):
    """One movie, which may not exist."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.movie_id = _id_of(request, "movie")


class ImportResource(ManagerResource):
    """One import, which may not exist."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.job_id = _id_of(request, "job")


class ImportListResource(ManagerResource):
    """One uploaded list, which may not exist."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.upload_id = _id_of(request, "upload")


class UserResource(AdminResource):
    """One user, who may not exist."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.user_id = _id_of(request, "user")


def _id_of(request: Request, name: str) -> int:
    """The id in a route's path; raises ``HTTPNotFound`` if it is malformed or out of range."""
    return or_404(parse_id(request.matchdict[name]))
