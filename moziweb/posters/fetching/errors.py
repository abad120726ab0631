"""Results of a fetch: `Fetched`, or `FetchError` with a stable code."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_DETAIL_LENGTH = 300


class FetchCode(StrEnum):
    """Why a fetch failed. Stored with the source, counted in metrics, translated in the manager."""

    BAD_URL = "bad_url"
    """The URL, or the target of a redirect, is not a plain http(s) URL."""
    FORBIDDEN_ADDRESS = "forbidden_address"
    """An address of the host is not public."""
    FORBIDDEN_PORT = "forbidden_port"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    NOT_FOUND = "not_found"
    """404 or 410."""
    HTTP_STATUS_4XX = "http_status_4xx"
    HTTP_STATUS_5XX = "http_status_5xx"
    RATE_LIMITED = "rate_limited"
    """429."""
    TOO_MANY_BYTES = "too_many_bytes"
    NOT_AN_IMAGE = "not_an_image"
    """The Content-Type is HTML or JSON."""
    BAD_ENCODING = "bad_encoding"
    """The body has a content coding, although the request asked for identity."""
    TRUNCATED = "truncated"
    """The body is shorter than announced."""
    BAD_RESPONSE = "bad_response"
    """Not HTTP, headers that are too large, or an unexpected status."""
    TIMEOUT = "timeout"
    DNS_FAILED = "dns_failed"
    CONNECTION_FAILED = "connection_failed"
    TLS_FAILED = "tls_failed"
    """No TLS, or no valid certificate for the host name."""


_PERMANENT = frozenset(
    {
        FetchCode.BAD_URL,
        FetchCode.FORBIDDEN_ADDRESS,
        FetchCode.FORBIDDEN_PORT,
        FetchCode.TOO_MANY_REDIRECTS,
        FetchCode.NOT_FOUND,
        FetchCode.HTTP_STATUS_4XX,
        FetchCode.TOO_MANY_BYTES,
        FetchCode.NOT_AN_IMAGE,
        FetchCode.BAD_ENCODING,
    }
)


class FetchError(Exception):
    """A failed fetch.

    The message contains only the code and may be shown to visitors; ``detail`` can contain
    addresses and text from the server, and is for logs. If ``permanent``, a retry is useless until
    the source changes. ``retry_after`` is the server's Retry-After in seconds, None without one.
    """

    def __init__(
        self,
        code: FetchCode,
        detail: str = "",
        *,
        permanent: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.permanent = code in _PERMANENT if permanent is None else permanent
        self.retry_after = retry_after
        self.detail = detail[:_DETAIL_LENGTH]

    def __str__(self) -> str:
        return f"the picture could not be fetched: {self.code}"


@dataclass(frozen=True, slots=True)
class Validators:
    """HTTP validators of an image; they belong to ``final_url``, its URL after all redirects."""

    etag: str | None = None
    last_modified: str | None = None
    final_url: str | None = None


NO_VALIDATORS: Final = Validators()


@dataclass(frozen=True, slots=True)
class Fetched:
    """A complete response; pass its validators to `Fetcher.fetch` for a conditional request."""

    body: bytes
    validators: Validators
