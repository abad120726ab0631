"""The settings in effect: each key's value, origin and meaning."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pyramid.i18n import TranslationString

from moziweb.cache.regions.config import DEFAULT_REGION as SHARED
from moziweb.cache.regions.settings_schema import CACHE_KEYS, REGION_KEYS
from moziweb.i18n import _
from moziweb.settings import SETTINGS, Setting
from moziweb.settings.masking import MASK, mask_secrets
from moziweb.settings.origins import DEFAULT_ORIGIN, Origin

_SECRET: Final = re.compile(r"pass|secret|token|credential", re.IGNORECASE)
"""Matches names of backend arguments that are likely secrets."""


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A key: its values, each with the regions that it applies to, "" for all.

    ``origins`` belong to the values, in the same order. ``meaning`` is extracted for translation
    from the tables of keys (``babel.cfg``).
    """

    name: str
    values: tuple[tuple[str, str], ...]
    origins: tuple[Origin, ...]
    meaning: TranslationString

    @property
    def is_set(self) -> bool:
        """Whether any value is not the default."""
        return any(origin != DEFAULT_ORIGIN for origin in self.origins)


@dataclass(frozen=True, slots=True)
class SettingGroup:
    """The keys with one prefix."""

    name: str
    rows: tuple[SettingRow, ...]


def setting_groups(
    settings: Mapping[str, Any], origins: Mapping[str, Origin]
) -> tuple[SettingGroup, ...]:
    """Returns every key, in the order of docs/settings.md."""
    groups: dict[str, list[SettingRow]] = {}
    for setting in SETTINGS:
        value = setting_text(settings[setting.name], setting.secret)
        row = _row(setting.name, value, origins, setting.meaning)
        groups.setdefault(setting.name.partition(".")[0], []).append(row)
    groups["cache"] = [*_of_cache(settings, origins), *_of_regions(settings, origins)]
    return tuple(SettingGroup(name, tuple(rows)) for name, rows in groups.items())


def setting_text(value: Any, secret: bool = False) -> str:
    """Formats a value as in the ini file; secrets are masked."""
    if value in (None, "", ()):
        return ""
    if secret:
        return MASK
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return mask_secrets(text)


def _row(name: str, value: str, origins: Mapping[str, Origin], meaning: str) -> SettingRow:
    return SettingRow(name, ((value, ""),), (origins.get(name, DEFAULT_ORIGIN),), _(meaning))


def _of_cache(settings: Mapping[str, Any], origins: Mapping[str, Origin]) -> Iterator[SettingRow]:
    for key in CACHE_KEYS:
        name = f"cache.{key.name}"
        value = setting_text(settings.get(name, key.default), key.secret)
        yield _row(name, value, origins, key.meaning)


def _of_regions(settings: Mapping[str, Any], origins: Mapping[str, Origin]) -> Iterator[SettingRow]:
    regions = str(settings.get("cache.regions", "")).split()
    for key in REGION_KEYS if regions else ():
        found = [_of_region(settings, origins, region, key) for region in regions]
        yield _merged_row(f"cache.<region>.{key.name}", regions, found, key.meaning)
    for name in sorted(settings):
        if name.startswith("cache.") and ".arguments." in name:
            value = setting_text(settings[name], bool(_SECRET.search(name)))
            yield _row(name, value, origins, _("An argument of dogpile's backend."))


def _of_region(
    settings: Mapping[str, Any], origins: Mapping[str, Origin], region: str, key: Setting
) -> tuple[str, Origin]:
    """Returns value and origin of a region's key: the region's, the shared one, or the default."""
    for owner in (region, SHARED):
        name = f"cache.{owner}.{key.name}"
        if name in settings:
            return setting_text(settings[name]), origins.get(name, DEFAULT_ORIGIN)
    return setting_text(key.default), DEFAULT_ORIGIN


def _merged_row(
    name: str, regions: Iterable[str], found: list[tuple[str, Origin]], meaning: str
) -> SettingRow:
    """One row for all regions; regions with the same value and origin are merged."""
    groups: dict[tuple[str, Origin], list[str]] = {}
    for region, each in zip(regions, found, strict=True):
        groups.setdefault(each, []).append(region)
    alone = len(groups) == 1
    values = tuple(
        (value, "" if alone else ", ".join(names)) for (value, _origin), names in groups.items()
    )
    return SettingRow(name, values, tuple(origin for _value, origin in groups), _(meaning))
