"""A site with cached pages, a few movies and users, in real time, for tests with Chromium.

With a TMDB server, movies are imported from there, and posters are generated in the background.
"""

import contextlib
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moziweb import main
from moziweb.caching import OUTBOX
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import add_user
from moziweb.manager.auth.models import Role
from moziweb.manager.movies import affected_pages
from moziweb.ops.models import PerformanceMinute
from moziweb.posters.models import PosterSource, SourceState
from moziweb.services import services_of, set_services
from moziweb.timings import Part
from tests.conftest import close_services, raw_settings
from tests.services.ports import HOST, free_port
from tests.services.tmdb import TOKEN, TmdbServer, not_found
from tests.site.cached import CACHED, Movies, fill, now, pages
from tests.threads import join_threads

from .site import served

NAME = "anna"
PASSWORD = "a long enough password"  # of these tests only

PATIENCE = 60.0

MISSING = "/t/p/missing.jpg"
"""The path of a picture that the TMDB server does not have."""


@dataclass(frozen=True)
class ManagerSite:
    """The running site and its three movies."""

    url: str
    movies: Movies
    registry: Any
    _cookies: list[Any] = field(default_factory=list)

    def enter(self, page: Page) -> None:
        """Signs in; on a site that tests share, by the session of the first of them."""
        if self._cookies:
            page.context.add_cookies(self._cookies)
        else:
            self.sign_in(page)
            self._cookies.extend(page.context.cookies())

    def sign_in(self, page: Page, name: str = NAME) -> None:
        """Signs in with the keyboard, and waits for the first page of the manager."""
        page.goto(f"{self.url}/manager/sign-in")
        page.get_by_label("Név").fill(name)
        page.get_by_label("Jelszó").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{self.url}/manager")

    def states(self, **more: str) -> dict[str, str]:
        """The cache status of each page, and of ``more`` paths."""
        paths = pages(self.movies) | more
        return {name: self._state(path) for name, path in paths.items()}

    def warm(self, **more: str) -> None:
        """Caches every page and checks that all are cached."""
        self.states(**more)
        assert set(self.states(**more).values()) <= {"hit", "l1"}

    def settle(self) -> None:
        """Waits until no poster is being generated and the outbox is empty."""
        deadline = time.monotonic() + PATIENCE
        while self._is_busy():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _is_busy(self) -> bool:
        at_work = (SourceState.PENDING, SourceState.GENERATING)
        with services_of(self.registry).database.read() as session:
            busy = select(PosterSource.id).where(PosterSource.state.in_(at_work)).limit(1)
            is_made = session.scalar(busy) is None
            return not is_made or OUTBOX.backlog(session.connection()) > 0

    def posters(self, movie: int) -> list[PosterSource]:
        """The poster sources of a movie, the oldest first."""
        with services_of(self.registry).database.read() as session:
            query = select(PosterSource).where(PosterSource.movie_id == movie)
            return list(session.scalars(query.order_by(PosterSource.id)))

    def _state(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return str(answer.headers["X-Cache"])


def rendered_again(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """The pages that were rendered again; asserts that all had been cached."""
    assert set(before.values()) <= {"hit", "l1"}
    return {name for name, state in after.items() if state not in {"hit", "l1"}}


@contextlib.contextmanager
def running_manager_site(
    migrated: Path,
    folder: Path,
    tmdb: TmdbServer | None = None,
    host: str = HOST,
    serve: Callable[[Any, int], contextlib.AbstractContextManager[None]] = served,
) -> Iterator[ManagerSite]:
    """Runs the site with a copy of an empty, migrated database.

    With ``tmdb``, pictures are fetched from there, too; the picture of the existing movie is
    missing. ``host`` is the name in the site's URLs, for Chromium; it leads to this machine.
    """
    port = free_port()
    copy = folder / "manager.sqlite"
    shutil.copyfile(migrated, copy)
    url = f"http://{host}:{port}"
    settings = {**raw_settings(f"sqlite:///{copy}", folder), **CACHED, "site.base_url": url}
    if tmdb:
        settings |= {
            "tmdb.base_url": tmdb.base_url,
            "tmdb.token": TOKEN,
            "posters.test_host": tmdb.address.rpartition("/")[2],
        }
    wsgi = main({}, **settings)
    set_services(wsgi.registry, replace(services_of(wsgi.registry), clock=now))
    with services_of(wsgi.registry).database.write() as session:
        add_user(session, NAME, PASSWORD, Role.ADMIN, by=COMMAND, now=now())
        add_user(session, "béla", PASSWORD, Role.EDITOR, by=COMMAND, now=now())
    with services_of(wsgi.registry).database.write() as session:
        movies = fill(session)
    with services_of(wsgi.registry).database.write() as session:
        add_performance(session)
    with pytest.MonkeyPatch.context() as patch, serve(wsgi, port), _behind(wsgi.registry, tmdb):
        # Find all affected pages on a busy machine, too.
        patch.setattr(affected_pages, "TIME_LIMIT", 60.0)
        yield ManagerSite(url, movies, wsgi.registry)
    close_services(wsgi.registry)


def add_performance(session: Session) -> None:
    """Adds the rows of half an hour in which a new version was deployed, and a purge."""
    at = int(time.time() // 60)
    for ago in range(1, 30):
        release = "r1" if ago > 15 else "r2"
        seconds = {part.value: 0.1 * ago for part in Part}
        session.add(
            PerformanceMinute(
                minute=at - ago, process=release, release=release, requests=ago, errors=ago // 20,
                satisfied=ago // 2, tolerated=ago // 3, queries=ago, **seconds,
                routes={"index": [ago, ago // 20, 0.6 * ago]},
            )
        )  # fmt: skip
    moment = time.time() - 120
    purge = OUTBOX.add(session.connection(), [], now=moment, reason="purge: by hand")
    OUTBOX.mark(session.connection(), [purge], now=moment)


@contextlib.contextmanager
def _behind(registry: Any, tmdb: TmdbServer | None) -> Iterator[None]:
    """Runs imports and poster generation of a site with a TMDB server."""
    if tmdb is None:
        yield
        return
    tmdb.answer_next(MISSING, *[not_found()] * 20)
    with services_of(registry).database.write() as session:
        session.execute(update(PosterSource).values(url=tmdb.address + MISSING))
    threads = services_of(registry).poster_threads
    assert threads is not None
    threads.start()
    yield
    join_threads("import-")
    threads.stop()
