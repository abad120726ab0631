"""The contenders that the smallest run of ``page_hit`` leaves out do what they are for."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from webob import Request

from benchmarks.page_servers import assembled_in_all_codings, entry_with_raw_stamps
from benchmarks.raw_stamps import RawStamps
from moziweb.cache import StampStore
from moziweb.cache.http import cached_view, responses
from moziweb.cache.http.representations import compress
from moziweb.cache.stores.memcached_client import MemcachedClient
from moziweb.services import services_of
from tests.services.memcached import MemcachedServer


@pytest.fixture
def folder(migrated_sqlite: Path, tmp_path: Path) -> Path:
    """A folder with a database without movies."""
    shutil.copyfile(migrated_sqlite, tmp_path / "demo.sqlite")
    return tmp_path


def index(app: Any) -> str:
    """How the index was served, in gzip."""
    response = Request.blank("/", headers={"Accept-Encoding": "gzip"}).get_response(app)
    assert response.headers["Content-Encoding"] == "gzip"
    return str(response.headers["X-Cache"])


def test_all_codings_are_made_of_an_assembled_page(
    folder: Path, memcached_server: MemcachedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    codings: list[str] = []

    def counted(body: bytes, coding: str) -> bytes:
        codings.append(coding)
        return compress(body, coding)

    monkeypatch.setattr(responses, "compress", counted)
    monkeypatch.setattr(cached_view._Page, "_codings", cached_view._Page._codings)
    app: Any = assembled_in_all_codings(folder, memcached_server.address)
    assert index(app) == index(app) == "bypass"
    assert codings == ["br", "gzip"] * 2
    services_of(app.registry).database.engine.dispose()


def test_entry_is_validated_by_raw_stamps(
    folder: Path, memcached_server: MemcachedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    memcached_server.flush()
    monkeypatch.setattr(StampStore, "get_multi", StampStore.get_multi)
    read: list[int] = []
    used: set[RawStamps] = set()

    def counted(raw: RawStamps, tags: Any) -> dict[str, int]:
        found = get_multi(raw, tags)
        read.append(len(found))
        used.add(raw)
        return found

    get_multi = RawStamps.get_multi
    monkeypatch.setattr(RawStamps, "get_multi", counted)
    app: Any = entry_with_raw_stamps(folder, memcached_server.address)
    assert index(app) == "miss"
    services_of(app.registry).page_cache.cache.stamps.log._start += 1  # type: ignore[union-attr]
    assert index(app) == "hit"
    assert read[-1] > 1
    used.pop().close()
    services_of(app.registry).database.engine.dispose()


@pytest.mark.parametrize("count", [1, 1000])
def test_raw_stamps_are_those_of_the_client(memcached_server: MemcachedServer, count: int) -> None:
    memcached_server.flush()
    client = MemcachedClient([memcached_server.address], prefix="a:")
    stamps, raw = StampStore(client, 3600), RawStamps(memcached_server.address, "a:")
    tags = [f"movie:{number}" for number in range(count)]
    assert raw.get_multi(tags) == {}
    stamps.publish(tags)
    assert raw.get_multi(tags) == {}
    stamps.resolve(tags)
    stamps.publish(tags[1::2])
    assert raw.get_multi(tags) == stamps.get_multi(tags)
    assert len(raw.get_multi(tags)) == len(tags[::2])
    raw.close()
