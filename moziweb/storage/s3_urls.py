"""The public URL of a bucket, computed as boto3 does, but without a client."""

import ipaddress
import re
from typing import Literal
from urllib.parse import urlsplit

AddressingStyle = Literal["auto", "path", "virtual"]

_DNS_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_DNS_NAME = re.compile(r"[a-z0-9](?:[a-z0-9]|[-.](?![-.])){1,61}[a-z0-9]")


def bucket_url(bucket: str, region: str, endpoint_url: str | None, style: AddressingStyle) -> str:
    """Return the URL that a key is appended to, after a slash.

    ``auto`` puts the bucket into the host name on AWS, and into the path on other servers. A name
    that the certificate of the host cannot cover always goes into the path.
    """
    if endpoint_url is None:
        origin, in_host = _aws_endpoint(region), style != "path"
    else:
        origin, in_host = endpoint_url.rstrip("/"), style == "virtual"
    scheme, host, path = urlsplit(origin)[:3]
    if in_host and _fits_host(bucket, scheme) and not _is_ip_address(host):
        return f"{scheme}://{bucket}.{host}{path}"
    return f"{origin}/{bucket}"


def _aws_endpoint(region: str) -> str:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://s3.{region}.{suffix}"


def _fits_host(bucket: str, scheme: str) -> bool:
    # A wildcard certificate covers one label only, so a name with a dot fails over TLS.
    pattern = _DNS_LABEL if scheme == "https" else _DNS_NAME
    return pattern.fullmatch(bucket) is not None


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False
    return True
