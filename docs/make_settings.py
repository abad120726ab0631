"""Generates docs/settings.md from the tables of settings: ``python docs/make_settings.py``."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from moziweb.cache.regions.settings_schema import CACHE_KEYS, REGION_KEYS
from moziweb.settings import SETTINGS, Setting

PAGE = Path(__file__).with_name("settings.md")

INTRODUCTION = """# Settings

All keys of `[app:main]` in an ini file. `docs/make_settings.py` generates this page from
`moziweb/settings/keys.py` and `moziweb/cache/regions/settings_schema.py`; change it there.

- A missing, unknown or wrong key stops the start with one line that names it.
- `${NAME}` and `${NAME:-default}` in a value are replaced from the environment.
- Keys that begin with `pyramid.`, `jinja2.`, `tm.` or `retry.` are those of these packages.
- `[server:main]` with `use = egg:moziweb#waitress` takes every option of waitress.
"""

CACHE = """## cache

`cache.regions` names the regions; without it, nothing is cached.

"""

REGIONS = """
Keys of `cache.default.` apply to all regions. `cache.<region>.arguments.` are for the backend.

"""


def page() -> str:
    """Return the whole page, as Markdown."""
    groups = groupby(SETTINGS, key=lambda setting: setting.name.split(".")[0])
    sections = (f"## {group}\n\n{_table(settings)}" for group, settings in groups)
    cache = CACHE + _table(CACHE_KEYS, "cache.") + REGIONS + _table(REGION_KEYS, "cache.<region>.")
    return "\n".join([INTRODUCTION, *sections, cache])


def _table(settings: Iterable[Setting], prefix: str = "") -> str:
    head = "| key | value | default | meaning |\n| --- | --- | --- | --- |\n"
    return head + "".join(f"{_row(setting, prefix)}\n" for setting in settings)


def _row(setting: Setting, prefix: str) -> str:
    default = "**required**" if setting.required else _default(setting.default)
    kind = setting.value_type.description
    return f"| `{prefix}{setting.name}` | {kind} | {default} | {setting.meaning} |"


def _default(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "(empty)" if value in {None, "", ()} else str(value)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
