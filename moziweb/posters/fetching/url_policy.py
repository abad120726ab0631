"""Rules for URLs and IP addresses that may be fetched, without I/O.

The same rules apply to URLs that editors enter and to redirects: a plain http(s) URL whose host is
a name or an unambiguous IP address, and only public addresses.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Literal

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network
Scheme = Literal["http", "https"]

MAX_FETCHED_URL_LENGTH = 2048
DEFAULT_PORTS: dict[Scheme, int] = {"http": 80, "https": 443}

# `ipaddress.is_global` depends on the Python patch release and is true for multicast, so every
# forbidden block is listed here as well:
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
        "168.63.129.16/32",  # a public address that Azure serves inside every virtual network
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
        "2002::/16",  # 6to4: contains an IPv4 address, to which a relay would connect
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)

# All public IPv6 addresses are global unicast. Loopback, IPv4-mapped and IPv4-compatible, local
# NAT64 (64:ff9b:1::/48), discard, segment routing, unique local (such as the metadata address
# fd00:ec2::254), link-local, site-local and multicast addresses are outside of it.
GLOBAL_UNICAST = IPv6Network("2000::/3")

# The only allowed form that contains an IPv4 address: DNS64 returns it for every IPv4-only site
# (RFC 6052).
NAT64 = IPv6Network("64:ff9b::/96")

_REFUSED_CHARACTERS = re.compile(r"[\x00-\x1f\x7f\\]")
_AUTHORITY = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")


class ForbiddenUrl(ValueError):
    """The URL must not be fetched; the message is for logs."""


class ForbiddenPort(ForbiddenUrl):
    """No port of the URL's host may be connected to but those of HTTP and HTTPS."""


@dataclass(frozen=True, slots=True)
class AllowedNetwork:
    """An exception to the rules: connections to ``network`` are allowed, on ``port`` only."""

    network: IPNetwork
    port: int

    def permits(self, address: IPAddress, port: int) -> bool:
        """Return whether this exception applies to ``address`` on ``port``."""
        return port == self.port and address in self.network


@dataclass(frozen=True, slots=True)
class ParsedUrl:
    """A parsed URL.

    ``host`` is a lower-case ASCII name or an IP address without brackets; ``address`` is set if it
    is an address. ``path`` is the percent-encoded request target with its query.
    """

    scheme: Scheme
    host: str
    port: int
    path: str
    address: IPAddress | None

    @property
    def url(self) -> str:
        """The normalised URL, without fragment and default port."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def is_public(address: IPAddress) -> bool:
    """Return whether ``address`` is an address of the public internet.

    For NAT64 addresses the embedded IPv4 address decides. Other forms that embed one (mapped,
    compatible, 6to4, Teredo) are not public, because no site publishes them.
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

    Spaces and non-ASCII letters are percent-encoded in the path and IDNA-encoded in the host, as in
    browsers. Raises `ForbiddenUrl` for other schemes, userinfo, control characters, backslashes,
    zone ids, and IP addresses that are not in the usual notation.
    """
    authority = _AUTHORITY.match(url)
    if len(url) > MAX_FETCHED_URL_LENGTH or authority is None or _REFUSED_CHARACTERS.search(url):
        raise ForbiddenUrl("not a plain http(s) URL")
    # A percent sign is a zone id, or an escape that not all parsers decode.
    if "@" in authority[1] or "%" in authority[1]:
        raise ForbiddenUrl("userinfo or an escape in the URL's authority")
    try:
        parsed = parse_url(url)
    except LocationParseError as error:
        raise ForbiddenUrl(str(error)) from error
    scheme: Scheme = "https" if parsed.scheme == "https" else "http"
    host, address = _parse_host(parsed.host or "")
    port = DEFAULT_PORTS[scheme] if parsed.port is None else parsed.port
    return ParsedUrl(scheme, host, port, parsed.request_uri, address)


def _parse_host(host: str) -> tuple[str, IPAddress | None]:
    if host.startswith("["):
        address = _parse_address(IPv6Address, host[1:-1])
        return str(address), address
    host = host.removesuffix(".")
    if not _NAME.fullmatch(host):
        raise ForbiddenUrl(f"not a host name: {host!r}")
    # Resolvers take a host that ends in a number for an address (0x7f.1, 2130706433, 0177.0.0.1),
    # but parse it differently. The WHATWG URL standard has the same rule.
    if _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
        return host, _parse_address(IPv4Address, host)
    return host, None


def _parse_address(kind: type[IPAddress], text: str) -> IPAddress:
    try:
        return kind(text)
    except ValueError as error:
        raise ForbiddenUrl(f"not an {kind.__name__} in the usual notation: {text!r}") from error
