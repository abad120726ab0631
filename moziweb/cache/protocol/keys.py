"""Keys of entries: ``prefix:region:digest``.

The digest covers everything that distinguishes two entries, including the version of the code and
templates, so that a deploy invalidates what it changed. Keys of any input are below memcached's 250
bytes, even with dogpile's ``_lock`` suffix, and contain no spaces or control characters.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Final

from ..errors import ConfigurationError

MAX_ENTRY_KEY_BYTES: Final = 250 - len("_lock")
MAX_PREFIX: Final = 60

_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class KeyBuilder:
    """Builds the keys of one region.

    ``prefix`` separates sites that share a server. ``version`` is part of the digest: the release
    of what all entries of the region depend on.
    """

    prefix: str
    region: str
    version: str = "1"

    def __post_init__(self) -> None:
        for word in (self.prefix, self.region):
            if len(word) > MAX_PREFIX or _PLAIN.fullmatch(word) is None:
                raise ConfigurationError(
                    f"{word!r}: a key's prefix or region is 1 to {MAX_PREFIX} letters, digits,"
                    " dots, dashes and underscores"
                )

    def key(self, *parts: str) -> str:
        """Return the key for ``parts``; their order and their boundaries count."""
        return self.mangle(json.dumps(parts))

    def mangle(self, text: str) -> str:
        """Return the key for any text; dogpile's ``key_mangler``."""
        digest = hashlib.sha256(f"{self.version}\n{text}".encode("utf-8", "surrogatepass"))
        return f"{self.prefix}:{self.region}:{digest.hexdigest()[:40]}"
