"""Signing in and out."""

import math
from typing import Any, Final

from pyramid.i18n import TranslationString
from pyramid.renderers import render_to_response
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from wtforms import HiddenField, PasswordField, StringField

from moziweb.db.session import SAFE_METHODS
from moziweb.i18n import _
from moziweb.request import Request

from ..audit.log import Actor, record
from ..auth import passwords
from ..auth.accounts import find_user, normalise_name
from ..auth.cookies import PRE_LOGIN, SESSION
from ..auth.failed_sign_ins import report_failed, report_refused
from ..auth.login_throttle import Attempt
from ..auth.models import User
from ..auth.return_url import (
    has_own_origin,
    is_htmx,
    keeps_draft,
    return_url_of,
    safe_return_url,
)
from ..auth.sessions import require_user, signed_in
from ..web import drafts
from ..web.forms import BaseForm, one_line
from ..web.layout import manager_view, page_frame
from ..web.redirects import SeeOther
from ..web.resources import SEE

TITLE: Final = _("Sign in")


class SignInForm(BaseForm):
    """``return_url`` is the page to return to; ``draft`` the packed fields of another form."""

    name = StringField(_("Name"), filters=[one_line])
    password = PasswordField(_("Password"))
    return_url = HiddenField()
    draft = HiddenField()


@manager_view("sign_in", permission=NO_PERMISSION_REQUIRED, renderer="sign_in", method="GET")
def sign_in_page(request: Request) -> dict[str, Any] | Response:
    """The form; redirects users who are signed in."""
    return_url = safe_return_url(request.GET.get("return_url", ""))
    if signed_in(request):
        return SeeOther(return_url or request.route_path("manager.home"))
    return _page(request, SignInForm(return_url=return_url or ""))


@manager_view("sign_in", permission=NO_PERMISSION_REQUIRED, renderer="sign_in", method="POST")
def sign_in(request: Request) -> dict[str, Any] | Response:
    """Starts a session, or shows the form again without saying whether the name exists.

    Each step is a short transaction, since an attempt is counted before its password is checked.
    """
    form = SignInForm(request.POST)
    attempts, name = request.services.login_throttle, form.name.data or ""
    attempt = attempts.begin(normalise_name(name), request.remote_addr or "")
    if attempt.wait:
        return _page(request, form, throttled(request, attempt))
    with request.services.database.read() as session:
        user = find_user(session, name)
    fits = _fits(user, form.password.data or "")  # the same work without a user
    if user is None or not fits:
        with request.services.database.write() as session:
            report_failed(session, user, request.remote_addr or "", request.services.clock())
        request.response.status_int = 403
        return _page(request, form, _("The name or the password is wrong."))
    attempts.succeeded(attempt)
    return _begin(request, user, form)


@manager_view("sign_out", permission=SEE, method="POST")
def sign_out(request: Request) -> Response:
    """Ends the session."""
    request.services.sessions.end(require_user(request).session_id)
    return signed_out(request)


def throttled(request: Request, attempt: Attempt) -> TranslationString:
    """Reports the attempt, sets status 429 and ``Retry-After``; returns the page's message."""
    report_refused(request.remote_addr or "")
    seconds = math.ceil(attempt.wait.total_seconds())
    request.response.status_int = 429
    request.response.headers["Retry-After"] = str(seconds)
    minutes = math.ceil(seconds / 60)
    return _("Too many attempts. Try again in ${minutes} min.", mapping={"minutes": minutes})


def require_sign_in(request: Request) -> Response:
    """Redirects to the sign-in page; for a POST answers with it, and the form as a draft.

    A page polled by htmx is not redirected: it shows a message and stops polling.
    """
    if request.method in SAFE_METHODS:
        query = {"return_url": return_url_of(request)} if return_url_of(request) else {}
        return_url = request.route_path("manager.sign_in", _query=query)
        return _htmx_signed_out(request, return_url) if is_htmx(request) else SeeOther(return_url)
    draft = drafts.pack(request.POST) if keeps_draft(request) else ""
    form = SignInForm(return_url=return_url_of(request), draft=draft)
    response: Response = render_to_response(
        "moziweb:templates/manager/sign_in.jinja2", _page(request, form), request=request
    )
    response.status_int = 403
    return response


def _htmx_signed_out(request: Request, return_url: str) -> Response:
    template = "moziweb:templates/manager/signed_out.jinja2"
    response: Response = render_to_response(template, {"return_url": return_url}, request=request)
    return response


def _page(request: Request, form: SignInForm, problem: str = "") -> dict[str, Any]:
    return {
        "page": page_frame(request, TITLE),
        "form": form,
        "problem": request.localizer.translate(problem) if problem else "",
        "action": request.route_path("manager.sign_in"),
    }


def _fits(user: User | None, password: str) -> bool:
    known = user is not None and user.disabled_at is None
    return passwords.verify(password, user.password_hash if user is not None and known else None)


def _begin(request: Request, user: User, form: SignInForm) -> Response:
    token = request.services.sessions.begin(
        user.id,
        address=request.remote_addr or "",
        agent=request.user_agent or "",
        replaces=SESSION.read(request),
    )
    response = SeeOther(_return_url(request, user, form))
    SESSION.write(request, response, token)
    PRE_LOGIN.remove(request, response)
    return response


def _return_url(request: Request, user: User, form: SignInForm) -> str:
    """Returns where to go after sign-in; stores a draft sent with the form."""
    return_url = safe_return_url(form.return_url.data or "") or request.route_path("manager.home")
    fields = drafts.unpack(form.draft.data or "") if has_own_origin(request) else []
    now = request.services.clock()
    password = form.password.data or ""
    with request.services.database.write() as session:
        if passwords.outdated(user.password_hash):
            session.merge(user).password_hash = passwords.hashed(password)
        record(session, Actor(user.id, user.name), "user.sign_in", user.audit_subject, now)
        if not fields:
            return return_url
        path = return_url.partition("?")[0]
        number = drafts.keep(session, user.id, path, fields, now)
    return f"{path}?draft={number}&done=draft"


def signed_out(request: Request) -> Response:
    """Redirects to the sign-in page and deletes the session cookie."""
    response = SeeOther(request.route_path("manager.sign_in", _query={"done": "signed-out"}))
    SESSION.remove(request, response)
    return response
