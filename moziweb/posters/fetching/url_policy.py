"""Where a fetch may go: the pure rules for URLs and IP addresses.

An operator can paste any URL as a poster's source and its server can redirect anywhere, so both are
held against the same rules: a plain http(s) URL whose host is a name or an unambiguous address, and
addresses that only the public internet has. Nothing here resolves or connects.
"""

import re
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)
from typing import Literal

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network
Scheme = Literal["http", "https"]

MAX_URL_LENGTH = 2048
DEFAULT_PORTS: dict[Scheme, int] = {"http": 80, "https": 443}

# `ipaddress.is_global` follows the IANA registries only as far as the Python patch release does,
# and calls multicast global, so every block that must never be reached is named here as well:
# https://www.iana.org/assignments/iana-ipv4-special-registry
# https://www.iana.org/assignments/iana-ipv6-special-registry
# https://github.com/python/cpython/issues/124217 (3fff::/20 is global to Python 3.11)
SPECIAL_NETWORKS: tuple[IPNetwork, ...] = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8",  # "this network"
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; also a cloud's metadata (100.100.100.200)
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a public address that Azure answers inside every virtual network
        "169.254.0.0/16",  # link-local; the usual cloud metadata (169.254.169.254)
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocols; also a cloud's metadata (192.0.0.192)
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT relays
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved and broadcast
        "2001::/23",  # IETF protocols: Teredo, ORCHID, benchmarking, AMT
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address, which a relay would reach for us
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)

# Global unicast is all that is allocated of IPv6. Loopback, IPv4-mapped and IPv4-compatible, local
# NAT64 (64:ff9b:1::/48), discard, segment routing, unique local (metadata at fd00:ec2::254 among
# them), link-local, site-local and multicast addresses all lie outside it.
GLOBAL_UNICAST = IPv6Network("2000::/3")

# The one embedding that is needed: behind DNS64 every IPv4-only site is reached through it (RFC
# 6052).
NAT64 = IPv6Network("64:ff9b::/96")

_REFUSED_CHARACTERS = re.compile(r"[\x00-\x1f\x7f\\]")
_AUTHORITY = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")


class ForbiddenUrl(ValueError):
    """The URL is none that a picture may be fetched from; the message is for logs."""


@dataclass(frozen=True, slots=True)
class AllowedNetwork:
    """An exception from the rules: ``network`` may be reached on ``port`` and no other."""

    network: IPNetwork
    port: int

    def permits(self, address: IPAddress, port: int) -> bool:
        """Tell whether this exception covers ``address`` on ``port``."""
        return port == self.port and address in self.network


@dataclass(frozen=True, slots=True)
class ParsedUrl:
    """A parsed URL: ``host`` is a lower-case ASCII name, or an address without brackets.

    ``path`` is the percent-encoded request target with its query; ``address`` is set when the host
    is an address, which needs no lookup.
    """

    scheme: Scheme
    host: str
    port: int
    path: str
    address: IPAddress | None

    @property
    def url(self) -> str:
        """The URL in its normal form: no fragment, no default port."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def is_public(address: IPAddress) -> bool:
    """Tell whether ``address`` can only be a host of the public internet.

    NAT64 addresses are judged by the IPv4 address they carry; every other form that carries one
    (mapped, compatible, 6to4, Teredo) is refused, since no site publishes it.
    """
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        if address in NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        if address not in GLOBAL_UNICAST:
            return False
    return address.is_global and not any(address in network for network in SPECIAL_NETWORKS)


def parse_image_url(url: str) -> ParsedUrl:
    """Parse an absolute http(s) URL.

    Spaces and letters beyond ASCII are percent-encoded in the path and written as IDNA in the host,
    as browsers do. Raises `BadTargetError` for anything else than a plain URL: another scheme,
    userinfo, control characters, backslashes, zone ids, addresses not in their usual notation.
    """
    authority = _AUTHORITY.match(url)
    if len(url) > MAX_URL_LENGTH or authority is None or _REFUSED_CHARACTERS.search(url):
        raise ForbiddenUrl("not a plain http(s) URL")
    # A percent sign is a zone id, or a host that one reader decodes and another does not.
    if "@" in authority[1] or "%" in authority[1]:
        raise ForbiddenUrl("userinfo or an escape in the URL's authority")
    try:
        parsed = parse_url(url)
    except LocationParseError as error:
        raise ForbiddenUrl(str(error)) from error
    return _parsed_url(parsed)


def _parsed_url(parsed: Url) -> ParsedUrl:
    scheme: Scheme = "https" if parsed.scheme == "https" else "http"
    host, address = _parse_host(parsed.host or "")
    port = DEFAULT_PORTS[scheme] if parsed.port is None else parsed.port
    return ParsedUrl(scheme, host, port, parsed.request_uri, address)


def _parse_host(host: str) -> tuple[str, IPAddress | None]:
    if host.startswith("["):
        address = _parse_ipv6(host[1:-1])
        return str(address), address
    host = host.removesuffix(".")
    if not _NAME.fullmatch(host):
        raise ForbiddenUrl(f"not a host name: {host!r}")
    # A host that ends in a number is an address to every resolver (0x7f.1, 2130706433, 0177.0.0.1),
    # each with its own reading; the WHATWG URL standard draws the line at the same place.
    if _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
        return host, _parse_ipv4(host)
    return host, None


def _parse_ipv4(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError as error:
        raise ForbiddenUrl(f"not a dotted IPv4 address: {text!r}") from error


def _parse_ipv6(text: str) -> IPv6Address:
    try:
        return IPv6Address(text)
    except ValueError as error:
        raise ForbiddenUrl(f"not an IPv6 address: {text!r}") from error
