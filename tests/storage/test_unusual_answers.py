"""The S3 storage on a server that sends answers which the S3 server of the tests cannot send."""

import base64
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import pytest

from moziweb.posters.generation.error_codes import ServiceCode
from moziweb.posters.generation.failure_policy import failure_of
from moziweb.storage import StorageError, StorageMisconfigured, StorageUnavailable
from moziweb.storage.s3 import S3Settings, S3Storage
from tests.posters.hostile_host import Behaviour, HostileHost, answer, drip, head, raw, silence

KEY = "poster/1.webp"
BODY = b"body"
LISTING = "<ListBucketResult><Contents>{}</Contents></ListBucketResult>"
CLOSE = {"Connection": "close"}
CRC32 = base64.b64encode(zlib.crc32(BODY).to_bytes(4, "big")).decode()

Call = Callable[[S3Storage], object]


def put(storage: S3Storage) -> object:
    return storage.put(KEY, BODY, content_type="image/webp", cache_control="public")


CALLS: Mapping[str, Call] = {
    "check": S3Storage.check,
    "put": put,
    "get": lambda storage: storage.get(KEY),
    "head": lambda storage: storage.head(KEY),
    "delete": lambda storage: storage.delete([KEY]),
    "list": lambda storage: list(storage.list()),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@pytest.fixture
def host() -> Iterator[HostileHost]:
    with HostileHost() as host:
        yield host


@pytest.fixture
def storage(host: HostileHost) -> Iterator[S3Storage]:
    with closing(storage_at(host)) as storage:
        yield storage


def storage_at(host: HostileHost, read_timeout: float = 10.0, tries: int = 1) -> S3Storage:
    settings = S3Settings(
        bucket="posters",
        endpoint_url=host.url(""),
        access_key_id="a",
        secret_access_key="b",
        acl="public-read",
        tries=tries,
        read_timeout=read_timeout,
    )
    return S3Storage(settings)


def answers(host: HostileHost, behaviour: Behaviour) -> None:
    """Send the same answer to every request."""
    for path in ("/posters", "/posters/", f"/posters/{KEY}"):
        host.on(path, behaviour)


def refusal(code: str, message: str) -> bytes:
    return f"<Error><Code>{code}</Code>{message}</Error>".encode()


@every_call
@pytest.mark.parametrize("message", ["<Message></Message>", "<Message/>", ""])
@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("AccessDenied", 403, StorageMisconfigured),
        ("NewCode", 400, StorageMisconfigured),
        ("", 403, StorageMisconfigured),
        ("SlowDown", 503, StorageUnavailable),
        ("", 503, StorageUnavailable),
    ],
)
def test_error_without_message_is_translated(
    host: HostileHost,
    storage: S3Storage,
    call: Call,
    message: str,
    code: str,
    status: int,
    kind: type[StorageError],
) -> None:
    """As DigitalOcean Spaces and Ceph send them."""
    answers(host, answer(refusal(code, message), status=status))
    with pytest.raises(kind) as caught:
        call(storage)
    assert "None" not in str(caught.value)


NGINX = b"<html><h1>Moved</h1><center>nginx</center></html>"


@every_call
@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("body", [NGINX, b""], ids=["nginx", "empty"])
def test_redirect_to_https_is_misconfigured(
    host: HostileHost, storage: S3Storage, call: Call, body: bytes, status: int
) -> None:
    """As a proxy that redirects http to https."""
    location = "https://s3.example.hu/{0}?X-Amz-Signature=hush"
    headers = {"Location": location, **CLOSE}
    answers(host, answer(body, status=status, headers=headers))
    with pytest.raises(StorageMisconfigured) as caught:
        call(storage)
    assert "redirects s3:" in str(caught.value)
    assert "to https://s3.example.hu/{0}: correct storage.s3.endpoint_url" in str(caught.value)
    assert len(host.requests) <= 2  # the second is botocore's HEAD of the bucket


@every_call
def test_redirect_to_another_region_is_misconfigured(
    host: HostileHost, storage: S3Storage, call: Call
) -> None:
    headers = {
        "Location": "https://s3.us-west-2.amazonaws.com/",
        "x-amz-bucket-region": "us-west-2",
        **CLOSE,
    }
    answers(host, answer(refusal("PermanentRedirect", ""), status=301, headers=headers))
    with pytest.raises(StorageMisconfigured, match=r"correct storage\.s3\.region"):
        call(storage)


@every_call
@pytest.mark.parametrize("status", [301, 400, 403, 503])
@pytest.mark.parametrize(
    "error",
    [
        "<Code><a>b</a></Code>",
        "<Code>SlowDown</Code><Code>AccessDenied</Code>",
        "<Code>AccessDenied</Code><Message><a/></Message>",
        "<Code>AccessDenied</Code><Message>a</Message><Message>b</Message>",
        "<Code>PermanentRedirect</Code><Region><a>b</a></Region>",
        "<Error><Code>AccessDenied</Code></Error>",
    ],
)
def test_nested_or_repeated_elements_of_an_error_are_translated(
    host: HostileHost, storage: S3Storage, call: Call, error: str, status: int
) -> None:
    body = f"<Error>{error}</Error>".encode()
    answers(host, answer(body, status=status, headers=CLOSE))
    with pytest.raises(StorageError):
        call(storage)


@pytest.mark.parametrize("error", ["<Code><a/></Code>", "<Code>a</Code><Code>b</Code>"])
def test_refused_deletion_with_two_codes_is_an_error(
    host: HostileHost, storage: S3Storage, error: str
) -> None:
    answers(host, answer(f"<DeleteResult><Error>{error}</Error></DeleteResult>".encode()))
    with pytest.raises(StorageError):
        storage.delete([KEY])


def test_refused_deletion_without_code_is_an_error(host: HostileHost, storage: S3Storage) -> None:
    error = f"<DeleteResult><Error><Key>{KEY}</Key><Message/></Error></DeleteResult>"
    answers(host, answer(error.encode()))
    with pytest.raises(StorageMisconfigured, match="refuses s3:DeleteObject"):
        storage.delete([KEY])


def test_answers_without_etag_and_date_are_read(host: HostileHost, storage: S3Storage) -> None:
    host.on(f"/posters/{KEY}", raw(head(200, {"Content-Length": "4", **CLOSE})))
    found = storage.head(KEY)
    assert found is not None
    assert (found.size, found.etag, found.last_modified) == (4, "", None)
    host.on(f"/posters/{KEY}", answer(headers=CLOSE))
    assert storage.put(KEY, BODY, content_type="image/webp", cache_control="public").etag == ""
    host.on("/posters", answer(LISTING.format(f"<Key>{KEY}</Key><Size>4</Size>").encode()))
    (listed,) = storage.list()
    assert (listed.key, listed.size, listed.etag, listed.last_modified) == (KEY, 4, "", None)


@pytest.mark.parametrize(
    "contents",
    [
        f"<Key>{KEY}</Key>",
        f"<Key>{KEY}</Key><Size/>",
        f"<Key>{KEY}</Key><Size>four</Size>",
        f"<Key>{KEY}</Key><Size>4</Size><LastModified>yesterday</LastModified>",
    ],
)
def test_unreadable_listing_is_unavailable(
    host: HostileHost, storage: S3Storage, contents: str
) -> None:
    answers(host, answer(LISTING.format(contents).encode()))
    with pytest.raises(StorageUnavailable):
        list(storage.list())


def test_listed_object_without_key_is_skipped(host: HostileHost, storage: S3Storage) -> None:
    host.on("/posters", answer(LISTING.format("<Size>4</Size>").encode()))
    assert list(storage.list()) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "4", "Last-Modified": "yesterday"},
        {"Content-Length": "four"},
        {"Transfer-Encoding": "chunked"},
    ],
)
def test_unreadable_headers_are_unavailable(
    host: HostileHost, storage: S3Storage, headers: dict[str, str]
) -> None:
    host.on(f"/posters/{KEY}", raw(head(200, headers)))
    with pytest.raises(StorageUnavailable):
        storage.head(KEY)


@every_call
def test_answer_that_is_not_xml_is_unavailable(
    host: HostileHost, storage: S3Storage, call: Call
) -> None:
    answers(host, answer(b"<html>Captive portal", status=502))
    with pytest.raises(StorageUnavailable):
        call(storage)


@pytest.mark.parametrize("name", ["check", "list", "delete"])
def test_page_of_a_captive_portal_is_unavailable(
    host: HostileHost, storage: S3Storage, name: str
) -> None:
    answers(host, answer(b"<html><p>Sign in</html>"))
    with pytest.raises(StorageUnavailable):
        CALLS[name](storage)


def test_sound_body_is_read(host: HostileHost, storage: S3Storage) -> None:
    host.on(f"/posters/{KEY}", answer(BODY, headers={"x-amz-checksum-crc32": CRC32}))
    assert storage.get(KEY) == BODY


def test_crc32_is_sent_with_an_upload_and_requested_with_a_read(
    host: HostileHost, storage: S3Storage
) -> None:
    """Not crc64nvme, which botocore cannot verify without awscrt."""
    host.on(f"/posters/{KEY}", answer(headers=CLOSE))
    put(storage)
    storage.get(KEY)
    upload, read = (
        {name.lower(): value for name, value in request.headers.items()}
        for request in host.requests
    )
    assert upload["x-amz-checksum-crc32"] == CRC32
    assert read["x-amz-checksum-mode"] == "ENABLED"


CUT = head(200, {"Content-Length": "9"}) + BODY
CHUNKED = head(200, {"Transfer-Encoding": "chunked"})


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(
            answer(b"BODY", headers={"x-amz-checksum-crc32": CRC32}), id="another checksum"
        ),
        pytest.param(answer(BODY, headers={"x-amz-checksum-crc32": "four"}), id="no checksum"),
        pytest.param(raw(CUT), id="cut"),
        pytest.param(drip(CUT, (), interval=60), id="cut at the end of a connection"),
        pytest.param(raw(CHUNKED + b"9\r\nbody"), id="cut in a chunk"),
        pytest.param(raw(CHUNKED + b"four\r\nbody"), id="no chunk"),
        pytest.param(raw(head(404, {"Transfer-Encoding": "chunked"}) + b"9"), id="cut error chunk"),
    ],
)
def test_damaged_body_is_unavailable(
    host: HostileHost, storage: S3Storage, behaviour: Behaviour
) -> None:
    host.on(f"/posters/{KEY}", behaviour)
    with pytest.raises(StorageUnavailable) as caught:
        storage.get(KEY)
    assert failure_of(caught.value).code is ServiceCode.STORAGE_UNAVAILABLE


def test_stalled_body_is_unavailable(host: HostileHost) -> None:
    host.on(f"/posters/{KEY}", drip(CUT, interval=5))
    with closing(storage_at(host, 0.3)) as storage, pytest.raises(StorageUnavailable):
        storage.get(KEY)


@every_call
def test_limited_call_waits_for_one_attempt(host: HostileHost, call: Call) -> None:
    answers(host, silence())
    with closing(storage_at(host, tries=10)) as storage:
        storage.limit_calls(0.5)
        with pytest.raises(StorageUnavailable):
            call(storage)
    assert len(host.requests) == 1


def test_limited_call_repeats_a_quick_failure_while_there_is_time(host: HostileHost) -> None:
    answers(host, answer(refusal("InternalError", ""), status=500))
    with closing(storage_at(host, tries=10)) as storage:
        storage.limit_calls(6.4)
        with pytest.raises(StorageUnavailable):
            put(storage)
    assert len(host.requests) == 2
