"""Files at well-known URLs (robots.txt, favicon.ico), and redirects of common misspellings."""

from pyramid.httpexceptions import HTTPMovedPermanently
from pyramid.path import AssetResolver
from pyramid.response import FileResponse, Response
from pyramid.view import view_config

from moziweb.request import Request

from ..urls import PageUrls

_DAY_SECONDS = 24 * 3600

# /jump only redirects, and every date has a URL of its own; /suggest answers scripts.
_ROBOTS = """\
User-agent: *
Disallow: /jump
Disallow: /en/jump
Disallow: /suggest
Disallow: /en/suggest

Sitemap: {sitemap}
"""


@view_config(route_name="robots", request_method="GET")
def robots(request: Request) -> Response:
    """The rules for crawlers: every page but /jump and /suggest."""
    text = _ROBOTS.format(sitemap=PageUrls.of(request).url("sitemap"))
    return Response(text, content_type="text/plain", charset="utf-8", cache_expires=_DAY_SECONDS)


@view_config(route_name="favicon", request_method="GET")
def favicon(request: Request) -> FileResponse:
    """The icon for clients that do not read its URL from a page."""
    path = AssetResolver().resolve("moziweb:static/favicon.svg").abspath()
    return FileResponse(path, request, _DAY_SECONDS, content_type="image/svg+xml")


@view_config(route_name="bare_api_main", request_method="GET")
def bare_api_main(request: Request) -> HTTPMovedPermanently:
    """Redirect ``/api/main`` to the URL with a slash."""
    return HTTPMovedPermanently(PageUrls.of(request).url("api_main"))


@view_config(route_name="bare_en", request_method="GET")
def bare_en(request: Request) -> HTTPMovedPermanently:
    """Redirect ``/en`` to the English index, ``/en/``."""
    return HTTPMovedPermanently(PageUrls.of(request).url("index"))
