"""Events of the cache, for metrics and logs.

The methods of ``CacheEvents`` do nothing; a listener overrides those that it needs. Labels are few
and fixed (regions, statuses, reasons, kinds of tags), so they can be Prometheus labels as they are.
"""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .protocol.entry import Entry


class CacheEvents:
    """Listener. Methods must be quick and must not raise."""

    def served(self, region: str, status: str) -> None:
        """An entry was served; ``status`` is ``hit``, ``l1``, ``stale``, ``miss`` or ``bypass``."""

    def read(self, region: str, key: str, entry: "Entry", changed: bool) -> None:
        """The entry of ``key`` was read; ``changed``: an invalidation made the one before outdated.

        Called for every hit.
        """

    def answered(self, route: str, status: str, seconds: float, queued: float) -> None:
        """The fast path answered a request of ``route``; ``status`` is HTTP's.

        ``seconds`` are those since it began, after ``queued`` seconds of waiting.
        """

    def rendered(self, region: str, seconds: float, keys: Sequence[str]) -> None:
        """The entries of ``keys`` were rendered together, in ``seconds``."""

    def created(self, region: str, kind: str) -> None:
        """An entry was created from a render: a ``fragment``, a ``template`` or a ``page``."""

    def stored(self, region: str, size: int) -> None:
        """An entry of ``size`` bytes was stored."""

    def not_stored(self, region: str, reason: str) -> None:
        """A render was served and not stored; ``reason`` is a ``NotStoredReason``."""

    def corrupt(self, region: str) -> None:
        """A stored value was not an entry: damaged, of an older format, or not ours."""

    def store_failed(self, region: str, operation: str) -> None:
        """The store of a region's entries did not answer."""

    def stamps_failed(self, operation: str) -> None:
        """The stamp store did not answer."""

    def published(self, tags: Collection[str]) -> None:
        """An invalidation became visible to every process."""

    def publish_failed(self, tags: Collection[str]) -> None:
        """An invalidation could not be published; the relay will retry."""

    def refresh_failed(self, reason: str) -> None:
        """A background refresh failed; ``reason`` is ``raised``."""

    def purge_failed(self) -> None:
        """A purge request to the CDN failed."""

    def relayed(self, rows: int) -> None:
        """The relay published ``rows`` of the outbox."""


_EVENTS: Final = tuple(name for name in vars(CacheEvents) if not name.startswith("_"))


class CompositeEvents(CacheEvents):
    """Forwards every event to several listeners."""

    def __init__(self, *listeners: CacheEvents) -> None:
        for name in _EVENTS:
            methods = [getattr(each, name) for each in listeners]
            heard = [method for method in methods if not _is_inherited(method, name)]
            setattr(self, name, heard[0] if len(heard) == 1 else _forward_to(heard))


def _is_inherited(method: Any, name: str) -> bool:
    """Whether a method does nothing: hits should not pay for a call of it."""
    return getattr(method, "__func__", None) is getattr(CacheEvents, name)


def _forward_to(methods: Sequence[Callable[..., None]]) -> Callable[..., None]:
    def forward(*arguments: Any) -> None:
        for method in methods:
            method(*arguments)

    return forward
