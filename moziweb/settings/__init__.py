"""The settings of an ini file, parsed and checked once at start-up.

A missing or wrong key stops the start with one line that names it, so other code can rely on every
setting being there and having its type.

A value may contain ``${NAME}`` or ``${NAME:-default}``, replaced from the environment. Use this for
secrets and for what a platform sets (``PORT``, ``DATABASE_URL``).
"""

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from .keys import SETTINGS
from .masking import MASK, mask_secrets
from .renamed import with_current_names
from .schema import Setting, SettingsError
from .variables import VARIABLE, names_in

__all__ = ["SETTINGS", "Setting", "SettingsError", "expand", "load"]

# The ini file itself names the cache's regions, so moziweb.cache parses and checks these keys.
CACHE_PREFIX = "cache."

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

# Keys of Pyramid and its add-ons. They are passed through as texts.
FOREIGN_PREFIXES = ("pyramid.", "jinja2.", "tm.", "retry.", "debugtoolbar.")
FOREIGN_KEYS = frozenset({"here", "__file__"})


def expand(key: str, value: str, environ: Mapping[str, str]) -> str:
    """Replace ``${NAME}`` and ``${NAME:-default}`` in ``value``.

    As in a shell, the default also replaces an empty variable. Raises ``SettingsError``, which
    names the key and the variable, if a variable without a default is not set.
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
    """Return the typed settings of an ini file's ``[app:main]``.

    Raises ``SettingsError`` for the first key that is missing, unknown or wrong. The environment
    only provides the values of ``${NAME}``; a variable alone never sets a key.
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
        return setting.value_type.parse(expanded)
    except ValueError:
        expected = f"expected {setting.value_type.description}"
        given = [name for name in names_in(value) if environ.get(name)]
        names = f" ({', '.join(given)} from the environment)" if given else ""
        raise SettingsError(
            f"{setting.name} = {_shown(setting, value)}: {expected}{names}"
        ) from None


def _shown(setting: Setting, value: str) -> str:
    """The text of the file, not the expanded value: that may contain a secret."""
    return MASK if setting.secret and not VARIABLE.fullmatch(value) else mask_secrets(value)


def _check_together(typed: Mapping[str, Any]) -> None:
    keys = {"disk": "storage.disk.path", "s3": "storage.s3.bucket"}
    key = keys.get(typed.get("storage.backend", ""))
    if key and typed[key] is None:
        raise SettingsError(
            f"{key}: missing, and storage.backend = {typed['storage.backend']} needs it"
        )
    host = urlsplit(str(typed.get("site.base_url"))).hostname or ""
    if typed.get("debug.cache_page") and host not in LOOPBACK:
        raise SettingsError(
            f"debug.cache_page = true: only for development, but site.base_url is at {host}; "
            "set it to false"
        )
    if typed.get("posters.test_host") and host not in LOOPBACK:
        raise SettingsError(
            "posters.test_host: only for development, since any address of it is fetched, but "
            f"site.base_url is at {host}; leave it empty"
        )
    _check_lease(typed)
    on_sqlite = str(typed.get("sqlalchemy.url")).startswith("sqlite")
    if typed.get("posters.background") == "procrastinate" and on_sqlite:
        raise SettingsError(
            "posters.background = procrastinate: its queue needs PostgreSQL, but sqlalchemy.url "
            "is SQLite; use pool or off with SQLite"
        )


def _check_lease(typed: Mapping[str, Any]) -> None:
    """Refuse a lease that can expire during one step of its holder: a fetch or a decoding.

    The holder renews the lease only between two steps, once a third of it is over.
    """
    lease = typed.get("posters.lease_seconds")
    for name, share in (("posters.fetch_seconds", 1.0), ("posters.decoder.seconds", 2 / 3)):
        step = typed.get(name)
        if lease is not None and step is not None and lease * share <= step:
            raise SettingsError(
                f"posters.lease_seconds = {lease:g}: it could expire within {name} = {step:g}, and "
                f"another worker would begin the same poster; expected more than {step / share:g}"
            )
