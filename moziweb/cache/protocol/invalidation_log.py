"""The invalidation log: for each number of the clock a record of the tags that were published.

A publish takes two numbers, and writes a record for each. The record of the first one only says
that a publish has begun. That of the second one has the tags: from this number on, what shows the
old data is outdated. A record contains its number, so a record that was overwritten, evicted or not
yet written is never mistaken for another: it is missing.
"""

from collections.abc import Collection
from typing import Final

RING: Final = 1024
"""Records that the store keeps; a later one replaces the one of 1,024 numbers before."""

MAX_BYTES: Final = 16_000
"""Longest record. A publish of more tags is recorded without them."""

MANY: Final = None
"""The tags of a record without them: any tag may have been published."""

_BEGIN: Final = b"begin"
_TAGS: Final = b"tags"
_MANY: Final = b"many"


def record_name(number: int) -> str:
    """Return the name of the record of a number of the clock."""
    return f"log:{number % RING}"


def begin_record(number: int) -> bytes:
    """Return the record of the first number of a publish."""
    return b"%d %b" % (number, _BEGIN)


def tags_record(number: int, tags: Collection[str]) -> bytes:
    """Return the record of the second number of a publish of ``tags``."""
    text = "\n".join(tags)
    if text.isascii() and text.count("\n") == max(0, len(tags) - 1):
        record = b"%d %b\n%b" % (number, _TAGS, text.encode("ascii"))
        if len(record) <= MAX_BYTES:
            return record
    return b"%d %b" % (number, _MANY)


def tags_of_record(record: bytes, number: int) -> tuple[str, ...] | None:
    """Return the tags that were published at ``number``, or ``MANY``.

    Raises ``LookupError`` for the record of another number, and for what is no record.
    """
    head, _, tags = record.partition(b"\n")
    kind = head.removeprefix(b"%d " % number)
    if kind == head or kind not in {_BEGIN, _TAGS, _MANY} or not record.isascii():
        raise LookupError(number)
    if kind == _MANY:
        return MANY
    return tuple(tags.decode("ascii").split("\n")) if tags else ()
