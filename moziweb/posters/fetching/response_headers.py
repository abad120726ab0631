"""Reading the head of a stranger's response: pure, and believing nothing that it need not."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

from .errors import FetchCode, FetchError

Headers = Mapping[str, str]
"""Response headers, looked up without regard to case."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_RETRY_AFTER_SECONDS = 24 * 3600.0
"""The longest backoff that the service has; a server may not ask for more."""

_NEVER_IMAGES = frozenset({"text/html", "application/xhtml+xml", "application/json"})
_TRANSIENT_4XX = frozenset({408, 421, 425})
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}")
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,250}"')
_HTTP_DATE = re.compile(r"[A-Za-z]{3}, \d{2} [A-Za-z]{3} \d{4} \d{2}:\d{2}:\d{2} GMT")
_NUMBER = re.compile(r"[0-9]{1,18}")


def refusal(status: int, headers: Headers) -> FetchError:
    """Return the error that a status other than 200, 304 and redirects stands for."""
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


def retry_after(headers: Headers) -> float | None:
    """Return the Retry-After header in seconds, at most `MAX_RETRY_AFTER_SECONDS`, or None.

    A date is measured against the response's own Date, so that the two clocks need not agree.
    """
    value = headers.get("retry-after", "").strip()
    if _NUMBER.fullmatch(value):
        return min(float(value), MAX_RETRY_AFTER_SECONDS)
    until, sent = _date(value), _date(headers.get("date", ""))
    if until is None or sent is None:
        return None
    return min(max((until - sent).total_seconds(), 0.0), MAX_RETRY_AFTER_SECONDS)


def redirect_location(headers: Headers, base: str) -> str:
    """Return the absolute URL that a redirect from ``base`` points to, not yet checked.

    Raises `FetchError` with ``bad_response`` when there is none, ``bad_url`` when it cannot be
    joined.
    """
    location = headers.get("location", "").strip()
    if not location:
        raise FetchError(FetchCode.BAD_RESPONSE, "redirect without a location")
    try:
        return urljoin(base, _utf8(location))
    except ValueError as error:
        raise FetchError(FetchCode.BAD_URL, f"location {location!r}") from error


def media_type(headers: Headers) -> str:
    """Return the Content-Type without parameters, ``application/octet-stream`` when it is unusable.

    Raises `FetchError` with ``not_an_image`` for what is a page or data by its own account.
    Everything else is for imaging to recognise by content: servers are often wrong about pictures.
    """
    value = headers.get("content-type", "").partition(";")[0].strip().lower()
    if value in _NEVER_IMAGES:
        raise FetchError(FetchCode.NOT_AN_IMAGE, f"content type {value}")
    return value if _MEDIA_TYPE.fullmatch(value) else "application/octet-stream"


def announced_bytes(headers: Headers) -> int | None:
    """Return the Content-Length when it is a plain number; the body need not keep to it."""
    value = headers.get("content-length", "").strip()
    return int(value) if _NUMBER.fullmatch(value) else None


def entity_tag(value: str | None) -> str | None:
    """Return ``value`` if it is a well-formed entity tag (RFC 9110, 8.8.3)."""
    return value if value is not None and _ETAG.fullmatch(value) else None


def http_date(value: str | None) -> str | None:
    """Return ``value`` if it is a date in the form that HTTP writes (RFC 9110, 5.6.7)."""
    return value if value is not None and _HTTP_DATE.fullmatch(value) else None


def _date(value: str) -> datetime | None:
    if not _HTTP_DATE.fullmatch(value):
        return None
    try:
        return parsedate_to_datetime(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _utf8(header: str) -> str:
    # http.client reads headers as Latin-1; a location beyond ASCII is UTF-8 in practice.
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header
