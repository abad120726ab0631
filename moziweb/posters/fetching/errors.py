"""What a fetch can end in: a picture, "not modified", or an error with a stable code."""

from dataclasses import dataclass
from enum import StrEnum

_DETAIL_LENGTH = 300


class FetchCode(StrEnum):
    """Why a fetch failed: stored with the source, counted, put in words by the manager."""

    BAD_URL = "bad_url"
    """Not a plain http(s) URL, or a redirect to none."""
    FORBIDDEN_ADDRESS = "forbidden_address"
    """An address of the host is not one of the public internet."""
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
    """The server itself calls it a page or data."""
    BAD_ENCODING = "bad_encoding"
    """A content coding that was not asked for, or a damaged one."""
    TRUNCATED = "truncated"
    """The body ended before its announced end."""
    BAD_RESPONSE = "bad_response"
    """Not HTTP, headers beyond all measure, or a status that makes no sense here."""
    TIMEOUT = "timeout"
    DNS_FAILED = "dns_failed"
    CONNECTION_FAILED = "connection_failed"
    TLS_FAILED = "tls_failed"
    """No TLS, or a certificate that is not the host's."""


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
    """A fetch that brought no picture.

    Its text names the code alone and may be shown to anyone; ``detail`` can hold addresses and a
    stranger's words, and is for logs. ``permanent`` says that trying again is of no use until the
    source changes; ``retry_after`` is the server's own wish in seconds, when it uttered one.
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
class Fetched:
    """A complete response. ``content_type`` is the server's claim, lower case, without parameters.

    ``etag`` and ``last_modified`` belong to ``final_url``, the URL after all redirects: give the
    three back to `Fetcher.fetch` to fetch only what has changed.
    """

    body: bytes
    content_type: str
    etag: str | None
    last_modified: str | None
    final_url: str


@dataclass(frozen=True, slots=True)
class NotModified:
    """The picture is still what ``etag`` and ``last_modified`` stand for (304)."""

    etag: str | None
    last_modified: str | None
    final_url: str
