"""Where each setting's value is from: the ini file, the environment, or nowhere (its default)."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .renamed import current_name
from .variables import names_in


class Source(StrEnum):
    """What a value comes from."""

    INI = "ini"
    ENVIRONMENT = "environment"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value is from; ``variables`` are those of the environment that it is made of."""

    source: Source
    variables: tuple[str, ...] = ()


DEFAULT = Origin(Source.DEFAULT)
"""Of a key that the ini file does not have."""


def origins_of(
    raw: Mapping[str, Any], environ: Mapping[str, str] = os.environ
) -> dict[str, Origin]:
    """The origin of each key of an ini file's ``[app:main]``; others have their defaults.

    A value that names variables of which none is set stands in the file, as their defaults do.
    """
    return {current_name(key): _origin(str(value), environ) for key, value in raw.items()}


def _origin(text: str, environ: Mapping[str, str]) -> Origin:
    given = tuple(name for name in names_in(text) if environ.get(name))
    return Origin(Source.ENVIRONMENT, given) if given else Origin(Source.INI)
