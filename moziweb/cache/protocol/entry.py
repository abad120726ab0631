"""The envelope: what a region stores, and its bytes.

An entry is a payload with everything that is needed to judge and to serve it: its dependencies, its
expiry, its content type and ETag, its compressed forms. It is written as a fixed binary header,
two short tables, a JSON object and the raw payloads. No pickle: whoever can write to a memcached
port would otherwise run code here. JSON alone would cost an escape of 80 KB for every hit.

Decoding trusts nothing. A checksum over the whole, every length compared with what is there, every
tag checked, and a version: bytes that are damaged, of an older format, or written by a stranger
raise ``EntryCorruptError`` and are a miss. The checksum takes 26 µs for 80 KB, on hits that do not
come from the process's own memory.

Layout, big-endian::

    2s magic "MZ" | B version | B kind | d created | d expires | I groups | I tags | I facts
    I payload | I checksum, of all that follows and of the header up to here
    groups x (Q started, I number of tags) | tags, a newline between | facts, JSON
    payload | encoded forms, in the order and with the lengths that the facts tell
"""

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from ..errors import EntryCorruptError
from .dependencies import DependencyGroup
from .tags import check_joined

MAGIC: Final = b"MZ"
VERSION: Final = 1

_HEAD: Final = struct.Struct(">2sBBddIIII")
_SUM: Final = struct.Struct(">I")
_GROUP: Final = struct.Struct(">QI")


class Kind(IntEnum):
    """What a payload is. See ``assembly.py`` for how a page is made of a shell and cards."""

    CARD = 1
    SHELL = 2
    PAGE = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """A payload and all that is known about it. Times are Unix time, in seconds.

    ``encodings`` maps a content coding (``gzip``, ``br``) to the payload in that coding.
    ``content`` is what is needed to serve it (``content_type``, ``etag``, ``status``), ``debug``
    what is nice to know about it; both hold texts and numbers only.
    """

    kind: Kind
    payload: bytes
    dependencies: tuple[DependencyGroup, ...]
    created: float
    expires: float
    encodings: Mapping[str, bytes] = field(default_factory=dict)
    content: Mapping[str, str | int | float] = field(default_factory=dict)
    debug: Mapping[str, str | int | float] = field(default_factory=dict)
    derived: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What was worked out from the entry and is kept as long as it is; never stored."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag that the payload depends on."""
        return tuple(tag for group in self.dependencies for tag in group.tags)

    @property
    def size(self) -> int:
        """The bytes of payload and encoded forms: what it costs to keep, but for some overhead."""
        return len(self.payload) + sum(map(len, self.encodings.values()))


def encode(entry: Entry) -> bytes:
    """The bytes of an entry."""
    tags = "\n".join(entry.tags).encode("ascii")
    facts = json.dumps(
        {
            "content": dict(entry.content),
            "debug": dict(entry.debug),
            "encodings": [[name, len(data)] for name, data in entry.encodings.items()],
        },
        separators=(",", ":"),
        allow_nan=False,
    ).encode()
    groups = b"".join(_GROUP.pack(g.snapshot_clock, len(g.tags)) for g in entry.dependencies)
    head = _HEAD.pack(
        MAGIC, VERSION, entry.kind, entry.created, entry.expires,
        len(entry.dependencies), len(tags), len(facts), len(entry.payload),
    )  # fmt: skip
    body = b"".join((groups, tags, facts, entry.payload, *entry.encodings.values()))
    return b"".join((head, _SUM.pack(zlib.crc32(body, zlib.crc32(head))), body))


def decode(data: bytes) -> Entry:
    """The entry of some bytes; ``EntryCorruptError`` for anything but what ``encode`` wrote."""
    try:
        return _decode(data)
    except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise EntryCorruptError(f"{type(error).__name__}: {error}") from error


def _decode(data: bytes) -> Entry:
    magic, version, kind, created, expires, *lengths = _HEAD.unpack_from(data)
    if magic != MAGIC or version != VERSION:
        raise EntryCorruptError("not an entry of this version")
    _check_sum(data)
    cut = _ByteReader(data, _HEAD.size + _SUM.size)
    groups, tags, facts, payload = lengths
    table = cut.take(groups * _GROUP.size)
    names = cut.take(tags).decode("ascii")
    known = json.loads(cut.take(facts))
    entry = Entry(
        kind=Kind(kind),
        dependencies=tuple(_groups(table, check_joined(names))),
        created=created,
        expires=expires,
        payload=cut.take(payload),
        encodings={str(name): cut.take(int(length)) for name, length in known["encodings"]},
        content=_flat(known["content"]),
        debug=_flat(known["debug"]),
    )
    cut.finish()
    return entry


def _check_sum(data: bytes) -> None:
    (expected,) = _SUM.unpack_from(data, _HEAD.size)
    view = memoryview(data)
    head, body = view[: _HEAD.size], view[_HEAD.size + _SUM.size :]
    if zlib.crc32(body, zlib.crc32(head)) != expected:
        raise EntryCorruptError("the checksum differs")


class _ByteReader:
    """Takes pieces off the front of some bytes, never more than there is."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._at = start

    def take(self, length: int) -> bytes:
        end = self._at + length
        if length < 0 or end > len(self._data):
            raise EntryCorruptError("shorter than it says")
        piece = self._data[self._at : end]
        self._at = end
        return piece

    def finish(self) -> None:
        if self._at != len(self._data):
            raise EntryCorruptError("longer than it says")


def _groups(table: bytes, names: list[str]) -> Iterator[DependencyGroup]:
    at = 0
    for started, count in _GROUP.iter_unpack(table):
        tags = names[at : at + count]
        at += count
        if len(tags) != count:
            raise EntryCorruptError("fewer tags than its groups say")
        yield DependencyGroup(started, tuple(tags))
    if at != len(names):
        raise EntryCorruptError("more tags than its groups say")


def _flat(value: Any) -> dict[str, str | int | float]:
    if not isinstance(value, dict) or not all(
        isinstance(v, str | int | float) for v in value.values()
    ):
        raise EntryCorruptError("facts of another shape")
    return value
