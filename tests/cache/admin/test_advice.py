"""Advice for the settings of regions."""

import math

import pytest

from moziweb.cache import from_settings
from moziweb.cache.admin.advice import (
    SettingAdvice,
    Workload,
    advice_json,
    advise,
    advise_regions,
    present_settings,
)
from moziweb.cache.admin.forecast import Read, SimulatedSettings
from tests.services.memcached import MemcachedServer

DAY = 86_400.0


def rounds(pages: int, count: int, seconds: float = 60.0) -> Workload:
    """All pages are read in turn, ``count`` times; each has 10,000 bytes."""
    reads = [
        Read(1e9 + seconds * (number + page / pages), f"{page}", 10_000)
        for number in range(count)
        for page in range(pages)
    ]
    return Workload(reads, len(reads), render_seconds=0.05)


def setting(workload: Workload, settings: SimulatedSettings, name: str) -> SettingAdvice:
    found = {each.name: each for each in advise("pages", workload, settings).settings}
    return found[name]


def test_size_that_holds_all_pages_is_advised() -> None:
    small = SimulatedSettings(size=300_000, expiration_time=DAY)
    found = setting(rounds(50, 40), small, "size")
    assert found.present.forecast.hits == 0
    assert (found.advised.value, found.advised.forecast.renders) == (600_000, 50)


def test_lifetime_that_is_long_enough_is_advised() -> None:
    found = setting(rounds(10, 60), SimulatedSettings(expiration_time=30.0), "expiration_time")
    assert found.present.forecast.hits == 0
    assert found.advised.value == 120.0
    values = [option.value for option in found.options]
    assert values == sorted(values)
    assert found.present.value in values


def test_less_memory_is_advised_where_it_is_enough() -> None:
    """A quarter of the pages is read always, the others once."""
    reads = [
        Read(1e9 + number, f"{number % 20 if number % 4 else 1_000 + number}", 10_000)
        for number in range(8_000)
    ]
    workload = Workload(reads, len(reads))
    found = setting(workload, SimulatedSettings(size=8_000_000, expiration_time=DAY), "size")
    assert found.advised.value == 2_000_000
    assert found.advised.forecast.memory < found.present.forecast.memory / 3


def test_good_settings_are_kept() -> None:
    good = SimulatedSettings(size=64e6, expiration_time=DAY, l1_bytes=16e6, grace=5)
    for each in advise("pages", rounds(50, 40), good).settings:
        assert each.advised is each.present, each.name


def test_grace_is_advised_where_many_reads_wait() -> None:
    reads = []
    for minute in range(100):
        changed = 1e9 + 60 * minute - 0.5
        reads.append(Read(1e9 + 60 * minute, "a", 100, changed if minute else None))
        reads += [Read(1e9 + 60 * minute + 0.1 * n, "a", 100) for n in range(1, 5)]
    workload = Workload(reads, len(reads), render_seconds=0.45)
    found = setting(workload, SimulatedSettings(expiration_time=DAY), "grace")
    assert found.present.forecast.waited == 400
    assert found.advised.value == 1.0
    assert found.advised.forecast.waited == 4


def test_refresh_is_advised_where_entries_expire_while_they_are_read() -> None:
    found = setting(rounds(5, 2_000, 1.0), SimulatedSettings(expiration_time=50), "refresh_after")
    assert found.advised.value == 0.9
    assert found.advised.forecast.hits > found.present.forecast.hits


def test_regions_share_the_bytes_of_a_store() -> None:
    settings = SimulatedSettings(size=1_000_000, expiration_time=DAY)
    workloads = {"pages": rounds(75, 4), "feeds": rounds(25, 4), "unknown": rounds(1, 1)}
    pages, feeds = advise_regions(workloads, {"pages": settings, "feeds": settings})
    sizes = {each.name: each.present.value for each in pages.settings}
    assert sizes["size"] == pytest.approx(750_000)
    assert feeds.settings[0].present.value == pytest.approx(250_000)


def test_json_has_every_option_and_no_infinity() -> None:
    found = advice_json(advise("pages", rounds(5, 4), SimulatedSettings()))
    assert found["region"] == "pages"
    size = found["settings"]["size"]
    assert (size["present"], size["options"][-1]["value"]) == (None, None)
    assert {"hit_ratio", "renders", "stored_bytes"} <= size["options"][0].keys()


def test_present_settings_are_those_of_the_ini_file(memcached_server: MemcachedServer) -> None:
    cache = from_settings(
        {
            "cache.regions": "pages feeds off",
            "cache.pages.expiration_time": "600",
            "cache.pages.arguments.max_bytes": "5000000",
            "cache.pages.l1_bytes": "1000",
            "cache.feeds.backend": "dogpile.cache.pylibmc",
            "cache.feeds.arguments.url": memcached_server.address,
            "cache.feeds.mode": "strict",
            "cache.feeds.refresh_after": "0.8",
            "cache.off.backend": "dogpile.cache.null",
        }
    )
    found = present_settings(cache)
    assert found.keys() == {"pages", "feeds"}
    pages, feeds = found["pages"], found["feeds"]
    assert (pages.size, pages.expiration_time, pages.l1_bytes) == (5e6, 600, 1000)
    assert (pages.is_private, feeds.is_private) == (True, False)
    assert (feeds.grace, feeds.refresh_after) == (0, 0.8)
    assert 1e6 < feeds.size < math.inf
