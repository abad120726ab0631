"""The rules for URLs and IP addresses that may be fetched."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.posters.fetching.url_policy import (
    GLOBAL_UNICAST,
    MAX_FETCHED_URL_LENGTH,
    NAT64,
    SPECIAL_NETWORKS,
    AllowedNetwork,
    ForbiddenUrl,
    IPAddress,
    IPNetwork,
    ParsedUrl,
    is_public,
    parse_image_url,
)

ipv4 = st.ip_addresses(v=4)
ipv6 = st.ip_addresses(v=6)


def inside(network: IPNetwork) -> st.SearchStrategy[IPAddress]:
    """Addresses of ``network``, including the first and the last."""
    first, last = int(network.network_address), int(network.broadcast_address)
    return st.integers(first, last).map(type(network.network_address))


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:400d:80e::200e",
        "64:ff9b::5db8:d822",
    ],
)
def test_internet_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.99.1",
        "192.168.1.1",
        "192.175.48.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:93.184.216.34",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::5db8:d822",
        "100::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:5db8:d822::1",
        "2620:4f:8000::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700:4700::1111%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_other_addresses_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@given(st.sampled_from(SPECIAL_NETWORKS).flatmap(inside))
def test_addresses_of_special_networks_are_not_public(address: IPAddress) -> None:
    assert not is_public(address)


@given(st.one_of(ipv4, ipv6))
def test_public_addresses_are_global_in_the_standard_library(address: IPAddress) -> None:
    if is_public(address):
        assert address.is_global
        assert not any((address.is_multicast, address.is_private, address.is_loopback))


@given(ipv6)
def test_public_ipv6_is_global_unicast_or_nat64(address: IPv6Address) -> None:
    if is_public(address):
        assert address in GLOBAL_UNICAST or address in NAT64


@given(st.one_of(ipv4, st.sampled_from(SPECIAL_NETWORKS[:19]).flatmap(inside)))
def test_embedded_addresses_are_not_public(address: IPv4Address) -> None:
    number = int(address)
    mapped = IPv6Address(0xFFFF << 32 | number)
    sixtofour = IPv6Address(0x2002 << 112 | number << 80 | 1)
    teredo = IPv6Address(0x2001_0000 << 96 | number ^ 0xFFFF_FFFF)
    local_nat64 = IPv6Address(int(IPv6Address("64:ff9b:1::")) | number)
    embedded = (IPv6Address(number), mapped, sixtofour, teredo, local_nat64)
    assert not any(is_public(form) for form in embedded)
    assert is_public(IPv6Address(int(NAT64.network_address) | number)) == is_public(address)


def test_allowed_network_is_allowed_on_its_port_only() -> None:
    allowed = AllowedNetwork(ip_network("127.0.0.0/31"), 8080)

    assert allowed.permits(ip_address("127.0.0.1"), 8080)
    assert not allowed.permits(ip_address("127.0.0.1"), 80)
    assert not allowed.permits(ip_address("127.0.0.2"), 8080)
    assert not allowed.permits(ip_address("::1"), 8080)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://Example.com", ParsedUrl("http", "example.com", 80, "/", None)),
        ("HTTPS://example.com/a.jpg", ParsedUrl("https", "example.com", 443, "/a.jpg", None)),
        ("https://example.com:8443/a", ParsedUrl("https", "example.com", 8443, "/a", None)),
        ("http://example.com./a?b=c#d", ParsedUrl("http", "example.com", 80, "/a?b=c", None)),
        ("http://example.com?w=1", ParsedUrl("http", "example.com", 80, "/?w=1", None)),
        (
            "http://my_cdn.example.com/x",
            ParsedUrl("http", "my_cdn.example.com", 80, "/x", None),
        ),
        (
            "http://árvíztűrő.example/tükör fúró.jpg",
            ParsedUrl(
                "http",
                "xn--rvztr-wqa0gx3bwi.example",
                80,
                "/t%C3%BCk%C3%B6r%20f%C3%BAr%C3%B3.jpg",
                None,
            ),
        ),
        (
            "http://93.184.216.34/",
            ParsedUrl("http", "93.184.216.34", 80, "/", IPv4Address("93.184.216.34")),
        ),
        (
            "http://[2606:4700:4700:0::1111]:81/",
            ParsedUrl("http", "2606:4700:4700::1111", 81, "/", IPv6Address("2606:4700:4700::1111")),
        ),
    ],
)
def test_plain_urls_are_parsed(url: str, expected: ParsedUrl) -> None:
    assert parse_image_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/a.jpg",
        "//example.com/a.jpg",
        " http://example.com/",
        "ftp://example.com/a.jpg",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "gopher://127.0.0.1:70/_",
        "http:/example.com/",
        "http://",
        "http:///etc/passwd",
        "http://?a.jpg",
        "http://user:secret@example.com/",
        "http://user@example.com/",
        "http://@example.com/",
        "http://93.184.216.34@127.0.0.1/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com/a\r\nHost: 127.0.0.1",
        "http://example.com/a\tb",
        "http://exa mple.com/",
        "http://example..com/",
        "http://example.com../",
        "http://.example.com/",
        f"http://{'a' * 64}.com/",
        f"http://{'a.' * 127}com/",
        "http://example.com:http/",
        "http://example.com:70000/",
        "http://example.com:-80/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.01/",
        "http://127.0.0.0x1/",
        "http://127.0.0.256/",
        "http://example.0/",
        "http://①②⑦.0.0.1/",
        "http://１２７.0.0.1/",
        "http://%31%32%37.0.0.1/",
        "http://[::1/",
        "http://::1/",
        "http://[::1%25lo]/",
        "http://[fe80::1%eth0]/",
        "http://[v1.x]/",
        "http://[127.0.0.1]/",
        "http://example.com/" + "a" * MAX_FETCHED_URL_LENGTH,
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ForbiddenUrl):
        parse_image_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.jpg?b=c",
        "https://example.com:444/",
        "http://[2606:4700:4700::1111]:81/a",
        "https://93.184.216.34/",
    ],
)
def test_url_of_a_parsed_url_is_normalised(url: str) -> None:
    assert parse_image_url(url).url == url


@given(st.text(max_size=60).map("http://".__add__))
def test_normalised_url_parses_to_itself(url: str) -> None:
    """The URL that is used is therefore the URL that was checked."""
    try:
        target = parse_image_url(url)
    except ForbiddenUrl:
        return
    assert parse_image_url(target.url) == target


@given(inside(IPv6Network("::/0")))
def test_ipv6_addresses_round_trip(address: IPv6Address) -> None:
    target = parse_image_url(f"http://[{address}]:8080/a.jpg")

    assert target.address == address
    assert parse_image_url(target.url) == target
