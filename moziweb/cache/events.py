"""What the cache tells about itself, for metrics and logs to listen to.

Every method does nothing here; whoever listens overrides what it wants. Labels are few and fixed
(regions, statuses, reasons, kinds of tags), so that they may go into Prometheus as they are.
"""

from collections.abc import Iterable, Sequence


class CacheEvents:
    """Hears what happens. Methods must be quick and must not raise."""

    def served(self, region: str, status: str) -> None:
        """Something was served: ``hit``, ``l1``, ``stale``, ``miss`` or ``bypass``."""

    def answered(self, status: str, seconds: float) -> None:
        """A request was answered on the fast path, before the application."""

    def rendered(self, region: str, seconds: float, keys: Sequence[str]) -> None:
        """The entries of ``keys`` were rendered together, in ``seconds``."""

    def made(self, region: str, kind: str) -> None:
        """An entry was made: a ``card``, a ``shell`` or a ``page``. One call for each."""

    def stored(self, region: str, size: int) -> None:
        """An entry of ``size`` bytes was stored."""

    def refused(self, region: str, reason: str) -> None:
        """A render was served and not stored; ``reason`` is a ``Refusal``."""

    def corrupt(self, region: str) -> None:
        """A stored value was no entry: damaged, of an older format, or a stranger's."""

    def store_failed(self, region: str, operation: str) -> None:
        """The store of a region's entries did not answer."""

    def stamps_failed(self, operation: str) -> None:
        """The store of stamps did not answer."""

    def published(self, tags: Iterable[str]) -> None:
        """An invalidation became visible to every process."""

    def publish_failed(self, tags: Iterable[str]) -> None:
        """An invalidation could not be published; the relay will try again."""

    def renewal_failed(self, reason: str) -> None:
        """An entry was not renewed in the background: it ``raised``, or there was ``no_thread``."""

    def purge_failed(self) -> None:
        """A purge at the CDN could not be asked for, or was refused."""

    def relayed(self, rows: int) -> None:
        """The relay published rows of the journal that their writers had left."""


class CompositeEvents(CacheEvents):
    """Several in the place of one: each hears everything."""

    def __init__(self, *each: CacheEvents) -> None:
        self._each = each

    def served(self, region: str, status: str) -> None:
        """See ``CacheEvents``."""
        for one in self._each:
            one.served(region, status)

    def answered(self, status: str, seconds: float) -> None:
        """See ``CacheEvents``."""
        for one in self._each:
            one.answered(status, seconds)

    def rendered(self, region: str, seconds: float, keys: Sequence[str]) -> None:
        """See ``CacheEvents``."""
        for one in self._each:
            one.rendered(region, seconds, keys)

    def made(self, region: str, kind: str) -> None:
        """See ``CacheEvents``."""
        for one in self._each:
            one.made(region, kind)

    def stored(self, region: str, size: int) -> None:
        """See ``CacheEvents``."""
        for one in self._each:
            one.stored(region, size)

    def refused(self, region: str, reason: str) -> None:
        """See ``CacheEvents``."""
        for one in self._each:
            one.refused(region, reason)

    def corrupt(self, region: str) -> None:
        """See ``CacheEvents``."""
        for one in self._each:
            one.corrupt(region)

    def store_failed(self, region: str, operation: str) -> None:
        """See ``CacheEvents``."""
        for one in self._each:
            one.store_failed(region, operation)

    def stamps_failed(self, operation: str) -> None:
        """See ``CacheEvents``."""
        for one in self._each:
            one.stamps_failed(operation)

    def published(self, tags: Iterable[str]) -> None:
        """See ``CacheEvents``."""
        told = tuple(tags)
        for one in self._each:
            one.published(told)

    def publish_failed(self, tags: Iterable[str]) -> None:
        """See ``CacheEvents``."""
        told = tuple(tags)
        for one in self._each:
            one.publish_failed(told)

    def purge_failed(self) -> None:
        """See ``CacheEvents``."""
        for one in self._each:
            one.purge_failed()

    def relayed(self, rows: int) -> None:
        """See ``CacheEvents``."""
        for one in self._each:
            one.relayed(rows)

    def renewal_failed(self, reason: str) -> None:
        """See ``CacheEvents``."""
        for one in self._each:
            one.renewal_failed(reason)
