"""Stores: process memory, memcached and SQLite; the dogpile adapter; the CDN that is purged."""

from typing import Final

from dogpile.cache import register_backend

MEMCACHED: Final = "moziweb.memcached"

# dogpile imports the module at its first use: pylibmc, its driver, is an extra of the package.
register_backend(MEMCACHED, f"{__name__}.memcached", "MemcachedBackend")  # type: ignore[no-untyped-call]  # dogpile's own
