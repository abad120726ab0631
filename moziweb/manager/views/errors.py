"""Error pages of the manager."""

from typing import Any, Final

from pyramid.exceptions import BadCSRFOrigin, BadCSRFToken
from pyramid.httpexceptions import HTTPException, HTTPNotFound, HTTPRequestEntityTooLarge
from pyramid.i18n import TranslationString
from pyramid.renderers import render_to_response
from pyramid.response import Response
from pyramid.view import exception_view_config, forbidden_view_config, notfound_view_config

from moziweb.i18n import _
from moziweb.request import BODY_TOO_LARGE, Request

from ..auth.return_url import keeps_draft, safe_return_url
from ..auth.sessions import signed_in
from ..web import drafts
from ..web.layout import page_frame
from ..web.redirects import SeeOther
from .sign_in import require_sign_in

_EXPIRED: Final = _("This form has expired")
_TOO_LONG: Final = _(
    "Nothing was saved, and the form is too long to be kept. Go back: what you typed is still in "
    "it. Copy its long texts, load the page again and enter them."
)


@forbidden_view_config(managers=True)
def forbidden(request: Request) -> Response:
    """Sign-in page for requests without a session; else 403."""
    if signed_in(request) is None:
        return require_sign_in(request)
    why = _("Your role does not allow this. Ask an administrator if you need it.")
    return error_page(request, 403, _("This is for administrators"), why)


@notfound_view_config(managers=True)
def not_found(error: HTTPNotFound, request: Request) -> Response:
    """404 for signed-in users; the sign-in page for all others, for any path."""
    if signed_in(request) is None:
        return require_sign_in(request)
    why = _("The address is mistyped, or what stood here is gone.")
    return error_page(request, 404, _("There is nothing here"), why)


@exception_view_config(BadCSRFToken, managers=True)
@exception_view_config(BadCSRFOrigin, managers=True)
def bad_csrf_token(error: Exception, request: Request) -> Response:
    """400, and nothing is changed.

    A form that is older than the session is stored as a draft and shown again, if the browser
    confirms that our own page sent it.
    """
    current_user = signed_in(request)
    if current_user is None and keeps_draft(request):
        return require_sign_in(request)
    return_url = safe_return_url(request.path)
    if current_user and return_url and keeps_draft(request):
        try:
            fields = drafts.unpack(drafts.pack(request.POST))
        except drafts.DraftTooLong:
            return error_page(request, 400, _EXPIRED, _TOO_LONG)
        now = request.services.clock()
        with request.services.database.write() as session:
            number = drafts.keep(session, current_user.user_id, return_url, fields, now)
        return SeeOther(f"{return_url}?draft={number}&done=expired")
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


def error_page(
    request: Request, code: int, heading: TranslationString, explanation: TranslationString
) -> Response:
    """Returns a page with a heading and an explanation."""
    values: dict[str, Any] = {
        "page": page_frame(request, heading),
        "code": code,
        "explanation": request.localizer.translate(explanation),
    }
    response: Response = render_to_response(
        "moziweb:templates/manager/error.jinja2", values, request=request
    )
    response.status_int = code
    return response
