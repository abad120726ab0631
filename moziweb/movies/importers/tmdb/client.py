"""Asks TMDB: paced, with bounded retries, bounded time and bounded answers."""

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
"""What comes along with a film; TMDB takes 20 at most."""

MAX_BYTES: Final = 16_000_000
MAX_PAGES: Final = 500
MAX_WAIT: Final = 60.0
"""Seconds that a Retry-After is honoured for; longer ones end the attempt."""

_BACKOFF: Final = 0.5
_API_KEY: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class TmdbOptions:
    """How to reach TMDB: ``token`` is a v4 read token or a v3 key, times are in seconds.

    ``tries`` are the attempts per request in all.
    """

    base_url: str
    token: str | None
    seconds: float = 10.0
    tries: int = 4


class _Again(Exception):
    """A failed attempt that can be retried ``after`` seconds."""

    def __init__(self, told: str, after: float | None = None) -> None:
        super().__init__(told)
        self.after = after


class TmdbClient:
    """One per process; threads share it."""

    def __init__(
        self,
        terms: TmdbOptions,
        pace: RateLimiter | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._terms = terms
        self._pace = pace or RateLimiter()
        self._sleep = sleep
        self._pool = urllib3.PoolManager(retries=False)

    def movie(self, tmdb_id: int) -> dict[str, Any]:
        """A film with its Hungarian texts and everything that is appended."""
        return self.get(
            f"/movie/{tmdb_id}",
            language="hu-HU",
            append_to_response=APPENDED,
            include_image_language="hu,en,null",
            include_video_language="hu,en,null",
        )

    def search(self, title: str, within: float | None = None) -> dict[str, Any]:
        """The films of a title, best first; ``within`` is as ``get_soon`` has it."""
        query = {"query": title, "language": "hu-HU", "region": "HU", "page": 1}
        if within is None:
            return self.get("/search/movie", **query)
        return self.get_soon("/search/movie", within, **query)

    def find(self, imdb_id: str) -> dict[str, Any]:
        """What IMDb's id names at TMDB."""
        return self.get(f"/find/{imdb_id}", external_source="imdb_id", language="hu-HU")

    def configuration(self) -> dict[str, Any]:
        """Where pictures are."""
        return self.get("/configuration")

    def premieres(self, first: date, last: date) -> Iterator[dict[str, Any]]:
        """The pages of films with a Hungarian release in cinemas between two days, both included.

        Their own dates may be another country's.
        """
        yield from self._pages(
            "/discover/movie",
            region="HU",
            language="hu-HU",
            with_release_type="2|3",
            **{"release_date.gte": first.isoformat(), "release_date.lte": last.isoformat()},
        )

    def changes(self, first: date, last: date) -> Iterator[dict[str, Any]]:
        """The pages of movies that TMDB changed from ``first`` to ``last``: at most 14 days."""
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

    def get_soon(self, path: str, within: float, **query: Any) -> dict[str, Any]:
        """The object at ``path``, in one attempt of about ``within`` seconds, for interactive use.

        Raises ``TmdbError``.
        """
        began = time.monotonic()
        if not self._pace.wait(within):
            raise TmdbUnavailable(_("TMDB has asked us to wait; try it again in a minute"))
        left = max(0.1, within - (time.monotonic() - began))
        try:
            return self._once(path, query, min(left, self._terms.seconds))
        except _Again as failed:
            if failed.after is not None:
                self._pace.hold(min(failed.after, MAX_WAIT))
            raise _unavailable(path, str(failed)) from None

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The object at ``path``. Raises ``TmdbError``s."""
        told = ""
        for attempt in range(self._terms.tries):
            self._pace.wait()
            try:
                return self._once(path, query, self._terms.seconds)
            except _Again as failed:
                told = str(failed)
                if failed.after is not None and failed.after > MAX_WAIT:
                    break
                if failed.after is not None:
                    self._pace.hold(failed.after)
                elif attempt + 1 < self._terms.tries:
                    self._sleep(_BACKOFF * 2**attempt)
        raise _unavailable(path, told)

    def _once(self, path: str, query: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """One attempt; ``seconds`` bound each wait, twice as many the whole."""
        deadline = time.monotonic() + 2 * seconds
        headers = {"Accept": "application/json"}
        fields = {name: str(value) for name, value in query.items()}
        token = self._terms.token
        if token is None:
            raise TmdbUnauthorized(_("there is no token for TMDB; the key is tmdb.token"))
        if _API_KEY.fullmatch(token):
            fields["api_key"] = token
        else:
            headers["Authorization"] = f"Bearer {token}"
        url = self._terms.base_url + path
        try:
            response = self._pool.request(
                "GET", url, fields=fields, headers=headers, preload_content=False, redirect=False,
                timeout=urllib3.Timeout(connect=seconds, read=seconds),
            )  # fmt: skip
            body = _read(response, deadline)
        except (HTTPError, OSError) as error:
            raise _Again(_told(error)) from None
        return _object(path, response.status, response.headers, body)


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    body = b""
    with closing(response):  # also of a connection that goes on being used: it is empty then
        while piece := response.read1(65_536):
            body += piece
            if len(body) > MAX_BYTES or time.monotonic() > deadline:
                raise _Again(f"no whole answer in time, or more than {MAX_BYTES} bytes")
        response.release_conn()
    return body


def _object(path: str, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        whole = None
    found = whole if isinstance(whole, dict) else {}
    said = _said(status, found)
    if status == 429 or status >= 500:
        raise _Again(said, _retry_after(headers))
    if status != 200:
        raise _error(path, status, said)
    if not isinstance(whole, dict):
        raise _Again("an answer that is no JSON object")
    if found.get("success") is False:
        raise _error(path, status, said)
    return found


def _error(path: str, status: int, said: str) -> TmdbError:
    kind: type[TmdbError] = TmdbRefused
    text = _("TMDB refuses the question (${path}: ${said})")
    if status in {401, 403}:
        kind, text = TmdbUnauthorized, _("TMDB does not accept our token (${path}: ${said})")
    elif status == 404:
        kind, text = TmdbNotFound, _("TMDB has no such film (${path}: ${said})")
    return kind(text, path=path, said=said)


def _unavailable(path: str, said: str) -> TmdbUnavailable:
    return TmdbUnavailable(_("TMDB gives no answer (${path}: ${said})"), path=path, said=said)


def _said(status: int, body: Mapping[str, Any]) -> str:
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


def _told(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
