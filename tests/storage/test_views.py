"""The view of ``/objects/``."""

from pathlib import Path
from wsgiref.util import FileWrapper

import pytest
from pyramid.config import Configurator
from webtest import TestApp

from moziweb.services import services_of
from moziweb.storage.disk import DiskStorage

FOREVER = "max-age=290304000, public, immutable"
KEY = "poster/1-a/0123-4567.thumb.webp"
BODY = b"RIFF" + bytes(100_000)

ATTACKS = [
    "",
    ".",
    "..",
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "poster/1-a/../1-a/0123-4567.thumb.webp",
    "poster/1-a/./0123-4567.thumb.webp",
    "poster//1-a/0123-4567.thumb.webp",
    "poster/1-a/0123-4567.thumb.webp/",
    "poster/1-a/0123-4567.thumb.webp%00.html",
    "poster/1-a/0123-4567.thumb.webp%0d%0aSet-Cookie:%20a=b",
    "poster/1-a/0123-4567.thumb.webp+object",
    "poster/1-a",
    "poster",
    "+drafts",
    "..%5c..%5cetc",
    "a" * 300,
    "a/" * 600,
]


@pytest.fixture
def application(tmp_path: Path) -> TestApp:
    settings = {
        "storage.backend": "disk",
        "storage.base_url": None,
        "storage.disk.path": tmp_path / "objects",
    }
    with Configurator(settings=settings) as config:
        config.include("moziweb.storage")
    storage = services_of(config.registry).storage
    assert isinstance(storage, DiskStorage)
    storage.put(KEY, BODY, content_type="image/webp", cache_control=FOREVER)
    return TestApp(config.make_wsgi_app())


def test_object_is_served_with_exactly_its_headers(application: TestApp) -> None:
    response = application.get(f"/objects/{KEY}", status=200)
    assert response.body == BODY
    assert dict(response.headerlist) == {
        "Content-Type": "image/webp",
        "Content-Length": str(len(BODY)),
        "Cache-Control": "max-age=290304000, public, immutable",
        "ETag": response.headers["ETag"],
        "Last-Modified": response.headers["Last-Modified"],
        "X-Content-Type-Options": "nosniff",
    }
    assert response.headers["ETag"].startswith('"')


def test_private_object_is_not_found(application: TestApp) -> None:
    storage = services_of(application.app.registry).storage
    storage.put("upload/a.jpg", BODY, content_type="image/jpeg", cache_control="private, no-cache")
    for method in ("GET", "HEAD"):
        application.request("/objects/upload/a.jpg", method=method, status=404)
    assert storage.get("upload/a.jpg") == BODY


def test_file_wrapper_of_the_server_is_used(application: TestApp) -> None:
    used: list[object] = []

    class Wrapper(FileWrapper):
        def __init__(self, *given: object) -> None:
            used.append(given[0])
            super().__init__(*given)  # type: ignore[arg-type]  # as the server calls it

    response = application.get(f"/objects/{KEY}", extra_environ={"wsgi.file_wrapper": Wrapper})
    assert response.body == BODY
    assert used


def test_head_has_the_same_headers_without_a_body(application: TestApp) -> None:
    got = application.get(f"/objects/{KEY}")
    head = application.head(f"/objects/{KEY}")
    assert head.headerlist == got.headerlist
    assert head.body == b""


def test_unchanged_object_is_not_sent_again(application: TestApp) -> None:
    first = application.get(f"/objects/{KEY}")
    by_etag = application.get(
        f"/objects/{KEY}", headers={"If-None-Match": first.headers["ETag"]}, status=304
    )
    application.get(
        f"/objects/{KEY}",
        headers={"If-Modified-Since": first.headers["Last-Modified"]},
        status=304,
    )
    assert by_etag.body == b""
    assert by_etag.headers["Cache-Control"] == FOREVER
    assert by_etag.headers["ETag"] == first.headers["ETag"]


def test_changed_object_is_sent(application: TestApp) -> None:
    first = application.get(f"/objects/{KEY}")
    storage = services_of(application.app.registry).storage
    storage.put(KEY, b"new", content_type="image/jpeg", cache_control="no-store")
    again = application.get(
        f"/objects/{KEY}", headers={"If-None-Match": first.headers["ETag"]}, status=200
    )
    assert again.body == b"new"
    assert again.headers["Content-Type"] == "image/jpeg"
    assert again.headers["Cache-Control"] == "no-store"


def test_range_request(application: TestApp) -> None:
    part = application.get(f"/objects/{KEY}", headers={"Range": "bytes=1-3"}, status=206)
    assert part.body == b"IFF"
    assert part.headers["Content-Range"] == f"bytes 1-3/{len(BODY)}"


def test_unusual_key_is_found_at_its_url(application: TestApp) -> None:
    storage = services_of(application.app.registry).storage
    storage.put("a b/é+%?#.webp", b"odd", content_type="text/plain", cache_control=FOREVER)
    response = application.get(storage.url("a b/é+%?#.webp"), status=200)
    assert response.body == b"odd"
    assert response.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("path", ATTACKS)
def test_other_paths_are_not_found(application: TestApp, path: str) -> None:
    application.get(f"/objects/{path}", status=404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_writing_methods_are_not_found(application: TestApp, method: str) -> None:
    application.request(f"/objects/{KEY}", method=method, status=404)
    assert application.get(f"/objects/{KEY}").body == BODY


def test_unavailable_storage_is_503(application: TestApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more_files(*_: object, **__: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("os.open", no_more_files)
    application.get(f"/objects/{KEY}", status=503)
