"""The current user's account: sessions and password."""

from typing import Any, Final

from pyramid.i18n import TranslationString
from pyramid.response import Response
from wtforms import PasswordField

from moziweb.i18n import _
from moziweb.request import Request

from ..audit.log import record
from ..auth import passwords
from ..auth.accounts import UserChanged, end_sessions, require_unchanged, set_password
from ..auth.factors.state import factors_of
from ..auth.failed_sign_ins import report_wrong_password
from ..auth.models import User
from ..auth.sessions import require_user
from ..web.forms import BaseForm
from ..web.layout import manager_view, page_frame
from ..web.redirects import SeeOther
from ..web.resources import SEE
from ..web.submissions import begin, find
from .sign_in import signed_out, throttled

_ROUTE: Final = "manager.account"


class PasswordForm(BaseForm):
    """The current password and the new one."""

    current_password = PasswordField(_("Present password"))
    new_password = PasswordField(_("New password"))


@manager_view("account", permission=SEE, renderer="account", method="GET")
def account(request: Request) -> dict[str, Any]:
    """The account page."""
    return _page(request, PasswordForm())


@manager_view("account", permission=SEE, renderer="account", method="POST")
def change_password(request: Request) -> dict[str, Any] | Response:
    """Changes the password. A wrong current password counts as a sign-in attempt.

    A form that is sent again, whose password is the new one by now, gets the first one's result.
    """
    form = PasswordForm(request.POST)
    current_user = require_user(request)
    attempts = request.services.login_throttle
    attempt = attempts.begin(current_user.name, request.remote_addr or "")
    if attempt.wait:
        return _page(request, form, throttled(request, attempt))
    if (path := _former_result(request, form)) is not None:
        attempts.withdraw(attempt)
        return SeeOther(path)
    checked = verified_user(request, form.current_password.data or "")
    if checked is None:
        return _wrong(request, form)
    attempts.succeeded(attempt)
    user = request.dbsession.get_one(User, current_user.user_id)
    try:
        require_unchanged(request.dbsession, checked)
        set_password(
            request.dbsession,
            user,
            form.new_password.data or "",
            by=current_user.actor,
            now=request.services.clock(),
            keep=current_user.session_id,
        )
    except UserChanged:
        path = _former_result(request, form)  # of the same form, sent at the same moment
        return _wrong(request, form) if path is None else SeeOther(path)
    except passwords.WeakPassword as error:
        request.response.status_int = 400
        return _page(request, form, password_problem(error))
    path = request.route_path(_ROUTE, _query={"done": "password"})
    submission = begin(request.dbsession, user.id, request.POST, request.services.clock())
    if submission is not None:
        submission.path = path
    return SeeOther(path)


def _former_result(request: Request, form: PasswordForm) -> str | None:
    """The path of the result of this form, if it has set this password before."""
    user_id = require_user(request).user_id
    with request.services.database.read() as session:
        made = find(session, user_id, request.POST)
        user = session.get_one(User, user_id)
    fits = made and passwords.verify(form.new_password.data or "", user.password_hash)
    return made.path if made and fits else None


def _wrong(request: Request, form: PasswordForm) -> dict[str, Any]:
    request.response.status_int = 403
    return _page(request, form, _("The present password is wrong."))


@manager_view("sign_out_everywhere", permission=SEE, method="POST")
def sign_out_everywhere(request: Request) -> Response:
    """Ends all sessions of the user, including the current one."""
    session, current_user = request.dbsession, require_user(request)
    user = session.get_one(User, current_user.user_id)
    end_sessions(session, user)
    now = request.services.clock()
    record(session, current_user.actor, "user.sign_out_everywhere", user.audit_subject, now)
    return signed_out(request)


def verified_user(request: Request, password: str) -> User | None:
    """Returns the current user if the password is theirs; reports a wrong one.

    It takes short transactions, before the request's own begins.
    """
    database = request.services.database
    with database.read() as session:
        user = session.get_one(User, require_user(request).user_id)
    if passwords.verify(password, user.password_hash):
        return user
    with database.write() as session:
        now = request.services.clock()
        report_wrong_password(session, user, request.remote_addr or "", now)
    return None


def password_problem(error: passwords.WeakPassword) -> TranslationString:
    """Returns the message of the page about a password that is not strong enough."""
    if isinstance(error, passwords.GuessablePassword):
        return _("This password is easy to guess. Several unrelated words make a good one.")
    lengths = {"least": passwords.MIN_LENGTH, "most": passwords.MAX_PASSWORD_LENGTH}
    return _("A password has ${least} to ${most} characters.", mapping=lengths)


def _page(request: Request, form: PasswordForm, problem: str = "") -> dict[str, Any]:
    current_user = require_user(request)
    with request.services.database.read() as session:
        rows = request.services.sessions.of_user(session, current_user.user_id)
        factors = factors_of(session, current_user.user_id)
    return {
        "page": page_frame(request, _("Your account"), _ROUTE),
        "form": form,
        "problem": request.localizer.translate(problem) if problem else "",
        "sessions": rows,
        "this_session": current_user.session_id,
        "role": current_user.role,
        "factors": factors,
    }
