"""The errors of the cache: a small tree, so that one ``except CacheError`` is enough outside.

A driver's own exception never leaves the module that speaks to the driver. Readers of the cache
meet none of the ``StoreError`` branch either: a store that cannot answer is a miss.
"""


class CacheError(Exception):
    """The root of everything that this package raises."""


class ConfigurationError(CacheError):
    """An ini key of the cache is missing, misspelt or wrong; the text names it, on one line."""


class TagError(CacheError, ValueError):
    """A tag breaks the rules of ``tags.py``: a mistake of the programmer, never of a visitor."""


class StoreError(CacheError):
    """A store did not do what was asked of it."""


class StoreUnreachableError(StoreError):
    """No answer: refused, dropped, timed out, or not even asked because the breaker is open."""


class KeyRefusedError(StoreError):
    """A key that the store's protocol cannot carry: too long, or characters out of range."""


class ValueTooBigError(StoreError):
    """A value over the store's limit. The value that stood under the key before is gone."""


class PublishError(CacheError):
    """An invalidation was not acknowledged; its journal row stays for the relay."""


class EntryCorruptError(CacheError):
    """Bytes that are not an entry of this version: damaged, older, or put there by a stranger."""


class EntryTooBigError(CacheError):
    """An entry over its region's cap; it is served and not stored."""


class StartedUnknownError(CacheError):
    """A render asked for its clock after its transaction had begun; see ``sources.py``."""


class UndeclaredInputError(CacheError):
    """A cached view looked at something of its visitor that its key knows nothing of."""
