"""Tests of the interface, run on every storage, and the rules for keys."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.storage import InvalidKey, ObjectNotFound, Storage, StoredObject
from moziweb.storage.interface import is_valid_key, valid_header, valid_key
from moziweb.timings import Part, timed

FOREVER = "max-age=290304000, public, immutable"
KEY = "poster/12-macskafogo/0123456789abcdef-01234567.thumb.webp"

BAD_KEYS = [
    "",
    "/poster/a",
    "poster/a/",
    "poster//a",
    "..",
    "../etc/passwd",
    "poster/../../etc/passwd",
    "poster/./a",
    "poster/a\x00.webp",
    "poster/a\r\nb",
    "poster/\x7f",
    "poster/\udcff",
    "é" * 513,
]


def put(
    storage: Storage, key: str = KEY, body: bytes = b"body", *, if_absent: bool = False
) -> StoredObject:
    return storage.put(
        key, body, content_type="image/webp", cache_control=FOREVER, if_absent=if_absent
    )


def test_stored_body_is_read_back(storage: Storage) -> None:
    body = bytes(range(256)) * 1000
    put(storage, body=body)
    assert storage.get(KEY) == body


def test_empty_body_is_stored(storage: Storage) -> None:
    put(storage, body=b"")
    assert storage.get(KEY) == b""
    head = storage.head(KEY)
    assert head is not None
    assert head.size == 0


def test_put_returns_the_description_of_head(storage: Storage) -> None:
    stored = put(storage)
    head = storage.head(KEY)
    assert head is not None
    assert (stored.bucket, stored.key, stored.size, stored.etag) == (
        storage.bucket,
        KEY,
        4,
        head.etag,
    )
    assert (head.bucket, head.key, head.size) == (storage.bucket, KEY, 4)
    assert (head.content_type, head.cache_control) == ("image/webp", FOREVER)
    assert (stored.content_type, stored.cache_control) == ("image/webp", FOREVER)


def test_last_modified_is_now_in_whole_seconds_of_utc(storage: Storage) -> None:
    put(storage)
    head = storage.head(KEY)
    assert head is not None
    assert head.last_modified is not None
    assert head.last_modified.tzinfo is UTC
    assert head.last_modified.microsecond == 0
    assert abs(datetime.now(UTC) - head.last_modified) < timedelta(minutes=1)


def test_overwriting_replaces_body_and_headers(storage: Storage) -> None:
    first = put(storage)
    storage.put(KEY, b"other", content_type="image/jpeg", cache_control="no-store")
    head = storage.head(KEY)
    assert storage.get(KEY) == b"other"
    assert head is not None
    assert (head.content_type, head.cache_control) == ("image/jpeg", "no-store")
    assert head.etag != first.etag


def test_if_absent_stores_a_new_object(storage: Storage) -> None:
    stored = put(storage, if_absent=True)
    assert storage.get(KEY) == b"body"
    assert stored.size == 4


def test_if_absent_keeps_and_describes_an_existing_object(storage: Storage) -> None:
    first = put(storage, body=b"first")
    second = put(storage, body=b"the second", if_absent=True)
    assert storage.get(KEY) == b"first"
    assert (second.etag, second.size) == (first.etag, 5)
    assert second.last_modified is not None


def test_missing_object_has_no_head(storage: Storage) -> None:
    assert storage.head(KEY) is None


def test_get_of_a_missing_object_raises(storage: Storage) -> None:
    with pytest.raises(ObjectNotFound, match=r"thumb\.webp"):
        storage.get(KEY)


def test_delete_removes_only_the_given_objects(storage: Storage) -> None:
    for number in range(4):
        put(storage, f"a/{number}")
    storage.delete(["a/0", "a/2", "a/none", "nothing/at/all"])
    assert [found.key for found in storage.list("a/")] == ["a/1", "a/3"]


def test_delete_of_no_keys(storage: Storage) -> None:
    storage.delete(iter(()))
    assert list(storage.list()) == []


def test_list_describes_objects(storage: Storage) -> None:
    stored = put(storage)
    (found,) = storage.list()
    assert (found.bucket, found.key, found.size, found.etag) == (
        storage.bucket,
        KEY,
        4,
        stored.etag,
    )
    assert found.last_modified is not None
    assert found.last_modified.tzinfo is UTC


def test_list_accepts_any_prefix(storage: Storage) -> None:
    for key in ("poster/1-a/x", "poster/12-b/x", "poster/2-c/x", "poster", "upload/1"):
        put(storage, key)
    assert [found.key for found in storage.list("poster/1")] == ["poster/1-a/x", "poster/12-b/x"]
    assert [found.key for found in storage.list("poster/")] == [
        "poster/1-a/x",
        "poster/12-b/x",
        "poster/2-c/x",
    ]
    assert next(storage.list("poster")).key == "poster"
    assert list(storage.list("poster/1-a/x/")) == []
    assert list(storage.list("none")) == []


def test_list_is_ordered_by_the_bytes_of_keys(storage: Storage) -> None:
    keys = ["a", "a!", "a.b", "a/b", "a/b/c", "a0", "a/b.c", "ab", "é", "z", "a+", "a%2B"]
    for key in keys:
        put(storage, key)
    assert [found.key for found in storage.list()] == sorted(keys, key=str.encode)


def test_key_may_be_a_prefix_of_another(storage: Storage) -> None:
    put(storage, "a", b"the object")
    put(storage, "a/b", b"beneath it")
    assert (storage.get("a"), storage.get("a/b")) == (b"the object", b"beneath it")


@pytest.mark.parametrize(
    "key",
    ["a b/é+ű.webp", "a%2Fb", "a?b#c&d", "~tilde'\"", "a\\b", "poster/...", "+object", "x+object"],
)
def test_unusual_keys_are_distinct(storage: Storage, key: str) -> None:
    put(storage, key, key.encode())
    assert storage.get(key) == key.encode()
    assert [found.key for found in storage.list()] == [key]
    storage.delete([key])
    assert storage.head(key) is None


@pytest.mark.parametrize("key", BAD_KEYS)
def test_bad_keys_are_refused(storage: Storage, key: str) -> None:
    with pytest.raises(InvalidKey, match="object key"):
        put(storage, key)
    with pytest.raises(InvalidKey):
        storage.get(key)
    with pytest.raises(InvalidKey):
        storage.head(key)
    with pytest.raises(InvalidKey):
        storage.delete([key])
    with pytest.raises(InvalidKey):
        storage.url(key)


@pytest.mark.parametrize("header", ["", "text/html\r\nSet-Cookie: a=b", "képek", "a\x00b"])
def test_invalid_header_value_is_refused(storage: Storage, header: str) -> None:
    with pytest.raises(ValueError, match="header"):
        storage.put(KEY, b"", content_type=header, cache_control=FOREVER)
    with pytest.raises(ValueError, match="header"):
        storage.put(KEY, b"", content_type="image/webp", cache_control=header)
    assert storage.head(KEY) is None


def test_check_of_a_working_storage_passes(storage: Storage) -> None:
    storage.check()
    assert list(storage.list()) == []


def test_concurrent_writers_leave_one_complete_object(storage: Storage) -> None:
    bodies = [bytes([number]) * 50_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda body: put(storage, body=body), bodies))
    assert storage.get(KEY) in bodies
    head = storage.head(KEY)
    assert head is not None
    assert head.size == 50_000


def test_url_is_quoted(storage: Storage) -> None:
    assert storage.url("a b/é+%?#~.webp").endswith("/a%20b/%C3%A9%2B%25%3F%23~.webp")


@given(st.text(min_size=1, max_size=60))
def test_valid_key_stays_in_its_folder(key: str) -> None:
    if is_valid_key(key):
        assert valid_key(key) is key
        assert not {"", ".", ".."} & set(key.split("/"))
        assert key.isprintable() or not any(character < " " for character in key)


def test_longest_key_is_valid() -> None:
    assert valid_key("é" * 512)


def test_valid_header_is_returned() -> None:
    assert valid_header(FOREVER) is FOREVER


def test_time_of_each_call_is_measured(storage: Storage) -> None:
    with timed({}) as timings:
        before = timings.seconds[Part.STORAGE]
        for call in (
            lambda: storage.put("a", b"a", content_type="text/plain", cache_control="no-store"),
            lambda: storage.head("a"),
            lambda: storage.get("a"),
            lambda: storage.delete(["a"]),
        ):
            call()
            assert timings.seconds[Part.STORAGE] > before
            before = timings.seconds[Part.STORAGE]
