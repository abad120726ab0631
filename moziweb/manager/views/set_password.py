"""Sets a password by a link, without a session."""

from typing import Any

from pyramid.csrf import get_csrf_token
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from wtforms import HiddenField, PasswordField

from moziweb.i18n import _
from moziweb.request import Request

from ..auth import passwords
from ..auth.factors.state import factors_of
from ..auth.models import User
from ..auth.password_links import (
    forget_used_link,
    use_link,
    user_of_link,
    user_of_used_link,
)
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
    token, password = form.link.data or "", form.new_password.data or ""
    browser = get_csrf_token(request)
    try:
        with request.services.database.write() as session:
            user = use_link(session, token, password, now=now, browser=browser)
    except passwords.WeakPassword as error:
        with request.services.database.read() as session:
            user = user_of_link(session, token, now)
        request.response.status_int = 400
        return _page(request, form, user, request.localizer.translate(password_problem(error)))
    if user is None:
        return password_set_before(request, browser) or _page(request, form, None)
    return _done(request, user)


def password_set_before(request: Request, browser: str) -> Response | None:
    """Redirects the form of a link that was sent twice to where it led the first time.

    ``browser`` is the CSRF token that the form was sent with. None for another browser, after five
    minutes, and for another password: that one was not set. A wrong password ends this, so that
    passwords cannot be tried here.
    """
    form, now = SetPasswordForm(request.POST), request.services.clock()
    token, password = form.link.data or "", form.new_password.data or ""
    with request.services.database.read() as session:
        user = user_of_used_link(session, token, browser, now)
    if user is None:
        return None
    if not passwords.verify(password, user.password_hash):
        with request.services.database.write() as session:
            forget_used_link(session, token, browser, now)
        return None
    return _done(request, user)


def _done(request: Request, user: User) -> Response:
    """Redirects to the sign-in page, which says that the password was set."""
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
