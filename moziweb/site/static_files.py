"""Static files: browsers cache them for a year, because each URL has a digest of the content.

During a deploy, a process of one release gets requests for files of the other. What it sends at a
URL with another digest must not be stored.
"""

import os
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPMethodNotAllowed, HTTPNotFound
from pyramid.path import AssetResolver
from pyramid.response import Response

from moziweb.cache.http.representations import CODINGS
from moziweb.request import Request

FOLDER: Final = "moziweb:static/"
MAX_AGE_SECONDS: Final = 365 * 24 * 3600

STATIC_METHODS: Final = frozenset({"GET", "HEAD"})

_DIGEST_LENGTH: Final = 12

_NUMBERED: Final = ("fonts",)
"""The folder of files whose names contain their version. A style sheet names them."""


def add_digest(request: Request, subpath: str, kw: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Cache buster for Pyramid: adds ``?v=<digest of the content>`` to URLs of static files.

    If a file changes while the process runs (in development), its URL changes at once.
    """
    path = Path(AssetResolver().resolve(kw["pathspec"]).abspath())
    with suppress(FileNotFoundError):
        kw["_query"] = {"v": _digest_of(path)}
    return subpath, kw


def _digest_of(path: Path) -> str:
    status = path.stat()
    return file_digest(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1024)
def file_digest(path: Path, mtime_ns: int, size: int) -> str:
    """The first hex digits of a file's SHA-256, cached per modification time and size."""
    return sha256(path.read_bytes()).hexdigest()[:_DIGEST_LENGTH]


def static_file_root(request: Request) -> None:
    """Root factory of the static route: refuses other methods, and URLs of folders.

    Pyramid's static view answers any method, and redirects a folder to the same URL with a slash,
    under the host of the request's Host header.
    """
    request.add_response_callback(_forbid_storing_other_versions)
    if request.method not in STATIC_METHODS:
        raise HTTPMethodNotAllowed
    folder = AssetResolver().resolve(FOLDER).abspath()
    if os.path.isdir(os.path.join(folder, *request.matchdict["subpath"])):  # noqa: PTH112, PTH118 - odd names are no error to these
        raise HTTPNotFound


def _forbid_storing_other_versions(request: Any, response: Response) -> None:
    """Set ``no-store`` unless the URL has the digest of the file, or its name has a number."""
    subpath, query = request.matchdict["subpath"], request.environ.get("QUERY_STRING", "")
    if not query and subpath[:1] == _NUMBERED:
        return
    path = Path(AssetResolver().resolve(FOLDER).abspath(), *subpath)
    with suppress(OSError, ValueError):  # there is no such file
        if query == f"v={_digest_of(path)}":
            return
    response.headers["Cache-Control"] = "no-store"
    response.headers.pop("Expires", None)


def includeme(config: Configurator) -> None:
    """Serve ``moziweb/static`` at ``/static/``; the wheel has its files in these codings, too."""
    config.add_static_view(
        "static",
        FOLDER,
        cache_max_age=MAX_AGE_SECONDS,
        factory=static_file_root,
        content_encodings=CODINGS,
    )
    config.add_cache_buster(FOLDER, add_digest)
