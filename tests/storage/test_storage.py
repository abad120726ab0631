"""The storage of the settings."""

import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from pyramid.config import Configurator

from moziweb.services import services_of
from moziweb.settings import load
from moziweb.storage import from_settings
from moziweb.storage.disk import DiskStorage
from moziweb.storage.s3 import S3Settings, S3Storage, make_client
from tests.services.process import run

SITE = {"site.base_url": "https://moziweb.example", "sqlalchemy.url": "sqlite:///moziweb.sqlite"}


def settings(**storage: str) -> dict[str, Any]:
    """Return the typed settings of an ini file with these ``storage.*`` lines."""
    named = {f"storage.{name.replace('__', '.')}": value for name, value in storage.items()}
    return load({**SITE, **named}, environ={})


def test_disk_storage_from_settings(tmp_path: Path) -> None:
    path = tmp_path / "objects"
    storage = from_settings(
        settings(backend="disk", disk__path=str(path), base_url="https://cdn.example")
    )
    assert isinstance(storage, DiskStorage)
    assert (storage.name, storage.bucket, storage.path) == ("disk", "disk", path)
    assert path.is_dir()
    assert storage.url("a") == "https://cdn.example/a"


def test_s3_storage_from_settings() -> None:
    storage = from_settings(
        settings(backend="s3", s3__bucket="posters", s3__endpoint_url="https://s3.example.hu")
    )
    assert isinstance(storage, S3Storage)
    assert (storage.name, storage.bucket) == ("s3", "posters")
    assert storage.url("a") == "https://s3.example.hu/posters/a"


def test_defaults_of_timeouts_and_tries() -> None:
    """3 s to connect, 10 s to respond, three tries; more connections than threads."""
    chosen = S3Settings.read(
        settings(
            backend="s3",
            s3__bucket="posters",
            s3__access_key_id="a",
            s3__secret_access_key="b",
            s3__addressing_style="virtual",
        )
    )
    with closing(make_client(chosen)) as client:
        config: Any = client.meta.config
        assert (config.connect_timeout, config.read_timeout) == (3, 10)
        assert config.retries == {"total_max_attempts": 3, "mode": "standard"}
        assert config.max_pool_connections == 16
        assert config.s3["addressing_style"] == "virtual"


def test_s3_adds_no_route() -> None:
    config = Configurator(settings=settings(backend="s3", s3__bucket="posters"))
    config.include("moziweb.storage")
    config.commit()
    assert isinstance(services_of(config.registry).storage, S3Storage)
    assert config.introspector.get("routes", "objects") is None


def test_disk_storage_does_not_import_boto3(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from moziweb.storage import from_settings\n"
        "from_settings({'storage.backend': 'disk', 'storage.base_url': None, "
        f"'storage.disk.path': Path({str(tmp_path)!r})}})\n"
        "sys.exit('boto3' in sys.modules)"
    )
    assert run([sys.executable, "-c", script]).returncode == 0
