"""Serves the objects of the disk storage, for a site without S3."""

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPNotFound, HTTPServiceUnavailable
from pyramid.request import Request
from pyramid.response import FileIter, Response

from moziweb.services import services_of

from .disk import OBJECTS_PATH, DiskStorage
from .interface import InvalidKey, ObjectNotFound, StorageUnavailable, is_private

_BLOCK = 65_536


def includeme(config: Configurator) -> None:
    """Add the route ``/objects/{key}`` to the objects of the service ``storage``."""
    # Not Pyramid's *key, which resolves "..": an object has only one URL.
    config.add_route("objects", OBJECTS_PATH + "/{key:.+}")
    config.add_view(object_view, route_name="objects", request_method="GET")


def object_view(request: Request) -> Response:
    """Serve an object with exactly the headers of its ``put``, as S3 does.

    Handles conditional requests, ranges and HEAD. Responds 404 if there is no such object, or if
    it is private: the original of an upload may contain a location.
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
