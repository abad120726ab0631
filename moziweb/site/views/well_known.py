"""Files that stand at fixed addresses because their readers look for them there."""

from pyramid.httpexceptions import HTTPMovedPermanently
from pyramid.path import AssetResolver
from pyramid.response import FileResponse, Response
from pyramid.view import view_config

from moziweb.request import Request

from ..urls import PageUrls

_DAY_SECONDS = 24 * 3600

# A jump only redirects, and there is one for each date there is.
_ROBOTS = """\
User-agent: *
Disallow: /jump
Disallow: /en/jump

Sitemap: {sitemap}
"""


@view_config(route_name="robots", request_method="GET")
def robots(request: Request) -> Response:
    """What crawlers may read: every page."""
    text = _ROBOTS.format(sitemap=PageUrls.of(request).url("sitemap"))
    return Response(text, content_type="text/plain", charset="utf-8", cache_expires=_DAY_SECONDS)


@view_config(route_name="favicon", request_method="GET")
def favicon(request: Request) -> FileResponse:
    """The icon for those who ask without having read a page, which names it."""
    path = AssetResolver().resolve("moziweb:static/favicon.svg").abspath()
    return FileResponse(path, request, _DAY_SECONDS, content_type="image/svg+xml")


@view_config(route_name="bare_api_main", request_method="GET")
def bare_api_main(request: Request) -> HTTPMovedPermanently:
    """``/api/main`` without its slash."""
    return HTTPMovedPermanently(PageUrls.of(request).url("api_main"))


@view_config(route_name="bare_en", request_method="GET")
def bare_en(request: Request) -> HTTPMovedPermanently:
    """``/en`` is the English index without its slash."""
    return HTTPMovedPermanently(PageUrls.of(request).url("index"))
