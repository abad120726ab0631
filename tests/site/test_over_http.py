"""The site as it is run, with memcached behind it, and what strangers can do to it from outside."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services.memcached import MemcachedServer
from tests.services.web import WebServer
from tests.soak.run import pages, prepare

PLACES = 20

pytestmark = pytest.mark.xdist_group("over_http")


@dataclass
class Running:
    """The site, its memcached, and the addresses of pages that visitors ask for."""

    web: WebServer
    entries: MemcachedServer
    asked_for: list[str]

    def states(self) -> set[str]:
        """How the pages that visitors ask for are served."""
        return {self.web.get(path)[1]["X-Cache"] for path in self.asked_for}


@pytest.fixture(scope="module")
def running(
    migrated_sqlite: Path,
    memcached_server: MemcachedServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    """Room for the pages that visitors ask for, and for few others."""
    folder = tmp_path_factory.mktemp("site")
    url = f"sqlite:///{shutil.copyfile(migrated_sqlite, folder / 'moziweb.sqlite')}"
    week = prepare(url)
    with MemcachedServer() as entries:
        settings = {
            "site.base_url": "https://moziweb.test",
            "sqlalchemy.url": url,
            "storage.backend": "disk",
            "storage.disk.path": str(folder / "objects"),
            "cache.regions": "pages fragments",
            "cache.stamps.url": f"memcached://{memcached_server.address}",
            "cache.default.backend": "dogpile.cache.pylibmc",
            "cache.default.arguments.url": entries.address,
            "cache.default.expiration_time": "600",
            "cache.pages.stray_places": str(PLACES),
            "cache.pages.l1_bytes": "600000",
            "cache.fragments.mode": "strict",
        }
        with WebServer(settings, "call:tests.soak.app:main") as web:
            yield Running(web, entries, list(pages(week)))


def test_a_walk_through_empty_weeks_pushes_no_page_out(running: Running) -> None:
    for _ in range(3):
        running.states()
    assert running.states() == {"l1"}
    items = int(running.entries.statistics()["curr_items"])
    empty = [f"/en/week/{year}-W{week}" for year in (2150, 2151) for week in range(10, 50)]
    for path in empty:
        status, headers, page = running.web.get(path)
        assert (status, headers["X-Cache"]) == (200, "miss")
        assert b'content="noindex"' in page
    assert int(running.entries.statistics()["curr_items"]) <= items + PLACES
    assert running.states() == {"l1"}
