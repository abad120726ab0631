"""Make the pictures of the README and of docs/manager.md: `make screenshots`.

Starts the site with the demo, as it would look on one fixed day, in a folder that is removed
afterwards, and looks at it with the system's Chromium.
"""

import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import select
from webtest.http import StopableWSGIServer, get_free_port

from moziweb import main
from moziweb.db import create_engine
from moziweb.db.migrations import upgrade
from moziweb.demo.loader import load_demo
from moziweb.manager.accounts import add_user
from moziweb.manager.audit import COMMAND
from moziweb.manager.models import Role
from moziweb.posters.models import PosterSource
from moziweb.settings import load

DOCS = Path(__file__).parent
NOON = datetime(2026, 8, 24, 10, tzinfo=UTC)
WIDTH = 920
"""Pixels of the index's picture; the page is seen at 1440."""

LOADED = """async () => {
  for (const image of document.images) image.loading = "eager";
  await Promise.all([...document.images].map((image) => image.decode()));
}"""
MOVIES_SHOWN = """() => [...document.querySelectorAll(".movie")]
  .filter((card) => card.getBoundingClientRect().top < innerHeight)
  .map((card) => Number(card.pathname.match(/[0-9]+/)[0]))"""


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, Any]]:
    """The site with the demo on a free port: its address and its registry."""
    host, port = get_free_port()
    url = f"http://{host}:{port}"
    settings = {
        "site.base_url": url,
        "sqlalchemy.url": f"sqlite:///{folder}/demo.sqlite",
        "storage.backend": "disk",
        "storage.disk.path": str(folder / "objects"),
        "cache.regions": "pages fragments",
        "cache.default.backend": "moziweb.memory",
        "cache.fragments.mode": "strict",
    }
    engine = create_engine(load(settings))
    upgrade(engine)
    engine.dispose()
    app = main({}, **settings)
    app.registry["clock"] = lambda: NOON
    with app.registry["database"].write() as session:
        load_demo(session, NOON.date(), NOON)
    server = StopableWSGIServer.create(app, host=host, port=port, threads=8)
    yield url, app.registry
    server.shutdown()
    server.runner.join()


def make_posters(registry: Any, page: Page) -> list[int]:
    """Draw the posters that are in sight; the ids of those movies that have one."""
    movies: list[int] = page.evaluate(MOVIES_SHOWN)
    with registry["database"].read() as session:
        query = select(PosterSource.movie_id, PosterSource.id)
        sources = dict(session.execute(query).all())
    drawn = [movie for movie in movies if movie in sources]
    for movie in drawn:
        registry["posters"].ensure(sources[movie])
    return drawn


def take(page: Page, name: str) -> None:
    """Keep what is in sight as a small PNG."""
    page.route(
        re.compile("^[^/]+//[^/]+/poster/"), lambda route: route.abort()
    )  # what is out of sight is not drawn
    page.reload()
    page.evaluate(LOADED.replace("image.decode()", "image.decode().catch(() => 0)"))
    keep(page, name)


def keep(page: Page, name: str) -> None:
    """Keep what is in sight, as it is."""
    shot = Image.open(BytesIO(page.screenshot())).convert("RGB")
    shot.thumbnail((WIDTH, shot.height), Image.Resampling.LANCZOS)
    path = DOCS / f"screenshot-{name}.png"
    palette = shot.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3)
    shot.quantize(256, palette=palette).save(path, optimize=True)
    print(f"{path.name}: {shot.width}x{shot.height}, {path.stat().st_size // 1024} KB")  # noqa: T201


def take_manager(registry: Any, page: Page, url: str, movie: int) -> None:
    """The list of films, and a film about to be saved, with what that will do."""
    password = secrets.token_urlsafe()
    with registry["database"].write() as session:
        add_user(session, "anna", password, Role.ADMIN, by=COMMAND, now=NOON)
    page.goto(f"{url}/manager/sign-in")
    page.locator("#name").fill("anna")
    page.locator("#password").fill(password)
    page.locator("main [type=submit]").click()
    page.wait_for_url(f"{url}/manager")
    page.goto(f"{url}/manager/films?sort=date")
    keep(page, "manager-films")
    page.goto(f"{url}/manager/films/{movie}")
    page.locator("#title").fill(page.locator("#title").input_value() + ": A folytatás")
    page.locator("#effects .paths").wait_for()
    keep(page, "manager-film")


def run() -> None:
    """The index on a desk by day, a film on a phone by night, and the manager."""
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder)) as (url, registry),
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        desk = chromium.new_page(
            viewport={"width": 1440, "height": 1840}, locale="hu-HU", color_scheme="light"
        )
        desk.goto(url)
        movies = make_posters(registry, desk)
        take(desk, "index")
        phone = chromium.new_page(
            viewport={"width": 420, "height": 1020}, locale="hu-HU", color_scheme="dark"
        )
        phone.goto(url)
        phone.locator(f"[href^='/movie/{movies[0]}-']").first.click()
        take(phone, "movie")
        office = chromium.new_page(
            viewport={"width": 1280, "height": 860}, locale="hu-HU", color_scheme="light"
        )
        office.goto(f"{url}/movie/{movies[0]}")
        take_manager(registry, office, url, movies[0])
        chromium.close()


if __name__ == "__main__":
    run()
