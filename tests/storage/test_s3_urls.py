"""Our URLs are those that boto3 requests."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from moziweb.storage.s3 import S3Settings, S3Storage
from moziweb.storage.s3_urls import AddressingStyle

KEY = "poster/1-a b/é+ű%.~'(*)!.webp"
#: One session for all clients, since it caches the large data files of boto3.
SESSION: Any = boto3.session.Session()
STYLES: tuple[AddressingStyle, ...] = ("auto", "path", "virtual")


class SeenError(Exception):
    """Stops boto3 before it connects."""


@pytest.mark.parametrize("bucket", ["posters", "moziweb.posters", "my-posters-1"])
@pytest.mark.parametrize(
    ("region", "endpoint_url"),
    [
        ("eu-central-1", None),
        ("us-east-1", None),
        ("cn-north-1", None),
        ("us-gov-west-1", None),
        ("eu-central-1", "https://s3.example.hu"),
        ("eu-central-1", "https://s3.example.hu:9000/store"),
        ("eu-central-1", "http://localhost:9000"),
        ("auto", "https://account.r2.example"),
    ],
)
def test_url_is_the_one_that_boto3_requests(
    region: str, endpoint_url: str | None, bucket: str
) -> None:
    for style in STYLES:
        settings = S3Settings(bucket, region, endpoint_url, addressing_style=style)
        assert S3Storage(settings).url(KEY) == asked_by_boto3(settings)


@pytest.mark.parametrize("endpoint_url", ["http://127.0.0.1:9000", "https://[::1]:9000"])
def test_bucket_is_not_in_the_host_of_an_ip_address(endpoint_url: str) -> None:
    for style in STYLES:
        settings = S3Settings("posters", "eu-central-1", endpoint_url, addressing_style=style)
        assert S3Storage(settings).url(KEY) == asked_by_boto3(settings)


def test_bucket_with_a_dot_is_not_in_the_host_of_an_ip_address() -> None:
    # boto3 would request an invalid host: http://moziweb.posters.127.0.0.1:9000.
    settings = S3Settings("a.b", endpoint_url="http://127.0.0.1:9000", addressing_style="virtual")
    assert S3Storage(settings).url("key") == "http://127.0.0.1:9000/a.b/key"


def asked_by_boto3(settings: S3Settings) -> str:
    """Return the URL of boto3's HEAD request for ``KEY``."""
    with _client(settings) as client, pytest.raises(SeenError) as seen:
        client.head_object(Bucket=settings.bucket, Key=KEY)
    return str(seen.value)


@contextmanager
def _client(settings: S3Settings) -> Iterator[Any]:
    def show(request: Any, **_: Any) -> None:
        raise SeenError(request.url)

    # AWS recommends the regional host of us-east-1; boto3 still uses the old global one.
    styles: Any = {
        "addressing_style": settings.addressing_style,
        "us_east_1_regional_endpoint": "regional",
    }
    client = SESSION.client(
        "s3",
        region_name=settings.region,
        endpoint_url=settings.endpoint_url,
        config=Config(signature_version=UNSIGNED, s3=styles),
    )
    client.meta.events.register("before-send.s3", show)
    with closing(client):
        yield client
