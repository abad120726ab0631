"""Advice for the settings of regions, from simulations of their past reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from .forecast import Forecast, Read, SimulatedSettings, simulate

if TYPE_CHECKING:
    from ..regions.config import Cache

TOLERANCE: Final = 0.005
"""The share of the reads that a setting may lose, if it needs less than the best one."""

SAVING: Final = 0.8
"""Less memory is advised if it saves a fifth."""

MIN_SAMPLED_KEYS: Final = 100
"""The keys that a sample needs: with fewer, one popular key decides the advice."""

FACTORS: Final = (0.25, 0.5, 2.0, 4.0)
"""Multiples of the present value that are tried, of sizes and lifetimes."""

GRACES: Final = (0.0, 1.0, 5.0, 30.0)
REFRESHES: Final = (1.0, 0.9, 0.8, 0.5)


@dataclass(frozen=True, slots=True)
class Workload:
    """The past reads of a region, in order of time.

    ``rate`` is the share of the keys that they are a sample of, ``total`` the number of all reads,
    ``render_seconds`` the mean time of a render. ``left_out`` reads of the same time are not among
    them.
    """

    reads: Sequence[Read]
    total: float
    render_seconds: float = 0.0
    rate: float = 1.0
    left_out: float = 0.0

    @property
    def sampled_keys(self) -> int:
        """The number of different keys in the reads."""
        return len({read.key for read in self.reads})

    @property
    def is_too_small(self) -> bool:
        """Whether the reads are a sample of so few keys that they say little about the others."""
        return self.rate < 1 and self.sampled_keys < MIN_SAMPLED_KEYS

    def forecast(self, settings: SimulatedSettings) -> Forecast:
        """What the region would have done with these settings."""
        found = simulate(self.reads, settings.of_sample(self.rate), self.render_seconds)
        return found.of_all(self.rate, self.total)


@dataclass(frozen=True, slots=True)
class SettingOption:
    """A value of the key ``name``, and what the region would do with it."""

    name: str
    value: float
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class SettingAdvice:
    """The options of a key, in the order of their values; the present and the advised one."""

    name: str
    options: tuple[SettingOption, ...]
    present: SettingOption
    advised: SettingOption


@dataclass(frozen=True, slots=True)
class RegionAdvice:
    """What a region does with its settings, and the advice for each of them."""

    region: str
    present: Forecast
    settings: tuple[SettingAdvice, ...]


def _hits(forecast: Forecast) -> float:
    return forecast.hits


def _local_hits(forecast: Forecast) -> float:
    return forecast.local


def _unwaited(forecast: Forecast) -> float:
    return -forecast.waited


@dataclass(frozen=True, slots=True)
class _Key:
    """A key: the values that are tried, the goal, which value costs less, whether it is memory."""

    name: str
    values: Callable[[SimulatedSettings, Forecast], Iterable[float]]
    goal: Callable[[Forecast], float]
    is_less_better: bool = True
    is_memory: bool = False


def _sizes(settings: SimulatedSettings, unlimited: Forecast) -> Iterable[float]:
    if math.isfinite(settings.size):
        return (settings.size * factor for factor in FACTORS)
    return (unlimited.stored_bytes * factor for factor in (0.25, 0.5, 1.0))


def _lifetimes(settings: SimulatedSettings, unlimited: Forecast) -> Iterable[float]:
    return (max(1.0, settings.expiration_time * factor) for factor in FACTORS)


def _copy_sizes(settings: SimulatedSettings, unlimited: Forecast) -> Iterable[float]:
    return (0.0, *((settings.l1_bytes or 16_000_000.0) * factor for factor in (*FACTORS, 1.0)))


_KEYS: Final = (
    _Key("size", _sizes, _hits, is_memory=True),
    _Key("expiration_time", _lifetimes, _hits),
    _Key("l1_bytes", _copy_sizes, _local_hits, is_memory=True),
    _Key("grace", lambda settings, unlimited: GRACES, _unwaited),
    _Key("refresh_after", lambda settings, unlimited: REFRESHES, _hits, is_less_better=False),
)


def advise(region: str, workload: Workload, settings: SimulatedSettings) -> RegionAdvice:
    """Simulate the region with one setting changed at a time.

    If the present value is not within ``TOLERANCE`` of the best one, the least that is, is advised;
    of ``refresh_after`` the greatest, which renders least. Less memory is advised if it is enough.
    """
    present = workload.forecast(settings)
    unlimited = workload.forecast(replace(settings, size=math.inf))
    found = []
    for key in _KEYS:
        now = SettingOption(key.name, getattr(settings, key.name), present)
        values = sorted({*key.values(settings, unlimited)} - {now.value})
        others = [
            SettingOption(key.name, value, workload.forecast(_with(settings, key.name, value)))
            for value in values
        ]
        options = sorted([now, *others], key=lambda option: option.value)
        found.append(SettingAdvice(key.name, tuple(options), now, _advised(key, now, options)))
    return RegionAdvice(region, present, tuple(found))


def _with(settings: SimulatedSettings, name: str, value: float) -> SimulatedSettings:
    changes: dict[str, Any] = {name: value}
    return replace(settings, **changes)


def _advised(key: _Key, present: SettingOption, options: Sequence[SettingOption]) -> SettingOption:
    enough = max(key.goal(option.forecast) for option in options)
    enough -= TOLERANCE * present.forecast.reads
    good = [option for option in options if key.goal(option.forecast) >= enough]
    if present in good:
        if not key.is_memory:
            return present
        most = SAVING * present.forecast.memory
        return next((option for option in good if option.forecast.memory <= most), present)
    return good[0] if key.is_less_better else good[-1]


def advise_regions(
    workloads: Mapping[str, Workload], present: Mapping[str, SimulatedSettings]
) -> list[RegionAdvice]:
    """Advise each region that has reads, and not too small a sample of them.

    Regions that are not private share the bytes of their stores, in proportion to what they would
    store without a limit.
    """
    read = {name: each for name, each in workloads.items() if each.reads and name in present}
    unlimited = {
        name: each.forecast(replace(present[name], size=math.inf)).stored_bytes
        for name, each in read.items()
    }
    shared = sum(size for name, size in unlimited.items() if not present[name].is_private)
    found = []
    for name, workload in read.items():
        if workload.is_too_small:
            continue
        settings = present[name]
        if not settings.is_private and math.isfinite(settings.size):
            settings = replace(settings, size=settings.size * unlimited[name] / shared)
        found.append(advise(name, workload, settings))
    return found


def present_settings(cache: Cache) -> dict[str, SimulatedSettings]:
    """The settings of every region. The size of a store without a known limit is infinite."""
    return {
        name: SimulatedSettings(
            size=_size_of(cache.dogpile[name].actual_backend),
            expiration_time=region.policy.expiration_time,
            l1_bytes=region.local_cache_limit,
            grace=region.policy.grace,
            refresh_after=region.policy.refresh_after,
            is_private=name in cache.private_regions,
        )
        for name, region in cache.regions.items()
        if region.policy.enabled
    }


def _size_of(backend: Any) -> float:
    own: float | None = getattr(backend, "max_bytes", None)
    if own is not None:
        return own
    servers = backend.statistics().values() if hasattr(backend, "statistics") else ()
    limits = [int(counters["limit_maxbytes"]) for counters in servers if counters]
    return sum(limits) if limits else math.inf


def advice_json(advice: RegionAdvice) -> dict[str, Any]:
    """The advice as JSON values; an infinite size is None."""
    return {
        "region": advice.region,
        "present": _forecast_json(advice.present),
        "settings": {
            each.name: {
                "present": _finite(each.present.value),
                "advised": _finite(each.advised.value),
                "options": [
                    {"value": _finite(option.value), **_forecast_json(option.forecast)}
                    for option in each.options
                ],
            }
            for each in advice.settings
        },
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _forecast_json(forecast: Forecast) -> dict[str, float]:
    numbers = {name: round(value, 1) for name, value in asdict(forecast).items()}
    return {"hit_ratio": round(forecast.hit_ratio, 4), **numbers}
