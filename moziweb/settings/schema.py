"""Declarations of ini keys, and the kinds of values with their parsers."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

Number = TypeVar("Number", int, float)


class SettingsError(Exception):
    """A setting is missing, unknown or wrong. The text is one line for the operator."""


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    ``description`` completes "expected …" and is shown in docs/settings.md. ``parse`` returns the
    typed value of a text, or raises ``ValueError``.
    """

    description: str
    parse: Callable[[str], Any]


@dataclass(frozen=True)
class Setting:
    """One ini key. A ``secret`` value is never shown."""

    name: str
    kind: Kind
    meaning: str
    default: Any = None
    required: bool = False
    secret: bool = False


def integer(minimum: int, maximum: int) -> Kind:
    """A whole number within inclusive bounds that are not negative."""

    def parse(value: str) -> int:
        if not value.isascii() or not value.isdecimal():
            raise ValueError(value)
        return _within(int(value), minimum, maximum)

    return Kind(f"a whole number from {minimum} to {maximum}", parse)


def number(minimum: float, maximum: float, unit: str = "a number") -> Kind:
    """A number within inclusive bounds; ``unit`` begins its description."""

    def parse(value: str) -> float:
        return _within(float(value), minimum, maximum)

    return Kind(f"{unit} from {minimum:.15g} to {maximum:.15g}", parse)


def seconds(minimum: float, maximum: float) -> Kind:
    """A duration in seconds within inclusive bounds; fractions are allowed."""
    return number(minimum, maximum, "seconds")


def choice(*words: str) -> Kind:
    """One of ``words``, in any case; ``""`` among them allows an empty value."""
    known = {word.lower(): word for word in words}

    def parse(value: str) -> str:
        if value.lower() not in known:
            raise ValueError(value)
        return known[value.lower()]

    return Kind("one of " + ", ".join(word or "(empty)" for word in words), parse)


def optional(kind: Kind) -> Kind:
    """``kind``, or an empty value, which is ``None``."""

    def parse(value: str) -> Any:
        return kind.parse(value) if value else None

    return Kind(f"{kind.description}, or empty", parse)


def _within(value: Number, minimum: float, maximum: float) -> Number:
    if not minimum <= value <= maximum:  # nan is outside of any bounds
        raise ValueError(value)
    return value


def _text(value: str) -> str:
    if not value:
        raise ValueError(value)
    return value


def _boolean(value: str) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "0": False}
    if value.lower() not in words:
        raise ValueError(value)
    return words[value.lower()]


def _http_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
        raise ValueError(value)
    parts = urlsplit(value)
    if not parts.hostname or parts.port == 0:  # reading an invalid port raises ValueError
        raise ValueError(value)
    return value.rstrip("/")


def _database_url(value: str) -> str:
    # Heroku writes postgres://, others postgresql://; both mean psycopg 3 here.
    for prefix in ("postgres://", "postgresql://"):
        if value.startswith(prefix):
            value = "postgresql+psycopg://" + value.removeprefix(prefix)
    if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError(value)
    try:
        make_url(value)  # raises ValueError for a port that is not a number
    except ArgumentError:
        raise ValueError(value) from None
    return value


def _networks(value: str) -> tuple[Any, ...]:
    return tuple(ipaddress.ip_network(each) for each in value.split())


def _secret(value: str) -> str:
    if len(value) < SECRET_LENGTH or not value.isascii() or not value.isprintable():
        raise ValueError
    return value


SECRET_LENGTH = 16
"""The minimum length of a secret; shorter ones can be guessed."""

TEXT = Kind("a text", _text)
NETWORKS = Kind("addresses or networks (127.0.0.1 10.0.0.0/8) with spaces between", _networks)
SECRET = Kind(f"a secret of at least {SECRET_LENGTH} printable ASCII characters", _secret)
BOOLEAN = Kind("true or false", _boolean)
PATH = Kind("a path", Path)
HTTP_URL = Kind("a URL such as https://example.com", _http_url)
DATABASE_URL = Kind("sqlite:///path or postgresql://user:password@host/name", _database_url)
