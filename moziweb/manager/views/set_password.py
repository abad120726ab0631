"""Sets a password by a link, without a session."""

from typing import Any

from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from wtforms import HiddenField, PasswordField

from moziweb.i18n import _
from moziweb.request import Request

from ..auth import passwords
from ..auth.factors.state import factors_of
from ..auth.models import User
from ..auth.password_links import use_link, user_of_link
from ..web.forms import BaseForm
from ..web.layout import manager_view, page_frame
from ..web.redirects import SeeOther
from .account import password_problem

TEMPLATE = "set_password"


class SetPasswordForm(BaseForm):
    """The token of the link, and the new password."""

    link = HiddenField()
    new_password = PasswordField(_("New password"))


@manager_view("set_password", permission=NO_PERMISSION_REQUIRED, renderer=TEMPLATE, method="GET")
def set_password_page(request: Request) -> dict[str, Any]:
    """The form. It uses up nothing, so a program that previews the link does no harm."""
    token = request.GET.get("link", "")
    with request.services.database.read() as session:
        user = user_of_link(session, token, request.services.clock())
    return _page(request, SetPasswordForm(link=token), user)


@manager_view("set_password", permission=NO_PERMISSION_REQUIRED, renderer=TEMPLATE, method="POST")
def set_password_by_link(request: Request) -> dict[str, Any] | Response:
    """Sets the password, which ends the link and all sessions of its user."""
    form, now = SetPasswordForm(request.POST), request.services.clock()
    token = form.link.data or ""
    try:
        with request.services.database.write() as session:
            user = use_link(session, token, form.new_password.data or "", now=now)
    except passwords.WeakPassword as error:
        with request.services.database.read() as session:
            user = user_of_link(session, token, now)
        request.response.status_int = 400
        return _page(request, form, user, request.localizer.translate(password_problem(error)))
    if user is None:
        return _page(request, form, None)
    with request.services.database.read() as session:
        is_unchecked = factors_of(session, user.id).is_unchecked
    done = "password-set-passkeys" if is_unchecked else "password-set"
    return SeeOther(request.route_path("manager.sign_in", _query={"done": done}))


def _page(
    request: Request, form: SetPasswordForm, user: User | None, problem: str = ""
) -> dict[str, Any]:
    if user is None:
        request.response.status_int = 404
    path = request.route_path("manager.set_password", _query={"link": form.link.data or ""})
    return {
        "page": page_frame(request, _("Your new password"), path=path),
        "form": form,
        "user": user,
        "problem": problem,
    }
