"""The S3 storage, on a real server over HTTP."""

import http.client
import json
import re
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

import pytest

from moziweb.storage import StorageMisconfigured, StorageUnavailable
from moziweb.storage.s3 import MAX_BYTES_WITHOUT_EXPECT, S3Settings, S3Storage, make_client
from tests.services.ports import HOST, free_port
from tests.services.proxy import FlakyProxy
from tests.services.s3 import S3Bucket, S3Server

from .conftest import MakeS3, s3_settings

FOREVER = "max-age=290304000, public, immutable"
KEY = "poster/12-macskafogo/0123456789abcdef-01234567.thumb.webp"


def put(storage: S3Storage, key: str = KEY, *, if_absent: bool = False) -> None:
    storage.put(key, b"body", content_type="image/webp", cache_control=FOREVER, if_absent=if_absent)


def fetch(url: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """Return the response to an anonymous visitor: status, headers (in lower case) and body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    connection.request(method, parts.path)
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    got = response.status, headers, response.read()
    connection.close()
    return got


def test_public_objects_are_served_with_exactly_our_headers(make_s3: MakeS3) -> None:
    storage = make_s3()
    put(storage, "poster/1-a b/é+.webp")
    status, headers, body = fetch(storage.url("poster/1-a b/é+.webp"))
    assert (status, body) == (HTTPStatus.OK, b"body")
    assert headers["cache-control"] == "max-age=290304000, public, immutable"
    assert headers["content-type"] == "image/webp"
    assert headers["content-length"] == "4"
    assert headers["etag"]
    assert headers["last-modified"]


def test_objects_without_acl_are_private(make_s3: MakeS3) -> None:
    storage = make_s3(acl="")
    put(storage)
    assert fetch(storage.url(KEY))[0] == HTTPStatus.FORBIDDEN


def test_private_object_has_no_acl(make_s3: MakeS3) -> None:
    """Originals of uploads may contain private data, such as a location."""
    storage = make_s3(acl="public-read")
    for cache_control, expected in (("private, no-cache", 403), (FOREVER, 200)):
        storage.put(KEY, b"body", content_type="image/jpeg", cache_control=cache_control)
        assert fetch(storage.url(KEY))[0] == expected
        assert storage.get(KEY) == b"body"


def test_visitors_cannot_write(make_s3: MakeS3) -> None:
    storage = make_s3()
    put(storage)
    assert fetch(storage.url(KEY), "DELETE")[0] == HTTPStatus.FORBIDDEN
    assert storage.get(KEY) == b"body"


def test_bucket_policy_opens_objects_without_acl(
    make_s3: MakeS3, s3_bucket_refusing_acls: S3Bucket
) -> None:
    s3_bucket_refusing_acls.allow_public_read()
    storage = make_s3(s3_bucket_refusing_acls, acl="")
    storage.check()
    put(storage)
    assert fetch(storage.url(KEY))[::2] == (HTTPStatus.OK, b"body")


def test_refused_acl_names_the_setting(make_s3: MakeS3, s3_bucket_refusing_acls: S3Bucket) -> None:
    storage = make_s3(s3_bucket_refusing_acls, tries=3)
    with pytest.raises(StorageMisconfigured, match=r"refuses object ACLs: .* storage\.s3\.acl"):
        put(storage)
    with pytest.raises(StorageMisconfigured, match=r"refuses object ACLs: .* storage\.s3\.acl"):
        storage.check()


def test_refused_acl_is_not_retried(
    make_s3: MakeS3, s3_bucket_refusing_acls: S3Bucket, s3_server: S3Server
) -> None:
    with FlakyProxy(s3_server.port) as proxy:
        storage = make_s3(
            s3_bucket_refusing_acls, tries=5, endpoint_url=f"http://{HOST}:{proxy.port}"
        )
        with pytest.raises(StorageMisconfigured):
            put(storage)
        assert proxy.requests.count(b"PUT /") == 1


def test_blocked_public_acl_is_misconfigured(make_s3: MakeS3, s3_bucket: S3Bucket) -> None:
    s3_bucket.client.put_public_access_block(
        Bucket=s3_bucket.name, PublicAccessBlockConfiguration={"BlockPublicAcls": True}
    )
    storage = make_s3()
    with pytest.raises(StorageMisconfigured, match="blocks public ACLs"):
        put(storage)
    with pytest.raises(StorageMisconfigured, match="blocks public ACLs"):
        storage.check()


def test_check_passes_if_the_bucket_accepts_acls(make_s3: MakeS3) -> None:
    make_s3(acl="public-read").check()


def test_check_passes_if_the_acl_cannot_be_checked(make_s3: MakeS3, s3_server: S3Server) -> None:
    writer = s3_server.create_user("s3:ListBucket", "s3:PutObject", "s3:PutObjectAcl")
    make_s3(**vars(writer)).check()


def policies_of_the_guide(bucket: S3Bucket) -> dict[str, str]:
    """Return the policies of docs/deployment.md by the Sid of their first statement.

    The key ``lifecycle`` has its lifecycle rules.
    """
    guide = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```json\n(.*?)```", guide.replace("BUCKET", bucket.name), re.DOTALL)
    policies = [block for block in blocks if "Statement" in json.loads(block)]
    (lifecycle,) = set(blocks) - set(policies)
    by_sid = {json.loads(policy)["Statement"][0]["Sid"]: policy for policy in policies}
    return {**by_sid, "lifecycle": lifecycle}


def test_policy_of_the_guide_publishes_posters_only(
    make_s3: MakeS3, s3_bucket_refusing_acls: S3Bucket
) -> None:
    bucket = s3_bucket_refusing_acls
    bucket.allow_public_read(policies_of_the_guide(bucket)["PostersArePublic"])
    storage = make_s3(bucket, acl="")
    for key, expected in ((KEY, HTTPStatus.OK), ("upload/aa/a.jpg", HTTPStatus.FORBIDDEN)):
        put(storage, key)
        assert fetch(storage.url(key))[0] == expected
    assert fetch(f"{bucket.endpoint_url}/{bucket.name}")[0] == HTTPStatus.FORBIDDEN, "no listing"


def test_lifecycle_of_the_guide_is_valid(s3_bucket: S3Bucket) -> None:
    rules = json.loads(policies_of_the_guide(s3_bucket)["lifecycle"])
    client, name = s3_bucket.client, s3_bucket.name
    client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration=rules)
    (rule,) = client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert "Expiration" not in rule, "nothing that is linked expires"


def test_permissions_of_the_guide_are_sufficient(
    make_s3: MakeS3, s3_bucket_refusing_acls: S3Bucket, s3_server: S3Server
) -> None:
    bucket = s3_bucket_refusing_acls
    policy = policies_of_the_guide(bucket)["Objects"]
    storage = make_s3(bucket, acl="", **vars(s3_server.create_user(policy=policy)))
    storage.check()
    put(storage)
    put(storage, if_absent=True)
    assert storage.get(KEY) == b"body"
    assert [found.key for found in storage.list()] == [KEY]
    assert storage.head("poster/other") is None
    storage.delete([KEY])
    assert storage.head(KEY) is None

    acl_permissions = (
        "s3:PutObjectAcl",
        "s3:GetBucketOwnershipControls",
        "s3:GetBucketPublicAccessBlock",
    )
    with_acl = make_s3(bucket, **vars(s3_server.create_user(*acl_permissions, policy=policy)))
    with pytest.raises(StorageMisconfigured, match="refuses object ACLs"):
        with_acl.check()


def test_wrong_secret_names_the_setting(make_s3: MakeS3, s3_server: S3Server) -> None:
    user = replace(s3_server.create_user("s3:*"), secret_access_key="wrong")
    storage = make_s3(**vars(user))
    for ask in (storage.check, lambda: put(storage), lambda: storage.get(KEY)):
        with pytest.raises(StorageMisconfigured, match=r"storage\.s3\.secret_access_key"):
            ask()
    with pytest.raises(StorageMisconfigured, match="check the credentials"):
        storage.head(KEY)


def test_unknown_access_key_names_the_setting(make_s3: MakeS3) -> None:
    storage = make_s3(access_key_id="AKIANOSUCHKEY0000000", secret_access_key="secret")
    with pytest.raises(StorageMisconfigured, match=r"storage\.s3\.access_key_id"):
        storage.check()


def test_missing_credentials_are_misconfigured(
    make_s3: MakeS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_credentials(monkeypatch)
    storage = make_s3(access_key_id=None, secret_access_key=None)
    with pytest.raises(StorageMisconfigured, match="no complete credentials"):
        storage.check()


def test_incomplete_credentials_are_misconfigured(
    make_s3: MakeS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_credentials(monkeypatch)
    with pytest.raises(StorageMisconfigured, match="no complete credentials"):
        make_s3(secret_access_key=None).check()


def test_default_chain_finds_credentials(
    make_s3: MakeS3, monkeypatch: pytest.MonkeyPatch, s3_server: S3Server
) -> None:
    _without_credentials(monkeypatch)
    user = s3_server.create_user("s3:*")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user.secret_access_key)
    make_s3(access_key_id=None, secret_access_key=None).check()


def test_missing_permission_is_named(make_s3: MakeS3, s3_server: S3Server) -> None:
    reader = s3_server.create_user("s3:ListBucket", "s3:GetObject")
    storage = make_s3(**vars(reader), acl="")
    storage.check()
    assert storage.head(KEY) is None
    with pytest.raises(StorageMisconfigured, match="does not allow s3:PutObject"):
        put(storage)


def test_every_call_names_a_missing_bucket(make_s3: MakeS3) -> None:
    storage = make_s3(bucket="no-such-bucket")
    calls = (
        storage.check,
        lambda: put(storage),
        lambda: storage.get(KEY),
        lambda: storage.head(KEY),
        lambda: storage.delete([KEY]),
        lambda: list(storage.list()),
    )
    for call in calls:
        with pytest.raises(StorageMisconfigured, match="there is no bucket no-such-bucket at http"):
            call()


def test_invalid_bucket_name_is_misconfigured(make_s3: MakeS3) -> None:
    with pytest.raises(StorageMisconfigured, match="cannot be sent"):
        make_s3(bucket="not/a bucket").check()


def test_invalid_endpoint_names_the_setting(make_s3: MakeS3) -> None:
    with pytest.raises(StorageMisconfigured, match=r"^storage\.s3\.endpoint_url: "):
        make_s3(endpoint_url="not an address").check()


def test_stopped_server_is_unavailable(make_s3: MakeS3, caplog: pytest.LogCaptureFixture) -> None:
    storage = make_s3(endpoint_url=f"http://{HOST}:{free_port()}")
    calls = (
        storage.check,
        lambda: put(storage),
        lambda: storage.get(KEY),
        lambda: storage.head(KEY),
        lambda: storage.delete([KEY]),
        lambda: list(storage.list()),
    )
    for call in calls:
        with pytest.raises(StorageUnavailable, match="does not answer s3:"):
            call()
    (line,) = (each.getMessage() for each in caplog.records if each.name == "moziweb.logs.outage")
    assert re.match(r"storage \S+ is unavailable: ", line), "one line for all calls"


def test_frozen_server_is_unavailable_until_it_continues(
    make_s3: MakeS3, s3_server: S3Server
) -> None:
    storage = make_s3(read_timeout=0.2)
    with s3_server.paused(), pytest.raises(StorageUnavailable, match="does not answer"):
        storage.check()
    storage.check()


def test_lost_connections_are_retried(make_s3: MakeS3, s3_server: S3Server) -> None:
    with FlakyProxy(s3_server.port, cut=2) as proxy:
        storage = make_s3(tries=3, endpoint_url=f"http://{HOST}:{proxy.port}")
        put(storage)
        assert proxy.connections == 3
    assert make_s3().get(KEY) == b"body"


def test_small_body_is_sent_without_expect(make_s3: MakeS3, s3_server: S3Server) -> None:
    with FlakyProxy(s3_server.port) as proxy:
        storage = make_s3(endpoint_url=f"http://{HOST}:{proxy.port}")
        put(storage)
        assert b"PUT /" in proxy.requests
        assert b"expect:" not in proxy.requests.lower()
        large = b"x" * (MAX_BYTES_WITHOUT_EXPECT + 1)
        storage.put(KEY, large, content_type="image/webp", cache_control=FOREVER)
        assert b"expect: 100-continue" in proxy.requests.lower()
        assert storage.get(KEY) == large


def test_tries_limit_the_attempts(make_s3: MakeS3, s3_server: S3Server) -> None:
    with FlakyProxy(s3_server.port, cut=99) as proxy:
        storage = make_s3(tries=2, endpoint_url=f"http://{HOST}:{proxy.port}")
        with pytest.raises(StorageUnavailable):
            put(storage)
        assert proxy.connections == 2


def test_threads_share_one_client(make_s3: MakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[S3Settings] = []

    def recording(settings: S3Settings, call_limit: float | None) -> Any:
        made.append(settings)
        return make_client(settings, call_limit)

    monkeypatch.setattr("moziweb.storage.s3.make_client", recording)
    storage = make_s3()

    def round_trip(number: int) -> bytes:
        key = f"many/{number}"
        storage.put(key, b"%d" % number, content_type="image/webp", cache_control=FOREVER)
        return storage.get(key)

    with ThreadPoolExecutor(16) as pool:
        bodies = list(pool.map(round_trip, range(64)))
    assert bodies == [b"%d" % number for number in range(64)]
    assert len({found.etag for found in storage.list("many/")}) == 64
    assert len(made) == 1


def test_one_of_many_concurrent_writers_stores_an_absent_object(make_s3: MakeS3) -> None:
    storage = make_s3(conditional_put=True)

    def race(number: int) -> str:
        body = b"%d" % number
        stored = storage.put(
            KEY, body, content_type="image/webp", cache_control=FOREVER, if_absent=True
        )
        return stored.etag

    with ThreadPoolExecutor(16) as pool:
        etags = set(pool.map(race, range(16)))
    assert len(etags) == 1


def test_more_than_a_batch_is_listed_and_deleted(
    make_s3: MakeS3, s3_bucket: S3Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moziweb.storage.s3.KEYS_PER_DELETION", 3)
    storage = make_s3(acl="")
    keys = [f"many/{number}" for number in range(8)]
    for key in keys:
        put(storage, key)
    assert [found.key for found in storage.list("many/")] == keys
    storage.delete(iter(keys[:7]))
    assert [found.key for found in storage.list()] == keys[7:]
    assert s3_bucket.client.list_objects_v2(Bucket=s3_bucket.name)["KeyCount"] == 1


def test_refused_deletion_names_the_permission(make_s3: MakeS3, s3_server: S3Server) -> None:
    put(make_s3())
    reader = s3_server.create_user("s3:ListBucket", "s3:GetObject")
    with pytest.raises(StorageMisconfigured, match="does not allow s3:DeleteObject"):
        make_s3(**vars(reader)).delete([KEY])


def test_objects_with_invalid_keys_are_skipped(make_s3: MakeS3, s3_bucket: S3Bucket) -> None:
    s3_bucket.client.put_object(Bucket=s3_bucket.name, Key="folder/", Body=b"")
    storage = make_s3()
    put(storage, "folder/a")
    assert [found.key for found in storage.list()] == ["folder/a"]


def test_upload_is_stored_with_its_crc32(make_s3: MakeS3, s3_bucket: S3Bucket) -> None:
    put(make_s3())
    stored = s3_bucket.client.head_object(Bucket=s3_bucket.name, Key=KEY, ChecksumMode="ENABLED")
    assert stored["ChecksumCRC32"] == b64encode(crc32(b"body").to_bytes(4, "big")).decode()


def test_checksums_can_be_turned_off(make_s3: MakeS3) -> None:
    storage = make_s3(checksums="when_required")
    put(storage)
    assert storage.get(KEY) == b"body"
    storage.delete([KEY])
    assert storage.head(KEY) is None


def test_client_is_made_once_and_again_after_closing(make_s3: MakeS3) -> None:
    storage = make_s3()
    put(storage)
    storage.close()
    assert storage.get(KEY) == b"body"


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        (None, "https://posters.s3.eu-central-1.amazonaws.com/a/b.webp"),
        ("https://cdn.example", "https://cdn.example/a/b.webp"),
        ("https://cdn.example/posters/", "https://cdn.example/posters/a/b.webp"),
    ],
)
def test_address_follows_the_base_url(base_url: str | None, expected: str) -> None:
    assert S3Storage(S3Settings("posters"), base_url).url("a/b.webp") == expected


def test_base_url_applies_to_the_configured_bucket_only() -> None:
    storage = S3Storage(S3Settings("posters"), "https://cdn.example")
    assert storage.url("a", bucket="posters") == "https://cdn.example/a"
    assert storage.url("a", bucket="old") == "https://old.s3.eu-central-1.amazonaws.com/a"


def test_settings_are_read_by_their_ini_names(s3_bucket: S3Bucket) -> None:
    wanted = s3_settings(s3_bucket, checksums="when_required", pool_size=5)
    ini: dict[str, Any] = {f"storage.s3.{name}": value for name, value in vars(wanted).items()}
    assert S3Settings.read({**ini, "storage.base_url": None}) == wanted


def test_secret_is_not_in_the_repr() -> None:
    assert "hush" not in repr(S3Settings("posters", secret_access_key="hush"))


def _without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
