"""Passwords: argon2id, with the memory of a small machine in mind."""

import threading
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 200

# OWASP's second choice (19 MiB, two passes, one lane): what is checked at once fits beside the
# posters in 512 MB. https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

AT_ONCE: Final = 2
"""How many passwords a process checks at a time; the others wait their turn."""

_concurrency: Final = threading.BoundedSemaphore(AT_ONCE)


class WeakPassword(ValueError):
    """The password is too short or too long to be taken."""


def hashed(password: str) -> str:
    """The hash to keep, with its salt and parameters; raises ``WeakPassword``."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise WeakPassword(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    with _concurrency:
        return _HASHER.hash(password)


def verify(password: str, password_hash: str | None) -> bool:
    """Whether it is the password of that hash.

    Without a hash the answer is no, after as much work as with one: how long it takes does not tell
    whether there is such a user.
    """
    if len(password) > MAX_LENGTH:
        return False
    with _concurrency:
        try:
            _HASHER.verify(password_hash or _dummy_hash(), password)
        except (VerificationError, InvalidHashError):
            return False
    return password_hash is not None


def outdated(password_hash: str) -> bool:
    """Whether it was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


@cache
def _dummy_hash() -> str:
    return _HASHER.hash("nobody has this password")
