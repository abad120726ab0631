"""The simulation of a region, against the real cache on the same reads."""

import random
from bisect import bisect_left
from dataclasses import replace
from itertools import accumulate
from typing import Any

import pytest

from moziweb.cache.admin.advice import Workload, advise
from moziweb.cache.admin.forecast import Read, SimulatedSettings, simulate
from moziweb.cache.regions.rendering import CacheStatus
from tests.cache.admin import replay
from tests.cache.admin.replay import POINTS, START, Replay, hits_of


@pytest.fixture(scope="module")
def history() -> list[Read]:
    return replay.history()


SETTINGS = SimulatedSettings(
    size=2_000_000, expiration_time=1800, l1_bytes=500_000, is_private=True
)


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        SimulatedSettings(size=600_000, expiration_time=7200, l1_bytes=0),
        SimulatedSettings(size=64_000_000, expiration_time=300, l1_bytes=16_000_000),
        SimulatedSettings(
            size=64_000_000, expiration_time=600, l1_bytes=1_000_000, refresh_after=0.5
        ),
    ],
    ids=["all limits", "small store", "short life", "refreshed"],
)
def test_forecast_is_within_two_points(history: list[Read], settings: SimulatedSettings) -> None:
    real = Replay(settings)
    statuses = real.run(history)
    forecast = simulate(history, settings)
    hits = hits_of(statuses)
    assert 0.2 < hits / len(history) < 0.98
    assert forecast.hit_ratio == pytest.approx(hits / len(history), abs=POINTS)
    assert forecast.local / len(history) == pytest.approx(
        statuses[CacheStatus.L1] / len(history), abs=POINTS
    )
    assert forecast.renders == pytest.approx(real.renders, rel=0.05)


def test_tags_of_local_copies_take_memory(history: list[Read]) -> None:
    """As on the index, which has some hundred tags."""
    reads = [replace(read, size=read.size // 10, tags=200) for read in history]
    settings = SimulatedSettings(size=64_000_000, expiration_time=7200, l1_bytes=1_000_000)
    statuses, forecast = Replay(settings).run(reads), simulate(reads, settings)
    assert 0.2 < statuses[CacheStatus.L1] / len(reads) < 0.8
    assert forecast.local / len(reads) == pytest.approx(
        statuses[CacheStatus.L1] / len(reads), abs=POINTS
    )
    assert (
        simulate([replace(read, tags=0) for read in reads], settings).local > forecast.local * 1.2
    )


def test_advised_settings_do_what_was_forecast(history: list[Read]) -> None:
    """The present settings are too small: with the advised ones the region does better."""
    present = SimulatedSettings(size=300_000, expiration_time=900, l1_bytes=100_000)
    advice = advise("pages", Workload(history, len(history)), present)
    for setting in advice.settings:
        if setting.name in {"size", "expiration_time"}:
            advised = setting.advised
            changes: dict[str, Any] = {setting.name: advised.value}
            settings = replace(present, **changes)
            statuses = Replay(settings).run(history)
            hits = hits_of(statuses)
            assert advised.forecast.hit_ratio == pytest.approx(hits / len(history), abs=POINTS)
            assert advised.forecast.hits > setting.present.forecast.hits


def test_sample_of_the_keys_gives_the_same_forecast() -> None:
    """One key in four: stores of a quarter, and the most popular keys are hits in any case."""
    generator = random.Random(3)
    pages = 4_000
    weights = list(accumulate(1 / (rank + 1) ** 0.7 for rank in range(pages)))
    reads = [
        Read(START + number, f"{bisect_left(weights, generator.random() * weights[-1])}", 10_000)
        for number in range(30_000)
    ]
    sample = [read for read in reads if int(read.key) * 2_654_435_761 % 2**32 < 2**30]
    settings = SimulatedSettings(size=15_000_000, expiration_time=1e9)
    whole = Workload(reads, len(reads)).forecast(settings)
    part = Workload(sample, len(reads), rate=0.25).forecast(settings)
    assert 0.3 < whole.hit_ratio < 0.9
    assert part.hit_ratio == pytest.approx(whole.hit_ratio, abs=POINTS)
    assert part.stored_bytes == pytest.approx(whole.stored_bytes, rel=0.05)


def test_reads_during_a_render_wait_or_are_stale() -> None:
    """A render takes two seconds. The first one has no entry before, the third one is too late."""
    reads = [
        Read(START, "a", 100), Read(START + 1, "a", 100),
        Read(START + 60, "a", 100, START + 58), Read(START + 61, "a", 100),
        Read(START + 120, "a", 100, START + 70), Read(START + 121, "a", 100),
    ]  # fmt: skip
    strict = simulate(reads, SimulatedSettings(), render_seconds=2)
    assert (strict.hits, strict.waited, strict.stale, strict.renders) == (3, 3, 0, 3)
    soft = simulate(reads, SimulatedSettings(grace=5), render_seconds=2)
    assert (soft.hits, soft.waited, soft.stale) == (3, 2, 1)


def test_shared_store_serves_all_processes_and_a_private_one_its_own() -> None:
    reads = [Read(START + number, "a", 100, process=number % 2) for number in range(6)]
    assert simulate(reads, SimulatedSettings()).renders == 1
    assert simulate(reads, SimulatedSettings(is_private=True)).renders == 2
    copied = simulate(reads, SimulatedSettings(l1_bytes=10_000))
    assert (copied.hits, copied.local) == (5, 3)


def test_write_makes_the_copies_of_all_processes_outdated() -> None:
    reads = [Read(START + number, "a", 100, process=number % 2) for number in range(6)]
    reads += [Read(START + 10, "a", 100, START + 9, 0), Read(START + 11, "a", 100, None, 1)]
    found = simulate(reads, SimulatedSettings(l1_bytes=10_000))
    assert (found.renders, found.local) == (2, 3)
