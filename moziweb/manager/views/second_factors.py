"""The second factors of the current user, after the password was entered again."""

from typing import Any, Final
from urllib.parse import urlsplit

from pyramid.httpexceptions import HTTPBadRequest, HTTPForbidden, HTTPNotFound
from pyramid.i18n import TranslationString
from pyramid.renderers import render_to_response
from pyramid.response import Response
from sqlalchemy import update
from wtforms import HiddenField, StringField

from moziweb.i18n import _
from moziweb.request import Request
from moziweb.site.presenters.qr_code import qr_code

from ..auth.factors import passkeys, totp
from ..auth.factors.challenges import Purpose
from ..auth.factors.models import MAX_PASSKEY_NAME
from ..auth.factors.passkeys import MAX_PASSKEYS, PasskeyError
from ..auth.factors.recovery_codes import make_codes
from ..auth.factors.state import drop_needless_codes, factors_of
from ..auth.models import User, UserSession
from ..auth.sessions import is_confirmed, require_user
from ..web.forms import BaseForm, line_field, one_line, required
from ..web.layout import manager_view, page_frame
from ..web.params import id_params
from ..web.redirects import SeeOther
from ..web.resources import SEE
from .confirmation import ask_for_password
from .passkey_sign_in import (
    json_response,
    passkey_challenge,
    take_passkey_challenge,
    too_many_challenges,
)
from .sign_in import site_of

_ACCOUNT: Final = "manager.account"
_ROUTE: Final = "manager.second_factors"

_WRONG_CODE: Final = _("The code is wrong. Check the clock of the device, and type the next code.")
_WRONG_PASSKEY: Final = _("The passkey could not be added. Try again.")
_TOO_MANY: Final = _(
    "You have ${count} passkeys. Remove one first.", mapping={"count": MAX_PASSKEYS}
)


class TotpForm(BaseForm):
    """The first code of an authenticator app."""

    code = StringField(_("Code of the app"), filters=[one_line])


class PasskeyForm(BaseForm):
    """A new passkey. The script sets ``credential``."""

    name = line_field(_("Name of the passkey"), MAX_PASSKEY_NAME, required)
    credential = HiddenField()


@manager_view("second_factors", permission=SEE, renderer="second_factors", method="GET")
def second_factors(request: Request) -> dict[str, Any] | Response:
    """The page of the second factors."""
    return _page(request) if is_confirmed(request) else _ask(request)


@manager_view("second_factors", permission=SEE, renderer="second_factors", method="POST")
def change_second_factors(request: Request) -> dict[str, Any] | Response:
    """Does one of the actions; ``do`` says which."""
    if not is_confirmed(request):
        return _ask(request)
    action = _ACTIONS.get(str(request.POST.get("do")))
    if action is None:
        raise HTTPBadRequest
    result: dict[str, Any] | Response = action(request)
    return result


@manager_view("passkey_options", permission=SEE, method="POST")
def passkey_options(request: Request) -> Response:
    """JSON for ``navigator.credentials.create()``."""
    site, user_id = site_of(request), require_user(request).user_id
    if site is None:
        raise HTTPNotFound
    if not is_confirmed(request):
        raise HTTPForbidden
    challenge = passkey_challenge(request, Purpose.PASSKEY_REGISTRATION, user_id)
    if challenge is None:
        return too_many_challenges()
    with request.services.database.read() as session:
        user = session.get_one(User, user_id)
        known = factors_of(session, user_id).passkeys
    return json_response(passkeys.registration_options(site, user, known, challenge))


def _begin_totp(request: Request) -> Response:
    _keep_secret(request, totp.new_secret())
    return _done(request)


def _cancel_totp(request: Request) -> Response:
    _keep_secret(request, None)
    return _done(request)


def _switch_totp_on(request: Request) -> dict[str, Any] | Response:
    form, session = TotpForm(request.POST), request.dbsession
    user, secret = _user(request), _kept_secret(request)
    if secret is None:  # it is on already, or was cancelled
        return _done(request)
    now = request.services.clock()
    if not totp.switch_on(session, user, secret, form.code.data or "", now=now):
        request.response.status_int = 400
        return _page(request, problem=_WRONG_CODE)
    _keep_secret(request, None)
    return _with_codes(request, user, "totp-on")


def _switch_totp_off(request: Request) -> Response:
    user = _user(request)
    totp.switch_off(request.dbsession, user, now=request.services.clock())
    drop_needless_codes(request.dbsession, user)
    return _done(request, "totp-off")


def _renew_codes(request: Request) -> Response:
    user = _user(request)
    if not factors_of(request.dbsession, user.id).is_required:
        raise HTTPBadRequest
    return _show_codes(request, user)


def _add_passkey(request: Request) -> dict[str, Any] | Response:
    form, site = PasskeyForm(request.POST), site_of(request)
    current_user, credential = require_user(request), form.credential.data or ""
    if site is None:
        raise HTTPNotFound
    if not form.validate():
        request.response.status_int = 400
        return _page(request, form=form)
    try:
        challenge = take_passkey_challenge(
            request, Purpose.PASSKEY_REGISTRATION, credential, current_user.user_id
        )
        session, user = request.dbsession, _user(request)
        if len(factors_of(session, user.id).passkeys) >= MAX_PASSKEYS:
            return _refused(request, form, _TOO_MANY)
        name, now = form.name.data or "", request.services.clock()
        passkeys.register(session, site, user, name, credential, challenge, now=now)
    except PasskeyError:
        return _refused(request, form, _WRONG_PASSKEY)
    return _with_codes(request, user, "passkey-added")


def _refused(request: Request, form: PasskeyForm, text: TranslationString) -> dict[str, Any]:
    request.response.status_int = 400
    return _page(request, form=form, problem=text)


def _remove_passkey(request: Request) -> Response:
    user, now = _user(request), request.services.clock()
    for passkey_id in id_params(request.POST, "passkey"):
        passkeys.remove_passkey(request.dbsession, user, passkey_id, now=now)
    drop_needless_codes(request.dbsession, user)
    return _done(request, "passkey-removed")


def _keep_passkeys(request: Request) -> Response:
    passkeys.keep_passkeys(request.dbsession, _user(request), now=request.services.clock())
    return _done(request, "passkeys-kept")


_ACTIONS: Final[dict[str, Any]] = {
    "totp-begin": _begin_totp,
    "totp-cancel": _cancel_totp,
    "totp-on": _switch_totp_on,
    "totp-off": _switch_totp_off,
    "codes": _renew_codes,
    "passkey-add": _add_passkey,
    "passkey-remove": _remove_passkey,
    "passkeys-keep": _keep_passkeys,
}


def _user(request: Request) -> User:
    return request.dbsession.get_one(User, require_user(request).user_id)


def _kept_secret(request: Request) -> str | None:
    row = request.dbsession.get(UserSession, require_user(request).session_id)
    return row.totp_secret if row is not None else None


def _keep_secret(request: Request, secret: str | None) -> None:
    """Keeps the secret of an app that is being set up in the session's row."""
    session_id, session = require_user(request).session_id, request.dbsession
    which = update(UserSession).where(UserSession.id == session_id)
    session.execute(which.values(totp_secret=secret))


def _ask(request: Request) -> Response:
    return ask_for_password(request, request.route_path(_ROUTE))


def _done(request: Request, notice: str = "") -> Response:
    query = {"done": notice} if notice else {}
    return SeeOther(request.route_path(_ROUTE, _query=query))


def _with_codes(request: Request, user: User, notice: str) -> Response:
    """Shows new recovery codes after the first second factor, else the page with a notice."""
    state = factors_of(request.dbsession, user.id)
    return _done(request, notice) if state.recovery_codes else _show_codes(request, user)


def _show_codes(request: Request, user: User) -> Response:
    codes = make_codes(request.dbsession, user, now=request.services.clock())
    path = request.route_path(_ROUTE)
    values = {"page": page_frame(request, _("Recovery codes"), _ACCOUNT, path=path), "codes": codes}
    response: Response = render_to_response(
        "moziweb:templates/manager/recovery_codes.jinja2", values, request=request
    )
    return response


def _page(
    request: Request, *, form: PasskeyForm | None = None, problem: TranslationString | str = ""
) -> dict[str, Any]:
    current_user, session = require_user(request), request.dbsession
    secret = _kept_secret(request)
    return {
        "page": page_frame(request, _("Second factors"), _ACCOUNT),
        "state": factors_of(session, current_user.user_id),
        "secret": secret,
        "qr": _qr(request, secret) if secret else "",
        "totp_form": TotpForm(),
        "passkey_form": form or PasskeyForm(),
        "has_passkeys": site_of(request) is not None,
        "problem": request.localizer.translate(problem) if problem else "",
    }


def _qr(request: Request, secret: str) -> str:
    host = urlsplit(request.registry.settings["site.base_url"]).hostname or ""
    return qr_code(totp.provisioning_uri(secret, require_user(request).name, host))
