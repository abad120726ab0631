"""The settings of an ini file, read once at start-up.

A missing or wrong key stops the start with a line that names it, so nothing further down ever asks
whether a setting is there or what type it has.

A value may hold ``${NAME}`` or ``${NAME:-default}``, replaced from the environment: secrets and
what a platform decides (``PORT``, ``DATABASE_URL``) never stand in a file.
"""

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from .errors import SettingsError
from .keys import SETTINGS, Setting
from .renamed import with_current_names
from .variables import VARIABLE, names_in

__all__ = ["SETTINGS", "Setting", "SettingsError", "expand", "load"]

# Regions are named by the ini file itself, so moziweb.cache reads these keys, as strictly.
CACHE_PREFIX = "cache."

# Where a site is nobody's but its developer's.
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

# Keys that Pyramid and its add-ons read themselves; they pass through as text.
FOREIGN_PREFIXES = ("pyramid.", "jinja2.", "tm.", "retry.", "debugtoolbar.")
FOREIGN_KEYS = frozenset({"here", "__file__"})


def expand(key: str, value: str, environ: Mapping[str, str]) -> str:
    """Replace ``${NAME}`` and ``${NAME:-default}`` in ``value``.

    As in a shell, a default also stands for a variable that is set to nothing. Raises
    ``SettingsError`` naming the key and the variable when one without a default is not set.
    """

    def replacement(match: re.Match[str]) -> str:
        found = environ.get(match["name"])
        if not found and match["default"] is not None:
            found = match["default"]
        if found is None:
            raise SettingsError(f"{key}: the environment variable {match['name']} is not set")
        return found

    return VARIABLE.sub(replacement, value)


def load(
    raw: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    declared: Iterable[Setting] = SETTINGS,
) -> dict[str, Any]:
    """The typed settings of an ini file's ``[app:main]``.

    Raises ``SettingsError`` for the first key that is missing, unknown or wrong. The environment
    is only a source of ``${NAME}`` values: it never adds a key by itself.
    """
    raw = with_current_names(raw)
    table = {setting.name: setting for setting in declared}
    typed: dict[str, Any] = {name: setting.default for name, setting in table.items()}
    for key, value in raw.items():
        if key in table:
            typed[key] = _parsed(table[key], value, environ)
        elif key.startswith(CACHE_PREFIX):
            typed[key] = expand(key, str(value).strip(), environ)
        elif key in FOREIGN_KEYS or key.startswith(FOREIGN_PREFIXES):
            typed[key] = value
        else:
            raise SettingsError(f"{key}: no such setting; docs/settings.md lists them all")
    for setting in table.values():
        if setting.required and setting.name not in raw:
            raise SettingsError(f"{setting.name}: missing. {setting.meaning}")
    _check_together(typed)
    return typed


def _parsed(setting: Setting, value: Any, environ: Mapping[str, str]) -> Any:
    if not isinstance(value, str):  # a test or a script that passes typed values
        return value
    expanded = expand(setting.name, value.strip(), environ)
    try:
        return setting.kind.parse(expanded)
    except ValueError:
        # The text from the file is shown, not the expanded one: that one may be a secret.
        expected = f"expected {setting.kind.description}"
        given = [name for name in names_in(value) if environ.get(name)]
        names = f" ({', '.join(given)} from the environment)" if given else ""
        raise SettingsError(f"{setting.name} = {value}: {expected}{names}") from None


def _check_together(typed: Mapping[str, Any]) -> None:
    needs = {"disk": "storage.disk.path", "s3": "storage.s3.bucket"}
    needed = needs.get(typed.get("storage.backend", ""))
    if needed and typed[needed] is None:
        backend = typed["storage.backend"]
        raise SettingsError(f"{needed}: missing, and storage.backend = {backend} needs it")
    host = urlsplit(str(typed.get("site.base_url"))).hostname or ""
    if typed.get("debug.cache_page") and host not in LOOPBACK:
        raise SettingsError(
            f"debug.cache_page = true: for development alone, and site.base_url is at {host}"
        )
    _check_lease(typed)
    on_sqlite = str(typed.get("sqlalchemy.url")).startswith("sqlite")
    if typed.get("posters.background") == "procrastinate" and on_sqlite:
        raise SettingsError(
            "posters.background = procrastinate: its queue lives in PostgreSQL, and sqlalchemy.url "
            "is SQLite; expected pool or off there"
        )


def _check_lease(typed: Mapping[str, Any]) -> None:
    """Refuse a lease that runs out while its holder reads or decodes, when nobody renews it.

    It is renewed between two steps once a third of it is gone.
    """
    lease = typed.get("posters.lease_seconds")
    for name, share in (("posters.fetch_seconds", 1.0), ("posters.decoder.seconds", 2 / 3)):
        step = typed.get(name)
        if lease is not None and step is not None and lease * share <= step:
            raise SettingsError(
                f"posters.lease_seconds = {lease:g}: another worker would begin the same poster "
                f"within {name} = {step:g}; expected more than {step / share:g}"
            )
