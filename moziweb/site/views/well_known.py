"""Files at well-known URLs, the manifest of the web app, redirects of common misspellings."""

import json
import mimetypes
from typing import Final

from pyramid.path import AssetResolver
from pyramid.response import FileResponse, Response
from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.posters.imaging.values import NIGHT
from moziweb.request import Request

from ..presenters.page_head import SITE_NAME
from ..urls import PageUrls

_DAY_SECONDS = 24 * 3600

_ICONS: Final = (
    ("icons/icon-192.png", "192x192", "any"),
    ("icons/icon-512.png", "512x512", "any"),
    ("icons/icon-maskable-512.png", "512x512", "maskable"),
    ("favicon.svg", "any", "any"),
)
"""Names, sizes and purposes; ``static/icons/README.md`` says how they are made."""

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


def worker_path() -> str:
    """The path of the service worker's file."""
    path: str = AssetResolver().resolve("moziweb:static/service-worker.js").abspath()
    return path


@view_config(route_name="service_worker", request_method="GET")
def service_worker(request: Request) -> FileResponse:
    """The service worker, at the root: its scope is the whole site. Browsers ask for changes."""
    response = FileResponse(worker_path(), request, content_type="text/javascript")
    response.cache_control = "no-cache"
    return response


@view_config(route_name="manifest", request_method="GET")
def manifest(request: Request) -> Response:
    """The manifest by which browsers install the site, in the language of the URL."""
    urls, translate = PageUrls.of(request), request.localizer.translate
    start = urls.path("index")
    document = {
        "id": start,
        "name": translate(_("moziweb: film premieres")),
        "short_name": SITE_NAME,
        "description": translate(_("Film premieres in Hungary, week by week")),
        "lang": request.locale_name,
        "dir": "ltr",
        "start_url": start,
        "scope": "/",
        "display": "standalone",
        "background_color": NIGHT,
        "theme_color": NIGHT,
        "categories": ["entertainment"],
        "icons": [_icon(request, *each) for each in _ICONS],
        "shortcuts": [
            {"name": translate(_("Premieres of the week")), "url": urls.path("this_week")},
            {"name": translate(_("Watchlist")), "url": urls.path("watchlist")},
        ],
    }
    response = Response(json.dumps(document, ensure_ascii=False), charset="utf-8")
    response.content_type = "application/manifest+json"
    response.cache_expires(_DAY_SECONDS)
    return response


def _icon(request: Request, name: str, sizes: str, purpose: str) -> dict[str, str]:
    src = request.static_path(f"moziweb:static/{name}")
    mime, _coding = mimetypes.guess_type(name)
    return {"src": src, "sizes": sizes, "type": mime or "", "purpose": purpose}
