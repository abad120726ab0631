"""Where objects (uploads, poster variants) live: S3 or a folder, behind one contract."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pyramid.config import Configurator

from moziweb.services import services_of, set_services

from .disk import DiskStorage
from .interface import (
    InvalidKey,
    ObjectNotFound,
    Storage,
    StorageError,
    StorageMisconfigured,
    StorageUnavailable,
    StoredObject,
)

__all__ = [
    "InvalidKey",
    "ObjectNotFound",
    "Storage",
    "StorageError",
    "StorageMisconfigured",
    "StorageUnavailable",
    "StoredObject",
    "from_settings",
    "includeme",
]


def from_settings(settings: Mapping[str, Any]) -> Storage:
    """The storage that the typed ``storage.*`` settings describe.

    Raises ``StorageMisconfigured`` when the disk's folder cannot be used; S3 is not asked yet.
    """
    base_url = settings["storage.base_url"]
    if settings["storage.backend"] == "disk":
        return DiskStorage(settings["storage.disk.path"], base_url)
    # Here, so that a site on disk does without boto3's memory and start-up time.
    from .s3 import S3Settings, S3Storage

    return S3Storage(S3Settings.read(settings), base_url)


def includeme(config: Configurator) -> None:
    """Add the service ``storage``; on disk, serve its objects too."""
    storage = from_settings(config.registry.settings)
    set_services(config.registry, replace(services_of(config.registry), storage=storage))
    if storage.name == "disk":
        config.include(".views")
