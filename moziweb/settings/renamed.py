"""Renamed and removed ini keys: accepted for one release, with a logged warning."""

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

from .schema import SettingsError

log = logging.getLogger(__name__)

RENAMED: Final = {
    "cache.renewers": "cache.refresh_threads",
    "cache.*.stray_life": "cache.*.negative_ttl",
    "cache.*.stray_places": "cache.*.negative_slots",
}
"""Old name -> new name; ``*`` is one part of a key, such as a region's name."""

WITHOUT_EFFECT: Final = frozenset({"server.switch_interval"})
"""Keys without an effect."""

_PATTERNS: Final = tuple(
    (re.compile(re.escape(old).replace(r"\*", r"([^.]+)")), new.replace("*", r"\1"))
    for old, new in RENAMED.items()
)


def current_name(key: str) -> str:
    """Return the current name of a key: the new one if it was renamed, else the key itself."""
    for pattern, new in _PATTERNS:
        match = pattern.fullmatch(key)
        if match:
            return match.expand(new)
    return key


def with_current_names(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings under their current names, without removed ones, and log a warning each.

    Raises ``SettingsError`` if a key is set under both names.
    """
    settings: dict[str, Any] = {}
    for key, value in raw.items():
        if key in WITHOUT_EFFECT:
            log.warning("%s has no effect any more; the next release refuses it", key)
            continue
        name = current_name(key)
        if name != key and name in raw:
            raise SettingsError(f"{key}: renamed to {name}, which is set too; remove {key}")
        if name != key:
            log.warning("%s was renamed to %s; the next release refuses the old name", key, name)
        settings[name] = value
    return settings
