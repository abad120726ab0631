"""The ini keys of the cache: one table, with types, defaults and meanings.

``config.py`` reads by it, and the operator's guide is made from it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..errors import ConfigurationError
from ..protocol.leases import LeaseOptions

_TERMS: Final = LeaseOptions()


@dataclass(frozen=True, slots=True)
class Key:
    """One key. ``parse`` raises ``ValueError`` with what it expected."""

    name: str
    parse: Callable[[str], Any]
    default: Any
    meaning: str
    secret: bool = False


def _number(minimum: float, maximum: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not minimum <= value <= maximum:
            raise ValueError(f"expected a number from {minimum:g} to {maximum:g}")
        return value

    return parse


def _whole(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not minimum <= int(text) <= maximum:
            raise ValueError(f"expected a whole number from {minimum} to {maximum}")
        return int(text)

    return parse


def _mode(text: str) -> str:
    if text not in {"soft", "strict"}:
        raise ValueError("expected soft or strict")
    return text


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError("expected true or false")
    return text.lower() == "true"


def _surrogate(text: str) -> str:
    if text.lower() not in {"surrogate-key", "xkey", ""}:
        raise ValueError("expected Surrogate-Key or xkey")
    return text


def _text(text: str) -> str:
    if not text:
        raise ValueError("expected a value")
    return text


_YEAR: Final = 366 * 24 * 3600.0

REGION_KEYS: Final = (
    Key(
        "backend",
        _text,
        "moziweb.memory",
        "Where entries lie: moziweb.memory (this process), dogpile.cache.pylibmc (memcached), or"
        " any backend of dogpile; dogpile.cache.null switches the region off.",
    ),
    Key("expiration_time", _number(1, _YEAR), 3600.0, "The longest life of an entry, in seconds."),
    Key(
        "mode",
        _mode,
        "soft",
        "soft: while one request renders an outdated entry anew, the others are served the old one;"
        " strict: they wait.",
    ),
    Key(
        "stale_if_error",
        _number(0, _YEAR),
        0.0,
        "For how long an entry may be served when stamps or data cannot be reached, in seconds.",
    ),
    Key(
        "refresh_after",
        _number(0, 1),
        1.0,
        "The share of its life after which a hot entry is renewed in the background; 1 is never.",
    ),
    Key(
        "max_age",
        _whole(0, int(_YEAR)),
        0,
        "For how long browsers keep a page without asking, in seconds: no invalidation reaches it"
        " there. 0: they keep it and ask each time.",
    ),
    Key(
        "s_maxage",
        _whole(0, int(_YEAR)),
        0,
        "For how long a CDN keeps a page, in seconds, unless it is told to drop it before.",
    ),
    Key(
        "stale_while_revalidate",
        _whole(0, int(_YEAR)),
        0,
        "For how long after that it may serve the page once more while it asks, in seconds;"
        " browsers take it as said to them, too.",
    ),
    Key(
        "surrogate_header",
        _surrogate,
        "",
        "The header that tells a CDN the tags of a page: Surrogate-Key or xkey; by default none.",
    ),
    Key(
        "surrogate_bytes",
        _whole(100, 100_000),
        8000,
        "The longest such header. A page with more is marked as not to be kept by a CDN, which"
        " could not drop it by all of its tags.",
    ),
    Key(
        "negative_ttl",
        _number(1, _YEAR),
        60.0,
        'For how long "not found" and pages that show nothing are kept at most, in seconds.',
    ),
    Key(
        "negative_slots",
        _whole(1, 1_000_000),
        1000,
        'How many answers that show nothing ("not found", redirects, empty weeks) are kept;'
        " addresses without number share them, so that trying these cannot push pages out.",
    ),
    Key(
        "lease_time",
        _number(2, 3600),
        _TERMS.ttl,
        "How long one request may render while others hold back, in seconds: above the slowest.",
    ),
    Key("wait", _number(0, 600), _TERMS.wait, "How long others wait for it at most, in seconds."),
    Key("poll", _number(0.001, 10), _TERMS.poll, "The time between two looks, in seconds."),
    Key(
        "l1_bytes",
        _whole(0, 1 << 40),
        16_000_000,
        "The memory of each process for entries that are served without fetching them; 0 is none.",
    ),
    Key(
        "max_bytes",
        _whole(1, 1 << 30),
        1_000_000,
        "The longest entry that is stored. memcached takes 1 MiB, unless started with -I.",
    ),
)
"""Keys of a region, ``cache.<region>.<key>``; with ``cache.default.<key>`` for all regions."""

CACHE_KEYS: Final = (
    Key("regions", _text, "", "The names of the regions, with spaces between."),
    Key("prefix", _text, "mozi", "What every key begins with, to share servers with other sites."),
    Key("version", _text, "1", "Part of every key; a new value leaves all old entries behind."),
    Key(
        "renewers",
        _whole(0, 64),
        1,
        "How many threads of each process renew hot entries in the background (refresh_after).",
    ),
    Key(
        "cdn.purge_url",
        _text,
        "",
        "Where a CDN is asked to drop pages by their tags, right after an invalidation and again"
        " two seconds later; by default nobody is asked.",
    ),
    Key("cdn.purge_method", _text, "PURGE", "The method of those requests; Fastly takes POST."),
    Key(
        "cdn.purge_header",
        _text,
        "xkey-purge",
        "Their header with the tags; Fastly takes Surrogate-Key.",
    ),
    Key(
        "cdn.purge_secret",
        _text,
        "",
        "Another header of theirs that proves who asks, such as Fastly-Key: x.",
        secret=True,
    ),
    Key(
        "stamps.url",
        _text,
        "memory://",
        "Where stamps and the clock lie: memcached://host:port, one server and not a ring, started"
        " with -M; sqlite:///path for the processes of one machine; memory:// for one process.",
    ),
    Key(
        "stamps.ttl",
        _number(60, 10 * _YEAR),
        None,
        "The life of a stamp in seconds, above any expiration_time; by default twice the longest.",
    ),
    Key(
        "debug",
        _boolean,
        False,
        "Tell the tags of each page in its X-Cache-Tags header, the first 2000 bytes of them.",
    ),
)
"""Keys of the cache itself, ``cache.<key>``."""


def parse(key: Key, full_name: str, given: Mapping[str, str]) -> Any:
    """The typed value of a key; ``ConfigurationError`` names it where it is wrong."""
    text = given.get(full_name)
    if text is None:
        return key.default
    try:
        return key.parse(text.strip())
    except ValueError as error:
        raise ConfigurationError(f"{full_name} = {text}: {error}") from None
