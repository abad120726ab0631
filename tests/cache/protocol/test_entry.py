"""Encoding and decoding of entries."""

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.cache.errors import EntryCorruptError
from moziweb.cache.protocol.dependencies import NEVER, DependencyGroup
from moziweb.cache.protocol.entry import Entry, Kind, decode, encode

ENTRY = Entry(
    kind=Kind.PAGE,
    payload="Mától a mozikban".encode(),
    dependencies=(
        DependencyGroup(5, ("list:movies", "week:2026-W34")),
        DependencyGroup(1 << 62, ("movie:42",)),
    ),
    created=1_700_000_000.25,
    expires=1_700_003_600.0,
    encodings={"gzip": b"\x1f\x8bzipped", "br": b""},
    content={"content_type": "text/html; charset=UTF-8", "status": 200},
    debug={"template": "index.jinja2", "seconds": 0.02},
)

words = st.from_regex(r"[a-z]{1,8}:[A-Za-z0-9]{1,8}", fullmatch=True)
facts = st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers() | st.booleans())
groups = st.builds(
    DependencyGroup,
    snapshot_clock=st.integers(0, (1 << 64) - 1),
    tags=st.lists(words, max_size=4, unique=True).map(tuple),
)
entries = st.builds(
    Entry,
    kind=st.sampled_from(Kind),
    payload=st.binary(max_size=64),
    dependencies=st.lists(groups, min_size=1, max_size=4).map(tuple),
    created=st.floats(0, 1 << 40),
    expires=st.floats(allow_nan=False),
    encodings=st.dictionaries(st.text(max_size=4), st.binary(max_size=16), max_size=3),
    content=facts,
    debug=facts,
)


@given(entries)
def test_decode_returns_encoded_entry(entry: Entry) -> None:
    assert decode(encode(entry)) == entry


def test_entry_without_expiry() -> None:
    entry = Entry(Kind.FRAGMENT, b"", (DependencyGroup(1, ()),), 0.0, NEVER)
    assert decode(encode(entry)) == entry


def test_every_damaged_byte_is_detected() -> None:
    data = encode(ENTRY)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0x41
        with pytest.raises(EntryCorruptError):
            decode(bytes(damaged))


def test_every_truncation_is_detected() -> None:
    data = encode(ENTRY)
    for length in range(len(data)):
        with pytest.raises(EntryCorruptError):
            decode(data[:length])
    with pytest.raises(EntryCorruptError):
        decode(data + b"\x00")


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(EntryCorruptError):
        decode(data)


@pytest.mark.parametrize("data", [pickle.dumps(ENTRY.payload), b"<html>", b"", b"{}"])
def test_values_of_other_caches_are_refused(data: bytes) -> None:
    with pytest.raises(EntryCorruptError):
        decode(data)


def test_other_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moziweb.cache.protocol.entry.VERSION", 2)
    newer = encode(ENTRY)
    monkeypatch.undo()
    with pytest.raises(EntryCorruptError, match="version"):
        decode(newer)


@pytest.mark.parametrize(
    "change",
    [
        {"dependencies": (DependencyGroup(1, ("not a tag",)),)},
        {"kind": 9},
        {"content": {"status": [1]}},
        {"debug": {"a": None}},
        {"dependencies": ()},
        {"created": math.nan},
        {"created": -1.0},
        {"created": math.inf},
        {"expires": math.nan},
    ],
)
def test_malformed_metadata_with_valid_checksum_is_refused(change: dict[str, object]) -> None:
    fields = {name: getattr(ENTRY, name) for name in Entry.__slots__}
    with pytest.raises(EntryCorruptError):
        decode(encode(Entry(**{**fields, **change})))


def test_tags_and_size() -> None:
    assert ENTRY.tags == ("list:movies", "week:2026-W34", "movie:42")
    assert ENTRY.size == len(ENTRY.payload) + len(b"\x1f\x8bzipped")
