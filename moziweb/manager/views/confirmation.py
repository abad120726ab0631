"""Asks for the password again before second factors and users are changed."""

from typing import Any, Final

from pyramid.response import Response
from wtforms import HiddenField, PasswordField

from moziweb.i18n import _
from moziweb.request import Request

from ..auth.return_url import safe_return_url
from ..auth.sessions import require_user
from ..web.forms import BaseForm
from ..web.layout import manager_view, page_frame
from ..web.redirects import Detour, SeeOther
from ..web.resources import SEE
from .account import verified_user
from .sign_in import throttled

_ACCOUNT: Final = "manager.account"


class ConfirmForm(BaseForm):
    """The present password, and the page to return to."""

    password = PasswordField(_("Present password"))
    return_url = HiddenField()


@manager_view("confirm", permission=SEE, renderer="confirm", method="GET")
def confirm_page(request: Request) -> dict[str, Any]:
    """Asks for the password again."""
    return _confirm_page(request, ConfirmForm(return_url=request.GET.get("return_url", "")))


@manager_view("confirm", permission=SEE, renderer="confirm", method="POST")
def confirm(request: Request) -> dict[str, Any] | Response:
    """Confirms the session for ten minutes. A wrong password counts as a sign-in attempt."""
    form, current_user = ConfirmForm(request.POST), require_user(request)
    attempts = request.services.login_throttle
    attempt = attempts.begin(current_user.name, request.remote_addr or "")
    if attempt.wait:
        return _confirm_page(request, form, throttled(request, attempt))
    if verified_user(request, form.password.data or "") is None:
        request.response.status_int = 403
        return _confirm_page(request, form, _("The present password is wrong."))
    attempts.succeeded(attempt)
    request.services.sessions.confirm(current_user.session_id)
    return_url = safe_return_url(form.return_url.data or "")
    return SeeOther(return_url or request.route_path("manager.second_factors"))


def ask_for_password(request: Request, return_url: str) -> Response:
    """Redirects to the page that asks for the password; it leads to ``return_url``."""
    query = {"return_url": return_url}
    return Detour(request.route_path("manager.confirm", _query=query))


def _confirm_page(request: Request, form: ConfirmForm, problem: str = "") -> dict[str, Any]:
    return {
        "page": page_frame(request, _("Enter your password again"), _ACCOUNT),
        "form": form,
        "problem": request.localizer.translate(problem) if problem else "",
    }
