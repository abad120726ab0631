"""The Nu HTML checker finds nothing in the pages of the manager but the attributes of htmx."""

from pathlib import Path

from webtest import TestApp

from tests.manager.conftest import csrf_of
from tests.manager.test_access import path_of, views
from tests.movies.importers.test_row_accounting import LISTS
from tests.services.nu_checker import html_errors
from tests.threads import join_threads


def test_every_page_of_the_manager_is_valid_html(
    site: TestApp, anonymous: TestApp, admin: TestApp, tmp_path: Path
) -> None:
    lists = ("cp1250.csv", "nfd_distributor.csv")  # one asks for its columns, one is previewed
    for name in lists:
        files = [("file", name, (LISTS / name).read_bytes())]
        sent = {"csrf_token": csrf_of(admin), "do": "file"}
        admin.post("/manager/imports", sent, upload_files=files, status=303)
    join_threads("import-")
    paths = sorted({path_of(site, route) for route, method, _ in views(site) if method == "GET"})
    pages = {"sign in": anonymous.get("/manager/sign-in").text}
    for path in paths:
        response = admin.get(path, status="*")
        # A part of a page, for htmx, has no DOCTYPE.
        if response.content_type == "text/html" and response.text.startswith("<!DOCTYPE"):
            pages[path] = response.text
    assert len(pages) > 10
    assert {"/manager/imports/1", "/manager/imports/lists/1"} <= pages.keys()
    folder = tmp_path / "pages"
    folder.mkdir()
    # htmx also reads data-hx-…, which are valid; its documentation and our templates use hx-….
    found = [each for each in html_errors(pages, folder) if "Attribute “hx-" not in each]
    assert found == [], "\n".join(found)
