"""Makes the screenshots of README.md and docs/manager.md: `make screenshots`.

Starts the site with the demo at a fixed time, in a temporary folder, and opens it in the system's
Chromium.
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
from unittest.mock import patch
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
from moziweb.manager.movies import affected_pages
from moziweb.movies.calendar import week_of
from moziweb.movies.models import Credit, CreditRole, Movie, Person
from moziweb.posters.generation.result import GenerationStatus
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
MADE = (GenerationStatus.MADE, GenerationStatus.COMPLETE)
WIDTH = 920
"""The maximum width of a screenshot, in pixels; the index is opened at 1440."""

DECODE_IMAGES = """async () => {
  for (const image of document.images) image.loading = "eager";
  await Promise.all([...document.images].map((image) => image.decode().catch(() => 0)));
}"""
VISIBLE_MOVIES = """() => [...document.querySelectorAll(".movie")]
  .filter((card) => card.getBoundingClientRect().top < innerHeight)
  .map((card) => Number(card.pathname.match(/[0-9]+/)[0]))"""


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, Any]]:
    """Serve the site with the demo on a free port; yield its URL and its registry."""
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
    """Draw the visible posters; return the ids of the visible movies that have one."""
    movies: list[int] = page.evaluate(VISIBLE_MOVIES)
    with services_of(registry).database.read() as session:
        query = select(PosterSource.movie_id, PosterSource.id)
        sources = dict(session.execute(query).all())
    drawn = [movie for movie in movies if movie in sources]
    for movie in drawn:
        while services_of(registry).posters.ensure_variants(sources[movie]).status not in MADE:
            with services_of(registry).database.write() as session:  # decoding has a time limit
                source = session.get_one(PosterSource, sources[movie])
                source.state, source.next_attempt_at = SourceState.PENDING, None
    return drawn


def take(page: Page, name: str) -> None:
    """Take a screenshot with the posters that exist, and draw no others."""
    page.route(re.compile("^[^/]+//[^/]+/poster/"), lambda route: route.abort())
    page.reload()
    page.evaluate(DECODE_IMAGES)
    save(page, name)


def save(page: Page, name: str) -> None:
    """Save the visible part of the page as a small PNG."""
    shot = Image.open(BytesIO(page.screenshot())).convert("RGB")
    shot.thumbnail((WIDTH, shot.height), Image.Resampling.LANCZOS)
    path = DOCS / f"screenshot-{name}.png"
    palette = shot.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3)
    shot.quantize(256, palette=palette).save(path, optimize=True)
    print(f"{path.name}: {shot.width}x{shot.height}, {path.stat().st_size // 1024} KB")  # noqa: T201


def take_manager(registry: Any, page: Page, url: str, movie: int) -> None:
    """Take the list of movies, a movie with unsaved changes, and the other sections."""
    password = secrets.token_urlsafe()
    with services_of(registry).database.write() as session:
        add_user(session, "anna", password, Role.ADMIN, by=COMMAND, now=NOON)
    page.goto(f"{url}/manager/sign-in")
    page.locator("#name").fill("anna")
    page.locator("#password").fill(password)
    page.locator("main [type=submit]").click()
    page.wait_for_url(f"{url}/manager")
    page.goto(f"{url}/manager/movies?sort=date")
    save(page, "manager-movies")
    page.goto(f"{url}/manager/movies/{movie}")
    page.locator("#title").fill(page.locator("#title").input_value() + ": A folytatás")
    page.locator("#affected .paths").wait_for()
    save(page, "manager-movie")
    page.goto(f"{url}/manager/movies/{movie}/posters")
    save(page, "manager-posters")
    take_week(page, url)
    take_merge(registry, page, url, movie)
    take_undo(page, url, movie)
    take_bin(page, url)
    take_users(page, url, password)
    take_import(page, url)
    take_dashboards(registry, page, url)


def take_week(page: Page, url: str) -> None:
    """Take the table of a week with two rows that are not saved, one of them wrong."""
    page.goto(f"{url}/manager/week/{week_of(NOON.date()).next.name}/grid")
    titles = page.locator("input[data-cell][name$='-title']")
    row = next(number for number in range(titles.count()) if not titles.nth(number).input_value())
    rows = (("Az utolsó vetítés", "2026-08-27", "Szereplő Film"), ("Csendes tó", "2026-08-32", ""))
    for number, values in enumerate(rows, row):
        for name, value in zip(("title", "date", "distributor"), values, strict=True):
            page.locator(f"#rows-{number}-{name}").fill(value)
    page.keyboard.press("Control+Enter")
    page.locator("#error-summary").wait_for()
    page.locator(f"#rows-{row}-title").evaluate("(cell) => cell.scrollIntoView({block: 'center'})")
    save(page, "manager-week")


def take_merge(registry: Any, page: Page, url: str, movie: int) -> None:
    """Take the merge of a person whose name was typed in another way."""
    with services_of(registry).database.write() as session:
        cast = Credit.movie_id == movie, Credit.role == CreditRole.CAST
        kept = session.scalars(select(Credit.person_id).where(*cast)).first()
        twin = Person(name=session.get_one(Person, kept).name.upper())
        session.add(twin)
        session.flush()
        other = session.scalars(select(Movie.id).where(Movie.id != movie)).first()
        role = {"role": CreditRole.CAST, "position": 99, "character": "Vendég"}
        session.add(Credit(movie_id=other, person_id=twin.id, **role))
        path = f"/manager/names/person/{twin.id}/merge/{kept}"
    page.goto(url + path)
    save(page, "manager-merge")


def take_undo(page: Page, url: str, movie: int) -> None:
    """Take what taking back a change of the title would do."""
    page.goto(f"{url}/manager/movies/{movie}")
    page.locator("#title").fill(page.locator("#title").input_value() + "!")
    page.locator("#runtime").fill("97")
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    page.goto(f"{url}/manager/audit")
    page.locator("a[href$='/undo']").first.click()
    page.locator("#affected").wait_for()
    save(page, "manager-undo")


def take_bin(page: Page, url: str) -> None:
    """Take the bin with two movies and a genre."""
    page.goto(f"{url}/manager/movies?sort=title")
    paths = page.locator("tbody a[id^='movie-']").evaluate_all(
        "(links) => links.slice(0, 2).map((link) => link.getAttribute('href'))"
    )
    paths = [path.replace("/movies/", "/delete/film/") for path in paths]
    for path in (*paths, "/manager/delete/genre/3"):
        page.goto(url + path)
        with page.expect_navigation():
            page.locator("main button[name=do][value=delete]").click()
    page.goto(f"{url}/manager/bin")
    save(page, "manager-bin")


def take_users(page: Page, url: str, password: str) -> None:
    """Take the users, one of them invited."""
    page.goto(f"{url}/manager/users")
    page.locator("#name").fill("béla")
    page.locator("#name").press("Enter")
    page.locator("#password").fill(password)
    page.locator("#password").press("Enter")
    page.wait_for_url("**done=confirmed**")
    with page.expect_navigation():
        page.locator("#name").press("Enter")
    page.goto(f"{url}/manager/users")
    save(page, "manager-users")


def take_import(page: Page, url: str) -> None:
    """Take the preview of a distributor's list with new movies and wrong rows."""
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
    save(page, "manager-import")


def take_dashboards(registry: Any, page: Page, url: str) -> None:
    """Take the dashboards after failures of two hosts and an hour of visitors."""
    chance = random.Random(7)  # noqa: S311 - for a screenshot
    with services_of(registry).database.write() as session:
        movies = session.scalars(select(Movie.id).limit(400)).all()
        for movie in movies:
            ago = timedelta(minutes=chance.expovariate(1 / 300))
            session.add(_source(movie, NOON - ago, chance.random()))
        rest = NOON + timedelta(minutes=16)
        session.add(
            PosterHost(name=HOSTS[1], failures=9, open_until=rest, error_code="http_status_5xx")
        )
    page.goto(f"{url}/manager/posters")
    save(page, "manager-posters-dashboard")
    visit(registry, url, chance)
    page.goto(f"{url}/manager/cache")
    save(page, "manager-cache-dashboard")


HOSTS = ("kepek.forgalmazo.example", "cdn.filmek.example")


def _source(movie: int, at: datetime, chance: float) -> PosterSource:
    """An external source: most are ready, some wait, some have failed; ``chance`` is 0 to 1."""
    state, code, host = next(
        (state, code, host)
        for most, state, code, host in (
            (0.05, SourceState.FAILED, "not_found", 0),
            (0.07, SourceState.RETRY_WAIT, "timeout", 0),
            (0.15, SourceState.RETRY_WAIT, "http_status_5xx", 1),
            (0.25, SourceState.PENDING, None, 0),
            (1.00, SourceState.READY, None, 0),
        )
        if chance <= most
    )
    source = PosterSource(
        movie_id=movie, kind=SourceKind.URL, url=f"https://{HOSTS[host]}/{movie}.jpg",
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
    """Send the requests of an hour without pauses, and change a movie every nine minutes.

    The site has the current time, because pages of a past time are not cached. Only the counters
    get a clock that advances by an hour.
    """
    set_services(registry, replace(services_of(registry), clock=utc_now))
    now = time.time()
    services_of(registry).cache_counters._now = lambda: now  # noqa: SLF001 - for this script only
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
    """Take the index on a desktop, a movie on a phone with dark colours, and the manager."""
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder)) as (url, registry),
        patch.object(affected_pages, "TIME_LIMIT", 60.0),
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        desktop = chromium.new_page(
            viewport={"width": 1440, "height": 1840},
            locale="hu-HU",
            color_scheme="light",
            reduced_motion="reduce",
        )
        desktop.goto(url)
        movies = make_posters(registry, desktop)
        take(desktop, "index")
        phone = chromium.new_page(
            viewport={"width": 420, "height": 1020},
            locale="hu-HU",
            color_scheme="dark",
            reduced_motion="reduce",
        )
        phone.goto(url)
        phone.locator(f"[href^='/movie/{movies[0]}-']").first.click()
        take(phone, "movie")
        manager = chromium.new_page(
            viewport={"width": 1280, "height": 860},
            locale="hu-HU",
            color_scheme="light",
            reduced_motion="reduce",
        )
        manager.set_default_timeout(120_000)  # milliseconds
        manager.goto(f"{url}/movie/{movies[0]}")
        take_manager(registry, manager, url, movies[0])
        chromium.close()


if __name__ == "__main__":
    run()
