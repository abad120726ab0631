"""Users, for administrators. They are added with ``moziweb user add``."""

from typing import Any, Final

from pyramid.httpexceptions import HTTPBadRequest
from pyramid.response import Response

from moziweb.i18n import _
from moziweb.request import Request

from ..audit.log import record
from ..auth.accounts import all_users, disable, enable, end_sessions, last_seen
from ..auth.models import User
from ..auth.sessions import require_user
from ..web.layout import manager_view, page_frame
from ..web.params import or_404
from ..web.redirects import SeeOther
from ..web.resources import ADMINISTER, UserResource

_ROUTE: Final = "manager.users"


@manager_view("users", permission=ADMINISTER, renderer="users", method="GET")
def users(request: Request) -> dict[str, Any]:
    """All users, and when they were last seen. Two queries."""
    return {
        "page": page_frame(request, _("Users"), _ROUTE),
        "users": all_users(request.dbsession),
        "seen": last_seen(request.dbsession),
        "own_id": require_user(request).user_id,
    }


@manager_view("user", permission=ADMINISTER, method="POST")
def change_user(request: Request) -> Response:
    """Disables, enables or signs out another user."""
    context: UserResource = request.context
    session, current_user = request.dbsession, require_user(request)
    by, now = current_user.actor, request.services.clock()
    user = or_404(session.get(User, context.user_id))
    if user.id == current_user.user_id:
        raise HTTPBadRequest
    match request.POST.get("do"):
        case "disable":
            disable(session, user, by=by, now=now)
            done = "user-disabled"
        case "enable":
            enable(session, user, by=by, now=now)
            done = "user-enabled"
        case "sign-out":
            end_sessions(session, user)
            record(session, by, "user.sign_out_everywhere", user.audit_subject, now)
            done = "user-signed-out"
        case _other:
            raise HTTPBadRequest
    return SeeOther(request.route_path(_ROUTE, _query={"done": done}))
