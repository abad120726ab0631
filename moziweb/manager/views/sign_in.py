"""Signing in, with a second step for users who have a second factor, and signing out."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from pyramid.csrf import get_csrf_token
from pyramid.i18n import TranslationString
from pyramid.renderers import render_to_response
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from sqlalchemy import update
from sqlalchemy.orm import Session
from wtforms import HiddenField, PasswordField, StringField

from moziweb.db.session import SAFE_METHODS
from moziweb.i18n import _
from moziweb.ops.headers import allow_passkeys
from moziweb.request import Request

from ..audit.log import Actor, record
from ..auth import passwords
from ..auth.accounts import UserChanged, find_user, normalise_name, require_unchanged
from ..auth.cookies import PRE_LOGIN, SESSION
from ..auth.factors.challenges import (
    CHALLENGE_LASTS,
    Purpose,
    TooManyChallenges,
    new_challenge,
    open_challenge,
    take_challenge,
)
from ..auth.factors.passkeys import RelyingParty
from ..auth.factors.recovery_codes import use_code
from ..auth.factors.state import factors_of
from ..auth.factors.totp import accept_code
from ..auth.failed_sign_ins import report_failed, report_refused, report_wrong_code
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

DRAFT_TOO_LONG: Final = _(
    "You were signed out. Nothing was saved, and the form is too long to be kept over a sign-in: "
    "go back and copy its long texts before you sign in."
)


class AfterSignInForm(BaseForm):
    """``return_url`` is the page to return to; ``draft`` the packed fields of another form."""

    return_url = HiddenField()
    draft = HiddenField()


class SignInForm(AfterSignInForm):
    """The first step. ``credential`` is set by the script of passkeys."""

    name = StringField(_("Name"), filters=[one_line])
    password = PasswordField(_("Password"))
    credential = HiddenField()


class CodeForm(AfterSignInForm):
    """The second step. ``step`` is the challenge that the first one has made."""

    step = HiddenField()
    code = StringField(_("Code"), filters=[one_line])
    credential = HiddenField()


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
        return _failed(request, user, form)
    try:
        return _proceed(request, user, form, attempt)
    except UserChanged:
        return _failed(request, user, form)


def _failed(request: Request, user: User | None, form: SignInForm) -> dict[str, Any]:
    with request.services.database.write() as session:
        report_failed(session, user, request.remote_addr or "", request.services.clock())
    request.response.status_int = 403
    return _page(request, form, _("The name or the password is wrong."))


def _proceed(
    request: Request, user: User, form: SignInForm, attempt: Attempt
) -> dict[str, Any] | Response:
    """Starts a session or asks for the second factor. Raises ``UserChanged``."""
    attempts = request.services.login_throttle
    with request.services.database.read() as session:
        has_second_step = factors_of(session, user.id).is_required
    if has_second_step:
        page = _second_step(request, user, form)
        attempts.withdraw(attempt)
        return page
    response = begin_session(request, user, form, password=form.password.data or "")
    attempts.succeeded(attempt)
    return response


@manager_view("sign_in_code", permission=NO_PERMISSION_REQUIRED, renderer="sign_in", method="POST")
def sign_in_code(request: Request) -> dict[str, Any] | Response:
    """Starts a session if the code of the second step is right.

    A wrong code counts as a failed sign-in of the name from the address.
    """
    form, services = CodeForm(request.POST), request.services
    step, browser, now = form.step.data or "", get_csrf_token(request), services.clock()
    with services.database.read() as session:
        row = open_challenge(session, Purpose.CODE, browser, step, now)
        user = session.get(User, row.user_id) if row is not None else None
    if user is None or user.disabled_at is not None:
        return _start_again(request, form)
    attempts, address = services.login_throttle, request.remote_addr or ""
    attempt = attempts.begin(user.name, address)
    if attempt.wait:
        return _code_page(request, user, form, throttled(request, attempt))
    if not _accepts_code(request, user, form.code.data or ""):
        with services.database.write() as session:
            report_wrong_code(session, user, address, now)
        response = _code_page(request, user, form, _("The code is wrong or was used already."))
        response.status_int = 403
        return response

    def take_step(session: Session) -> None:
        if take_challenge(session, Purpose.CODE, browser, step, now) is None:
            raise UserChanged

    try:
        response = begin_session(request, user, form, check=take_step)
    except UserChanged:
        return _start_again(request, form)
    attempts.succeeded(attempt)
    return response


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
    draft, problem = "", ""
    try:
        draft = drafts.pack(request.POST) if keeps_draft(request) else ""
    except drafts.DraftTooLong:
        problem = DRAFT_TOO_LONG
    form = SignInForm(return_url=return_url_of(request), draft=draft)
    response: Response = render_to_response(
        "moziweb:templates/manager/sign_in.jinja2", _page(request, form, problem), request=request
    )
    response.status_int = 403
    return response


def _htmx_signed_out(request: Request, return_url: str) -> Response:
    template = "moziweb:templates/manager/signed_out.jinja2"
    response: Response = render_to_response(template, {"return_url": return_url}, request=request)
    return response


def _page(request: Request, form: SignInForm, problem: str = "") -> dict[str, Any]:
    request.add_response_callback(lambda _request, response: allow_passkeys(response))
    return {
        "page": page_frame(request, TITLE, path=request.route_path("manager.sign_in")),
        "form": form,
        "problem": request.localizer.translate(problem) if problem else "",
        "action": request.route_path("manager.sign_in"),
        "has_passkeys": site_of(request) is not None,
    }


def site_of(request: Request) -> RelyingParty | None:
    """Returns the site as authenticators know it; None if browsers have no passkeys there."""
    return RelyingParty.of_url(request.registry.settings["site.base_url"])


def sign_in_again(request: Request, form: AfterSignInForm, problem: str) -> dict[str, Any]:
    """Returns the sign-in page after a later step failed; it keeps the draft. Status 403."""
    request.response.status_int = 403
    again = SignInForm(return_url=form.return_url.data, draft=form.draft.data)
    return _page(request, again, problem)


def _start_again(request: Request, form: AfterSignInForm) -> dict[str, Any]:
    return sign_in_again(request, form, _("That took too long. Sign in again."))


def _second_step(request: Request, user: User, form: SignInForm) -> dict[str, Any] | Response:
    """Asks for the second factor; the password was right. Raises ``UserChanged``."""
    services = request.services
    try:
        with services.database.write() as session:
            require_unchanged(session, user)
            step = new_challenge(
                session,
                Purpose.CODE,
                get_csrf_token(request),
                user_id=user.id,
                address=request.remote_addr or "",
                now=services.clock(),
            )
    except TooManyChallenges:
        wait = Attempt(0, CHALLENGE_LASTS)
        return _page(request, form, throttled(request, wait))
    code_form = CodeForm(
        step=step, return_url=form.return_url.data or "", draft=form.draft.data or ""
    )
    return _code_page(request, user, code_form)


def _code_page(request: Request, user: User, form: CodeForm, problem: str = "") -> Response:
    with request.services.database.read() as session:
        state = factors_of(session, user.id)
    request.add_response_callback(lambda _request, response: allow_passkeys(response))
    form.code.data = ""
    values = {
        "page": page_frame(request, TITLE, path=request.route_path("manager.sign_in")),
        "form": form,
        "problem": request.localizer.translate(problem) if problem else "",
        "has_totp": state.totp_since is not None,
        "has_passkeys": bool(state.passkeys) and site_of(request) is not None,
    }
    response: Response = render_to_response(
        "moziweb:templates/manager/sign_in_code.jinja2", values, request=request
    )
    response.status_int = request.response.status_int
    response.headers.update(
        {name: value for name, value in request.response.headers.items() if name == "Retry-After"}
    )
    return response


def _accepts_code(request: Request, user: User, code: str) -> bool:
    """Whether ``code`` is of the authenticator app, or a recovery code; it is used then."""
    now = request.services.clock()
    with request.services.database.write() as session:
        return accept_code(session, user.id, code, now) or use_code(session, user, code, now)


def _fits(user: User | None, password: str) -> bool:
    known = user is not None and user.disabled_at is None
    return passwords.verify(password, user.password_hash if user is not None and known else None)


def begin_session(
    request: Request,
    user: User,
    form: AfterSignInForm,
    *,
    action: str = "user.sign_in",
    password: str = "",
    check: Callable[[Session], None] = lambda _session: None,
) -> Response:
    """Starts a session and redirects; ``action`` is that of the audit entry.

    ``check`` is called with the user locked, and may raise. Raises ``UserChanged``.
    """
    outdated = bool(password) and passwords.outdated(user.password_hash)
    new_hash = passwords.hashed(password) if outdated else ""  # slow, so before the lock
    with request.services.database.write() as session:
        require_unchanged(session, user)
        check(session)
        token = request.services.sessions.begin(
            session,
            user.id,
            address=request.remote_addr or "",
            agent=request.user_agent or "",
            replaces=SESSION.read(request),
        )
        if new_hash:
            session.execute(
                update(User)
                .where(User.id == user.id, User.password_hash == user.password_hash)
                .values(password_hash=new_hash)
            )
        now = request.services.clock()
        record(session, Actor(user.id, user.name), action, user.audit_subject, now)
        draft_of = partial(drafts.keep, session, user.id, now=now)
        response = SeeOther(_return_url(request, session, user.id, form, draft_of))
    SESSION.write(request, response, token)
    PRE_LOGIN.remove(request, response)
    return response


def _return_url(
    request: Request,
    session: Session,
    user_id: int,
    form: AfterSignInForm,
    draft_of: Callable[[str, drafts.Fields], int | None],
) -> str:
    """Returns where to go after sign-in; ``draft_of`` returns the draft of a form at a path.

    Without a draft, passkeys that have to be checked come first.
    """
    return_url = safe_return_url(form.return_url.data or "") or request.route_path("manager.home")
    fields = drafts.unpack(form.draft.data or "") if has_own_origin(request) else []
    path = return_url.partition("?")[0]
    number = draft_of(path, fields) if fields else None
    if number is not None:
        return f"{path}?draft={number}&done=draft"
    is_unchecked = factors_of(session, user_id).is_unchecked
    return request.route_path("manager.account") if is_unchecked else return_url


def signed_in_before(request: Request, user_id: int) -> Response:
    """Redirects a sign-in form that was sent twice to where it led the first time."""
    form = AfterSignInForm(request.POST)
    with request.services.database.read() as session:
        draft_of = partial(drafts.latest, session, user_id)
        return SeeOther(_return_url(request, session, user_id, form, draft_of))


def signed_out(request: Request) -> Response:
    """Redirects to the sign-in page and deletes the session cookie."""
    response = signed_out_before(request)
    SESSION.remove(request, response)
    return response


def signed_out_before(request: Request) -> Response:
    """Redirects a sign-out without a session to the sign-in page.

    The cookie is kept: a form of another site arrives without it, and must not sign anybody out.
    """
    return SeeOther(request.route_path("manager.sign_in", _query={"done": "signed-out"}))
