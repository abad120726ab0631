"""HTTP client of TMDB, with a rate limit and bounded retries, times and response sizes."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import urllib3
from urllib3.exceptions import HTTPError

from moziweb.i18n import _

from .errors import TmdbError, TmdbNotFound, TmdbRefused, TmdbUnauthorized, TmdbUnavailable
from .rate_limiter import RateLimiter

APPENDED: Final = "release_dates,credits,videos,images,translations"
"""The appended responses of a movie; TMDB allows 20."""

MAX_ANSWER_BYTES: Final = 16_000_000
MAX_PAGES: Final = 500
MAX_WAIT: Final = 60.0
"""The longest Retry-After in seconds that is honoured; after a longer one the request fails."""

_BACKOFF: Final = 0.5
_API_KEY: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class TmdbOptions:
    """Options of the client. ``token`` is a v4 read token or a v3 key.

    ``seconds`` is the timeout of an attempt, ``tries`` the number of attempts per request.
    """

    base_url: str
    token: str | None
    seconds: float = 10.0
    tries: int = 4


class _RetryableError(Exception):
    """A failed attempt that can be retried ``after`` seconds."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class TmdbClient:
    """A client; thread-safe, one per process."""

    def __init__(
        self,
        options: TmdbOptions,
        rate_limiter: RateLimiter | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._options = options
        self._rate_limiter = rate_limiter or RateLimiter()
        self._sleep = sleep
        self._pool = urllib3.PoolManager(retries=False)

    def movie(self, tmdb_id: int) -> dict[str, Any]:
        """Return a movie with its Hungarian texts and all appended responses."""
        return self.get(
            f"/movie/{tmdb_id}",
            language="hu-HU",
            append_to_response=APPENDED,
            include_image_language="hu,en,null",
            include_video_language="hu,en,null",
        )

    def search(self, title: str, timeout: float | None = None) -> dict[str, Any]:
        """Search by title, best first. With ``timeout`` in seconds, makes one attempt only."""
        query = {"query": title, "language": "hu-HU", "region": "HU", "page": 1}
        if timeout is None:
            return self.get("/search/movie", **query)
        return self.get_once("/search/movie", timeout, **query)

    def find(self, imdb_id: str) -> dict[str, Any]:
        """Return the results for an IMDb id."""
        return self.get(f"/find/{imdb_id}", external_source="imdb_id", language="hu-HU")

    def configuration(self) -> dict[str, Any]:
        """Return the configuration, with the base URL of images."""
        return self.get("/configuration")

    def premieres(self, first: date, last: date) -> Iterator[dict[str, Any]]:
        """Yield pages of movies with a Hungarian cinema release from ``first`` to ``last``.

        Dates in the pages may be of another country.
        """
        yield from self._pages(
            "/discover/movie",
            region="HU",
            language="hu-HU",
            with_release_type="2|3",
            **{"release_date.gte": first.isoformat(), "release_date.lte": last.isoformat()},
        )

    def changes(self, first: date, last: date) -> Iterator[dict[str, Any]]:
        """Yield pages of movies that TMDB changed from ``first`` to ``last``, at most 14 days."""
        yield from self._pages(
            "/movie/changes", start_date=first.isoformat(), end_date=last.isoformat()
        )

    def _pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        number, last = 1, 1
        while number <= min(last, MAX_PAGES):
            page = self.get(path, page=number, **query)
            total = page.get("total_pages")
            last = total if isinstance(total, int) else number
            yield page
            number += 1

    def get_once(self, path: str, timeout: float, **query: Any) -> dict[str, Any]:
        """Return the object at ``path``, in one attempt of about ``timeout`` seconds.

        For interactive use. Raises ``TmdbError``.
        """
        started = time.monotonic()
        if not self._rate_limiter.wait(timeout):
            raise TmdbUnavailable(_("the rate limit of TMDB is reached; try again in a minute"))
        remaining = max(0.1, timeout - (time.monotonic() - started))
        try:
            return self._once(path, query, min(remaining, self._options.seconds))
        except _RetryableError as failed:
            if failed.after is not None:
                self._rate_limiter.pause(min(failed.after, MAX_WAIT))
            raise _unavailable(path, str(failed)) from None

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Return the object at ``path``. Raises ``TmdbError``."""
        message = ""
        for attempt in range(self._options.tries):
            self._rate_limiter.wait()
            try:
                return self._once(path, query, self._options.seconds)
            except _RetryableError as failed:
                message = str(failed)
                if failed.after is not None and failed.after > MAX_WAIT:
                    break
                if failed.after is not None:
                    self._rate_limiter.pause(failed.after)
                elif attempt + 1 < self._options.tries:
                    self._sleep(_BACKOFF * 2**attempt)
        raise _unavailable(path, message)

    def _once(self, path: str, query: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Make one attempt. ``seconds`` limit each wait; the data attempt may take twice that."""
        deadline = time.monotonic() + 2 * seconds
        headers = {"Accept": "application/json"}
        fields = {name: str(value) for name, value in query.items()}
        token = self._options.token
        if token is None:
            raise TmdbUnauthorized(_("there is no TMDB token; set tmdb.token"))
        if _API_KEY.fullmatch(token):
            fields["api_key"] = token
        else:
            headers["Authorization"] = f"Bearer {token}"
        url = self._options.base_url + path
        try:
            response = self._pool.request(
                "GET", url, fields=fields, headers=headers, preload_content=False, redirect=False,
                timeout=urllib3.Timeout(connect=seconds, read=seconds),
            )  # fmt: skip
            body = _read(response, deadline)
        except (HTTPError, OSError) as error:
            raise _RetryableError(_message_of(error)) from None
        return _object(path, response.status, response.headers, body)


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    body = b""
    with closing(response):  # after release_conn() this does not close the connection
        while chunk := response.read1(65_536):
            body += chunk
            if len(body) > MAX_ANSWER_BYTES or time.monotonic() > deadline:
                raise _RetryableError(
                    f"no complete response in time or in {MAX_ANSWER_BYTES} bytes"
                )
        response.release_conn()
    return body


def _object(path: str, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
        # Neither a page nor a column can hold the lone surrogate of an escape.
        json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        data = None
    found = data if isinstance(data, dict) else {}
    error = _status_text(status, found)
    if status == 429 or status >= 500:
        raise _RetryableError(error, _retry_after(headers))
    if status == 200 and not isinstance(data, dict):
        raise _RetryableError("the response is not a JSON object")
    if status != 200 or found.get("success") is False:
        raise _error(path, status, error)
    return found


def _error(path: str, status: int, error: str) -> TmdbError:
    kind: type[TmdbError] = TmdbRefused
    text = _("TMDB refused the request (${path}: ${error})")
    if status in {401, 403}:
        kind, text = TmdbUnauthorized, _("TMDB rejected the token (${path}: ${error})")
    elif status == 404:
        kind, text = TmdbNotFound, _("TMDB has no such film (${path}: ${error})")
    return kind(text, path=path, error=error)


def _unavailable(path: str, error: str) -> TmdbUnavailable:
    return TmdbUnavailable(_("TMDB does not respond (${path}: ${error})"), path=path, error=error)


def _status_text(status: int, body: Mapping[str, Any]) -> str:
    message, code = body.get("status_message"), body.get("status_code")
    words = " ".join(str(message).split())[:200] if message else ""
    return f"{status}{f'/{code}' if isinstance(code, int) else ''} {words}".strip()


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,6}", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _message_of(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
