"""What the manager answers when something is not to be had."""

from typing import Any

from pyramid.exceptions import BadCSRFOrigin, BadCSRFToken
from pyramid.httpexceptions import HTTPNotFound
from pyramid.i18n import TranslationString
from pyramid.renderers import render_to_response
from pyramid.response import Response
from pyramid.view import exception_view_config, forbidden_view_config, notfound_view_config

from moziweb.i18n import _
from moziweb.request import Request

from ..auth.return_url import is_kept, safe_return_url
from ..auth.sessions import signed_in
from ..web import drafts
from ..web.layout import page_frame
from ..web.redirects import SeeOther
from .sign_in import answer_stranger


@forbidden_view_config(managers=True)
def forbidden(request: Request) -> Response:
    """Strangers may sign in; whoever has is told that it is not theirs."""
    if signed_in(request) is None:
        return answer_stranger(request)
    return answer(
        request,
        403,
        _("This is for administrators"),
        _("Your role does not allow this. Ask an administrator if you need it."),
    )


@notfound_view_config(managers=True)
def not_found(error: HTTPNotFound, request: Request) -> Response:
    """404, for those who are in; for all others every address needs signing in."""
    if signed_in(request) is None:
        return answer_stranger(request)
    return answer(
        request,
        404,
        _("There is nothing here"),
        _("The address is mistyped, or what stood here is gone."),
    )


@exception_view_config(BadCSRFToken, managers=True)
@exception_view_config(BadCSRFOrigin, managers=True)
def forged(error: Exception, request: Request) -> Response:
    """400, and nothing is done.

    A form of ours that is older than the session is not thrown away: it comes back, filled in, for
    whoever sent it from our own page.
    """
    someone = signed_in(request)
    if someone is None and is_kept(request):
        return answer_stranger(request)
    way = safe_return_url(request.path)
    if someone and way and is_kept(request) and _is_from_here(request):
        with request.registry["database"].write() as session:
            fields = drafts.unpacked(drafts.packed(request.POST))
            number = drafts.keep(session, someone.user_id, way, fields, request.registry["clock"]())
        return SeeOther(f"{way}?draft={number}&done=expired")
    return answer(
        request,
        400,
        _("This form has expired"),
        _("Nothing was changed. Go back, load the page again and repeat what you did."),
    )


def answer(
    request: Request, code: int, heading: TranslationString, explanation: TranslationString
) -> Response:
    """A page that says what is wrong."""
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


def _is_from_here(request: Request) -> bool:
    """Whether the browser says that a page of ours sent it. Scripts cannot write this header."""
    base_url: str = request.registry.settings["site.base_url"]
    origin = request.headers.get("Origin", "")
    scheme, _mark, host = base_url.partition("://")
    return origin == f"{scheme}://{host.partition('/')[0]}"
