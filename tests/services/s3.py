"""An S3 server over HTTP: ministack, which supports ACLs, IAM users and bucket policies."""

import contextlib
import http.client
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import create_loader

from .ports import HOST, free_port
from .process import Service, ServiceError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# Each session parses the model of S3 again: 70 ms and 10 MB per client. All tests share one parser.
botocore.session.create_loader = cache(create_loader)

REGION: Final = "eu-central-1"

# ministack pins another botocore, so it has its own virtual environment.
_PYTHON_VARIABLE = "MOZIWEB_S3_PYTHON"
_DEFAULT_PYTHON = Path(__file__).parents[2] / ".s3venv" / "bin" / "python"


@dataclass(frozen=True)
class Credentials:
    """An access key and its secret."""

    access_key_id: str
    secret_access_key: str


#: The root key of the server. It may do everything; its secret is not checked.
ROOT = Credentials("test", "test")


@dataclass(frozen=True)
class S3Bucket:
    """The bucket of a test, and a root client for it."""

    name: str
    endpoint_url: str
    client: "S3Client"

    def settings(self) -> dict[str, str]:
        """The ini keys of an application that stores objects in it, as the root user."""
        return {
            "storage.backend": "s3",
            "storage.s3.bucket": self.name,
            "storage.s3.region": REGION,
            "storage.s3.endpoint_url": self.endpoint_url,
            "storage.s3.access_key_id": ROOT.access_key_id,
            "storage.s3.secret_access_key": ROOT.secret_access_key,
            "storage.s3.addressing_style": "path",
        }

    def clear(self) -> None:
        """Remove every object."""
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name):
            for found in page.get("Contents", []):
                self.client.delete_object(Bucket=self.name, Key=found["Key"])

    def allow_public_read(self, policy: str | None = None) -> None:
        """Make objects public with a bucket policy: all objects, or those of ``policy``."""
        self.client.delete_public_access_block(Bucket=self.name)
        resource = f"arn:aws:s3:::{self.name}/*"
        everything = _policy("s3:GetObject", resource, Principal="*")
        self.client.put_bucket_policy(Bucket=self.name, Policy=policy or everything)


class S3Server(Service):
    """S3, IAM and STS on ``http://127.0.0.1:port``; data and ACLs survive a restart."""

    name = "s3"

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self._numbers = count(1)

    @property
    def endpoint_url(self) -> str:
        """The URL for boto3's ``endpoint_url``."""
        return f"http://{HOST}:{self.port}"

    def command(self) -> list[str]:
        """The module, run by the Python of the server's virtual environment."""
        python = Path(os.environ.get(_PYTHON_VARIABLE) or _DEFAULT_PYTHON)
        if not python.exists():
            raise ServiceError(f"no S3 server at {python}: run `make test-services`")
        return [str(python), "-m", "ministack"]

    def environment(self) -> dict[str, str]:
        """The configuration. ACLs survive a restart only with both persist flags."""
        return {
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": HOST,
            "SERVICES": "s3,iam,sts",
            "AUTH": "true",
            "LOG_LEVEL": "ERROR",
            "S3_PERSIST": "1",
            "PERSIST_STATE": "1",
            "S3_DATA_DIR": str(self.home / "s3"),
            "STATE_DIR": str(self.home / "state"),
            "TMPDIR": str(self.home),
        }

    def is_ready(self) -> bool:
        """Whether its health page answers."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        with (
            contextlib.closing(connection),
            contextlib.suppress(OSError, http.client.HTTPException),
        ):
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        return False

    @cached_property
    def root(self) -> "S3Client":
        """A shared boto3 root client, since creating one is slow."""
        client: S3Client = self.client("s3")
        return client

    def client(self, service: str, credentials: Credentials = ROOT) -> Any:
        """A new boto3 client of this server; close it."""
        session: Any = boto3.session.Session()  # the stubs know services by literal names only
        return session.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def close(self) -> None:
        """Close the shared client too."""
        shared = vars(self).pop("root", None)
        if shared is not None:
            shared.close()
        super().close()

    @contextlib.contextmanager
    def bucket(self, *, acls: bool) -> Iterator[S3Bucket]:
        """A new bucket, removed with its objects at the end of a ``with`` block.

        ``acls=False`` is the default of AWS: object ACLs are refused and public access is blocked.
        ``acls=True`` is the older kind, which accepts them.
        """
        bucket = S3Bucket(f"test-{os.getpid()}-{next(self._numbers)}", self.endpoint_url, self.root)
        self.root.create_bucket(
            Bucket=bucket.name,
            CreateBucketConfiguration={"LocationConstraint": REGION},
            ObjectOwnership="ObjectWriter" if acls else "BucketOwnerEnforced",
        )
        if acls:
            self.root.delete_public_access_block(Bucket=bucket.name)
        yield bucket
        bucket.clear()
        self.root.delete_bucket(Bucket=bucket.name)

    def create_user(self, *actions: str, policy: str | None = None) -> Credentials:
        """The access key of a new IAM user who may do ``actions`` (``"s3:*"``) and ``policy``.

        Wrong secrets are refused for such a user only: see ``ROOT``.
        """
        name = f"user-{next(self._numbers)}"
        with contextlib.closing(self.client("iam")) as iam:
            iam.create_user(UserName=name)
            granted = {
                "actions": _policy(list(actions), "*") if actions else None,
                "policy": policy,
            }
            for each, document in granted.items():
                if document:
                    iam.put_user_policy(UserName=name, PolicyName=each, PolicyDocument=document)
            key = iam.create_access_key(UserName=name)["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def _policy(action: str | list[str], resource: str, **principal: str) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **principal}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
