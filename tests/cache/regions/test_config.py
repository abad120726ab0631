"""The cache from the ini file: accepted keys, refused keys and their messages."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from moziweb.cache.errors import ConfigurationError
from moziweb.cache.regions.config import from_settings, open_atomic_store
from moziweb.cache.regions.rendering import CacheStatus, RenderContext, Rendered
from moziweb.cache.regions.settings_schema import CACHE_KEYS, REGION_KEYS
from moziweb.cache.stores.memcached import MemcachedBackend
from moziweb.cache.stores.memcached_client import MemcachedClient
from moziweb.cache.stores.memory import MemoryAtomicStore, MemoryBackend
from moziweb.cache.stores.sqlite import SqliteAtomicStore
from tests.cache.clock_source import ClockSource
from tests.services.memcached import MemcachedServer
from tests.services.process import run

MINIMAL = {"cache.regions": "pages"}


def error_of(settings: Mapping[str, str]) -> str:
    """Return the one-line message of the ``ConfigurationError``."""
    with pytest.raises(ConfigurationError) as caught:
        from_settings({**MINIMAL, **settings})
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_no_regions_by_default() -> None:
    assert from_settings({"sqlalchemy.url": "sqlite:///x"}).regions == {}


def test_defaults_need_no_server() -> None:
    cache = from_settings(MINIMAL)
    region = cache.regions["pages"]
    assert region.name == "pages"
    assert region.policy.expiration_time == 3600
    assert region.policy.grace == 5
    assert region.policy.enabled
    assert isinstance(cache.dogpile["pages"].actual_backend, MemoryBackend)
    assert isinstance(cache.stamps._store, MemoryAtomicStore)


def test_default_keys_apply_to_all_regions(memcached_server: MemcachedServer) -> None:
    cache = from_settings(
        {
            "cache.regions": "pages fragments",
            "cache.prefix": "site",
            "cache.default.backend": "dogpile.cache.pylibmc",
            "cache.default.arguments.url": memcached_server.address,
            "cache.default.arguments.behaviors.connect_timeout": "50",
            "cache.default.expiration_time": "600",
            "cache.fragments.expiration_time": "1200",
            "cache.fragments.mode": "strict",
        }
    )
    pages, fragments = cache.regions["pages"], cache.regions["fragments"]
    assert (pages.policy.expiration_time, pages.policy.grace) == (600, 5)
    assert (fragments.policy.expiration_time, fragments.policy.grace) == (1200, 0)
    backend = cache.dogpile["pages"].actual_backend
    assert isinstance(backend, MemcachedBackend)
    assert backend._ttl == 600 + 5 + 60
    assert cache.stamps._ttl == 2400
    assert cache.keys["pages"].key("a").startswith("site:pages:")


def test_several_servers_and_behaviours(memcached_server: MemcachedServer) -> None:
    cache = from_settings(
        {
            **MINIMAL,
            "cache.pages.backend": "moziweb.memcached",
            "cache.pages.arguments.url": f"{memcached_server.address}, {memcached_server.address}",
            "cache.pages.arguments.behaviors.ketama": "1",
            "cache.pages.arguments.behaviors._poll_timeout": "70",
            "cache.pages.arguments.behaviors.hash": "md5",
            "cache.pages.arguments.memcached_expire_time": "7200",
        }
    )
    backend = cache.dogpile["pages"].actual_backend
    assert backend._ttl == 7200
    client = backend._client._client()
    assert client.behaviors["_poll_timeout"] == 70
    assert client.behaviors["hash"] == "md5"
    assert len(client.addresses) == 2


def test_behaviour_in_other_digits_than_ascii_is_not_a_number() -> None:
    settings = {
        **MINIMAL,
        "cache.pages.backend": "moziweb.memcached",
        "cache.pages.arguments.url": "127.0.0.1:1",
        "cache.pages.arguments.behaviors._poll_timeout": "٧٠",
    }
    with pytest.raises(ConfigurationError, match="_poll_timeout"):
        from_settings(settings)


def test_region_stores_and_serves(tmp_path: Path) -> None:
    cache = from_settings(
        {
            **MINIMAL,
            "cache.stamps.url": f"sqlite:///{tmp_path}/stamps.db",
            "cache.pages.l1_bytes": "0",
        }
    )
    region, key = cache.regions["pages"], cache.keys["pages"].key("/")

    def render(context: RenderContext) -> Rendered:
        context.depend("movie:1")
        return Rendered(b"page")

    statuses = [
        region.get_or_render(key, render, source=ClockSource(cache.stamps)).status for _ in range(2)
    ]
    assert statuses == [CacheStatus.MISS, CacheStatus.HIT]
    store = cache.stamps._store
    assert isinstance(store, SqliteAtomicStore)
    store.close()


def test_region_can_be_switched_off() -> None:
    cache = from_settings({**MINIMAL, "cache.pages.backend": "dogpile.cache.null"})
    region = cache.regions["pages"]

    def render(context: RenderContext) -> Rendered:
        context.depend("movie:1")
        return Rendered(b"page")

    for _ in range(2):
        served = region.get_or_render("a", render, source=ClockSource(cache.stamps))
        assert (served.status, served.not_stored) == (CacheStatus.BYPASS, "switched_off")
    assert region.get_valid("a") is None


def test_any_dogpile_backend_is_accepted(tmp_path: Path) -> None:
    cache = from_settings(
        {
            **MINIMAL,
            "cache.pages.backend": "dogpile.cache.dbm",
            "cache.pages.arguments.filename": f"{tmp_path}/pages.dbm",
        }
    )

    def render(context: RenderContext) -> Rendered:
        context.depend("movie:1")
        return Rendered(b"page")

    region = cache.regions["pages"]
    first = region.get_or_render("a", render, source=ClockSource(cache.stamps))
    second = region.get_or_render("a", render, source=ClockSource(cache.stamps))
    assert (first.status, second.status) == (CacheStatus.MISS, CacheStatus.HIT)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"cache.pages.expiration_tiem": "5"}, "cache.pages.expiration_tiem: no such setting"),
        ({"cache.pages.expiration_time": "soon"}, "cache.pages.expiration_time = soon: expected"),
        ({"cache.default.expiration_time": "0"}, "cache.default.expiration_time = 0: expected"),
        ({"cache.pages.mode": "hard"}, "cache.pages.mode = hard: expected one of soft, strict"),
        ({"cache.pages.l1_bytes": "-1"}, "cache.pages.l1_bytes = -1: expected a whole number"),
        ({"cache.pages.refresh_after": "2"}, "cache.pages.refresh_after = 2"),
        ({"cache.pages.stale_if_error": "nan"}, "cache.pages.stale_if_error = nan"),
        ({"cache.pages.grace": "-1"}, "cache.pages.grace = -1: expected seconds from 0 to 3600"),
        ({"cache.feeds.mode": "soft"}, "cache.feeds.mode: no such setting"),
        ({"cache.stamps.uri": "memory://"}, "cache.stamps.uri: no such setting"),
        ({"cache.regions": "pages default"}, "'default' is not a valid region name"),
        ({"cache.regions": "pages a-b"}, "'a-b' is not a valid region name"),
        ({"cache.prefix": "a b"}, "'a b'"),
        ({"cache.stamps.ttl": "100"}, "cache.stamps.ttl = 100: must be above"),
        ({"cache.stamps.url": "redis://x"}, "cache.stamps.url = redis://x: expected memcached://"),
        ({"cache.stamps.url": "memcached://a:1,b:1"}, "cache.stamps.url"),
        ({"cache.stamps.url": "memory://x"}, "cache.stamps.url"),
        ({"cache.stamps.url": "sqlite://"}, "cache.stamps.url"),
        ({"cache.stamps.url": "memory"}, "cache.stamps.url"),
        ({"cache.pages.backend": "nothing"}, "cache.pages.backend = nothing"),
        ({"cache.pages.backend": "dogpile.cache.dbm"}, "cache.pages.backend = dogpile.cache.dbm"),
        ({"cache.pages.arguments.url": "x"}, "cache.pages.arguments: url: moziweb.memory takes no"),
    ],
)
def test_wrong_key_raises_configuration_error(settings: dict[str, str], named: str) -> None:
    assert named in error_of(settings)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "cache.pages.arguments: url: expected host:port"),
        ({"url": "127.0.0.1:port"}, "cache.pages.arguments: memcached 127.0.0.1:port"),
        ({"url": "a:1", "behaviors.no_block": "1"}, "no_block"),
        ({"url": "a:1", "behaviors.speed": "9"}, "speed"),
        ({"url": "a:1", "binary": "true"}, "binary: dogpile.cache.pylibmc takes no such argument"),
        (
            {"url": "a:1", "memcached_expire_time": "60"},
            "memcached_expire_time = 60: must be above",
        ),
        ({"url": "a:1", "memcached_expire_time": "x"}, "memcached_expire_time = x: must be above"),
    ],
)
def test_wrong_memcached_argument_raises_configuration_error(
    arguments: dict[str, str], named: str
) -> None:
    settings = {f"cache.pages.arguments.{name}": value for name, value in arguments.items()}
    assert named in error_of({"cache.pages.backend": "dogpile.cache.pylibmc", **settings})


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"cache.stamps.url": "memcached://a:1"}, "cache.stamps.url"),
        (
            {
                "cache.pages.backend": "dogpile.cache.pylibmc",
                "cache.pages.arguments.url": "a:1",
            },
            "cache.pages.backend = dogpile.cache.pylibmc",
        ),
    ],
)
def test_missing_driver_is_named_with_its_extra(
    settings: dict[str, str], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("memcached", "memcached_client"):
        monkeypatch.delitem(sys.modules, f"moziweb.cache.stores.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "pylibmc", None)
    message = error_of(settings)
    assert message.startswith(f"{key}: ")
    assert message.endswith('; pip install "moziweb[memcached]"')


def test_site_without_memcached_does_not_import_its_driver() -> None:
    code = "import sys, moziweb.caching, moziweb.cli.cache; print('pylibmc' in sys.modules)"
    assert run([sys.executable, "-c", code]).stdout == "False\n"


def test_grace_is_per_region_and_of_soft_ones() -> None:
    cache = from_settings(
        {
            "cache.regions": "pages fragments feeds",
            "cache.default.grace": "30",
            "cache.pages.grace": "0",
            "cache.fragments.mode": "strict",
        }
    )
    graces = {name: region.policy.grace for name, region in cache.regions.items()}
    assert graces == {"pages": 0, "fragments": 0, "feeds": 30}
    assert cache.stamps.log._times._longest == 30


def test_stamps_on_memcached_have_prefix(memcached_server: MemcachedServer) -> None:
    store = open_atomic_store(f"memcached://{memcached_server.address}", "site")
    assert isinstance(store, MemcachedClient)
    assert store._prefix == "site:"


def test_every_key_has_a_meaning_and_a_valid_default() -> None:
    for key in (*CACHE_KEYS, *REGION_KEYS):
        assert key.meaning.endswith(".")
        if key.default not in (None, ""):
            assert key.value_type.parse(str(key.default)) == key.default
