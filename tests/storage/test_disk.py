"""The disk storage: crashes, links to the outside, a full or read-only disk."""

import errno
import os
import shutil
import signal
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moziweb.storage import InvalidKey, ObjectNotFound, StorageMisconfigured, StorageUnavailable
from moziweb.storage.disk import DRAFT_SECONDS, DiskStorage
from tests.services.process import run

FOREVER = "max-age=290304000, public, immutable"
KEY = "poster/12-macskafogo/0123456789abcdef-01234567.thumb.webp"


def put(storage: DiskStorage, key: str = KEY, body: bytes = b"body") -> None:
    storage.put(key, body, content_type="image/webp", cache_control=FOREVER)


def file_of(storage: DiskStorage, key: str = KEY) -> Path:
    return storage.path / f"{key}+object"


@pytest.mark.parametrize("step", ["fsync", "rename", "link", "mkdir"])
@pytest.mark.parametrize("existed", [False, True])
def test_crash_during_put_leaves_the_old_object(
    disk: DiskStorage, step: str, *, existed: bool
) -> None:
    """The writer is killed at its first call of ``step``."""
    if existed:
        put(disk, body=b"before")
    died = run([sys.executable, "-c", _crash(disk.path, step)]).returncode
    again = DiskStorage(disk.path)
    found = [stored.key for stored in again.list()]
    assert died == -signal.SIGKILL
    assert found == [KEY] * existed
    assert not existed or again.get(KEY) == b"before"
    put(again, body=b"after")
    assert again.get(KEY) == b"after"


def _crash(path: Path, step: str) -> str:
    return textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from moziweb.storage.disk import DiskStorage
        storage = DiskStorage(Path({str(path)!r}))
        def die(*_, **__):
            os.kill(os.getpid(), signal.SIGKILL)
        os.{step} = die
        storage.put(
            {KEY!r}, b"new", content_type="a/b", cache_control="no-store",
            if_absent={step == "link"},
        )
    """)


def test_old_drafts_of_crashed_writers_are_removed(disk: DiskStorage) -> None:
    put(disk)
    drafts = disk.path / "+drafts"
    assert list(drafts.iterdir()) == []
    (drafts / "old").touch()
    (drafts / "being-written").touch()
    past = time.time() - DRAFT_SECONDS - 60
    os.utime(drafts / "old", (past, past))
    DiskStorage(disk.path)
    assert [draft.name for draft in drafts.iterdir()] == ["being-written"]
    assert [stored.key for stored in disk.list()] == [KEY]


def test_failed_write_leaves_no_draft(disk: DiskStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    put(disk, "a")
    monkeypatch.setattr("os.rename", _failing(errno.ENOSPC))
    with pytest.raises(StorageUnavailable, match="No space left"):
        put(disk, "b")
    assert list((disk.path / "+drafts").iterdir()) == []
    assert disk.head("b") is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no metadata",
        b"moziweb-object-1 ",
        b'moziweb-object-1 {"key": "other", "size": 0}\n',
        b"moziweb-object-1 " + b"x" * 100_000,
        b"moziweb-object-1 {}\n",
        b"moziweb-object-1 not JSON\n",
        b"moziweb-object-1 []\n",
    ],
)
def test_file_that_is_not_an_object_is_ignored(disk: DiskStorage, content: bytes) -> None:
    file_of(disk).parent.mkdir(parents=True)
    file_of(disk).write_bytes(content)
    assert disk.head(KEY) is None
    assert list(disk.list()) == []
    with pytest.raises(ObjectNotFound):
        disk.get(KEY)
    disk.put(KEY, b"new", content_type="a/b", cache_control="no-store", if_absent=True)
    assert disk.get(KEY) == b"new"


def test_truncated_object_is_ignored(disk: DiskStorage) -> None:
    put(disk)
    os.truncate(file_of(disk), file_of(disk).stat().st_size - 1)
    assert disk.head(KEY) is None


def test_object_under_another_name_is_ignored(disk: DiskStorage) -> None:
    put(disk)
    shutil.copy(file_of(disk), file_of(disk, "copy"))
    assert disk.head("copy") is None
    assert [stored.key for stored in disk.list()] == [KEY]


def test_other_files_in_the_folder_are_ignored(disk: DiskStorage) -> None:
    put(disk)
    (disk.path / "README").write_text("Not an object")
    (disk.path / "poster" / ".DS_Store").touch()
    Path(os.fsdecode(os.fsencode(disk.path) + b"/\xff+object")).touch()
    (disk.path / "a+object").mkdir()
    assert [stored.key for stored in disk.list()] == [KEY]
    assert disk.head("a") is None


def test_link_to_a_file_outside_is_not_followed(disk: DiskStorage, tmp_path: Path) -> None:
    outside = DiskStorage(tmp_path / "outside")
    put(outside)
    file_of(disk).parent.mkdir(parents=True)
    file_of(disk).symlink_to(file_of(outside))
    assert disk.head(KEY) is None
    assert list(disk.list()) == []
    put(disk, body=b"ours")
    assert (disk.get(KEY), outside.get(KEY)) == (b"ours", b"body")


def test_link_to_a_folder_outside_is_not_followed(disk: DiskStorage, tmp_path: Path) -> None:
    outside = DiskStorage(tmp_path / "outside")
    put(outside)
    (disk.path / "poster").symlink_to(outside.path / "poster")
    assert disk.head(KEY) is None
    assert list(disk.list()) == []
    disk.delete([KEY])
    with pytest.raises(StorageMisconfigured, match=r"storage\.disk\.path"):
        put(disk, body=b"theirs")
    assert outside.get(KEY) == b"body"


def test_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "objects").symlink_to(tmp_path / "shared")
    storage = DiskStorage(tmp_path / "objects")
    put(storage)
    storage.check()
    assert storage.get(KEY) == b"body"


def test_pipe_instead_of_an_object_does_not_block(disk: DiskStorage) -> None:
    os.mkfifo(disk.path / "a+object")
    assert disk.head("a") is None
    assert list(disk.list()) == []


def test_segment_too_long_for_a_file_name_is_refused(disk: DiskStorage) -> None:
    with pytest.raises(InvalidKey, match="too long"):
        put(disk, "a" * 300)
    with pytest.raises(InvalidKey, match="too long"):
        disk.get("a" * 300)


def test_deep_key_is_stored(disk: DiskStorage) -> None:
    key = "/".join("a" * 200)
    put(disk, key)
    assert disk.get(key) == b"body"
    assert [stored.key for stored in disk.list("a/a/a")] == [key]


def test_open_object_can_be_read_after_it_is_overwritten(disk: DiskStorage) -> None:
    put(disk, body=b"old")
    stored, file = disk.open(KEY)
    with file:
        put(disk, body=b"the new one")
        assert (file.read(), stored.size) == (b"old", 3)
    assert disk.get(KEY) == b"the new one"


def test_readers_get_headers_and_body_of_the_same_object(disk: DiskStorage) -> None:
    bodies = {f"image/{size}": b"x" * size for size in (1, 5_000, 200_000)}

    def write(content_type: str) -> None:
        body = bodies[content_type]
        disk.put(KEY, body, content_type=content_type, cache_control=FOREVER)

    def read(_: int) -> bool:
        stored, file = disk.open(KEY)
        with file:
            return file.read() == bodies[str(stored.content_type)]

    write("image/1")
    with ThreadPoolExecutor(4) as pool:
        writing = pool.map(write, [*bodies] * 20)
        assert all(pool.map(read, range(200)))
        assert len(list(writing)) == 60


def test_folder_that_cannot_be_created_is_misconfigured(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageMisconfigured, match=r"storage\.disk\.path = .*/file/objects: Not a"):
        DiskStorage(tmp_path / "file" / "objects")


def test_missing_folder_is_misconfigured(disk: DiskStorage) -> None:
    shutil.rmtree(disk.path)
    with pytest.raises(StorageMisconfigured, match=r"storage\.disk\.path"):
        disk.check()
    with pytest.raises(StorageMisconfigured, match=r"storage\.disk\.path"):
        put(disk)
    assert disk.head(KEY) is None


def test_read_only_folder_is_misconfigured(
    disk: DiskStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tests may run as root, which may write everywhere, so os.access is patched.
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(StorageMisconfigured, match="not a writable folder"):
        disk.check()


def test_url_is_a_path_of_the_site_without_a_base_url(tmp_path: Path) -> None:
    assert DiskStorage(tmp_path).url("a/b.webp") == "/objects/a/b.webp"
    assert DiskStorage(tmp_path).url("a", bucket="disk") == "/objects/a"
    cdn = DiskStorage(tmp_path, "https://cdn.example/objects/")
    assert cdn.url("a/b.webp") == "https://cdn.example/objects/a/b.webp"


def _failing(code: int) -> object:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail
