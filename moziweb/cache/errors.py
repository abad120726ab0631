"""Exceptions of the cache. All derive from ``CacheError``.

A driver's own exception never leaves the module that calls the driver. Reads of the cache do not
raise ``StoreError`` either: if a store cannot answer, the result is a miss.
"""


class CacheError(Exception):
    """Base class of all exceptions of this package."""


class ConfigurationError(CacheError):
    """A missing, misspelt or wrong ini key of the cache; the message is one line that names it."""


class TagError(CacheError, ValueError):
    """A tag breaks the rules of ``protocol/tags.py``: a mistake in the code, not in the request."""


class StoreError(CacheError):
    """An operation of a store failed."""


class StoreUnreachableError(StoreError):
    """No answer: refused, cut off, timed out, or not asked because the circuit breaker is open."""


class KeyRefusedError(StoreError):
    """The store's protocol cannot carry this key: too long, or characters out of range."""


class ValueTooBigError(StoreError):
    """A value over the store's limit. The previous value of the key is lost."""


class PublishError(CacheError):
    """An invalidation was not acknowledged; its outbox row stays for the relay."""


class EntryCorruptError(CacheError):
    """Bytes that are not an entry of this version: damaged, older, or written by something else."""


class SnapshotClockUnknownError(CacheError):
    """The snapshot clock was requested after the transaction began (``snapshots.py``)."""


class UndeclaredInputError(CacheError):
    """A cached view read an input of its request that is not part of its key."""
