"""Error responses: a page in the site's design, or JSON below ``/api/``. No database access.

Below ``/api/v1/`` they are ``application/problem+json``.
"""

import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from pyramid.exceptions import PredicateMismatch, URLDecodeError
from pyramid.httpexceptions import (
    HTTPError,
    HTTPMethodNotAllowed,
    HTTPMovedPermanently,
    HTTPNotFound,
)
from pyramid.i18n import TranslationString
from pyramid.renderers import render_to_response
from pyramid.response import Response
from pyramid.view import exception_view_config, forbidden_view_config, notfound_view_config
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    PendingRollbackError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from moziweb.cache.http.view_deriver import cap, depend
from moziweb.db.retry import is_connection_lost, will_retry
from moziweb.i18n import _
from moziweb.movies.calendar import week_of
from moziweb.movies.tags import PUBLISHED_LIST
from moziweb.request import Request

from ..api.problems import PREFLIGHT, is_api_request, problem_response
from ..context import PageContext
from ..other_spelling import other_spelling
from ..page_cache.validity import until_midnight
from ..presenters.page_head import error_page_head
from ..static_files import STATIC_METHODS
from ..view_models import Link

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS: Final = 30
"""``Retry-After`` of a response without the database."""

_TEMPLATE: Final = "moziweb:templates/error.jinja2"


_TEXTS: Final = {
    HTTPStatus.NOT_FOUND: (
        _("This page is not on the programme"),
        _("You may have mistyped the address, or the page is gone. The calendar is still on:"),
    ),
    HTTPStatus.BAD_REQUEST: (
        _("This request makes no sense to us"),
        _("A part of the address could not be read, perhaps a date that does not exist."),
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        _("This page can only be read"),
        _("Nothing can be sent to this address."),
    ),
    HTTPStatus.FORBIDDEN: (
        _("This is not open to the public"),
        _("You have no permission to see this page."),
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        _("This is too large"),
        _("More was sent than this page accepts. Nothing was changed."),
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        _("A short intermission"),
        _("The site cannot reach its data right now. Please try again in a minute."),
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        _("The film has torn"),
        _("Something went wrong on our side. Please try again in a minute."),
    ),
}
"""The heading and the explanation of each error page."""

_REPORTED: Final = _(
    "Something went wrong on our side. We have been notified and will look into it."
)
"""The explanation of an internal error where a reporter is set up."""


@notfound_view_config()
def not_found(error: HTTPNotFound, request: Request) -> Response:
    """404, or 405 if the route has views but none for this method.

    A URL that differs from that of a page in case or in slashes at its end redirects to it.
    """
    if isinstance(error, PredicateMismatch) and request.method not in accepted_methods(request):
        return method_not_allowed(request)
    depend(request, PUBLISHED_LIST)
    cap(request, until_midnight(request).ends)
    canonical = other_spelling(request)
    if canonical is not None:
        return HTTPMovedPermanently(canonical)
    reason = error.detail if isinstance(error.detail, TranslationString) else None
    return error_response(request, HTTPStatus.NOT_FOUND, reason)


@exception_view_config(HTTPMethodNotAllowed)
def method_not_allowed(request: Request) -> Response:
    """405 with the ``Allow`` header; the response to OPTIONS is 204 with the same header."""
    if request.method == "OPTIONS":
        response = Response(status=HTTPStatus.NO_CONTENT)
        if is_api_request(request):
            response.headers.update(PREFLIGHT.items())
    else:
        response = error_response(request, HTTPStatus.METHOD_NOT_ALLOWED)
    response.allow = tuple(sorted((accepted_methods(request) or STATIC_METHODS) | {"OPTIONS"}))
    return response


@forbidden_view_config()
def forbidden(request: Request) -> Response:
    """403."""
    return error_response(request, HTTPStatus.FORBIDDEN)


@exception_view_config(HTTPError)
def http_error(error: HTTPError, request: Request) -> Response:
    """An HTTP error that a view raised. ``Retry-After`` of a 5xx error is kept."""
    code = HTTPStatus(error.code)
    response = error_response(request, code if code in _TEXTS else HTTPStatus.BAD_REQUEST)
    if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR and "Retry-After" in error.headers:
        response.headers["Retry-After"] = error.headers["Retry-After"]
    return response


@exception_view_config(URLDecodeError)
@exception_view_config(DeprecationWarning)
def invalid_encoding(request: Request) -> Response:
    """400 for a path that is not UTF-8, and for a request with another charset.

    WebOb raises a ``DeprecationWarning`` for the latter.
    """
    return error_response(request, HTTPStatus.BAD_REQUEST)


@exception_view_config(UnicodeDecodeError)
def invalid_query(error: UnicodeDecodeError, request: Request) -> Response:
    """400 for a query string that is not UTF-8, of any view that reads it; 500 for other texts."""
    try:
        request.GET  # noqa: B018 - decoded when it is read
    except UnicodeDecodeError:
        return invalid_encoding(request)
    return unexpected_error(error, request)


@exception_view_config(OperationalError)
@exception_view_config(InterfaceError)
@exception_view_config(InternalError)
@exception_view_config(PendingRollbackError)
@exception_view_config(PoolTimeoutError)
def database_unavailable(error: Exception, request: Request) -> Response:
    """503: the database does not answer, is locked for too long, or is not migrated.

    Not logged here: lost and refused connections, of which ``Outage`` logs the number, and requests
    that will be run again.
    """
    is_outage = isinstance(error, DBAPIError) and is_connection_lost(error)
    if not (is_outage or will_retry(request)):
        log.error("%s %s: no database", request.method, request.path, exc_info=error)
    response = error_response(request, HTTPStatus.SERVICE_UNAVAILABLE)
    response.retry_after = RETRY_AFTER_SECONDS
    return response


@exception_view_config(Exception)
def unexpected_error(error: Exception, request: Request) -> Response:
    """500 for any other exception; the traceback is logged."""
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return error_response(request, HTTPStatus.INTERNAL_SERVER_ERROR)


def accepted_methods(request: Request) -> frozenset[str]:
    """The methods that the views of the request's route accept."""
    views = request.registry.introspector.get_category("views") or ()
    route = request.matched_route.name if request.matched_route else None
    taken: set[str] = set()
    for view in (each["introspectable"] for each in views):
        methods = view["request_methods"] or () if view["route_name"] == route else ()
        taken.update((methods,) if isinstance(methods, str) else methods)
    return frozenset(taken | STATIC_METHODS if "GET" in taken else taken)


def error_response(
    request: Request, code: HTTPStatus, reason: TranslationString | None = None
) -> Response:
    """A page, or JSON: a problem, ``{"error": {"code": 404, "message": "…"}}`` for the first API.

    ``reason`` replaces the explanation of the page.
    """
    if is_api_request(request):
        return problem_response(code)
    values: dict[str, Any]
    if request.environ.get("PATH_INFO", "").startswith("/api/"):
        renderer, values = "json", {"error": {"code": int(code), "message": code.phrase}}
    else:
        is_reported = code == HTTPStatus.INTERNAL_SERVER_ERROR and request.services.reports_errors
        heading, explanation = _TEXTS[code]
        texts = heading, reason or (_REPORTED if is_reported else explanation)
        renderer, values = _TEMPLATE, _page_values(PageContext.of(request), code, texts)
    response: Response = render_to_response(renderer, values, request=request)
    response.status_int = code
    return response


def _page_values(
    context: PageContext, code: HTTPStatus, texts: Iterable[TranslationString]
) -> dict[str, Any]:
    heading, explanation = map(context.formatter.translate, texts)
    return {
        "page": error_page_head(context, heading),
        "code": int(code),
        "heading": heading,
        "explanation": explanation,
        "links": _links(context),
    }


def _links(context: PageContext) -> tuple[Link, ...]:
    translate, urls = context.formatter.translate, context.urls
    this_week = week_of(context.today)
    return (
        Link(urls.path("index"), translate(_("Current premieres"))),
        Link(urls.week(this_week), translate(_("This week"))),
        Link(urls.week(this_week.next), translate(_("Next week"))),
        Link(urls.path("undated"), translate(_("Films without a date"))),
    )
