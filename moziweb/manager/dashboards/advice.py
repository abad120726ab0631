"""View models of the advice for the cache, beside the values of the settings page."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.ops.models import CacheAdvice

_ROWS: Final = {"size": "backend"}
"""The rows of the page that have another name than the advised setting."""

_BYTES: Final = frozenset({"size", "l1_bytes"})


@dataclass(frozen=True, slots=True)
class ForecastView:
    """What a region does with a value: hits in percent, renders, megabytes of memory."""

    hits: float
    renders: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class AdvisedValue:
    """The advice for a setting of a region; ``is_kept`` if its present value is good.

    ``value`` is in megabytes if ``is_size``, None for no limit.
    """

    region: str
    value: float | None
    is_size: bool
    is_kept: bool
    present: ForecastView
    advised: ForecastView


@dataclass(frozen=True, slots=True)
class AdvicePage:
    """The latest advice by the name of a row, and when it was given."""

    at: datetime
    rows: Mapping[str, tuple[AdvisedValue, ...]]


def latest_advice(session: Session) -> AdvicePage | None:
    """The advice of the latest `moziweb cache advise`; None without any. One query.

    Advice that another release has written in another form is no advice.
    """
    rows: dict[str, list[AdvisedValue]] = defaultdict(list)
    given: list[float] = []
    for each in session.scalars(select(CacheAdvice).order_by(CacheAdvice.region)):
        try:
            values = _advised_values(each)
        except (KeyError, TypeError, AttributeError):
            continue
        given.append(each.at)
        for name, value in values.items():
            rows[f"cache.<region>.{_ROWS.get(name, name)}"].append(value)
    if not given:
        return None
    at = datetime.fromtimestamp(max(given), UTC)
    return AdvicePage(at, {name: tuple(values) for name, values in rows.items()})


def _advised_values(advice: CacheAdvice) -> dict[str, AdvisedValue]:
    """The advice for a region, by setting."""
    settings: Mapping[str, Mapping[str, Any]] = advice.advice["settings"]
    return {
        name: _advised_value(advice.region, name, setting) for name, setting in settings.items()
    }


def _advised_value(region: str, name: str, setting: Mapping[str, Any]) -> AdvisedValue:
    present, advised = setting["present"], setting["advised"]
    options = {option["value"]: _outcome(option) for option in setting["options"]}
    is_size = name in _BYTES
    value = advised if advised is None or not is_size else advised / 1e6
    return AdvisedValue(
        region, value, is_size, present == advised, options[present], options[advised]
    )


def _outcome(option: Mapping[str, float]) -> ForecastView:
    megabytes = (option["stored_bytes"] + option["local_bytes"]) / 1e6
    return ForecastView(100 * option["hit_ratio"], math.floor(option["renders"]), megabytes)
