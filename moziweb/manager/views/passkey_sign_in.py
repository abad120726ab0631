"""Signs in with a passkey, without a name and a password."""

from typing import Any

from pyramid.csrf import get_csrf_token
from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED

from moziweb.i18n import _
from moziweb.request import Request

from ..auth.accounts import UserChanged
from ..auth.factors import passkeys
from ..auth.factors.challenges import (
    CHALLENGE_LASTS,
    Purpose,
    TooManyChallenges,
    new_challenge,
    take_challenge,
)
from ..auth.factors.models import Passkey
from ..auth.factors.passkeys import PasskeyError, PasswordNeeded, RelyingParty
from ..auth.failed_sign_ins import report_failed_passkey
from ..auth.models import User
from ..web.layout import manager_view
from .sign_in import CodeForm, begin_session, sign_in_again, site_of


@manager_view("sign_in_passkey_options", permission=NO_PERMISSION_REQUIRED, method="POST")
def sign_in_passkey_options(request: Request) -> Response:
    """JSON for ``navigator.credentials.get()``."""
    site = site_of(request)
    if site is None:
        raise HTTPNotFound
    challenge = passkey_challenge(request, Purpose.PASSKEY_SIGN_IN)
    if challenge is None:
        return too_many_challenges()
    return json_response(passkeys.sign_in_options(site, challenge))


@manager_view(
    "sign_in_passkey", permission=NO_PERMISSION_REQUIRED, renderer="sign_in", method="POST"
)
def sign_in_passkey(request: Request) -> dict[str, Any] | Response:
    """Starts a session if the response of the authenticator verifies.

    On the page of the second step the form has its ``step``.
    """
    form, site = CodeForm(request.POST), site_of(request)
    if site is None:
        raise HTTPNotFound
    try:
        user, passkey = _verified(request, site, form)
        response = begin_session(
            request,
            user,
            form,
            action="user.sign_in_passkey",
            check=lambda session: passkeys.require_usable(session, passkey),
        )
    except PasswordNeeded:
        text = _("The password has changed since. Sign in with it first, then with the passkey.")
        return sign_in_again(request, form, text)
    except (PasskeyError, UserChanged):
        report_failed_passkey(request.remote_addr or "")
        text = _("The passkey was not accepted. Try again, or sign in with your password.")
        return sign_in_again(request, form, text)
    request.services.login_throttle.recognise(user.name, request.remote_addr or "")
    return response


def passkey_challenge(request: Request, purpose: Purpose, user_id: int | None = None) -> str | None:
    """Stores a challenge in a short transaction; None if the address has too many."""
    try:
        with request.services.database.write() as session:
            return new_challenge(
                session,
                purpose,
                get_csrf_token(request),
                user_id=user_id,
                address=request.remote_addr or "",
                now=request.services.clock(),
            )
    except TooManyChallenges:
        return None


def take_passkey_challenge(
    request: Request, purpose: Purpose, credential: str, user_id: int | None = None
) -> str:
    """Ends the challenge of a response and returns it. Raises ``PasskeyError``."""
    challenge = passkeys.challenge_in(credential)
    now = request.services.clock()
    with request.services.database.write() as session:
        row = take_challenge(session, purpose, get_csrf_token(request), challenge, now)
    if row is None or row.user_id != user_id:
        raise PasskeyError("the challenge is unknown, was used or has expired")
    return challenge


def too_many_challenges() -> Response:
    """Returns a response with status 429, for the script of passkeys."""
    seconds = str(round(CHALLENGE_LASTS.total_seconds()))
    response = Response(status=429)
    response.headers["Retry-After"] = seconds
    return response


def json_response(text: str) -> Response:
    """Returns a response of JSON."""
    return Response(text, content_type="application/json", charset="utf-8")


def _verified(request: Request, site: RelyingParty, form: CodeForm) -> tuple[User, Passkey]:
    credential, step = form.credential.data or "", form.step.data or ""
    challenge = take_passkey_challenge(request, Purpose.PASSKEY_SIGN_IN, credential)
    browser, now = get_csrf_token(request), request.services.clock()
    with request.services.database.write() as session:
        first_step = take_challenge(session, Purpose.CODE, browser, step, now) if step else None
        password_of = first_step.user_id if first_step is not None else None
        user, passkey = passkeys.verify_sign_in(
            session, site, credential, challenge, now, password_of=password_of
        )
        if user.disabled_at is not None:
            raise PasskeyError("the user is disabled")
    return user, passkey
