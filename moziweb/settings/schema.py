"""Declarations of ini keys, and the types of values with their parsers."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

Number = TypeVar("Number", int, float)


class SettingsError(Exception):
    """A setting is missing, unknown or wrong. The text is one line for the operator."""


@dataclass(frozen=True)
class ValueType:
    """A type of value.

    ``description`` completes "expected …" and is shown in docs/settings.md. ``parse`` returns the
    typed value of a text, or raises ``ValueError``.
    """

    description: str
    parse: Callable[[str], Any]


@dataclass(frozen=True)
class Setting:
    """One ini key. A ``secret`` value is never shown."""

    name: str
    value_type: ValueType
    meaning: str
    default: Any = None
    required: bool = False
    secret: bool = False


def integer(minimum: int, maximum: int) -> ValueType:
    """A whole number within inclusive bounds that are not negative."""

    def parse(value: str) -> int:
        if not value.isascii() or not value.isdecimal():
            raise ValueError(value)
        return _within(int(value), minimum, maximum)

    return ValueType(f"a whole number from {minimum} to {maximum}", parse)


def number(minimum: float, maximum: float, unit: str = "a number") -> ValueType:
    """A number within inclusive bounds; ``unit`` begins its description."""

    def parse(value: str) -> float:
        return _within(float(value), minimum, maximum)

    return ValueType(f"{unit} from {minimum:.15g} to {maximum:.15g}", parse)


def seconds(minimum: float, maximum: float) -> ValueType:
    """A duration in seconds within inclusive bounds; fractions are allowed."""
    return number(minimum, maximum, "seconds")


def choice(*words: str) -> ValueType:
    """One of ``words``, in any case; ``""`` among them allows an empty value."""
    known = {word.lower(): word for word in words}

    def parse(value: str) -> str:
        if value.lower() not in known:
            raise ValueError(value)
        return known[value.lower()]

    return ValueType("one of " + ", ".join(word or "(empty)" for word in words), parse)


def optional(value_type: ValueType) -> ValueType:
    """``value_type``, or an empty value, which is ``None``."""

    def parse(value: str) -> Any:
        return value_type.parse(value) if value else None

    return ValueType(f"{value_type.description}, or empty", parse)


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


def _host_name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", value):
        raise ValueError(value)
    return value


def _host_port(value: str) -> str:
    host, _colon, port = value.rpartition(":")
    return f"{_host_name(host)}:{integer(1, 65_535).parse(port)}"


def _origin(value: str) -> str:
    """As browsers write it in ``Origin``: in lower case, without the scheme's own port."""
    if not re.fullmatch(r"https?://([\w.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?/*", value, re.I | re.A):
        raise ValueError(value)
    url = _http_url(value.lower())
    return url.removesuffix(":443" if url.startswith("https:") else ":80")


def _networks(value: str) -> tuple[Any, ...]:
    return tuple(ipaddress.ip_network(each) for each in value.split())


def _secret(value: str) -> str:
    if len(value) < SECRET_LENGTH or not value.isascii() or not value.isprintable():
        raise ValueError
    return value


SECRET_LENGTH = 16
"""The minimum length of a secret; shorter ones can be guessed."""

TEXT = ValueType("a text", _text)
TEXT_OR_EMPTY = ValueType("a text, or empty", str)
NETWORKS = ValueType("addresses or networks (127.0.0.1 10.0.0.0/8) with spaces between", _networks)
SECRET = ValueType(f"a secret of at least {SECRET_LENGTH} printable ASCII characters", _secret)
BOOLEAN = ValueType("true or false", _boolean)
PATH = ValueType("a path", Path)
HTTP_URL = ValueType("a URL such as https://example.com", _http_url)
HOST_NAME = ValueType("a host name in lower case, such as example.com", _host_name)
HOST_PORT = ValueType("a host and a port, such as pictures.test:8080", _host_port)
ORIGIN = ValueType("a URL without a path, such as https://example.com", _origin)
