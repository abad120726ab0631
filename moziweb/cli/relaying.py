"""A relay beside a command's own work, as beside every web process's."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyramid.registry import Registry

from moziweb.cache import Cache, RelayThread


@contextmanager
def relaying(registry: Registry) -> Iterator[None]:
    """Publish what writers that died have left in the journal, for the length of a block.

    For commands that run for long: there may be no web process that would. Nothing is done where
    the stamps are each process's own: rows would be marked, and no other process would know.
    """
    cache: Cache | None = registry["cache"]
    relay: RelayThread | None = registry.get("cache_relay")
    if cache is None or relay is None or not cache.is_shared:
        yield
        return
    relay.start()
    try:
        yield
    finally:
        relay.stop()
