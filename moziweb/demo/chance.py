"""Chance that falls the same way every time."""

import hashlib
from random import Random


def generator(*seed: str) -> Random:
    """A source of chance that depends on nothing but the words of `seed`, in any process."""
    digest = hashlib.sha256("\0".join(seed).encode()).digest()
    return Random(int.from_bytes(digest))  # noqa: S311 - decoration, not secrets
