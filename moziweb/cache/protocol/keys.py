"""Keys: where an entry lies. Always short, always plain, whatever a visitor asked for.

A key is ``prefix:region:digest``. The digest is taken of everything that tells one entry from
another, the version of the code and templates that made it included, so that a deploy drops what it
changed and nothing else. Whatever goes in, what comes out is below memcached's 250 bytes even
with dogpile's ``_lock`` before it, and free of spaces and control characters.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Final

from ..errors import ConfigurationError

MAX_BYTES: Final = 250 - len("_lock")
MAX_PREFIX: Final = 60

_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class KeyBuilder:
    """Makes the keys of one region.

    ``prefix`` sets sites apart that share servers. ``version`` goes into the digest; give it the
    release of whatever all entries of the region depend on. Both are plain short words.
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
        """The key of what ``parts`` tell apart; their order counts, and so does where each ends."""
        return self.mangle(json.dumps(parts))

    def mangle(self, text: str) -> str:
        """Any text to a key, for dogpile's ``key_mangler``."""
        digest = hashlib.sha256(f"{self.version}\n{text}".encode("utf-8", "surrogatepass"))
        return f"{self.prefix}:{self.region}:{digest.hexdigest()[:40]}"
