"""Objects in a bucket of S3, or of a server that speaks its protocol (boto3)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal, Self
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from .fork_local import PerProcess
from .interface import (
    StorageMisconfigured,
    StorageUnavailable,
    StoredObject,
    is_private,
    is_valid_key,
    valid_header,
    valid_key,
)
from .s3_errors import ACLS_REFUSED, PUBLIC_ACLS_BLOCKED, Call, status, translated
from .s3_urls import AddressingStyle, bucket_address

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from types_boto3_s3 import S3Client

#: S3 lists or removes at most this many objects by one request.
BATCH = 1000

#: Bytes of a body that goes out without ``Expect: 100-continue``; no variant has as many.
SMALL: Final = 1_000_000


@dataclass(frozen=True)
class S3Settings:
    """The ``storage.s3.*`` keys of the ini file, by the same names; settings.py tells each.

    Time-outs are seconds of one attempt: a call takes at most about ``tries`` times their sum,
    and boto3's pauses between attempts.
    """

    bucket: str
    region: str = "eu-central-1"
    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    acl: Literal["public-read", ""] = ""
    addressing_style: AddressingStyle = "auto"
    checksums: Literal["when_supported", "when_required"] = "when_supported"
    connect_timeout: float = 3.0
    read_timeout: float = 10.0
    tries: int = 3
    pool_size: int = 16
    conditional_put: bool = False

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Self:
        """Take the typed values from the application's settings."""
        names = [known.name for known in fields(cls)]
        return cls(**{name: settings[f"storage.s3.{name}"] for name in names})


class S3Storage:
    """One bucket; see ``contract.Storage``.

    ``base_url`` is the public address of this bucket, a CDN for instance; without one, objects
    are linked at the bucket's own address.
    """

    name: Final = "s3"

    def __init__(self, settings: S3Settings, base_url: str | None = None) -> None:
        self.bucket = settings.bucket
        self._settings = settings
        self._base_url = base_url
        self._place = settings.endpoint_url or f"AWS {settings.region}"
        self._client = PerProcess(lambda: make_client(settings))
        # The bucket's address stands in every image of a page: worked out once for each bucket.
        self._address = lru_cache(maxsize=64)(self._bucket_address)

    def put(
        self,
        key: str,
        body: bytes,
        *,
        content_type: str,
        cache_control: str,
        if_absent: bool = False,
    ) -> StoredObject:
        """See the contract. Where ``conditional_put`` is off, ``if_absent`` looks before it writes.

        Between the look and the write another writer may come, and be overwritten.
        """
        valid_header(content_type)
        valid_header(cache_control)
        if if_absent and not self._settings.conditional_put:
            existing = self.head(key)
            if existing is not None:
                return existing
        options = self._put_options(
            conditional=if_absent and self._settings.conditional_put,
            private=is_private(cache_control),
        )
        with self._asking("s3:PutObject", key):
            try:
                answer = self._client().put_object(
                    Bucket=self.bucket,
                    Key=key,
                    Body=body,
                    ContentType=content_type,
                    CacheControl=cache_control,
                    **options,
                )
            except ClientError as error:
                if status(error) != 412:
                    raise
                return self._existing(key)
        etag = answer["ETag"].strip('"')
        return StoredObject(self.bucket, key, len(body), etag, content_type, cache_control)

    def get(self, key: str) -> bytes:
        """See the contract."""
        with self._asking("s3:GetObject", key):
            answer = self._client().get_object(Bucket=self.bucket, Key=key)
            with answer["Body"] as body:
                return body.read()

    def head(self, key: str) -> StoredObject | None:
        """See the contract. ``None`` costs a second request.

        An answer to HEAD has no body, so only the bucket's own HEAD tells a missing object from a
        missing bucket.
        """
        with self._asking("s3:GetObject", key):
            try:
                answer = self._client().head_object(Bucket=self.bucket, Key=key)
            except ClientError as error:
                if status(error) != 404:
                    raise
                self._client().head_bucket(Bucket=self.bucket)
                return None
        return StoredObject(
            bucket=self.bucket,
            key=key,
            size=answer["ContentLength"],
            etag=answer["ETag"].strip('"'),
            content_type=answer.get("ContentType"),
            cache_control=answer.get("CacheControl"),
            last_modified=_whole_seconds(answer["LastModified"]),
        )

    def delete(self, keys: Iterable[str]) -> None:
        """See the contract. When some objects of a batch are refused, the others are gone."""
        pending = iter(keys)
        while batch := tuple(valid_key(key) for key in islice(pending, BATCH)):
            self._delete_batch(batch)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See the contract."""
        with self._asking("s3:ListBucket"):
            pages = self._client().get_paginator("list_objects_v2")
            for page in pages.paginate(
                Bucket=self.bucket, Prefix=prefix, PaginationConfig={"PageSize": BATCH}
            ):
                for found in page.get("Contents", ()):
                    if is_valid_key(found["Key"]):
                        yield StoredObject(
                            bucket=self.bucket,
                            key=found["Key"],
                            size=found["Size"],
                            etag=found["ETag"].strip('"'),
                            last_modified=_whole_seconds(found["LastModified"]),
                        )

    def url(self, key: str, bucket: str | None = None) -> str:
        """See the contract. ``base_url`` stands for the configured bucket only."""
        return f"{self._address(bucket or self.bucket)}/{quote(valid_key(key), safe='/~')}"

    def check(self) -> None:
        """See the contract. With an ACL set, also asks whether the bucket takes it."""
        # Not HEAD: it could not say whether the name, the key or the secret is wrong.
        with self._asking("s3:ListBucket"):
            self._client().list_objects_v2(Bucket=self.bucket, MaxKeys=1)
            if self._settings.acl:
                self._check_acls()

    def close(self) -> None:
        """Give back the connections. Using the storage again opens new ones."""
        for client in self._client.made():
            client.close()
        self._client.forget()

    def _asking(self, action: str, key: str | None = None) -> "AbstractContextManager[None]":
        if key is not None:
            valid_key(key)
        return translated(Call(action, self.bucket, self._place, key))

    def _put_options(self, *, conditional: bool, private: bool) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self._settings.acl and not private:
            options["ACL"] = self._settings.acl
        if conditional:
            options["IfNoneMatch"] = "*"
        return options

    def _existing(self, key: str) -> StoredObject:
        # It may also be our own: a first attempt whose answer was lost, repeated by boto3.
        existing = self.head(key)
        if existing is None:
            raise StorageUnavailable(f"object {key} was removed while it was being stored")
        return existing

    def _delete_batch(self, keys: Sequence[str]) -> None:
        with self._asking("s3:DeleteObject"):
            answer = self._client().delete_objects(
                Bucket=self.bucket,
                Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True},
            )
            for refusal in answer.get("Errors", ()):
                # Unlike AWS, some servers tell of objects that were not there.
                if refusal["Code"] != "NoSuchKey":
                    raise ClientError({"Error": refusal}, "DeleteObjects")

    def _check_acls(self) -> None:
        client = self._client()
        controls = _told(client.get_bucket_ownership_controls, self.bucket)
        rules = controls.get("OwnershipControls", {}).get("Rules", [])
        if any(rule.get("ObjectOwnership") == "BucketOwnerEnforced" for rule in rules):
            raise StorageMisconfigured(ACLS_REFUSED.format(bucket=self.bucket))
        block = _told(client.get_public_access_block, self.bucket)
        blocks = block.get("PublicAccessBlockConfiguration", {})
        if blocks.get("BlockPublicAcls") or blocks.get("IgnorePublicAcls"):
            raise StorageMisconfigured(PUBLIC_ACLS_BLOCKED.format(bucket=self.bucket))

    def _bucket_address(self, bucket: str) -> str:
        if self._base_url and bucket == self.bucket:
            return self._base_url.rstrip("/")
        chosen = self._settings
        return bucket_address(bucket, chosen.region, chosen.endpoint_url, chosen.addressing_style)


def make_client(settings: S3Settings) -> "S3Client":
    """A boto3 client, on a session of its own; sessions are not safe to share.

    It takes about 190 ms and 12 MiB: make one per process, not one per call.
    """
    config = Config(
        s3={"addressing_style": settings.addressing_style},
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        retries={"total_max_attempts": settings.tries, "mode": "standard"},
        max_pool_connections=settings.pool_size,
        request_checksum_calculation=settings.checksums,
        response_checksum_validation=settings.checksums,
    )
    try:
        client: S3Client = boto3.session.Session().client(
            "s3",
            region_name=settings.region,
            endpoint_url=settings.endpoint_url,
            aws_access_key_id=settings.access_key_id,
            aws_secret_access_key=settings.secret_access_key,
            config=config,
        )
    except ValueError as error:
        raise StorageMisconfigured(f"storage.s3.endpoint_url: {error}") from error
    client.meta.events.register_last("before-call.s3", _send_what_is_small)
    return client


def _send_what_is_small(params: dict[str, Any], **_: Any) -> None:
    """Send a small body at once: to ask first whether it is wanted costs a round trip each."""
    body = params.get("body")
    if isinstance(body, BytesIO) and body.getbuffer().nbytes <= SMALL:
        params["headers"].pop("Expect", None)


def _told(ask: Callable[..., Any], bucket: str) -> dict[str, Any]:
    # Not every maker knows the question and not every key may ask it. The first put tells then.
    try:
        answer: dict[str, Any] = ask(Bucket=bucket)
    except ClientError:
        return {}
    return answer


def _whole_seconds(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)
