"""Serves the disk storage's objects, for a site that has no S3."""

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPNotFound, HTTPServiceUnavailable
from pyramid.request import Request
from pyramid.response import FileIter, Response

from moziweb.services import services_of

from .disk import OBJECTS_PATH, DiskStorage
from .interface import InvalidKey, ObjectNotFound, StorageUnavailable, is_private

_BLOCK = 65_536


def includeme(config: Configurator) -> None:
    """Route ``/objects/{key}`` to the storage in the service ``storage``."""
    # Not Pyramid's *key: it resolves "..", and an object has one address only.
    config.add_route("objects", OBJECTS_PATH + "/{key:.+}")
    config.add_view(object_view, route_name="objects", request_method="GET")


def object_view(request: Request) -> Response:
    """The object with exactly the headers that it was stored with, as S3 would serve it.

    Answers conditional requests, ranges and HEAD; 404 for whatever is no object, and for what is
    private: an upload's original tells where it was taken.
    """
    storage = services_of(request.registry).storage
    if not isinstance(storage, DiskStorage):
        raise HTTPNotFound
    try:
        stored, file = storage.open(request.matchdict["key"])
    except (ObjectNotFound, InvalidKey):
        raise HTTPNotFound from None
    except StorageUnavailable:
        raise HTTPServiceUnavailable from None
    if is_private(stored.cache_control):
        file.close()
        raise HTTPNotFound
    headers = [
        ("Content-Type", str(stored.content_type)),
        ("Content-Length", str(stored.size)),
        ("Cache-Control", str(stored.cache_control)),
        ("ETag", f'"{stored.etag}"'),
        ("X-Content-Type-Options", "nosniff"),
    ]
    send = request.environ.get("wsgi.file_wrapper", FileIter)
    response = Response(headerlist=headers, app_iter=send(file, _BLOCK), conditional_response=True)
    response.last_modified = stored.last_modified
    return response
