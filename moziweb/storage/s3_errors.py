"""Translates exceptions of boto3 into ``StorageError``, with advice for the operator."""

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
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from .interface import ObjectNotFound, StorageError, StorageMisconfigured, StorageUnavailable

# Codes for which a retry may succeed. They include server errors, which responses to batches
# contain with the status 200.
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

# botocore does not translate what fails while a body is read or an answer is parsed. It raises
# TypeError for an error whose code is nested or repeated.
_UNREADABLE_ANSWERS = (HTTPError, OSError, ResponseParserError, TypeError, ValueError)

ACLS_REFUSED = (
    "bucket {bucket} refuses object ACLs: leave storage.s3.acl empty and allow reading by a bucket "
    "policy or a CDN, or set the bucket's Object Ownership to ObjectWriter"
)
PUBLIC_ACLS_BLOCKED = (
    "bucket {bucket} blocks public ACLs: leave storage.s3.acl empty and allow reading by a bucket "
    "policy or a CDN, or turn off BlockPublicAcls and IgnorePublicAcls in its Block Public Access"
)
_NO_BUCKET = "there is no bucket {bucket} at {server}: create it, or correct storage.s3.bucket"
_DENIED = "bucket {bucket} does not allow {action} to our credentials: grant it to them"
_ELSEWHERE = "bucket {bucket} is in another region: correct storage.s3.region"
_REDIRECTED = (
    "{server} redirects {action} to {location}: correct storage.s3.endpoint_url (https instead of "
    "http?)"
)
_EXPIRED = "the credentials for {server} have expired: renew them"

_ADVICE = {
    "AccessControlListNotSupported": ACLS_REFUSED,
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "ExpiredToken": _EXPIRED,
    "InvalidAccessKeyId": "{server} does not know our key: correct storage.s3.access_key_id",
    "InvalidBucketName": "{bucket} is not a valid bucket name: correct storage.s3.bucket",
    "InvalidRegionName": "{server} has no such region: correct storage.s3.region (auto for R2)",
    "InvalidToken": _EXPIRED,
    "MissingContentLength": "{server} accepts no checksums: set storage.s3.checksums = "
    "when_required",
    "NoSuchBucket": _NO_BUCKET,
    "NotImplemented": "{server} does not support {action} as configured: try "
    "storage.s3.conditional_put = false and storage.s3.checksums = when_required",
    "PermanentRedirect": _ELSEWHERE,
    "RequestTimeTooSkewed": "this machine's clock is wrong by minutes: synchronise it",
    "SignatureDoesNotMatch": "the secret does not match our key at {server}: correct "
    "storage.s3.secret_access_key",
    # Responses to HEAD have no body, so only the status is known.
    "301": _ELSEWHERE,
    "403": "{server} refuses {action} on bucket {bucket}: check the credentials, and grant it "
    "(with s3:ListBucket, without which a missing object looks forbidden)",
    "404": _NO_BUCKET,
}


@dataclass(frozen=True)
class Call:
    """A call of S3: ``action`` is the name of its permission, ``server`` the endpoint."""

    action: str
    bucket: str
    server: str
    key: str | None = None


@contextmanager
def translated(call: Call) -> Iterator[None]:
    """Translate exceptions of boto3 within the block into ``StorageError``."""
    try:
        yield
    except StorageError:
        raise
    except (ClientError, BotoCoreError) as error:
        raise translate(error, call) from error
    except _UNREADABLE_ANSWERS as error:
        raise StorageUnavailable(
            f"{call.server} sent no readable answer to {call.action}: {error!r}"
        ) from error


def translate(error: ClientError | BotoCoreError, call: Call) -> StorageError:
    """Return the ``StorageError`` for an exception of boto3."""
    if isinstance(error, ClientError):
        return _refused(error, call)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return StorageMisconfigured(
            f"no complete credentials for {call.server}: set storage.s3.access_key_id and "
            "storage.s3.secret_access_key, or give the machine a role"
        )
    if isinstance(error, _TRANSIENT_ERRORS):
        return StorageUnavailable(f"{call.server} does not answer {call.action}: {error}")
    return StorageMisconfigured(f"{call.action} on bucket {call.bucket} cannot be sent: {error}")


def _refused(error: ClientError, call: Call) -> StorageError:
    code = error_code(error)
    message = _text(error, "Message")
    if code == "NoSuchKey":
        return ObjectNotFound(f"bucket {call.bucket} has no object {call.key}")
    if _is_transient(error):
        return StorageUnavailable(f"{call.server} cannot do {call.action} now: {code} {message}")
    advice = PUBLIC_ACLS_BLOCKED if "BlockPublicAcls" in message else _ADVICE.get(code)
    location = _location(error)
    if location and code == str(status(error)):
        advice = _REDIRECTED
    if advice is None:
        return StorageMisconfigured(
            f"{call.server} refuses {call.action} on bucket {call.bucket}: {code} {message}"
        )
    return StorageMisconfigured(advice.format_map({**vars(call), "location": location}))


def error_code(error: ClientError) -> str:
    """Return S3's error code, or the HTTP status as a text if the response has none."""
    return _text(error, "Code") or str(status(error))


def status(error: ClientError) -> int:
    """Return the HTTP status of the response, or 0 without one."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _text(error: ClientError, name: str) -> str:
    """Return an element of the error, or "" if it is missing, nested or repeated."""
    value: object = error.response.get("Error", {}).get(name)
    return value if isinstance(value, str) else ""


def _location(error: ClientError) -> str:
    """Return the target of a redirect without its query, or "" if S3 redirects to a region."""
    headers: dict[str, str] = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if "x-amz-bucket-region" in headers:
        return ""
    return headers.get("location", "").partition("?")[0]


def _is_transient(error: ClientError) -> bool:
    code = error_code(error)
    if code == "NotImplemented":
        return False
    return code in _TRANSIENT_CODES or status(error) == 429 or status(error) >= 500
