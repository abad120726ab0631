"""Reads access logs: our own (JSON, ``log.access``), and the common and combined formats."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

_SERVED: Final = frozenset({"200", "304"})
_METHODS: Final = frozenset({"GET", "HEAD"})

_COMBINED: Final = re.compile(
    r'[^\[]*\[(?P<time>[^\]]+)\] "(?P<method>[A-Z]+) (?P<url>\S+)[^"]*" (?P<status>[0-9]{3}) '
    r"(?P<bytes>[0-9-]+)"
)


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A page that was served: Unix time, URL, bytes of the response, seconds of a cache miss.

    ``size`` and ``render_seconds`` are None if the log does not have them. ``is_path`` means that
    the log leaves out query strings.
    """

    at: float
    url: str
    size: int | None = None
    render_seconds: float | None = None
    is_path: bool = False


def logged_requests(lines: Iterable[str]) -> Iterator[LoggedRequest | None]:
    """Yield the requests of pages that were served; None for a line of no known format.

    Requests of other methods, and answers other than 200 and 304, are left out.
    """
    for line in lines:
        found = _of_json(line) if line.startswith("{") else _of_combined(line)
        if found is None or found[0]:
            yield found[1] if found else None


_Parsed = tuple[bool, LoggedRequest | None]
"""Whether the line counts, and its request."""

_OTHER: Final[_Parsed] = (False, None)


def _of_json(line: str) -> _Parsed | None:
    try:
        fields = json.loads(line)
        if "path" not in fields or "status" not in fields:
            return _OTHER  # another event of the site
        if fields["method"] not in _METHODS or str(fields["status"]) not in _SERVED:
            return _OTHER
        at = datetime.fromisoformat(fields["timestamp"]).timestamp()
        missed = fields.get("cache") == "miss"
        seconds = fields["ms"] / 1000 if missed else None
        return True, LoggedRequest(at, str(fields["path"]), None, seconds, is_path=True)
    except (ValueError, KeyError, TypeError):
        return None


def _of_combined(line: str) -> _Parsed | None:
    match = _COMBINED.match(line)
    if match is None:
        return None
    if match["method"] not in _METHODS or match["status"] not in _SERVED:
        return _OTHER
    try:
        at = _unix_time(match["time"])
    except ValueError:
        return None
    has_body = match["status"] == "200" and match["bytes"].isdecimal()
    return True, LoggedRequest(at, match["url"], int(match["bytes"]) if has_body else None)


@lru_cache(maxsize=16)
def _unix_time(text: str) -> float:
    return datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z").timestamp()
