"""The kinds of values that settings have: what each is called and how its text is read."""

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


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    ``description`` completes "expected …" and stands in docs/settings.md; ``parse`` takes the
    text and returns the typed value, or raises ``ValueError`` when it is not of this kind.
    """

    description: str
    parse: Callable[[str], Any]


def integer(minimum: int, maximum: int) -> Kind:
    """A whole number within inclusive bounds."""

    def parse(value: str) -> int:
        return _within(int(value), minimum, maximum)

    return Kind(f"a whole number from {minimum} to {maximum}", parse)


def seconds(minimum: float, maximum: float) -> Kind:
    """A duration in seconds within inclusive bounds; fractions are welcome."""

    def parse(value: str) -> float:
        return _within(float(value), minimum, maximum)

    return Kind(f"seconds from {minimum:g} to {maximum:g}", parse)


def choice(*words: str) -> Kind:
    """One of a few words; an empty one among them means that the value may be left empty."""

    def parse(value: str) -> str:
        if value not in words:
            raise ValueError(value)
        return value

    return Kind("one of " + ", ".join(word or "(empty)" for word in words), parse)


def optional(kind: Kind) -> Kind:
    """The same, or nothing: an empty value is ``None``."""

    def parse(value: str) -> Any:
        return kind.parse(value) if value else None

    return Kind(f"{kind.description}, or empty", parse)


def _within(number: Number, minimum: float, maximum: float) -> Number:
    if not minimum <= number <= maximum:  # nan is within nothing
        raise ValueError(number)
    return number


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
    if not parts.hostname or parts.port == 0:  # asking for a port that is none raises, too
        raise ValueError(value)
    return value.rstrip("/")


def _database_url(value: str) -> str:
    # Heroku says postgres://, everybody else postgresql://; either means psycopg 3 here.
    for prefix in ("postgres://", "postgresql://"):
        if value.startswith(prefix):
            value = "postgresql+psycopg://" + value.removeprefix(prefix)
    if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError(value)
    try:
        make_url(value)
    except ArgumentError:  # what is no URL; a port that is no number is a ValueError
        raise ValueError(value) from None
    return value


def _networks(value: str) -> tuple[Any, ...]:
    return tuple(ipaddress.ip_network(each) for each in value.split())


def _secret(value: str) -> str:
    if len(value) < SECRET_LENGTH or not value.isascii() or not value.isprintable():
        raise ValueError
    return value


SECRET_LENGTH = 16
"""Characters below which a secret is soon guessed."""

TEXT = Kind("a text", str)
NETWORKS = Kind("addresses or networks (127.0.0.1 10.0.0.0/8) with spaces between", _networks)
SECRET = Kind(f"a secret of at least {SECRET_LENGTH} plain characters", _secret)
BOOLEAN = Kind("true or false", _boolean)
PATH = Kind("a path", Path)
HTTP_URL = Kind("an address such as https://example.com", _http_url)
DATABASE_URL = Kind("sqlite:///path or postgresql://user:password@host/name", _database_url)
