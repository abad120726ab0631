"""Users, for administrators: adding, roles, disabling, and links that set a password.

Each change needs the password again, so a session that was left open cannot take over accounts.
"""

from typing import Any, Final

from pyramid.httpexceptions import HTTPBadRequest
from pyramid.i18n import TranslationString
from pyramid.renderers import render_to_response
from pyramid.response import Response
from sqlalchemy.orm import Session

from moziweb.i18n import _
from moziweb.request import Request

from ..audit.log import record
from ..auth.accounts import (
    MAX_USER_NAME_LENGTH,
    AccountError,
    LastAdmin,
    all_users,
    disable,
    enable,
    end_sessions,
    find_user,
    invite_user,
    is_blocked,
    last_seen,
    set_role,
)
from ..auth.factors.state import factors_of, reset_factors, users_with_factors
from ..auth.models import ROLE_NAMES, Role, User
from ..auth.password_links import link_lifetime, make_link
from ..auth.sessions import is_confirmed, require_user
from ..movies.form_fields import WordField
from ..web.forms import TOO_LONG, BaseForm, line_field, required
from ..web.layout import manager_view, page_frame
from ..web.params import or_404, text_param
from ..web.redirects import SeeOther
from ..web.resources import ADMINISTER, UserResource
from ..web.submissions import begin
from .confirmation import ask_for_password

_ROUTE: Final = "manager.users"

_LAST_ADMIN: Final = _(
    "This is the last administrator who can sign in. Make another user an administrator first."
)

_KEEP: Final = "keep_password"
"""The field of the tick that leaves the old password valid until the link is used."""

_ROLES: Final = tuple((role.value, name) for role, name in ROLE_NAMES.items())


class NewUserForm(BaseForm):
    """The name and the role of a new user."""

    name = line_field(_("Name"), MAX_USER_NAME_LENGTH, required)
    role = WordField(_("Role"), _ROLES)


class RoleForm(BaseForm):
    """The role of a user."""

    role = WordField(_("Role"), _ROLES)


@manager_view("users", permission=ADMINISTER, renderer="users", method="GET")
def users(request: Request) -> dict[str, Any]:
    """All users, and when they were last seen. Three queries."""
    return _list(request, NewUserForm(request.GET if "name" in request.GET else None))


@manager_view("users", permission=ADMINISTER, renderer="users", method="POST")
def add(request: Request) -> dict[str, Any] | Response:
    """Adds a user and shows the invitation link, once.

    If the form is sent again, the administrator gets the user's page.
    """
    form = NewUserForm(request.POST)
    if not is_confirmed(request):
        typed = {name: (form[name].data or "")[:MAX_USER_NAME_LENGTH] for name in ("name", "role")}
        query = {**typed, "done": "confirmed"}
        return ask_for_password(request, request.route_path(_ROUTE, _query=query))
    session, current_user = request.dbsession, require_user(request)
    by, now = current_user.actor, request.services.clock()
    if not form.validate():
        request.response.status_int = 400
        return _list(request, form)
    name, role = form.name.data or "", Role(form.role.data or "")
    try:
        user = invite_user(session, name, role, by=by, now=now)
    except AccountError:
        is_taken = find_user(session, name) is not None
        form.name.errors = [_("There is a user of this name.") if is_taken else TOO_LONG]
        request.response.status_int = 400
        return _list(request, form)
    submission = begin(session, current_user.user_id, request.POST, now)
    if submission is not None:
        submission.path = request.route_path("manager.user", user=user.id)
    return _show_link(request, session, user)


@manager_view("user", permission=ADMINISTER, renderer="user", method="GET")
def user(request: Request) -> dict[str, Any]:
    """One user, and what administrators can do."""
    return _page(request, or_404(request.dbsession.get(User, request.context.user_id)))


@manager_view("user", permission=ADMINISTER, renderer="user", method="POST")
def change_user(request: Request) -> dict[str, Any] | Response:
    """Changes another user: role, disabling, sessions, second factors, or a link."""
    context: UserResource = request.context
    session, current_user = request.dbsession, require_user(request)
    user = or_404(session.get(User, context.user_id))
    if user.id == current_user.user_id:
        raise HTTPBadRequest
    if not is_confirmed(request):
        query = {"role": role} if (role := text_param(request.POST, "role")) in {*Role} else {}
        query |= {_KEEP: "1"} if _KEEP in request.POST else {}
        query["done"] = "confirmed"
        path = request.route_path("manager.user", user=user.id, _query=query)
        return ask_for_password(request, path)
    do = request.POST.get("do")
    try:
        if do == "link":
            return _show_link(request, session, user, keep_password=_KEEP in request.POST)
        done = _change(request, session, user, do)
    except LastAdmin:
        request.response.status_int = 409
        return _page(request, user, _LAST_ADMIN)
    except AccountError as error:
        raise HTTPBadRequest from error
    return SeeOther(request.route_path("manager.user", user=user.id, _query={"done": done}))


def _change(request: Request, session: Session, user: User, do: object) -> str:
    """Does one of the actions; returns the key of its notice."""
    by, now = require_user(request).actor, request.services.clock()
    match do:
        case "role":
            role = text_param(request.POST, "role")
            if role not in {*Role}:
                raise HTTPBadRequest
            set_role(session, user, Role(role), by=by, now=now)
        case "disable":
            disable(session, user, by=by, now=now)
        case "enable":
            enable(session, user, by=by, now=now)
        case "reset-factors":
            reset_factors(session, user, by=by, now=now)
        case "sign-out":
            end_sessions(session, user)
            record(session, by, "user.sign_out_everywhere", user.audit_subject, now)
        case _other:
            raise HTTPBadRequest
    return _NOTICE_KEYS[str(do)]


_NOTICE_KEYS: Final = {
    "role": "user-role",
    "disable": "user-disabled",
    "enable": "user-enabled",
    "reset-factors": "user-factors-reset",
    "sign-out": "user-signed-out",
}


def _show_link(
    request: Request, session: Session, user: User, *, keep_password: bool = False
) -> Response:
    """Raises ``UserChanged`` if another administrator has blocked this one."""
    by, now = require_user(request).actor, request.services.clock()
    token = make_link(session, user, by=by, now=now, keep_password=keep_password)
    base_url = request.registry.settings["site.base_url"]
    path = request.route_path("manager.set_password", _query={"link": token})
    values = {
        "page": page_frame(request, user.name, _ROUTE, path=request.route_path(_ROUTE)),
        "user": user,
        "is_blocked": is_blocked(user),
        "link": f"{base_url}{path}",
        "expires_at": now + link_lifetime(user),
    }
    response: Response = render_to_response(
        "moziweb:templates/manager/password_link.jinja2", values, request=request
    )
    return response


def _list(request: Request, form: NewUserForm) -> dict[str, Any]:
    session = request.dbsession
    users = all_users(session)
    return {
        "page": page_frame(request, _("Users"), _ROUTE),
        "users": users,
        "blocked": {each.id for each in users if is_blocked(each)},
        "seen": last_seen(session),
        "secured": users_with_factors(session),
        "own_id": require_user(request).user_id,
        "form": form,
    }


def _page(request: Request, user: User, problem: TranslationString | str = "") -> dict[str, Any]:
    role = text_param(request.GET, "role")
    return {
        "page": page_frame(request, user.name, _ROUTE),
        "user": user,
        "factors": factors_of(request.dbsession, user.id),
        "is_blocked": is_blocked(user),
        "keeps_password": _KEEP in request.GET,
        "is_own": user.id == require_user(request).user_id,
        "form": RoleForm(role=role if role in {*Role} else user.role.value),
        "problem": request.localizer.translate(problem) if problem else "",
    }
