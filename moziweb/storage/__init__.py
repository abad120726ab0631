"""Storage of objects (uploads, poster variants): S3 or a folder, behind one interface."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pyramid.config import Configurator

from moziweb.hidden_modules import hidden
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
    """Return the storage of the typed ``storage.*`` settings.

    Raises ``StorageMisconfigured`` if the folder cannot be used; no request is sent to S3.
    """
    base_url = settings["storage.base_url"]
    if settings["storage.backend"] == "disk":
        return DiskStorage(settings["storage.disk.path"], base_url)
    # Imported here, so that a site on disk saves the memory and start-up time of boto3.
    # pyOpenSSL, of passkeys, takes 9 MiB with its cryptography; botocore imports it, no more.
    with hidden("urllib3.contrib.pyopenssl"):
        from .s3 import S3Settings, S3Storage

    return S3Storage(S3Settings.read(settings), base_url)


def includeme(config: Configurator) -> None:
    """Add the service ``storage``; on disk, serve its objects too."""
    storage = from_settings(config.registry.settings)
    set_services(config.registry, replace(services_of(config.registry), storage=storage))
    if storage.name == "disk":
        config.include(".views")
