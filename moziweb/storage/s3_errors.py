"""What boto3 raises, in the storage's own words: who has to do what."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

from .interface import ObjectNotFound, StorageError, StorageMisconfigured, StorageUnavailable

# Codes that a later try may not meet. The server's own errors are among them for the answers to
# batches, where they stand under a status of 200.
_TRANSIENT_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "ConditionalRequestConflict",
        "InternalError",
        "OperationAborted",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
    }
)

_TRANSIENT_ERRORS = (
    BotoConnectionError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
)

ACLS_REFUSED = (
    "bucket {bucket} refuses object ACLs: leave storage.s3.acl empty and allow reading by a bucket "
    "policy or a CDN, or set the bucket's Object Ownership to ObjectWriter"
)
PUBLIC_ACLS_BLOCKED = (
    "bucket {bucket} blocks public ACLs: leave storage.s3.acl empty and allow reading by a bucket "
    "policy or a CDN, or turn off BlockPublicAcls and IgnorePublicAcls in its Block Public Access"
)
_NO_BUCKET = "there is no bucket {bucket} at {place}: create it, or correct storage.s3.bucket"
_DENIED = "bucket {bucket} does not allow {action} to our credentials: grant it to them"
_ELSEWHERE = "bucket {bucket} is in another region: correct storage.s3.region"
_EXPIRED = "the credentials for {place} have expired: renew them"

_ADVICE = {
    "AccessControlListNotSupported": ACLS_REFUSED,
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "ExpiredToken": _EXPIRED,
    "InvalidAccessKeyId": "{place} does not know our key: correct storage.s3.access_key_id",
    "InvalidBucketName": "{bucket} is no name for a bucket: correct storage.s3.bucket",
    "InvalidRegionName": "{place} has no such region: correct storage.s3.region (auto for R2)",
    "InvalidToken": _EXPIRED,
    "MissingContentLength": "{place} takes no checksums: set storage.s3.checksums = when_required",
    "NoSuchBucket": _NO_BUCKET,
    "NotImplemented": "{place} cannot do {action} as asked: try storage.s3.conditional_put = false "
    "and storage.s3.checksums = when_required",
    "PermanentRedirect": _ELSEWHERE,
    "RequestTimeTooSkewed": "this machine's clock is wrong by minutes: synchronise it",
    "SignatureDoesNotMatch": "the secret does not fit our key at {place}: correct "
    "storage.s3.secret_access_key",
    # Answers to HEAD have no body, so these are all that is known of them.
    "301": _ELSEWHERE,
    "403": "{place} refuses {action} on bucket {bucket}: check the credentials, and grant it "
    "(with s3:ListBucket, without which a missing object looks forbidden)",
    "404": _NO_BUCKET,
}


@dataclass(frozen=True)
class Call:
    """What was asked of S3: ``action`` is the name of the permission, ``place`` the server."""

    action: str
    bucket: str
    place: str
    key: str | None = None


@contextmanager
def translated(call: Call) -> Iterator[None]:
    """Turns what boto3 raises inside a ``with`` block into ``StorageError``."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error, call) from error


def translate(error: ClientError | BotoCoreError, call: Call) -> StorageError:
    """The error of ours that says the same."""
    if isinstance(error, ClientError):
        return _refused(error, call)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return StorageMisconfigured(
            f"no complete credentials for {call.place}: set storage.s3.access_key_id and "
            "storage.s3.secret_access_key, or give the machine a role"
        )
    if isinstance(error, _TRANSIENT_ERRORS):
        return StorageUnavailable(f"{call.place} does not answer {call.action}: {error}")
    return StorageMisconfigured(f"{call.action} on bucket {call.bucket} cannot be asked: {error}")


def _refused(error: ClientError, call: Call) -> StorageError:
    code = error_code(error)
    message = error.response.get("Error", {}).get("Message", "")
    if code == "NoSuchKey":
        return ObjectNotFound(f"bucket {call.bucket} has no object {call.key}")
    if _is_transient(error):
        return StorageUnavailable(f"{call.place} cannot do {call.action} now: {code} {message}")
    advice = PUBLIC_ACLS_BLOCKED if "BlockPublicAcls" in message else _ADVICE.get(code)
    if advice is None:
        return StorageMisconfigured(
            f"{call.place} refuses {call.action} on bucket {call.bucket}: {code} {message}"
        )
    return StorageMisconfigured(advice.format_map(vars(call)))


def error_code(error: ClientError) -> str:
    """S3's code, or the HTTP status as a text where the answer has no body."""
    return error.response.get("Error", {}).get("Code", "")


def status(error: ClientError) -> int:
    """The HTTP status of the answer, 0 when there is none."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _is_transient(error: ClientError) -> bool:
    code = error_code(error)
    if code == "NotImplemented":
        return False
    return code in _TRANSIENT_CODES or status(error) == 429 or status(error) >= 500
