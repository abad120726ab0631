"""Storage of objects in a bucket of S3, or of an S3-compatible server (boto3)."""

import gzip
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self
from urllib.parse import quote

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import JSONFileLoader

from moziweb.logs.outage import outage_of
from moziweb.timings import Part, measured_as

from .fork_local import ForkLocal
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
from .s3_urls import AddressingStyle, bucket_url

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: The maximum number of objects in one list or delete request of S3.
KEYS_PER_DELETION = 1000

#: The size of a body that is sent without ``Expect: 100-continue``; all variants are smaller.
MAX_BYTES_WITHOUT_EXPECT: Final = 1_000_000


@dataclass(frozen=True)
class S3Settings:
    """The ``storage.s3.*`` keys of the ini file; see docs/settings.md.

    Timeouts are in seconds and for one attempt: a call takes at most about ``tries`` times their
    sum, plus boto3's pauses between attempts, unless ``limit_calls`` has set a limit.
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
        """Return them from the typed settings of the application."""
        names = [known.name for known in fields(cls)]
        return cls(**{name: settings[f"storage.s3.{name}"] for name in names})


class S3Storage:
    """One bucket; see ``interface.Storage``.

    ``base_url`` is the public URL of this bucket, such as a CDN's; by default the bucket's own.
    """

    name: Final = "s3"

    def __init__(self, settings: S3Settings, base_url: str | None = None) -> None:
        self.bucket = settings.bucket
        self._settings = settings
        self._base_url = base_url
        self._server = settings.endpoint_url or f"AWS {settings.region}"
        self._call_limit: float | None = None
        self._outage = outage_of(f"storage {self._server}")
        self._client = ForkLocal(lambda: make_client(settings, self._call_limit))
        # Every image of a page needs the URL of its bucket, so it is cached.
        self._url_of_bucket = lru_cache(maxsize=64)(self._bucket_url)

    @measured_as(Part.STORAGE)
    def put(
        self,
        key: str,
        body: bytes,
        *,
        content_type: str,
        cache_control: str,
        if_absent: bool = False,
    ) -> StoredObject:
        """See ``Storage``. Without ``conditional_put``, ``if_absent`` sends a HEAD before the PUT.

        The object of another writer between the two requests is overwritten.
        """
        valid_header(content_type)
        valid_header(cache_control)
        if if_absent and not self._settings.conditional_put:
            if_absent, existing = False, self.head(key)
            if existing is not None:
                return existing
        options: dict[str, Any] = {"IfNoneMatch": "*"} if if_absent else {}
        if self._settings.acl and not is_private(cache_control):
            options["ACL"] = self._settings.acl
        with self._translating("s3:PutObject", key):
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
        etag = _etag(answer)
        return StoredObject(self.bucket, key, len(body), etag, content_type, cache_control)

    @measured_as(Part.STORAGE)
    def get(self, key: str) -> bytes:
        """See ``Storage``. The length and the server's checksum of the body are verified."""
        with self._translating("s3:GetObject", key):
            answer = self._client().get_object(Bucket=self.bucket, Key=key)
            # As a context manager, the body would be the raw stream, which verifies nothing.
            with closing(answer["Body"]) as body:
                return body.read()

    @measured_as(Part.STORAGE)
    def head(self, key: str) -> StoredObject | None:
        """See ``Storage``. For ``None`` there is a second request.

        A response to HEAD has no body, so only a HEAD of the bucket distinguishes a missing object
        from a missing bucket.
        """
        with self._translating("s3:GetObject", key):
            try:
                answer = self._client().head_object(Bucket=self.bucket, Key=key)
            except ClientError as error:
                if status(error) != 404:
                    raise
                self._client().head_bucket(Bucket=self.bucket)
                return None
            return self._described(key, answer, "ContentLength")

    @measured_as(Part.STORAGE)
    def delete(self, keys: Iterable[str]) -> None:
        """See ``Storage``. If some objects of a batch are refused, the others are deleted."""
        pending = iter(keys)
        while batch := tuple(valid_key(key) for key in islice(pending, KEYS_PER_DELETION)):
            self._delete_batch(batch)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See ``Storage``."""
        with self._translating("s3:ListBucket"):
            pages = self._client().get_paginator("list_objects_v2")
            for page in pages.paginate(
                Bucket=self.bucket, Prefix=prefix, PaginationConfig={"PageSize": KEYS_PER_DELETION}
            ):
                for found in page.get("Contents", ()):
                    if is_valid_key(found.get("Key", "")):
                        yield self._described(found["Key"], found, "Size")

    def url(self, key: str, bucket: str | None = None) -> str:
        """See ``Storage``. ``base_url`` applies to the configured bucket only."""
        return f"{self._url_of_bucket(bucket or self.bucket)}/{quote(valid_key(key), safe='/~')}"

    def limit_calls(self, seconds: float) -> None:
        """See ``Storage``. An attempt gets at most half of the time, so a quick failure is retried.

        The limits of the ini file apply where they are shorter.
        """
        self._call_limit = seconds
        self.close()

    @measured_as(Part.STORAGE)
    def check(self) -> None:
        """See ``Storage``. With an ACL configured, also checks that the bucket accepts it."""
        # A HEAD could not tell whether the name, the key or the secret is wrong.
        with self._translating("s3:ListBucket"):
            self._client().list_objects_v2(Bucket=self.bucket, MaxKeys=1)
            if self._settings.acl:
                self._check_acls()

    def close(self) -> None:
        """Close the connections. Later calls open new ones."""
        for client in self._client.made():
            client.close()
        self._client.forget()

    @contextmanager
    def _translating(self, action: str, key: str | None = None) -> Iterator[None]:
        if key is not None:
            valid_key(key)
        call = Call(action, self.bucket, self._server, key)
        with self._outage.watching(StorageUnavailable), translated(call):
            yield

    def _described(self, key: str, answer: Mapping[str, Any], size: str) -> StoredObject:
        """The object of an answer whose field ``size`` is the number of bytes."""
        if answer.get(size) is None:
            raise StorageUnavailable(f"{self._server} sent no size of object {key}")
        modified: datetime | None = answer.get("LastModified")
        return StoredObject(
            bucket=self.bucket,
            key=key,
            size=answer[size],
            etag=_etag(answer),
            content_type=answer.get("ContentType"),
            cache_control=answer.get("CacheControl"),
            last_modified=modified and modified.astimezone(UTC).replace(microsecond=0),
        )

    def _existing(self, key: str) -> StoredObject:
        # It may be our own object, if boto3 has repeated an attempt whose response was lost.
        existing = self.head(key)
        if existing is None:
            raise StorageUnavailable(f"object {key} was removed while it was being stored")
        return existing

    def _delete_batch(self, keys: Sequence[str]) -> None:
        with self._translating("s3:DeleteObject"):
            answer = self._client().delete_objects(
                Bucket=self.bucket,
                Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True},
            )
            for failure in answer.get("Errors", ()):
                # Unlike AWS, some servers report objects that did not exist.
                if failure.get("Code") != "NoSuchKey":
                    raise ClientError({"Error": failure}, "DeleteObjects")

    def _check_acls(self) -> None:
        client = self._client()
        controls = _optional_answer(client.get_bucket_ownership_controls, self.bucket)
        rules = controls.get("OwnershipControls", {}).get("Rules", [])
        if any(rule.get("ObjectOwnership") == "BucketOwnerEnforced" for rule in rules):
            raise StorageMisconfigured(ACLS_REFUSED.format(bucket=self.bucket))
        block = _optional_answer(client.get_public_access_block, self.bucket)
        blocks = block.get("PublicAccessBlockConfiguration", {})
        if blocks.get("BlockPublicAcls") or blocks.get("IgnorePublicAcls"):
            raise StorageMisconfigured(PUBLIC_ACLS_BLOCKED.format(bucket=self.bucket))

    def _bucket_url(self, bucket: str) -> str:
        if self._base_url and bucket == self.bucket:
            return self._base_url.rstrip("/")
        chosen = self._settings
        return bucket_url(bucket, chosen.region, chosen.endpoint_url, chosen.addressing_style)


def make_client(settings: S3Settings, call_limit: float | None = None) -> "S3Client":
    """Return a boto3 client with its own session; threads must not share sessions.

    This takes about 190 ms and 8 MiB, so make one per process, not one per call. A call takes at
    most ``call_limit`` seconds, if given.
    """
    connect_timeout, read_timeout = settings.connect_timeout, settings.read_timeout
    if call_limit is not None:
        connect_timeout = min(connect_timeout, 0.2 * call_limit)
        read_timeout = min(read_timeout, 0.5 * call_limit)
    config = Config(
        s3={"addressing_style": settings.addressing_style},
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        retries={"total_max_attempts": settings.tries, "mode": "standard"},
        max_pool_connections=settings.pool_size,
        request_checksum_calculation=settings.checksums,
        response_checksum_validation=settings.checksums,
    )
    try:
        client: S3Client = boto3.session.Session(botocore_session=_small_session()).client(
            "s3",
            region_name=settings.region,
            endpoint_url=settings.endpoint_url,
            aws_access_key_id=settings.access_key_id,
            aws_secret_access_key=settings.secret_access_key,
            config=config,
        )
    except ValueError as error:
        raise StorageMisconfigured(f"storage.s3.endpoint_url: {error}") from error
    events = client.meta.events
    events.register_last("before-call.s3", _send_small_body_at_once)
    events.register_last("before-parameter-build.s3", _follow_no_redirect_of_head)
    if call_limit is not None:
        deadline = _CallDeadline(call_limit, connect_timeout + read_timeout)
        events.register_last("before-call.s3", deadline.begin)
        allows_retry: Any = deadline.allows_retry  # the stubs know handlers without a result only
        events.register_first("needs-retry.s3", allows_retry)
    return client


class _S3Loader(JSONFileLoader):
    """Takes half of botocore's memory: 7 MiB less (``python -m benchmarks.hosted_memory``).

    Its objects are dicts, not ordered ones, without the endpoints of services that S3 and its
    credentials do not need.
    """

    _SERVICES: Final = frozenset({"s3", "sts", "oidc", "portal.sso"})

    def load_file(self, file_path: str) -> Any:
        """Return the content of a JSON file, or None; ``file_path`` has no suffix."""
        for suffix, opened in ((".json", open), (".json.gz", gzip.open)):
            path = Path(file_path + suffix)
            if path.is_file():
                with opened(path, "rb") as file:
                    return self._reduced(path, json.loads(file.read()))
        return None

    def _reduced(self, path: Path, data: Any) -> Any:
        if path.name == "endpoints.json":
            for partition in data["partitions"]:
                services = partition["services"]
                partition["services"] = {
                    name: services[name] for name in services if name in self._SERVICES
                }
        return data


def _small_session() -> botocore.session.Session:
    session = botocore.session.get_session()
    session.get_component("data_loader").file_loader = _S3Loader()
    return session


class _CallDeadline:
    """Stops boto3's retries when another attempt could end after the limit of the call."""

    _BEGAN: Final = "moziweb_call_began"

    def __init__(self, seconds: float, attempt_seconds: float) -> None:
        self._seconds = seconds
        self._attempt_seconds = attempt_seconds

    def begin(self, context: dict[str, Any], **_: Any) -> None:
        """Note the start of a call."""
        context[self._BEGAN] = time.monotonic()

    def allows_retry(self, attempts: int, request_dict: dict[str, Any], **_: Any) -> bool | None:
        """Return False if there is no time for another attempt, else None: boto3 decides."""
        elapsed = time.monotonic() - request_dict["context"][self._BEGAN]
        longest_pause = 2.0 ** (attempts - 1)
        if elapsed + longest_pause + self._attempt_seconds > self._seconds:
            return False
        return None


def _send_small_body_at_once(params: dict[str, Any], **_: Any) -> None:
    """Remove ``Expect: 100-continue`` for a small body: it costs a round trip."""
    body = params.get("body")
    if isinstance(body, BytesIO) and body.getbuffer().nbytes <= MAX_BYTES_WITHOUT_EXPECT:
        params["headers"].pop("Expect", None)


def _follow_no_redirect_of_head(model: Any, context: dict[str, Any], **_: Any) -> None:
    """Stop botocore's region redirector for a HEAD of the bucket.

    After a redirect, botocore sends such a HEAD to find the region. If that is redirected too, it
    would send another one, until the recursion limit.
    """
    if model.name == "HeadBucket":
        context["s3_redirect"]["redirected"] = True


def _optional_answer(ask: Callable[..., Any], bucket: str) -> dict[str, Any]:
    # Some servers do not support the request, and some keys may not send it. The first put shows
    # then whether the ACL is accepted.
    try:
        answer: dict[str, Any] = ask(Bucket=bucket)
    except ClientError:
        return {}
    return answer


def _etag(answer: Mapping[str, Any]) -> str:
    return str(answer.get("ETag") or "").strip('"')
