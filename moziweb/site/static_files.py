"""Static files: kept by browsers for a year, since each address carries its content's digest."""

import os
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPMethodNotAllowed, HTTPNotFound
from pyramid.path import AssetResolver

from moziweb.request import Request

FOLDER: Final = "moziweb:static/"
MAX_AGE_SECONDS: Final = 365 * 24 * 3600

READS: Final = frozenset({"GET", "HEAD"})

_DIGEST_LENGTH: Final = 12


def with_digest(request: Request, subpath: str, kw: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Pyramid's cache buster: ``?v=<digest of the content>`` on addresses of static files.

    A file that changes while the process runs (in development) gets a new address at once.
    """
    path = Path(AssetResolver().resolve(kw["pathspec"]).abspath())
    with suppress(FileNotFoundError):
        status = path.stat()
        kw["_query"] = {"v": digest_of(path, status.st_mtime_ns, status.st_size)}
    return subpath, kw


@lru_cache(maxsize=1024)
def digest_of(path: Path, mtime_ns: int, size: int) -> str:
    """The first hex digits of a file's SHA-256, worked out once for each state of the file."""
    return sha256(path.read_bytes()).hexdigest()[:_DIGEST_LENGTH]


def readable_file(request: Request) -> None:
    """The root factory of the static route: refuses what Pyramid's view of it would not.

    That view answers any method, and sends who asks for a folder to the same folder with a slash,
    at whatever host the request named.
    """
    if request.method not in READS:
        raise HTTPMethodNotAllowed
    folder = AssetResolver().resolve(FOLDER).abspath()
    if os.path.isdir(os.path.join(folder, *request.matchdict["subpath"])):  # noqa: PTH112, PTH118 - odd names are no error to these
        raise HTTPNotFound


def includeme(config: Configurator) -> None:
    """Serve ``moziweb/static`` at ``/static/``."""
    config.add_static_view("static", FOLDER, cache_max_age=MAX_AGE_SECONDS, factory=readable_file)
    config.add_cache_buster(FOLDER, with_digest)
