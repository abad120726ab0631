"""The client's address and scheme, and the request's start, from headers of trusted proxies."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from waitress.adjustments import Adjustments
from waitress.proxy_headers import (
    PROXY_HEADERS,
    MalformedProxyHeader,
    clear_untrusted_headers,
    parse_proxy_headers,
)
from waitress.utilities import BadRequest

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

_PROTO: Final = "HTTP_X_FORWARDED_PROTO"
_REQUEST_START: Final = "HTTP_X_REQUEST_START"

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ForwardedHeadersMiddleware:
    """Replaces ``waitress.proxy_headers.proxy_headers_middleware``, with the same options.

    ``X-Forwarded-Proto`` may be a list, which is read as the one in ``X-Forwarded-For``. The
    response to a malformed header is 400, with ``headers``. ``X-Request-Start`` is removed unless
    the proxy is trusted.
    """

    app: Callable[..., Iterable[bytes]]
    adj: Adjustments
    headers: Mapping[str, str]

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Call the application with the address and scheme of the client."""
        untrusted: Iterable[str] = PROXY_HEADERS
        if self.adj.trusted_proxy in ("*", environ["REMOTE_ADDR"]):
            try:
                untrusted = self._parse(environ)
            except MalformedProxyHeader as error:
                _log.warning("malformed %s: %s: %r", error.header, error.reason, error.value)
                return self._reject(error.header, start_response)
            except IndexError:  # the address is empty
                _log.warning("no address in X-Forwarded-For or Forwarded")
                return self._reject("X-Forwarded-For", start_response)
        else:
            environ.pop(_REQUEST_START, None)
        if self.adj.clear_untrusted_proxy_headers:
            log_removed = self.adj.log_untrusted_proxy_headers
            clear_untrusted_headers(environ, list(untrusted), log_removed, _log)
        return self.app(environ, start_response)

    def _parse(self, environ: Environ) -> set[str]:
        count, trusted = self.adj.trusted_proxy_count or 1, set(self.adj.trusted_proxy_headers)
        proto = environ.get(_PROTO, "")
        if "," in proto and "x-forwarded-proto" in trusted:
            schemes = [each.strip() for each in proto.split(",") if each.strip()]
            environ[_PROTO] = schemes[-count:][0] if schemes else ""
        return parse_proxy_headers(environ, count, trusted, _log)

    def _reject(self, header: str, start_response: StartResponse) -> Iterable[bytes]:
        error: Any = BadRequest(f'Header "{header}" malformed.')  # its types say str for the body
        status, headers, body = error.to_response()
        size = ("Content-Length", str(len(body)))
        start_response(status, [*headers, size, *self.headers.items()])
        return [body]
