"""The policy of a region."""

from dataclasses import dataclass

from ..protocol.publish_times import DEFAULT_GRACE
from .http_policy import REVALIDATE_ALWAYS, HttpCachePolicy


@dataclass(frozen=True, slots=True)
class Policy:
    """How a region treats its entries. Times are in seconds.

    - ``expiration_time``: the longest life of an entry.
    - ``grace``: while one request renders, the others are served the outdated entry if it was valid
      at some time of the last ``grace`` seconds. Otherwise they wait; with 0 they always do.
    - ``stale_if_error``: for how long an entry may be served that cannot be validated or rendered;
      0 is never.
    - ``refresh_after``: the share of its life after which a hit is due for a background refresh.
    - ``recoverable``: what a render raises if its data cannot be read; an outdated entry is then
      better than an error.
    - ``enabled``: if false, everything is rendered and nothing is stored.
    - ``http_policy``: what browsers and a CDN may do with a page.
    - ``negative_ttl``, ``negative_slots``: life and number of negative entries (``negative.py``).
    """

    expiration_time: float
    grace: float = DEFAULT_GRACE
    stale_if_error: float = 0.0
    refresh_after: float = 1.0
    recoverable: tuple[type[Exception], ...] = ()
    enabled: bool = True
    http_policy: HttpCachePolicy = REVALIDATE_ALWAYS
    negative_ttl: float = 60.0
    negative_slots: int = 1000
