"""Error pages of the manager."""

from contextlib import suppress
from typing import Any, Final

from pyramid.exceptions import BadCSRFOrigin, BadCSRFToken
from pyramid.httpexceptions import HTTPException, HTTPNotFound, HTTPRequestEntityTooLarge
from pyramid.i18n import TranslationString
from pyramid.renderers import render_to_response
from pyramid.response import Response
from pyramid.view import exception_view_config, forbidden_view_config, notfound_view_config

from moziweb.i18n import _
from moziweb.request import BODY_TOO_LARGE, Request

from ..auth.accounts import UserChanged
from ..auth.return_url import keeps_draft, safe_return_url
from ..auth.sessions import signed_in
from ..web import drafts
from ..web.layout import page_frame
from ..web.params import text_param
from ..web.redirects import SeeOther
from .set_password import password_set_before
from .sign_in import require_sign_in, signed_in_before, signed_out_before

_SIGN_IN: Final = frozenset({"manager.sign_in", "manager.sign_in_code", "manager.sign_in_passkey"})
_SET_PASSWORD: Final = frozenset({"manager.set_password"})
_SIGN_OUT: Final = frozenset({"manager.sign_out", "manager.sign_out_everywhere"})
_EXPIRED: Final = _("This form has expired")
_DELETED: Final = _(
    "It was deleted since you opened it, and nothing was saved. What you typed is kept for 7 days: "
    "bring it back from the bin, then open the form with it."
)
_TOO_LONG: Final = _(
    "Nothing was saved, and the form is too long to be kept. Go back: what you typed is still in "
    "it. Copy its long texts, load the page again and enter them."
)


@forbidden_view_config(managers=True)
def forbidden(request: Request) -> Response:
    """Sign-in page for requests without a session; else 403.

    A sign-out that was sent twice leads to where it led the first time.
    """
    if signed_in(request) is None:
        is_sign_out = _route_in(request, _SIGN_OUT)
        return signed_out_before(request) if is_sign_out else require_sign_in(request)
    why = _("Your role does not allow this. Ask an administrator if you need it.")
    return error_page(request, 403, _("This is for administrators"), why)


@exception_view_config(UserChanged, managers=True)
def changed_user(error: UserChanged, request: Request) -> Response:
    """403 for a user whom an administrator has changed during the request; nothing is written."""
    why = _(
        "Nothing was changed: at this moment, another administrator has blocked your password, "
        "disabled you or given you another role. Sign in again, or ask them."
    )
    return error_page(request, 403, _("Your account has just been changed"), why)


@notfound_view_config(managers=True)
def not_found(error: HTTPNotFound, request: Request) -> Response:
    """404 for signed-in users; the sign-in page for all others, for any path.

    The form of a row that was deleted since it was loaded is kept as a draft: the row may come back
    from the bin.
    """
    current_user = signed_in(request)
    if current_user is None:
        return require_sign_in(request)
    with suppress(drafts.DraftTooLong):
        if draft := _keep(request, current_user.user_id):
            return error_page(request, 404, _("There is nothing here"), _DELETED, draft)
    why = _("The address is mistyped, or what stood here is gone.")
    return error_page(request, 404, _("There is nothing here"), why)


@exception_view_config(BadCSRFToken, managers=True)
@exception_view_config(BadCSRFOrigin, managers=True)
def bad_csrf_token(error: Exception, request: Request) -> Response:
    """400, and nothing is changed.

    A form that is older than the session is stored as a draft and shown again, if the browser
    confirms that our own page sent it. A sign-in that was sent twice leads to where it led the
    first time, which has ended its token; so does a new password, which ends the user's sessions.
    """
    current_user = signed_in(request)
    if current_user is None and _route_in(request, _SET_PASSWORD):
        before = password_set_before(request, text_param(request.POST, "csrf_token"))
        if before is not None:
            return before
    if current_user and _route_in(request, _SIGN_IN):
        return signed_in_before(request, current_user.user_id)
    if current_user is None and keeps_draft(request):
        return require_sign_in(request)
    try:
        draft = _keep(request, current_user.user_id) if current_user else ""
    except drafts.DraftTooLong:
        return error_page(request, 400, _EXPIRED, _TOO_LONG)
    if draft:
        return SeeOther(f"{draft}&done=expired")
    why = _("Nothing was changed. Go back, load the page again and repeat what you did.")
    return error_page(request, 400, _EXPIRED, why)


@exception_view_config(HTTPRequestEntityTooLarge, managers=True)
def too_large(error: HTTPException, request: Request) -> Response:
    """413 for a form beyond the limits; its body was not read, or not kept."""
    why = _(
        "Nothing was saved. Go back: what you typed is still in the form. Save it in smaller parts."
    )
    if most := request.environ.get(BODY_TOO_LARGE):
        given = {"most": most // 1_000_000}
        why = _(
            "Nothing was saved. A form can have ${most} MB with its files. Go back: what you typed "
            "is still in the form. Choose a smaller file.",
            mapping=given,
        )
    return error_page(request, 413, _("This form is too large"), why)


def _route_in(request: Request, names: frozenset[str]) -> bool:
    return request.matched_route is not None and request.matched_route.name in names


def _keep(request: Request, user_id: int) -> str:
    """Keeps the form of a request as a draft; returns its path, "" for another request.

    Raises ``DraftTooLong``.
    """
    return_url = safe_return_url(request.path)
    if not (return_url and keeps_draft(request)):
        return ""
    fields = drafts.unpack(drafts.pack(request.POST))
    # The request's transaction may have the lock of SQLite; an error page commits nothing of it.
    request.tm.abort()
    request.tm.begin()
    with request.services.database.write() as session:
        number = drafts.keep(session, user_id, return_url, fields, request.services.clock())
    return f"{return_url}?draft={number}"


def error_page(
    request: Request,
    code: int,
    heading: TranslationString,
    explanation: TranslationString,
    draft: str = "",
) -> Response:
    """Returns a page with a heading, an explanation, and a link to the path of a draft."""
    values: dict[str, Any] = {
        "page": page_frame(request, heading),
        "code": code,
        "explanation": request.localizer.translate(explanation),
        "draft": draft,
    }
    response: Response = render_to_response(
        "moziweb:templates/manager/error.jinja2", values, request=request
    )
    response.status_int = code
    return response
