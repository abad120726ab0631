"""Translation of S3 errors that a test server cannot produce."""

from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    IncompleteReadError,
    ResponseStreamingError,
)
from botocore.stub import Stubber

from moziweb.storage import StorageMisconfigured, StorageUnavailable
from moziweb.storage.s3 import S3Settings, S3Storage
from moziweb.storage.s3_errors import Call, translate, translated

CALL = Call("s3:PutObject", "posters", "https://s3.example.hu", "poster/1")


def refusal(code: str, status: int, message: str = "") -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "PutObject")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InternalError", 500),
        ("InternalError", 200),
        ("SlowDown", 503),
        ("SlowDown", 200),
        ("RequestTimeout", 400),
        ("ConditionalRequestConflict", 409),
        ("AnythingNew", 502),
        ("AnythingNew", 429),
    ],
)
def test_transient_error_is_unavailable(code: str, status: int) -> None:
    error = translate(refusal(code, status, "Please wait"), CALL)
    assert isinstance(error, StorageUnavailable)
    assert str(error) == f"https://s3.example.hu cannot do s3:PutObject now: {code} Please wait"


def test_refusal_within_a_batch_is_raised() -> None:
    storage = S3Storage(S3Settings("posters", access_key_id="a", secret_access_key="b"))
    with closing(storage), Stubber(storage._client()) as server:
        for code in ("NoSuchKey", "SlowDown"):
            response = {"Errors": [{"Key": "poster/1", "Code": code, "Message": ""}]}
            server.add_response("delete_objects", response)
        storage.delete(["poster/1"])  # some servers report missing objects
        with pytest.raises(StorageUnavailable):
            storage.delete(["poster/1"])


@pytest.mark.parametrize(
    "raised",
    [
        CredentialRetrievalError(provider="role", error_msg="no answer"),
        FlexibleChecksumError(error_msg="another checksum"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        ResponseStreamingError(error="cut"),
    ],
)
def test_broken_response_is_unavailable(raised: BotoCoreError) -> None:
    error = translate(raised, CALL)
    assert isinstance(error, StorageUnavailable)


@pytest.mark.parametrize(
    ("code", "status", "advice"),
    [
        ("PermanentRedirect", 301, "correct storage.s3.region"),
        ("AuthorizationHeaderMalformed", 400, "correct storage.s3.region"),
        ("301", 301, "correct storage.s3.region"),
        ("ExpiredToken", 400, "renew them"),
        ("RequestTimeTooSkewed", 403, "synchronise it"),
        ("MissingContentLength", 411, "storage.s3.checksums = when_required"),
        ("NotImplemented", 501, "storage.s3.conditional_put = false"),
        ("InvalidRegionName", 400, "correct storage.s3.region"),
        ("InvalidBucketName", 400, "posters is not a valid bucket name"),
        ("AccountProblem", 403, "AccountProblem Pay {your} bill"),
    ],
)
def test_permanent_error_names_what_to_change(code: str, status: int, advice: str) -> None:
    error = translate(refusal(code, status, "Pay {your} bill"), CALL)
    assert isinstance(error, StorageMisconfigured)
    assert advice in str(error)
    assert "\n" not in str(error)


def test_error_of_boto3_is_the_cause() -> None:
    raised = refusal("SlowDown", 503)
    with pytest.raises(StorageUnavailable) as caught, translated(CALL):
        raise raised
    assert caught.value.__cause__ is raised


def test_other_errors_are_not_translated() -> None:
    with pytest.raises(ZeroDivisionError), translated(CALL):
        raise ZeroDivisionError
