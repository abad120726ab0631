"""Where a region's entries lie: a dogpile region, read and written as entries.

The read path is our own and goes below dogpile's: ``region.get`` hides expired values, which soft
mode serves, and parses metadata that an entry carries itself. Writing goes through the same frame,
so that whoever uses the region through dogpile reads the same entries.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Final

from dogpile.cache.region import value_version

from .entry import Entry, decode
from .errors import EntryCorruptError
from .observer import Observer
from .proxy import GuardedBackend, split_frame

DEFAULT_MAX_BYTES: Final = 1_000_000
"""memcached refuses values over 1 MiB, and drops what stood under the key before."""


class EntryStore:
    """The entries of one region, by their keys.

    ``max_bytes`` caps an encoded entry; one that is longer is not sent at all.
    """

    def __init__(
        self,
        name: str,
        backend: GuardedBackend,
        observer: Observer,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> None:
        self._name = name
        self._backend = backend
        self._observer = observer
        self._max_bytes = max_bytes

    def get_multi(self, keys: Iterable[str]) -> dict[str, Entry]:
        """The entries that are there; a failing store has none, and a corrupt entry is none."""
        wanted = list(keys)
        values = self._backend.get_serialized_multi(wanted)
        found = ((key, self._entry(value)) for key, value in zip(wanted, values, strict=True))
        return {key: entry for key, entry in found if entry is not None}

    def check(self) -> None:
        """``StoreError`` unless the store answers."""
        self._backend.check()

    def fits(self, encoded: bytes) -> bool:
        """Whether an encoded entry is within the cap."""
        return len(encoded) <= self._max_bytes

    def store(self, encoded: Mapping[str, bytes], created: float) -> bool:
        """Store encoded entries; whether that was acknowledged."""
        head = json.dumps({"ct": created, "v": value_version}).encode("ascii")
        framed = {key: b"%b|%b" % (head, data) for key, data in encoded.items()}
        return self._backend.store(framed)

    def remove(self, keys: Iterable[str]) -> bool:
        """Remove entries; whether that was acknowledged."""
        return self._backend.remove(keys)

    def _entry(self, value: object) -> Entry | None:
        if not isinstance(value, bytes):
            return None
        try:
            return decode(split_frame(value)[1])
        except EntryCorruptError:
            self._observer.corrupt(self._name)
            return None
