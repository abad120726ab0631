"""Make the pictures of the README and of docs/manager.md: `make screenshots`.

Starts the site with the demo, as it would look on one fixed day, in a folder that is removed
afterwards, and looks at it with the system's Chromium.
"""

import random
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import select
from webtest.http import StopableWSGIServer, get_free_port

from moziweb import main
from moziweb.clock import utc_now
from moziweb.db import create_engine
from moziweb.db.migrations import upgrade
from moziweb.demo.loader import load_demo
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import add_user
from moziweb.manager.auth.models import Role
from moziweb.movies.models import Movie
from moziweb.posters.models import (
    PosterHost,
    PosterSource,
    PosterVariant,
    SourceKind,
    SourceState,
    VariantState,
)
from moziweb.posters.recipes import RECIPES
from moziweb.services import services_of, set_services
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
        "posters.background": "off",
        "cache.default.backend": "moziweb.memory",
        "cache.fragments.mode": "strict",
    }
    engine = create_engine(load(settings))
    upgrade(engine)
    engine.dispose()
    app = main({}, **settings)
    set_services(app.registry, replace(services_of(app.registry), clock=lambda: NOON))
    with services_of(app.registry).database.write() as session:
        load_demo(session, NOON.date(), NOON)
    server = StopableWSGIServer.create(app, host=host, port=port, threads=8)
    yield url, app.registry
    server.shutdown()
    server.runner.join()


def make_posters(registry: Any, page: Page) -> list[int]:
    """Draw the posters that are in sight; the ids of those movies that have one."""
    movies: list[int] = page.evaluate(MOVIES_SHOWN)
    with services_of(registry).database.read() as session:
        query = select(PosterSource.movie_id, PosterSource.id)
        sources = dict(session.execute(query).all())
    drawn = [movie for movie in movies if movie in sources]
    for movie in drawn:
        services_of(registry).posters.ensure_variants(sources[movie])
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
    with services_of(registry).database.write() as session:
        add_user(session, "anna", password, Role.ADMIN, by=COMMAND, now=NOON)
    page.goto(f"{url}/manager/sign-in")
    page.locator("#name").fill("anna")
    page.locator("#password").fill(password)
    page.locator("main [type=submit]").click()
    page.wait_for_url(f"{url}/manager")
    page.goto(f"{url}/manager/movies?sort=date")
    keep(page, "manager-films")
    page.goto(f"{url}/manager/movies/{movie}")
    page.locator("#title").fill(page.locator("#title").input_value() + ": A folytatás")
    page.locator("#effects .paths").wait_for()
    keep(page, "manager-film")
    page.goto(f"{url}/manager/movies/{movie}/posters")
    keep(page, "manager-posters")
    take_import(page, url)
    take_consoles(registry, page, url)


def take_import(page: Page, url: str) -> None:
    """A distributor's list that was looked at: what is new in it, and what is wrong."""
    page.goto(f"{url}/manager/imports")
    rows = (
        "title,original_title,release_date,runtime\n"
        "Az utolsó vetítés,The Last Showing,2026-09-17,104\n"
        "Csendes tó,Still Lake,2026-09-24,91\n"
        "Hosszú éj,Long Night,2026-13-01,118\n"
        "Vissza a városba,Back to Town,2026-10-01,sok\n"
    )
    page.locator("#file").set_input_files(
        {"name": "forgalmazo.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    )
    page.locator("[name=do][value=file]").click()
    page.locator("[name=do][value=chosen]").wait_for()
    keep(page, "manager-import")


def take_consoles(registry: Any, page: Page, url: str) -> None:
    """The consoles, after an evening on which two sites gave trouble, and some visitors."""
    chance = random.Random(7)  # noqa: S311 - for a picture
    with services_of(registry).database.write() as session:
        movies = session.scalars(select(Movie.id).limit(400)).all()
        for movie in movies:
            ago = timedelta(minutes=chance.expovariate(1 / 300))
            session.add(_evening(movie, NOON - ago, chance.random()))
        rest = NOON + timedelta(minutes=16)
        session.add(
            PosterHost(name=SITES[1], failures=9, open_until=rest, error_code="http_status_5xx")
        )
    page.goto(f"{url}/manager/posters")
    keep(page, "manager-poster-console")
    visit(registry, url, chance)
    page.goto(f"{url}/manager/cache")
    keep(page, "manager-cache")


SITES = ("kepek.forgalmazo.example", "cdn.filmek.example")


def _evening(movie: int, at: datetime, luck: float) -> PosterSource:
    """A source of another site: most are ready, some wait, some have failed."""
    state, code, site = next(
        (state, code, site)
        for most, state, code, site in (
            (0.05, SourceState.FAILED, "not_found", 0),
            (0.07, SourceState.RETRY_WAIT, "timeout", 0),
            (0.15, SourceState.RETRY_WAIT, "http_status_5xx", 1),
            (0.25, SourceState.PENDING, None, 0),
            (1.00, SourceState.READY, None, 0),
        )
        if luck <= most
    )
    source = PosterSource(
        movie_id=movie, kind=SourceKind.URL, url=f"https://{SITES[site]}/{movie}.jpg",
        state=state, error_code=code, created_at=at,
    )  # fmt: skip
    if state is SourceState.READY:
        source.variants = [
            PosterVariant(
                name=recipe.name, format=recipe.format, recipe_hash=recipe.hash,
                source_sha256="0" * 64, state=VariantState.SUPERSEDED, created_at=at,
            )
            for recipe in RECIPES
        ]  # fmt: skip
    return source


def visit(registry: Any, url: str, chance: random.Random) -> None:
    """Visitors of an hour, as fast as they can be asked for; now and then a film is mended.

    They come now, when pages can be cached; only whoever counts them believes that an hour passes.
    """
    set_services(registry, replace(services_of(registry), clock=utc_now))
    now = time.time()
    services_of(registry).cache_counters._now = lambda: now  # noqa: SLF001 - nobody else has two clocks
    with services_of(registry).database.read() as session:
        movies = session.execute(select(Movie.id, Movie.slug).limit(40)).all()
    paths = ["/", "/en/", "/undated", *(f"/movie/{movie.id}-{movie.slug}" for movie in movies)]
    for minute in range(60):
        for _ in range(chance.randint(8, 30)):
            weights = [40, 10, 5, *([1] * len(movies))]
            path = chance.choices(paths, weights)[0]
            with urlopen(url + path) as answer:  # noqa: S310 - our own
                answer.read()
        if minute % 9 == 0:
            with services_of(registry).database.write() as session:
                session.get_one(Movie, movies[minute % 40].id).runtime = 90 + minute
        now += 60
    set_services(registry, replace(services_of(registry), clock=lambda: NOON))


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
