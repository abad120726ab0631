"""The demo, served with ready posters: for benchmarks of what browsers show."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from benchmarks import sized_sites
from moziweb import main as make_app
from moziweb.db import Database, create_engine
from moziweb.demo.loader import load_demo
from moziweb.movies.calendar import budapest_today, month_of, week_of
from moziweb.movies.enumeration import movies_opening
from moziweb.movies.lead_premiere import WEEKS_IN_CINEMAS
from moziweb.posters.generation.result import GenerationStatus
from moziweb.posters.models import PosterSource
from moziweb.services import services_of
from moziweb.site.urls import segment_of
from tests.browser.site import served
from tests.services.ports import HOST, free_port
from tests.services.web import ask

SETTINGS = {
    "posters.decoder.seconds": "35",  # on a busy machine
    "cache.regions": "pages fragments",
    "cache.stamps.url": "memory://",
    "cache.default.backend": "moziweb.memory",
    "cache.pages.expiration_time": "3600",
    "cache.fragments.expiration_time": "7200",
}


@dataclass(frozen=True)
class ShownSite:
    """The URL of a site, and the paths of pages by name."""

    url: str
    paths: dict[str, str]


@contextmanager
def shown_site(posters: int) -> Iterator[ShownSite]:
    """Serve the demo, with the variants of at most ``posters`` posters of the shown pages."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        url = f"sqlite:///{folder}/site.sqlite"
        sized_sites.migrate(url)
        now = datetime.now(UTC)
        today = budapest_today(now)
        engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 1})
        with Database(engine).write() as session:
            load_demo(session, today, now)
        sized_sites.tidy(engine)
        engine.dispose()
        address = f"http://{HOST}:{port}"
        settings = sized_sites.settings_of(url, folder) | {"site.base_url": address} | SETTINGS
        app = make_app({}, **settings)
        services = services_of(app.registry)
        this = week_of(today)
        month = month_of(this.thursday)
        with services.database.read() as session:
            movies = movies_opening(session, this.start, this.end)
            start = min(month.start, this.shifted(-WEEKS_IN_CINEMAS).start)
            shown = movies_opening(session, start, max(month.end, this.next.end))
            # The first cards of the month, too, before the last ones.
            of_movies = [movie_id for movie_id, _slug in (*movies, *reversed(shown))]
            sources = dict(
                session.execute(
                    select(PosterSource.movie_id, PosterSource.id).where(
                        PosterSource.movie_id.in_(of_movies), PosterSource.chosen
                    )
                ).all()
            )
        for movie_id in list(dict.fromkeys(of_movies))[:posters]:
            if movie_id in sources:
                result = services.posters.ensure_variants(sources[movie_id])
                if result.status is not GenerationStatus.MADE:
                    raise SystemExit(f"the poster of movie {movie_id} was not made")
        paths = {
            "index": "/",
            "week": f"/week/{this.name}",
            "month": f"/month/{month.name}",
            "movie": f"/movie/{segment_of(*(movies or shown)[0])}",
        }
        with served(app, port):
            for path in paths.values():  # stores the page
                ask(port, path)
            yield ShownSite(address, paths)
        services.decoder_pool.close()
        services.database.engine.dispose()
