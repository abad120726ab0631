"""Security headers and Cache-Control on every response: pages, errors, static files, redirects.

The outermost tween sets them, so no response is without them. A response that has set one of them
keeps its own value.
"""

import logging
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid.response import Response
from pyramid.tweens import INGRESS

from moziweb.request import Request
from moziweb.services import services_of

log = logging.getLogger(__name__)

Handler = Callable[[Request], Response]

HSTS: Final = "max-age=31536000"
"""One year. Without subdomains, which may belong to others."""

UNCACHED: Final = "private, no-cache"
"""Cache-Control of a response without its own. A proxy would apply its own rules; ``private`` is
for those that ignore ``no-cache``, such as Fastly."""

FAILURE_CACHE_CONTROL: Final = "private, no-store"
"""The same for a failure of the server."""

PLAYER_ORIGIN: Final = "https://www.youtube-nocookie.com"
"""The only origin of frames: the player of trailers."""

_OF_THE_PLAYER: Final = ("autoplay", "encrypted-media", "fullscreen", "picture-in-picture")

_PERMISSIONS: Final = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
    "magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), "
    "usb=(), xr-spatial-tracking=(), "
    + ", ".join(f'{name}=("{PLAYER_ORIGIN}")' for name in _OF_THE_PLAYER)
)

_FIXED: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": _PERMISSIONS,
}


def allow_passkeys(response: Response) -> None:
    """Let the page ask the browser for a passkey, which all other pages forbid."""
    denied, allowed = "publickey-credentials-get=()", "publickey-credentials-get=(self)"
    response.headers["Permissions-Policy"] = _PERMISSIONS.replace(denied, allowed)


def content_security_policy(*image_origins: str) -> str:
    """The policy of pages, which load only posters and trailers from other origins.

    ``image_origins`` are those of ``site.base_url`` and of the storage, "" if that is the site
    itself. There are no inline styles or scripts, so a page needs no nonce and can be cached.
    """
    others = [origin for origin in dict.fromkeys(image_origins) if origin]
    directives = {
        "default-src": "'none'",
        "base-uri": "'none'",
        "connect-src": "'self'",
        "font-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "frame-src": PLAYER_ORIGIN,
        "img-src": " ".join(["'self'", *others]),
        "manifest-src": "'self'",
        "script-src": "'self'",
        "style-src": "'self'",
        "worker-src": "'self'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())


def origin_of(url: str) -> str:
    """``https://host:port`` of an absolute URL, "" for a relative one."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def security_headers(*image_origins: str, hsts: bool) -> dict[str, str]:
    """All headers, by name."""
    headers = {**_FIXED, "Content-Security-Policy": content_security_policy(*image_origins)}
    return {**headers, "Strict-Transport-Security": HSTS} if hsts else headers


def site_headers(registry: Registry) -> dict[str, str]:
    """The headers of this site. Also for responses that do not come from Pyramid."""
    settings = registry.settings
    # The site can be asked for by other hosts than that of its URLs.
    urls = settings["site.base_url"], services_of(registry).storage.url("poster")
    return security_headers(*map(origin_of, urls), hsts=settings["site.hsts"])


def headers_tween_factory(handler: Handler, registry: Registry) -> Handler:
    """The outermost tween: sets the headers, and answers if the error page fails, too."""
    headers = site_headers(registry)

    def headers_tween(request: Request) -> Response:
        try:
            response = handler(request)
        except Exception:
            log.exception("%s %s failed, and so did its error page", request.method, request.path)
            text = "500 Internal Server Error\n"
            response = Response(text, status=500, content_type="text/plain")
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault(
            "Cache-Control", FAILURE_CACHE_CONTROL if response.status_int >= 500 else UNCACHED
        )
        return response

    return headers_tween


def includeme(config: Configurator) -> None:
    """Add the tween."""
    config.add_tween(f"{__name__}.headers_tween_factory", under=INGRESS)
