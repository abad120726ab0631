"""Password hashing with argon2id, with parameters for a machine with little memory."""

import threading
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 200

# OWASP's second choice (19 MiB, two passes, one lane): concurrent checks fit in 512 MB beside the
# decoders. https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

MAX_CONCURRENT: Final = 2
"""Passwords that a process hashes at a time; other threads wait."""

_concurrency: Final = threading.BoundedSemaphore(MAX_CONCURRENT)


class WeakPassword(ValueError):
    """The password is too short or too long."""


def hashed(password: str) -> str:
    """Returns the hash with its salt and parameters. Raises ``WeakPassword``."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise WeakPassword(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    with _concurrency:
        return _HASHER.hash(password)


def verify(password: str, password_hash: str | None) -> bool:
    """Whether ``password`` matches the hash.

    Without a hash the result is False after the same work as with one, so that the time does not
    show whether a user exists.
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
    """Whether the hash was made with other parameters than the current ones."""
    return _HASHER.check_needs_rehash(password_hash)


@cache
def _dummy_hash() -> str:
    return _HASHER.hash("the password of no user")
