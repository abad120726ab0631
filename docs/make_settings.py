"""Writes docs/settings.md from the tables of settings: ``python docs/make_settings.py``."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from moziweb.cache.regions.settings_schema import CACHE_KEYS, REGION_KEYS, Key
from moziweb.settings import SETTINGS, Setting

PAGE = Path(__file__).with_name("settings.md")

INTRODUCTION = """# Settings

Every key of `[app:main]` in an ini file. This page is made by `docs/make_settings.py` from
`moziweb/settings/keys.py`; change it there.

- A missing, misspelt or wrong key stops the start with one line that names it.
- `${NAME}` and `${NAME:-default}` in a value are replaced from the environment.
- Keys that begin with `pyramid.`, `jinja2.`, `tm.` or `retry.` belong to those packages.
- `[server:main]` with `use = egg:moziweb#waitress` takes every option of waitress.
"""


CACHE = """## cache

Regions are named by `cache.regions`; without it, nothing is cached.
"""


def page() -> str:
    """The whole page, as Markdown."""
    rooms = groupby(SETTINGS, key=lambda setting: setting.name.split(".")[0])
    sections = (_section(room, settings) for room, settings in rooms)
    return "\n".join(
        [INTRODUCTION, *sections, CACHE.rstrip(), _keys("cache.", CACHE_KEYS), _regions()]
    )


def _regions() -> str:
    introduction = (
        "What stands under `cache.default.` holds for all regions. `arguments.*` are dogpile's."
    )
    return f"\n{introduction}\n{_keys('cache.<region>.', REGION_KEYS)}"


def _keys(prefix: str, keys: Iterable[Key]) -> str:
    head = "\n| key | default | meaning |\n| --- | --- | --- |\n"
    return head + "".join(
        f"| `{prefix}{key.name}` | {_shown(key.default)} | {key.meaning} |\n" for key in keys
    )


def _section(room: str, settings: Iterable[Setting]) -> str:
    head = f"## {room}\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n"
    return head + "".join(f"{_row(setting)}\n" for setting in settings)


def _row(setting: Setting) -> str:
    default = "**required**" if setting.required else _shown(setting.default)
    return f"| `{setting.name}` | {setting.kind.description} | {default} | {setting.meaning} |"


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return "(empty)" if default in {None, "", ()} else str(default)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
