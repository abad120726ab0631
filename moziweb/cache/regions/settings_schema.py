"""The table of the cache's ini keys; docs/settings.md is generated from it."""

from typing import Any, Final

from moziweb.settings.masking import MASK, mask_secrets
from moziweb.settings.schema import (
    BOOLEAN,
    SECRET,
    TEXT,
    TEXT_OR_EMPTY,
    Setting,
    choice,
    integer,
    number,
    optional,
    seconds,
)

from ..errors import ConfigurationError
from ..protocol.leases import LeaseOptions
from ..protocol.publish_times import DEFAULT_GRACE

_LEASE: Final = LeaseOptions()
_YEAR: Final = 366 * 24 * 3600

REGION_KEYS: Final = (
    Setting(
        "backend",
        TEXT,
        "The store of entries: moziweb.memory (this process), dogpile.cache.pylibmc (memcached) or "
        "any other backend of dogpile.cache; dogpile.cache.null switches the region off.",
        default="moziweb.memory",
    ),
    Setting(
        "expiration_time",
        seconds(1, _YEAR),
        "The maximum lifetime of an entry, in seconds.",
        default=3600.0,
    ),
    Setting(
        "mode",
        choice("soft", "strict"),
        "soft: while one request renders a stale entry again, the others get the stale one for "
        "grace seconds; strict: they wait.",
        default="soft",
    ),
    Setting(
        "grace",
        seconds(0, 3600),
        "How long ago an entry may have been valid that is served stale in soft mode, in seconds. "
        "If it became stale earlier, or that is not known, the others wait; 0: they always do.",
        default=DEFAULT_GRACE,
    ),
    Setting(
        "stale_if_error",
        seconds(0, _YEAR),
        "How long an entry may be served after it expired while stamps or data are unavailable, in "
        "seconds.",
        default=0.0,
    ),
    Setting(
        "refresh_after",
        number(0, 1),
        "The share of its lifetime after which a hot entry is refreshed in the background; 1: "
        "never.",
        default=1.0,
    ),
    Setting(
        "max_age",
        integer(0, _YEAR),
        "How long browsers keep a page without revalidation, in seconds: no invalidation reaches "
        "it there. 0: they revalidate each time.",
        default=0,
    ),
    Setting(
        "s_maxage",
        integer(0, _YEAR),
        "How long a CDN keeps a page, in seconds, unless the page is purged before.",
        default=0,
    ),
    Setting(
        "stale_while_revalidate",
        integer(0, _YEAR),
        "How long after that a CDN may serve the stale page while it revalidates, in seconds; the "
        "directive applies to browsers too.",
        default=0,
    ),
    Setting(
        "surrogate_header",
        choice("Surrogate-Key", "xkey", ""),
        "The header that passes the tags of a page to a CDN: Surrogate-Key or xkey; none by "
        "default.",
        default="",
    ),
    Setting(
        "surrogate_bytes",
        integer(100, 100_000),
        "The maximum length of that header; above 4000 it has six characters for each tag. A page "
        "with more tags is marked as not cacheable by a CDN, which could not purge it by all of "
        "its tags.",
        default=8000,
    ),
    Setting(
        "negative_ttl",
        seconds(1, _YEAR),
        'The maximum lifetime of negative entries ("not found", redirects, empty weeks), in '
        "seconds.",
        default=60.0,
    ),
    Setting(
        "negative_slots",
        integer(1, 1_000_000),
        "How many negative entries are kept. All URLs that have no content share them, so that "
        "requests for arbitrary URLs cannot evict pages.",
        default=1000,
    ),
    Setting(
        "lease_time",
        seconds(2, 3600),
        "How long a request may render while others wait, in seconds; longer than the slowest "
        "render.",
        default=_LEASE.ttl,
    ),
    Setting(
        "wait",
        seconds(0, 600),
        "How long the others wait for it at most, in seconds.",
        default=_LEASE.wait,
    ),
    Setting(
        "poll",
        seconds(0.001, 10),
        "How often they check whether it is done, in seconds.",
        default=_LEASE.poll,
    ),
    Setting(
        "l1_bytes",
        integer(0, 1 << 40),
        "The memory of each process for local copies, which are served without fetching the entry; "
        "0: none.",
        default=16_000_000,
    ),
    Setting(
        "max_bytes",
        integer(1, 1 << 30),
        "The maximum size of a stored entry. memcached takes 1 MiB unless it is started with -I.",
        default=1_000_000,
    ),
)
"""Keys of a region, ``cache.<region>.<key>``, and ``cache.default.<key>`` for all regions."""

CACHE_KEYS: Final = (
    Setting("regions", TEXT_OR_EMPTY, "The names of the regions, with spaces between.", default=""),
    Setting(
        "prefix", TEXT, "The prefix of every key, for sites that share servers.", default="mozi"
    ),
    Setting(
        "version", TEXT, "A part of every key; with a new value no old entry is read.", default="1"
    ),
    Setting(
        "signing_key",
        optional(SECRET),
        "Signs stored entries, where others can write to memcached; entries without its signature "
        "are not read. Take it from the environment. None by default.",
        secret=True,
    ),
    Setting(
        "refresh_threads",
        integer(0, 64),
        "How many threads of each process refresh hot entries in the background (refresh_after).",
        default=1,
    ),
    Setting(
        "cdn.purge_url",
        TEXT_OR_EMPTY,
        "The URL of a CDN's purge API. Pages are purged there by their tags right after an "
        "invalidation, and again two seconds later. None by default.",
        default="",
    ),
    Setting(
        "cdn.purge_method",
        TEXT,
        "The method of these requests; Fastly needs POST.",
        default="PURGE",
    ),
    Setting(
        "cdn.purge_header",
        TEXT,
        "The header of these requests that contains the tags; Fastly needs Surrogate-Key.",
        default="xkey-purge",
    ),
    Setting(
        "cdn.purge_secret",
        TEXT_OR_EMPTY,
        "A header that authenticates these requests, such as Fastly-Key: x.",
        default="",
        secret=True,
    ),
    Setting(
        "stamps.url",
        TEXT,
        "The store of the stamps and the clock: memcached://[user:password@]host:port (one server, "
        "started with -M), sqlite:///path for the processes of one machine, or memory:// for one "
        "process.",
        default="memory://",
    ),
    Setting(
        "stamps.ttl",
        optional(seconds(60, 10 * _YEAR)),
        "The lifetime of a stamp in seconds, longer than every expiration_time; by default twice "
        "the longest.",
    ),
    Setting(
        "debug",
        BOOLEAN,
        "Send the tags of each page in the X-Cache-Tags header, up to 2000 bytes.",
        default=False,
    ),
)
"""Keys of the cache itself, ``cache.<key>``."""


def parse(key: Setting, full_name: str, text: str | None) -> Any:
    """Return the typed value of a key; its default for None.

    Raises ``ConfigurationError``, which names the key, for a wrong value.
    """
    if text is None:
        return key.default
    try:
        return key.value_type.parse(text.strip())
    except ValueError:
        shown = MASK if key.secret else mask_secrets(text)
        raise ConfigurationError(
            f"{full_name} = {shown}: expected {key.value_type.description}"
        ) from None
