"""Parsing of untrusted response headers, without I/O."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

from .errors import FetchCode, FetchError

ResponseHeaders = Mapping[str, str]
"""Response headers; look-ups ignore case."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_RETRY_AFTER_SECONDS = 24 * 3600.0
"""The longest backoff of the poster service; larger Retry-After values are reduced to it."""

_NEVER_IMAGES = frozenset({"text/html", "application/xhtml+xml", "application/json"})
_TRANSIENT_4XX = frozenset({408, 421, 425})
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,250}"')
_HTTP_DATE = re.compile(r"[A-Za-z]{3}, \d{2} [A-Za-z]{3} \d{4} \d{2}:\d{2}:\d{2} GMT")
_NUMBER = re.compile(r"[0-9]{1,18}")


def status_error(status: int, headers: ResponseHeaders) -> FetchError:
    """Return the error for a status other than 200, 304 and redirects."""
    detail = f"status {status}"
    if status in {404, 410}:
        return FetchError(FetchCode.NOT_FOUND, detail)
    if status == 429:
        return FetchError(FetchCode.RATE_LIMITED, detail, retry_after=retry_after(headers))
    if 400 <= status < 500:
        permanent = status not in _TRANSIENT_4XX
        return FetchError(FetchCode.HTTP_STATUS_4XX, detail, permanent=permanent)
    if 500 <= status < 600:
        return FetchError(FetchCode.HTTP_STATUS_5XX, detail, retry_after=retry_after(headers))
    return FetchError(FetchCode.BAD_RESPONSE, detail)


def retry_after(headers: ResponseHeaders) -> float | None:
    """Return the Retry-After header in seconds, at most `MAX_RETRY_AFTER_SECONDS`, or None.

    A date is compared with the response's Date header, so the server's clock may differ from ours.
    """
    value = headers.get("retry-after", "").strip()
    if _NUMBER.fullmatch(value):
        return min(float(value), MAX_RETRY_AFTER_SECONDS)
    until, sent = _date(value), _date(headers.get("date", ""))
    if until is None or sent is None:
        return None
    return min(max((until - sent).total_seconds(), 0.0), MAX_RETRY_AFTER_SECONDS)


def redirect_location(headers: ResponseHeaders, base: str) -> str:
    """Return the absolute URL of a redirect from ``base``; the caller must check it.

    Raises `FetchError` with ``bad_response`` if there is no Location header, and with ``bad_url``
    if it cannot be joined with ``base``.
    """
    location = headers.get("location", "").strip()
    if not location:
        raise FetchError(FetchCode.BAD_RESPONSE, "redirect without a location")
    try:
        return urljoin(base, _utf8(location))
    except ValueError as error:
        raise FetchError(FetchCode.BAD_URL, f"location {location!r}") from error


def refuse_pages(headers: ResponseHeaders) -> None:
    """Raise `FetchError` with ``not_an_image`` if the Content-Type is HTML or JSON.

    `imaging` identifies all other bodies by content: the Content-Type of images is often wrong.
    """
    value = headers.get("content-type", "").partition(";")[0].strip().lower()
    if value in _NEVER_IMAGES:
        raise FetchError(FetchCode.NOT_AN_IMAGE, f"content type {value}")


def require_identity_encoding(headers: ResponseHeaders) -> None:
    """Raise `FetchError` with ``bad_encoding`` if the body has a content coding.

    Requests have ``Accept-Encoding: identity``, so image servers send none.
    """
    value = headers.get("content-encoding", "").strip().lower()
    if value not in ("", "identity"):
        raise FetchError(FetchCode.BAD_ENCODING, f"content coding {value[:40]!r}")


def announced_bytes(headers: ResponseHeaders) -> int | None:
    """Return the Content-Length if it is a number; the body can have another length."""
    value = headers.get("content-length", "").strip()
    return int(value) if _NUMBER.fullmatch(value) else None


def entity_tag(value: str | None) -> str | None:
    """Return ``value`` if it is a well-formed entity tag (RFC 9110, 8.8.3)."""
    return value if value is not None and _ETAG.fullmatch(value) else None


def http_date(value: str | None) -> str | None:
    """Return ``value`` if it is an IMF-fixdate (RFC 9110, 5.6.7)."""
    return value if value is not None and _HTTP_DATE.fullmatch(value) else None


def _date(value: str) -> datetime | None:
    if not _HTTP_DATE.fullmatch(value):
        return None
    try:
        return parsedate_to_datetime(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _utf8(header: str) -> str:
    # http.client decodes headers as Latin-1; a non-ASCII location is UTF-8 in practice.
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header
