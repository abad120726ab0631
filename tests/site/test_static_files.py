"""Static files and those at fixed addresses."""

import os
import re
from hashlib import sha256
from pathlib import Path

import pytest
from pyramid.path import AssetResolver
from webtest import TestApp

from moziweb.site.static_files import MAX_AGE_SECONDS, digest_of


def test_pages_link_style_sheets_by_their_content(app: TestApp) -> None:
    found = app.get("/").html.find_all("link", rel="stylesheet")
    assert found
    for link in found:
        assert "?v=" in link["href"]
        response = app.get(link["href"], status=200)
        assert response.cache_control.max_age == MAX_AGE_SECONDS


def test_every_page_links_only_files_that_there_are(app: TestApp) -> None:
    for path in ("/", "/week/2026-W34", "/undated", "/about", "/nincs"):
        html = app.get(path, expect_errors=True).html
        for element in html.find_all(["link", "script", "img"]):
            address = element.get("src") or element.get("href") or ""
            if address.startswith("/static/"):
                app.get(address, status=200)


def test_the_managers_libraries_are_as_they_were_published() -> None:
    folder = Path(AssetResolver().resolve("moziweb:static/vendor").abspath())
    rows = re.findall(
        r"^\| `(\S+\.js)` .* `([0-9a-f]{64})` \|$", (folder / "README.md").read_text(), re.M
    )
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.js")}
    assert len(found) == 2
    assert found == dict(rows)


def test_a_changed_file_has_another_digest(tmp_path: Path) -> None:
    path = tmp_path / "site.css"

    def digest(text: str, mtime_ns: int) -> str:
        path.write_text(text)
        os.utime(path, ns=(mtime_ns, mtime_ns))
        return digest_of(path, mtime_ns, path.stat().st_size)

    first = digest("a {}", 1)
    assert digest("b {}", 2) != first
    assert digest("a {}", 3) == first


def test_a_file_that_is_not_there_is_not_found(app: TestApp) -> None:
    app.get("/static/nincs.css", status=404)


@pytest.mark.parametrize("path", ["/static", "/static/", "/static/fonts", "/static/fonts/"])
def test_a_folder_is_not_found_and_leads_nowhere(app: TestApp, path: str) -> None:
    response = app.get(path, headers={"Host": "evil.test"}, status=404)
    assert "Location" not in response.headers
    assert "evil.test" not in response.text


@pytest.mark.parametrize("path", ["/static/site.css", "/static/fonts", "/static/nincs.css"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_static_files_can_only_be_read(app: TestApp, path: str, method: str) -> None:
    response = app.request(path, method=method, status=405)
    assert response.allow == ("GET", "HEAD", "OPTIONS")


def test_crawlers_may_read_pages_and_not_jump(app: TestApp) -> None:
    response = app.get("/robots.txt")
    assert response.content_type == "text/plain"
    assert "Disallow: /jump\n" in response.text


def test_the_icon_is_where_browsers_look(app: TestApp) -> None:
    assert app.get("/favicon.ico").content_type == "image/svg+xml"


def test_english_begins_with_or_without_a_slash(app: TestApp) -> None:
    assert app.get("/en", status=301).location.endswith("/en/")
