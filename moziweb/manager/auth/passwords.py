"""Passwords: which are strong enough, and hashing with argon2id.

The parameters of argon2id are for a machine with little memory.
"""

import threading
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from moziweb.movies.text_folding import nfc

from .common_words import COMMON_WORDS

MIN_LENGTH: Final = 12
MAX_PASSWORD_LENGTH: Final = 200

# OWASP's second choice (19 MiB, two passes, one lane): concurrent checks fit in 512 MB beside the
# decoders. https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

MAX_CONCURRENT: Final = 2
"""Passwords that a process hashes at a time; other threads wait."""

_concurrency: Final = threading.BoundedSemaphore(MAX_CONCURRENT)


MIN_SCORE: Final = 4
"""The least score of zxcvbn: at least 10^10 guesses. Three common words have 10^8 or more."""

_ESTIMATED_LENGTH: Final = 72
"""zxcvbn refuses longer texts; the rest of a password is not rated."""


class WeakPassword(ValueError):
    """A password has a wrong length or is easy to guess; the text is one line."""


class GuessablePassword(WeakPassword):
    """The password is common, repeats itself, or follows from the user's name."""


def check_strength(password: str, name: str) -> None:
    """Raises ``WeakPassword`` unless ``password`` may be set for the user ``name``."""
    if not MIN_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise WeakPassword(f"a password has {MIN_LENGTH} to {MAX_PASSWORD_LENGTH} characters")
    from zxcvbn import zxcvbn  # not at the top: its lists of words take 14 MB

    words = (*COMMON_WORDS, name, *name.split())
    if zxcvbn(nfc(password)[:_ESTIMATED_LENGTH], words)["score"] < MIN_SCORE:
        raise GuessablePassword(
            "the password is easy to guess: it is common or repeats itself; use several words"
        )


def hashed(password: str) -> str:
    """Returns the hash with its salt and parameters. Keyboards differ, so the text is in NFC."""
    with _concurrency:
        return _HASHER.hash(nfc(password))


UNUSABLE: Final = "!"
"""What no password matches, for a user who must set one by a link."""


def is_unusable(password_hash: str) -> bool:
    """Whether no password matches, because the user must set one."""
    return password_hash.startswith(UNUSABLE)  # a hash follows in rows of earlier versions


def verify(password: str, password_hash: str | None) -> bool:
    """Whether ``password`` matches the hash.

    Without a hash, or with an unusable one, the result is False after the same work as with one, so
    that the time does not show whether a user exists.
    """
    if len(password) > MAX_PASSWORD_LENGTH:
        return False
    if password_hash is not None and is_unusable(password_hash):
        password_hash = None
    # Hashes of the first version are of the text as it was typed.
    texts = dict.fromkeys((nfc(password), password))
    with _concurrency:
        matches = any(_matches(text, password_hash or _dummy_hash()) for text in texts)
    return matches and password_hash is not None


def _matches(text: str, password_hash: str) -> bool:
    try:
        return _HASHER.verify(password_hash, text)
    except (VerificationError, InvalidHashError):
        return False


def outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than the current ones."""
    return _HASHER.check_needs_rehash(password_hash)


@cache
def _dummy_hash() -> str:
    return _HASHER.hash("the password of no user")
