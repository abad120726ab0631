"""Entries, and how they are encoded as bytes.

An entry is a payload with the data to validate and serve it: dependencies, expiry, content type,
ETag, compressed forms. It is encoded as a binary header, two short tables, a JSON object and the
raw payloads. Not as a pickle: anyone with access to a memcached port could run code here. Not as
JSON: every hit would have to unescape 80 KB.

Decoding checks everything: a checksum, all lengths, times, tags, the version. Bytes that are
damaged, of an older format or not ours raise ``EntryCorruptError`` and are a miss. The checksum
takes 26 µs for 80 KB; hits in the local cache do not decode. It does not protect from those who can
write to the store: ``stores/signed_backend.py`` does.

Layout, big-endian::

    2s magic "MZ" | B version | B kind | d created | d expires | I groups | I tags | I metadata
    I payload | I checksum, of all that follows and of the header up to here
    groups x (Q snapshot clock, I number of tags) | tags, separated by newlines | metadata, JSON
    payload | encoded forms, in the order and with the lengths that the metadata gives
"""

import json
import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import chain
from typing import Any, Final, NoReturn

from ..errors import EntryCorruptError
from .dependencies import DependencyGroup
from .tags import check_joined

MAGIC: Final = b"MZ"
VERSION: Final = 1

_LAST_TIME: Final = 1 << 40
"""Unix time, far in the future."""

_HEAD: Final = struct.Struct(">2sBBddIIII")
_SUM: Final = struct.Struct(">I")
_GROUP: Final = struct.Struct(">QI")


PERSONAL: Final = "personal"
"""Marks, in ``content``, an entry whose address few people have, often one."""


class Kind(IntEnum):
    """A page, or what it is assembled from: fragments and a template (``http/fragments.py``)."""

    FRAGMENT = 1
    TEMPLATE = 2
    PAGE = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """A payload and its metadata. Times are Unix time, in seconds.

    ``encodings`` maps a content coding (``gzip``, ``br``) to the payload in that coding.
    ``content`` is needed to serve it (``content_type``, ``etag``, ``status``); ``debug`` is for
    inspection. Both contain texts and numbers only.
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
    """Values computed from the entry, kept with it in memory; never stored."""

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags that the payload depends on."""
        return tuple(chain.from_iterable(group.tags for group in self.dependencies))

    @property
    def is_personal(self) -> bool:
        """Whether the times of its reads would say what one person does: they are not recorded."""
        return PERSONAL in self.content

    @property
    def size(self) -> int:
        """The bytes of the payload and its encoded forms."""
        return len(self.payload) + sum(map(len, self.encodings.values()))


def encode(entry: Entry) -> bytes:
    """Return the bytes of an entry."""
    tags = "\n".join(entry.tags).encode("ascii")
    metadata = json.dumps(
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
        len(entry.dependencies), len(tags), len(metadata), len(entry.payload),
    )  # fmt: skip
    body = b"".join((groups, tags, metadata, entry.payload, *entry.encodings.values()))
    return b"".join((head, _SUM.pack(zlib.crc32(body, zlib.crc32(head))), body))


def decode(data: bytes) -> Entry:
    """Return the entry of bytes that ``encode`` wrote; raise ``EntryCorruptError`` for others."""
    try:
        return _decode(data)
    except (struct.error, ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise EntryCorruptError(f"{type(error).__name__}: {error}") from error


def _decode(data: bytes) -> Entry:
    magic, version, kind, created, expires, *lengths = _HEAD.unpack_from(data)
    if magic != MAGIC or version != VERSION:
        raise EntryCorruptError("not an entry of this version")
    _check_sum(data)
    reader = _ByteReader(data, _HEAD.size + _SUM.size)
    groups, tags, metadata, payload = lengths
    table = reader.take(groups * _GROUP.size)
    names = reader.take(tags).decode("ascii")
    fields = _JSON.decode(reader.take(metadata).decode())
    entry = Entry(
        kind=Kind(kind),
        dependencies=tuple(_groups(table, check_joined(names))),
        created=created,
        expires=expires,
        payload=reader.take(payload),
        encodings={str(name): reader.take(int(length)) for name, length in fields["encodings"]},
        content=_flat(fields["content"]),
        debug=_flat(fields["debug"]),
    )
    reader.finish()
    if not entry.dependencies:  # it could not be invalidated
        raise EntryCorruptError("no dependencies")
    if not 0 <= created <= _LAST_TIME or math.isnan(expires):  # NaN is not in any range
        raise EntryCorruptError("invalid times")
    return entry


def _no_constant(name: str) -> NoReturn:
    """Refuse JSON's ``NaN`` and ``Infinity``, which ``encode`` does not write."""
    raise ValueError(name)


_JSON: Final = json.JSONDecoder(parse_constant=_no_constant)


def _check_sum(data: bytes) -> None:
    (expected,) = _SUM.unpack_from(data, _HEAD.size)
    view = memoryview(data)
    head, body = view[: _HEAD.size], view[_HEAD.size + _SUM.size :]
    if zlib.crc32(body, zlib.crc32(head)) != expected:
        raise EntryCorruptError("the checksum differs")


class _ByteReader:
    """Reads bytes from the front; raises ``EntryCorruptError`` at the end."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._at = start

    def take(self, length: int) -> bytes:
        end = self._at + length
        if length < 0 or end > len(self._data):
            raise EntryCorruptError("shorter than its lengths")
        piece = self._data[self._at : end]
        self._at = end
        return piece

    def finish(self) -> None:
        if self._at != len(self._data):
            raise EntryCorruptError("longer than its lengths")


def _groups(table: bytes, names: list[str]) -> Iterator[DependencyGroup]:
    at = 0
    for clock, count in _GROUP.iter_unpack(table):
        tags = names[at : at + count]
        at += count
        if len(tags) != count:
            raise EntryCorruptError("fewer tags than its groups count")
        yield DependencyGroup(clock, tuple(tags))
    if at != len(names):
        raise EntryCorruptError("more tags than its groups count")


def _flat(value: Any) -> dict[str, str | int | float]:
    if not isinstance(value, dict) or not all(
        isinstance(v, str | int | float) for v in value.values()
    ):
        raise EntryCorruptError("unexpected metadata structure")
    return value
