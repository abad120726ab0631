"""What the cache tells about itself, for metrics and logs to listen to.

Every method does nothing here; whoever listens overrides what it wants. Labels are few and fixed
(regions, statuses, reasons, kinds of tags), so that they may go into Prometheus as they are.
"""

from collections.abc import Iterable


class Observer:
    """Hears what happens. Methods must be quick and must not raise."""

    def served(self, region: str, status: str) -> None:
        """Something was served: ``hit``, ``l1``, ``stale``, ``miss`` or ``bypass``."""

    def answered(self, status: str, seconds: float) -> None:
        """A request was answered on the fast path, before the application."""

    def rendered(self, region: str, seconds: float, pieces: int) -> None:
        """``pieces`` entries were rendered together, in ``seconds``."""

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
