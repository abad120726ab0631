"""How a region treats its entries."""

from dataclasses import dataclass

from .http_policy import REVALIDATE_ALWAYS, HttpCachePolicy


@dataclass(frozen=True, slots=True)
class Policy:
    """How a region treats its entries. Times are in seconds.

    ``expiration_time``: the longest life of an entry. ``soft``: who cannot render is served the
    outdated entry. ``stale_if_error``: for how long an entry may be served when it cannot be
    judged or renewed; 0 is never. ``refresh_after``: the share of its life after which a hit is due
    for renewal in the background. ``recoverable``: what a render raises when the data cannot be
    reached, and an outdated entry is better than an error. ``enabled``: false switches the region
    off; everything is rendered and nothing stored. ``negative_ttl`` is the life of "not found", and
    ``negative_slots`` how many answers that are no pages are kept (``strays.py``).
    """

    expiration_time: float
    soft: bool = True
    stale_if_error: float = 0.0
    refresh_after: float = 1.0
    recoverable: tuple[type[Exception], ...] = ()
    enabled: bool = True
    http_policy: HttpCachePolicy = REVALIDATE_ALWAYS
    negative_ttl: float = 60.0
    negative_slots: int = 1000
