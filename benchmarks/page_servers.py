"""The servers that ``page_hit`` compares: each serves the same pages by waitress.

Run by ``page_hit`` as ``python -m benchmarks.page_servers NAME PORT FOLDER MEMCACHED CORE``. The
folder has the pages, as ``keep_page`` writes them, and the demo database. The servers without a
cache have the index only. Each imports only what it needs, so that all start soon.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from waitress import serve

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

THREADS = 8
KIND = ("Content-Type", "text/html; charset=UTF-8")


def bare(folder: Path, memcached: str) -> App:
    """A WSGI function that returns the bytes."""
    body, _ = page_of(folder, "/")
    headers = [KIND, ("Content-Length", str(len(body)))]

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", headers)
        return [body]

    return app


def headers(folder: Path, memcached: str) -> App:
    """The same with all headers of our page."""
    body, given = page_of(folder, "/")

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", given)
        return [body]

    return app


def clock(folder: Path, memcached: str) -> App:
    """The same with a read of the clock: the least cost of immediate invalidation."""
    from moziweb.cache.protocol.stamps import StampStore
    from moziweb.cache.stores.memcached_client import MemcachedClient

    body, given = page_of(folder, "/")
    stamps = StampStore(MemcachedClient([memcached], prefix="bench:"), 3600)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        stamps.clock()
        start_response("200 OK", given)
        return [body]

    return app


def pyramid(folder: Path, memcached: str) -> App:
    """A Pyramid view that returns the bytes."""
    from pyramid.config import Configurator
    from pyramid.response import Response

    body, _ = page_of(folder, "/")

    def view(request: Any) -> Any:
        return Response(body, content_type="text/html", charset="UTF-8")

    with Configurator() as config:
        config.add_route("index", "/")
        config.add_view(view, route_name="index")
        app: App = config.make_wsgi_app()
    return app


def django(folder: Path, memcached: str) -> App:
    """Django's ``cache_page`` over its pylibmc backend."""
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, HttpResponse
    from django.urls import re_path
    from django.views.decorators.cache import cache_page

    class Urls:
        urlpatterns: ClassVar[list[Any]] = []

    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=Urls,
        MIDDLEWARE=[],
        CACHES={
            "default": {
                "BACKEND": "django.core.cache.backends.memcached.PyLibMCCache",
                "LOCATION": memcached,
            }
        },
    )

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(page_of(folder, request.path)[0], content_type=KIND[1])

    Urls.urlpatterns.append(re_path("", cache_page(3600)(view)))
    app: App = get_wsgi_application()
    return app


def flask(folder: Path, memcached: str) -> App:
    """Flask-Caching's ``cached`` over pylibmc."""
    from flask import Flask, Response
    from flask_caching import Cache

    app = Flask("bench")
    cache = Cache(
        app, config={"CACHE_TYPE": "MemcachedCache", "CACHE_MEMCACHED_SERVERS": [memcached]}
    )

    def page(path: str) -> Response:
        return Response(page_of(folder, f"/{path}")[0], content_type=KIND[1])

    view = cache.cached(timeout=3600)(page)
    app.add_url_rule("/", view_func=view, defaults={"path": ""})
    app.add_url_rule("/<path:path>", view_func=view)
    return app


def ours(folder: Path, memcached: str, **changed: str) -> App:
    """The site as in production: entries and stamps in memcached."""
    from moziweb import main

    return main({}, **(site_settings(folder, memcached) | changed))


def unmeasured(folder: Path, memcached: str) -> App:
    """The same without any counter."""
    from moziweb.cache import CacheEvents
    from moziweb.ops import metrics

    patched: Any = metrics
    patched.CompositeEvents = lambda *_: CacheEvents()
    return ours(folder, memcached)


def entry(folder: Path, memcached: str) -> App:
    """The same without the local cache: every hit fetches and validates its entry."""
    return ours(folder, memcached, **{"cache.pages.l1_bytes": "0"})


def entry_with_raw_stamps(folder: Path, memcached: str) -> App:
    """The same with stamps read over a socket of our own (``raw_stamps.py``)."""
    from benchmarks.raw_stamps import use_raw_stamps
    from tests.registry import page_cache_of

    app = entry(folder, memcached)
    cache: Any = page_cache_of(app.registry).cache  # type: ignore[attr-defined]
    use_raw_stamps(memcached, cache.stamps._store._prefix)  # noqa: SLF001
    return app


def assembled(folder: Path, memcached: str) -> App:
    """The same without stored pages: each is assembled from its template and fragments."""
    return ours(folder, memcached, **{"cache.pages.backend": "dogpile.cache.null"})


def assembled_in_all_codings(folder: Path, memcached: str) -> App:
    """The same, always compressed in all codings."""
    from moziweb.cache.http import cached_view
    from moziweb.cache.http.representations import CODINGS

    patched: Any = cached_view
    patched._Page._codings = lambda _: CODINGS  # noqa: SLF001
    return assembled(folder, memcached)


RAW_STAMPS = "entry, raw stamps"
ALL_CODINGS = "assembled, all codings"

SERVERS: dict[str, Callable[[Path, str], App]] = {
    "bare": bare,
    "headers": headers,
    "clock": clock,
    "pyramid": pyramid,
    "django": django,
    "flask": flask,
    "in threads": ours,
    "ours": ours,
    "unmeasured": unmeasured,
    "entry": entry,
    RAW_STAMPS: entry_with_raw_stamps,
    "assembled": assembled,
    ALL_CODINGS: assembled_in_all_codings,
}


BY_OUR_RUNNER = frozenset({"ours", "unmeasured"})
"""Served as in production; the others are served by plain waitress."""


def site_settings(folder: Path, memcached: str) -> dict[str, str]:
    """The ini keys of ``production.ini``, with another database and storage."""
    return {
        "site.base_url": "https://moziweb.test",
        "site.hsts": "true",
        "metrics.token": "the-token-of-a-benchmark",
        "sqlalchemy.url": f"sqlite:///{folder}/demo.sqlite",
        "storage.backend": "disk",
        "storage.disk.path": f"{folder}/objects",
        "cache.regions": "pages fragments",
        "cache.stamps.url": f"memcached://{memcached}",
        "cache.default.backend": "dogpile.cache.pylibmc",
        "cache.default.arguments.url": memcached,
        "cache.pages.expiration_time": "86400",
        # The 500 hot pages with their tags do not fit in the default of 16 MB.
        "cache.pages.l1_bytes": "64000000",
        "cache.fragments.expiration_time": "604800",
        "cache.fragments.mode": "strict",
    }


def keep_page(folder: Path, path: str, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
    """Write a page, which ``page_of`` reads."""
    name = quote(path, safe="")
    (folder / f"{name}.body").write_bytes(body)
    (folder / f"{name}.json").write_text(json.dumps(headers))


def page_of(folder: Path, path: str) -> tuple[bytes, list[tuple[str, str]]]:
    """The bytes and headers of one of our pages."""
    name = quote(path, safe="")
    given = json.loads((folder / f"{name}.json").read_text())
    return (folder / f"{name}.body").read_bytes(), [(name, value) for name, value in given]


def main() -> None:
    """Serve on one core until killed."""
    name, port, folder, memcached, core = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    app = SERVERS[name](Path(folder), memcached)
    if name in BY_OUR_RUNNER:
        from moziweb.server import bind

        bind(app, {"host": "127.0.0.1", "port": port, "threads": str(THREADS)}).run()
    else:
        serve(app, host="127.0.0.1", port=int(port), threads=THREADS, _quiet=True)


if __name__ == "__main__":
    main()
