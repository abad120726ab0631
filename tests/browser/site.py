"""The whole application on a loopback port, with a few movies of the demo and their posters.

The movies are those of the current and the next week, including streaming and undated ones. Drawing
a poster takes most of a second, so these movies have small uploaded images instead, which the
poster service processes in the same way.
"""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from webtest.http import StopableWSGIServer

from moziweb import main
from moziweb.db import Database, create_engine
from moziweb.movies.calendar import budapest_today, week_of
from moziweb.movies.lead_premiere import WEEKS_IN_CINEMAS
from moziweb.movies.models import CreditRole, DatePrecision, Movie, Premiere
from moziweb.posters.generation.result import GenerationStatus
from moziweb.posters.models import PosterSource, PosterVariant
from moziweb.services import services_of, set_services
from moziweb.settings import load
from moziweb.storage import Storage
from moziweb.storage.disk import DiskStorage
from tests.conftest import NOW, close_services, raw_settings
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

DATABASE = "site.sqlite"
OBJECTS = "objects"

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


def make_template(demo: Path, folder: Path) -> None:
    """Fill a folder with a few dozen movies of the demo, and posters without variants."""
    folder.mkdir()
    shutil.copyfile(demo, folder / DATABASE)
    engine = create_engine(load(raw_settings(_url(folder), folder)))
    with Session(engine) as session:
        session.execute(delete(Movie).where(Movie.id.not_in(_shown(session))))
        _add_long_word(session)
        _add_short_title(session)
        session.commit()
    _upload_posters(Database(engine), DiskStorage(folder / OBJECTS))
    engine.dispose()


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
def running_site(
    template: Path, folder: Path, storage: Mapping[str, str] | None = None
) -> Iterator[Site]:
    """The site with a copy of the database and the objects of ``template``.

    ``storage`` are the ini keys of the storage; by default objects are in ``folder``.
    """
    port = free_port()
    url = f"http://{HOST}:{port}"
    shutil.copyfile(template / DATABASE, folder / DATABASE)
    if storage is None:
        shutil.copytree(template / OBJECTS, folder / OBJECTS)
    settings = {
        **raw_settings(_url(folder), folder),
        "site.base_url": url,
        "posters.inline_slots": "3",
        **(storage or {}),
    }
    wsgi = main({}, **settings)
    services = services_of(wsgi.registry)
    set_services(wsgi.registry, replace(services, clock=lambda: NOW))
    if storage is not None:
        _move(DiskStorage(template / OBJECTS), services.storage, services.database)
    with served(wsgi, port):
        yield Site(url, wsgi.registry)
    close_services(wsgi.registry)


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / DATABASE}"


def _move(disk: DiskStorage, storage: Storage, database: Database) -> None:
    """Store the objects of a folder in another storage, as the poster service does."""
    for listed in disk.list():
        stored = disk.head(listed.key)
        assert stored is not None
        storage.put(
            stored.key,
            disk.get(stored.key),
            content_type=stored.content_type or "",
            cache_control=stored.cache_control or "",
        )
    with database.write() as session:
        session.execute(update(PosterVariant).values(bucket=storage.bucket))


def _upload_posters(database: Database, storage: Storage) -> None:
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
