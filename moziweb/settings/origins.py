"""The origin of each setting's value: the ini file, the environment, or the default."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .renamed import current_name
from .variables import names_in


class Source(StrEnum):
    """The kind of an origin."""

    INI = "ini"
    ENVIRONMENT = "environment"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a value; ``variables`` are the environment variables in it."""

    source: Source
    variables: tuple[str, ...] = ()


DEFAULT_ORIGIN = Origin(Source.DEFAULT)
"""The origin of a key that is not in the ini file."""


def origins_of(
    raw: Mapping[str, Any], environ: Mapping[str, str] = os.environ
) -> dict[str, Origin]:
    """Return the origin of each key in an ini file's ``[app:main]``.

    If none of a value's variables is set, its origin is the file, which contains their defaults.
    """
    return {current_name(key): _origin(str(value), environ) for key, value in raw.items()}


def _origin(text: str, environ: Mapping[str, str]) -> Origin:
    given = tuple(name for name in names_in(text) if environ.get(name))
    return Origin(Source.ENVIRONMENT, given) if given else Origin(Source.INI)
