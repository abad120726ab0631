"""The whole application on a loopback port, with a few movies of the demo and their posters.

The movies are those of the current and the next week, including streaming and undated ones. Drawing
a poster takes most of a second, so these movies have small uploaded images instead, which the
poster service processes in the same way.
"""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from webtest.http import StopableWSGIServer

from moziweb import main
from moziweb.db import Database, create_engine
from moziweb.demo.loader import load_demo
from moziweb.movies.calendar import budapest_today, week_of
from moziweb.movies.lead_premiere import WEEKS_IN_CINEMAS
from moziweb.movies.models import CreditRole, DatePrecision, Movie, Premiere
from moziweb.posters.generation.result import GenerationStatus
from moziweb.posters.models import PosterSource
from moziweb.services import services_of, set_services
from moziweb.settings import load
from tests.conftest import NOW, raw_settings
from tests.factories import (
    add_genres,
    add_people,
    add_trailer,
    add_upload,
    make_movie,
    make_premiere,
    move_premiere,
    set_distributor,
)
from tests.services.ports import HOST, free_port

TODAY = budapest_today(NOW)
THIS_WEEK = week_of(TODAY)

EMPTY_WEEK = "1950-W03"
LONG_WEEK = THIS_WEEK.shifted(300)
"""The week of a movie with very long words."""

_COLOURS = ("#a03020", "#205a8c", "#2e7d46", "#d9b36c", "#4a2a6b", "#1d1d24")


@dataclass(frozen=True)
class Site:
    """A running application: its URL and its registry."""

    url: str
    registry: Any

    def make_posters(self) -> None:
        """Generate every variant of every poster."""
        with services_of(self.registry).database.read() as session:
            sources = session.scalars(select(PosterSource.id)).all()
        generate = services_of(self.registry).posters.ensure_variants
        results = [generate(source) for source in sources]
        assert all(
            result.status in (GenerationStatus.MADE, GenerationStatus.COMPLETE)
            for result in results
        )


def fill(url: str) -> None:
    """Load the demo into a migrated database, keep a few dozen movies, and add one."""
    with _session(url) as session:
        load_demo(session, TODAY, NOW)
        session.execute(delete(Movie).where(Movie.id.not_in(_shown(session))))
        _add_long_word(session)
        _add_short_title(session)
        session.commit()


def _add_long_word(session: Session) -> None:
    """Add a movie whose texts are words of the maximum length, in a week of its own."""
    movie = make_movie(session, "W" * 300, original_title="M" * 300, slug="w", synopsis="w" * 2000)
    premiere = make_premiere(session, movie, LONG_WEEK.thursday, note="w" * 300)
    move_premiere(session, premiere, LONG_WEEK.end, "w" * 300)
    add_people(session, movie, CreditRole.CAST, f"{'w' * 200}/{'m' * 200}")
    add_people(session, movie, CreditRole.DIRECTOR, "m" * 200)
    add_genres(session, movie, f"{'g' * 40}/{'e' * 60}")
    set_distributor(session, movie, "d" * 120)
    add_trailer(session, movie).name = "t" * 200


def _add_short_title(session: Session) -> None:
    """Add a movie whose title is easy to misspell, long ago."""
    movie = make_movie(session, "Avatar")
    make_premiere(session, movie, date(2009, 12, 17))
    add_people(session, movie, CreditRole.DIRECTOR, "James Cameron")


def _shown(session: Session) -> list[int]:
    """The ids of all movies of the index, and of the undated ones on it."""
    day = DatePrecision.DAY
    near = Premiere.date.between(THIS_WEEK.shifted(-WEEKS_IN_CINEMAS).start, THIS_WEEK.next.end)
    dated = select(Premiere.movie_id).where(near, Premiere.precision == day)
    later = Premiere.date >= TODAY + timedelta(weeks=4)
    undated = select(Premiere.movie_id).where(later, Premiere.precision != day).limit(6)
    return [*session.scalars(dated), *session.scalars(undated)]


@contextlib.contextmanager
def running_site(database: Path, folder: Path, storage: dict[str, str]) -> Iterator[Site]:
    """The site with a copy of ``database``, uploaded posters, and no variants yet.

    ``storage`` are the ini keys of the storage; by default objects are in ``folder``.
    """
    port = free_port()
    copy = folder / "site.sqlite"
    shutil.copyfile(database, copy)
    url = f"http://{HOST}:{port}"
    settings = {
        **raw_settings(f"sqlite:///{copy}", folder),
        "site.base_url": url,
        "posters.inline_slots": "3",
        **storage,
    }
    wsgi = main({}, **settings)
    set_services(wsgi.registry, replace(services_of(wsgi.registry), clock=lambda: NOW))
    _upload_posters(services_of(wsgi.registry).database, services_of(wsgi.registry).storage)
    with served(wsgi, port):
        yield Site(url, wsgi.registry)
    services_of(wsgi.registry).database.engine.dispose()


def _upload_posters(database: Database, storage: Any) -> None:
    """Upload small images instead of drawn posters; one movie of this week has no poster."""
    with database.write() as session:
        session.execute(delete(PosterSource))
        opening = Premiere.date.between(THIS_WEEK.start, THIS_WEEK.end)
        bare = session.scalars(select(Premiere.movie_id).where(opening).limit(1)).one()
        for movie in session.scalars(select(Movie).where(Movie.id != bare)):
            add_upload(session, storage, movie, _picture(movie.id))


def _picture(number: int) -> bytes:
    """A JPEG of two colours, different for each number."""
    image = Image.new("RGB", (400, 600), _COLOURS[number % len(_COLOURS)])
    image.paste(_COLOURS[(number + 1) % len(_COLOURS)], (60, 300, 340, 302 + number % 250))
    out = BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


@contextlib.contextmanager
def served(wsgi: Any, port: int) -> Iterator[None]:
    """Run waitress in a thread of this process until the block ends."""
    server = StopableWSGIServer.create(wsgi, host=HOST, port=port, threads=6)
    try:
        yield
    finally:
        server.shutdown()
        server.runner.join()


@contextlib.contextmanager
def _session(url: str) -> Iterator[Session]:
    engine = create_engine(load(raw_settings(url, Path())))
    with Session(engine) as session:
        yield session
    engine.dispose()
