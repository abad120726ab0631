"""Static files and files at well-known URLs."""

import os
import re
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pyramid.path import AssetResolver
from webtest import TestApp

from moziweb.site.static_files import MAX_AGE_SECONDS, file_digest


def test_style_sheet_urls_have_digests(demo_app: TestApp) -> None:
    found = demo_app.get("/").html.find_all("link", rel="stylesheet")
    assert found
    for link in found:
        assert "?v=" in link["href"]
        response = demo_app.get(link["href"], status=200)
        assert response.cache_control.max_age == MAX_AGE_SECONDS


def test_other_version_of_a_file_is_not_stored(demo_app: TestApp) -> None:
    """It is what a process sends during a deploy that has the file of the other release."""
    (url,) = {each["href"] for each in demo_app.get("/").html.select("link[href*='site.css']")}
    path, _, version = url.partition("?v=")
    assert demo_app.get(url).cache_control.max_age == MAX_AGE_SECONDS
    for query in ("", "?v=", "?v=0123456789ab", "?v={v}&x=1", "?x=1&v={v}", "?v=%F0", "?v={v}0"):
        response = demo_app.get(path + query.format(v=version))
        assert response.headers["Cache-Control"] == "no-store", query
        assert "Expires" not in response.headers
        unchanged = {"If-Modified-Since": response.headers["Last-Modified"]}
        again = demo_app.get(path + query.format(v=version), headers=unchanged, status=304)
        assert again.headers["Cache-Control"] == "no-store"


def test_missing_file_of_another_release_is_asked_for_again(demo_app: TestApp) -> None:
    for path in ("/static/new.css?v=0123456789ab", "/static/fonts/archivo-2.woff2"):
        control = demo_app.get(path, status=404).headers["Cache-Control"]
        assert control in {"no-store", "private, no-cache"}


def test_font_is_named_in_the_style_sheet_and_stored(demo_app: TestApp) -> None:
    fonts = re.findall(r'url\("(fonts/.+?)"\)', demo_app.get("/static/site.css").text)
    assert fonts
    for name in fonts:
        assert re.search(r"-\d+\.", name)
        assert demo_app.get(f"/static/{name}").cache_control.max_age == MAX_AGE_SECONDS


def test_linked_static_files_exist(demo_app: TestApp) -> None:
    for path in ("/", "/week/2026-W34", "/undated", "/about", "/nincs"):
        html = demo_app.get(path, expect_errors=True).html
        for element in html.find_all(["link", "script", "img"]):
            url = element.get("src") or element.get("href") or ""
            if url.startswith("/static/"):
                demo_app.get(url, status=200)


def test_vendored_libraries_are_unmodified() -> None:
    folder = Path(AssetResolver().resolve("moziweb:static/vendor").abspath())
    rows = re.findall(
        r"^\| `(\S+\.js)` .* `([0-9a-f]{64})` \|$", (folder / "README.md").read_text(), re.M
    )
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.js")}
    assert len(found) == 2
    assert found == dict(rows)


def test_changed_file_has_another_digest(tmp_path: Path) -> None:
    path = tmp_path / "site.css"

    def digest(text: str, mtime_ns: int) -> str:
        path.write_text(text)
        os.utime(path, ns=(mtime_ns, mtime_ns))
        return file_digest(path, mtime_ns, path.stat().st_size)

    first = digest("a {}", 1)
    assert digest("b {}", 2) != first
    assert digest("a {}", 3) == first


def test_missing_file_is_404(demo_app: TestApp) -> None:
    demo_app.get("/static/nincs.css", status=404)


@pytest.mark.parametrize("path", ["/static", "/static/", "/static/fonts", "/static/fonts/"])
def test_folder_is_404_without_redirect(demo_app: TestApp, path: str) -> None:
    response = demo_app.get(path, headers={"Host": "evil.test"}, status=404)
    assert "Location" not in response.headers
    assert "evil.test" not in response.text


@pytest.mark.parametrize("path", ["/static/site.css", "/static/fonts", "/static/nincs.css"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_static_files_reject_other_methods(demo_app: TestApp, path: str, method: str) -> None:
    response = demo_app.request(path, method=method, status=405)
    assert response.allow == ("GET", "HEAD", "OPTIONS")


def test_robots_txt_forbids_jump_only(demo_app: TestApp) -> None:
    response = demo_app.get("/robots.txt")
    assert response.content_type == "text/plain"
    assert "Disallow: /jump\n" in response.text


def test_favicon_is_at_its_default_url(demo_app: TestApp) -> None:
    assert demo_app.get("/favicon.ico").content_type == "image/svg+xml"


def test_english_index_redirects_without_slash(demo_app: TestApp) -> None:
    assert demo_app.get("/en", status=301).location.endswith("/en/")


def test_service_worker_is_at_the_root_and_asked_for_again(demo_app: TestApp) -> None:
    answer = demo_app.get("/service-worker.js")
    assert answer.content_type == "text/javascript"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert "worker-src 'self'" in answer.headers["Content-Security-Policy"]
    unchanged = {"If-Modified-Since": answer.headers["Last-Modified"]}
    demo_app.get("/service-worker.js", headers=unchanged, status=304)


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_manifest_and_its_icons(demo_app: TestApp, prefix: str) -> None:
    links = {
        each["rel"][0]: each["href"] for each in demo_app.get(f"{prefix}/").html.find_all("link")
    }
    answer = demo_app.get(links["manifest"])
    assert answer.content_type == "application/manifest+json"
    manifest = answer.json
    assert manifest["start_url"] == manifest["id"] == f"{prefix}/"
    assert manifest["lang"] == ("en" if prefix else "hu")
    assert manifest["name"] == ("moziweb: film premieres" if prefix else "moziweb: filmpremierek")
    for icon in manifest["icons"]:
        found = demo_app.get(icon["src"])
        assert found.content_type == icon["type"]
        assert found.cache_control.max_age == MAX_AGE_SECONDS
        if icon["sizes"] != "any":
            with Image.open(BytesIO(found.body)) as image:
                assert f"{image.width}x{image.height}" == icon["sizes"]
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for shortcut in manifest["shortcuts"]:
        demo_app.get(shortcut["url"], status="*").maybe_follow(status=200)
    with Image.open(BytesIO(demo_app.get(links["apple-touch-icon"]).body)) as image:
        assert (image.size, image.mode) == ((180, 180), "RGB")
