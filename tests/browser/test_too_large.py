"""A file that is too large, sent by Chromium without scripts to the server of ``pserve``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from moziweb.server import bind
from tests.services.ports import HOST
from tests.services.raw_http import running

from .conftest import OpenPage
from .manager_site import ManagerSite, running_manager_site

LIMIT = 20_000_000


@contextmanager
def bound(wsgi: Any, port: int) -> Iterator[None]:
    """The server of ``pserve``, in a thread."""
    options = {"listen": f"{HOST}:{port}", "threads": "4", "max_request_body_size": str(LIMIT)}
    server: Any = bind(wsgi, options)
    with running(server, server._map):
        yield


@pytest.fixture
def manager(migrated_sqlite: Path, tmp_path: Path) -> Iterator[ManagerSite]:
    with running_manager_site(migrated_sqlite, tmp_path, serve=bound) as manager:
        yield manager


def test_too_large_file_is_answered_by_a_page(
    manager: ManagerSite, open_page: OpenPage, tmp_path: Path
) -> None:
    file = tmp_path / "plakát.jpg"
    file.write_bytes(bytes(LIMIT + LIMIT // 4))
    page = open_page(390, 844, java_script_enabled=False)
    manager.sign_in(page)
    for path in (f"movies/{manager.movies.here}/posters", "imports"):
        page.goto(f"{manager.url}/manager/{path}")
        page.locator("input[type=file]").first.set_input_files(file)
        page.locator("button[name=do][value=upload], button[name=do][value=file]").first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Ez az űrlap túl nagy")
        expect(page.locator("main")).to_contain_text("legfeljebb 20 MB")
        page.go_back()
        expect(page.locator("input[type=file]").first).to_be_attached()
