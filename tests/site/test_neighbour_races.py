"""Movies' pages in the cache while editors change movies of the same days and a relay is late."""

import random
import re
import threading
import time
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session, selectinload
from webtest import TestApp

from moziweb.cache import CacheEvents, OutboxRelay, PublishError
from moziweb.caching import DECLARATIONS, OUTBOX
from moziweb.movies.calendar import week_of
from moziweb.movies.models import Movie, Premiere
from moziweb.services import services_of
from tests import factories
from tests.registry import page_cache_of
from tests.site.cached import deployed_with, site, week_here

WRITES = 30
"""Of each editor."""

MOVIES = 5
"""Of each editor, at the start."""

PATIENCE = 60.0

TITLES = "ABCDEFGH"

STRICT = {"cache.default.grace": "0"}

Neighbours = tuple[int | None, int | None]
Place = tuple[date, str]
State = Mapping[int, Place]
"""The date and the sort key of each published movie."""


class Killed(BaseException):
    """Ends a writer between its commit and its publish."""


FAILED = PublishError("memcached timed out")


def neighbours_of(state: State, movie_id: int) -> Neighbours | None:
    """The movies before and after this one in its week; None if its page does not exist."""
    if movie_id not in state:
        return None
    week = week_of(state[movie_id][0])
    others = sorted(
        (*place, each)
        for each, place in state.items()
        if each != movie_id and week_of(place[0]) == week
    )
    at = bisect(others, (*state[movie_id], movie_id))
    return others[at - 1][2] if at else None, others[at][2] if at < len(others) else None


def path_of(movie_id: int) -> str:
    return f"/movie/{movie_id}-x"


def shown_by(answer: Any) -> Neighbours | None:
    """The neighbours that a page links; None for "not found"."""
    if answer.status_int == 404:
        return None
    links = re.findall(r'class="step[^"]*" rel="(prev|next)" href="/movie/(\d+)-x"', answer.text)
    ids = {name: int(number) for name, number in links}
    return ids.get("prev"), ids.get("next")


class Editors:
    """Editors with movies of their own, in the same days; what they committed and published.

    The number of a state is that of the write that led to it. The writes that are not published
    yet are in ``unpublished``; the relay publishes those in ``lost``.
    """

    def __init__(self, app: TestApp, patch: pytest.MonkeyPatch) -> None:
        self._database = services_of(app.app.registry).database
        stamps = page_cache_of(app.app.registry).cache.stamps
        self.relay = OutboxRelay(
            self._database.engine, OUTBOX, stamps, CacheEvents(), grace=0,
            expansions=DECLARATIONS.expansions,
        )  # fmt: skip
        self._turn = threading.Lock()
        self._states: list[State] = [{}]
        self._unpublished = set[int]()
        self._lost = set[int]()
        self._thread = threading.local()
        patch.setattr(stamps, "publish", self._noted(self._late(stamps.publish)))
        expansions = DECLARATIONS.expansions
        patch.setattr(expansions, "expanded_on", self._late(expansions.expanded_on))
        days = [week_here().shifted(3).thursday + timedelta(days=each) for each in range(3)]
        self._days = [*days, days[0] + timedelta(days=7)]
        self._read = threading.Condition()
        self._reads = 0
        self._ended = False
        self.kinds = Counter[str]()
        self.behind = 0

    def _late(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Wait before a call, let it fail, or kill the writer."""

        def late(*arguments: Any) -> Any:
            chance: random.Random | None = getattr(self._thread, "chance", None)
            if chance is not None:
                time.sleep(chance.choice((0, 0, 0.002, 0.01)))
                if self._thread.dies:
                    raise Killed
                if self._thread.fails:
                    raise FAILED
            return call(*arguments)

        return late

    def _noted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Note that a writer has published. On a busy machine, memcached may time out."""

        def noted(*arguments: Any) -> Any:
            result = call(*arguments)
            self._thread.has_published = True
            return result

        return noted

    def movies(self) -> Sequence[int]:
        """The movies that were published at any time."""
        with self._turn:
            return sorted({each for state in self._states for each in state})

    def edit(self, first_id: int) -> None:
        """Change movies at random. Some of the writers die before they publish, some cannot."""
        chance = self._thread.chance = random.Random(first_id)
        self._thread.dies = self._thread.fails = False
        mine: list[int] = []
        for number in range(MOVIES + WRITES):
            fate = chance.random() if number > MOVIES else 1
            self._thread.dies, self._thread.fails = fate < 0.2, 0.2 <= fate < 0.3
            if len(mine) < MOVIES:
                mine.append(first_id + number)
                self._write(mine[-1], self._create)
            elif chance.random() < 0.1:
                self._write(mine.pop(), self._delete)
            else:
                change = chance.choice((self._retitle, self._retitle, self._move, self._publish))
                self._write(chance.choice(mine), change)
            if number >= MOVIES:
                self._wait_for_reads(chance.choice((0, 2, 8)))

    def _wait_for_reads(self, count: int) -> None:
        with self._read:
            until = self._reads + count
            done = lambda: self._ended or self._reads >= until  # noqa: E731
            assert self._read.wait_for(done, PATIENCE)

    def _write(self, movie_id: int, change: Callable[[Session, int], Place | None]) -> None:
        """Commit a change. Others wait for the commit, not for the publish."""
        number = 0

        def committed(_session: Session) -> None:
            nonlocal number
            number = len(self._states)
            self._states.append(after)
            self._unpublished.add(number)
            self._turn.release()

        self._thread.has_published = False
        with suppress(Killed), self._database.write() as session:
            place = change(session, movie_id)
            session.flush()
            self._turn.acquire()
            after = {each: at for each, at in self._states[-1].items() if each != movie_id}
            after |= {movie_id: place} if place else {}
            event.listen(session, "after_commit", committed)
        if self._thread.has_published:
            self._unpublished.discard(number)
        else:
            self._lost.add(number)

    def _create(self, session: Session, movie_id: int) -> Place:
        chance = self._thread.chance
        movie = factories.make_movie(session, chance.choice(TITLES), id=movie_id, slug="x")
        premiere = factories.make_premiere(session, movie, chance.choice(self._days))
        return premiere.date, movie.sort_key

    def _retitle(self, session: Session, movie_id: int) -> Place | None:
        movie = loaded(session, movie_id)
        movie.title = movie.original_title = self._thread.chance.choice(TITLES)
        session.flush()
        return place_of(movie)

    def _move(self, session: Session, movie_id: int) -> Place | None:
        movie = loaded(session, movie_id)
        movie.premieres[0].date = self._thread.chance.choice(self._days)
        return place_of(movie)

    def _publish(self, session: Session, movie_id: int) -> Place | None:
        movie = loaded(session, movie_id)
        movie.published = not movie.published
        return place_of(movie)

    def _delete(self, session: Session, movie_id: int) -> None:
        session.delete(loaded(session, movie_id))

    def relay_late(self) -> None:
        """Publish the rows of the dead writers, after some time, until all editors have ended."""
        chance = random.Random(0)
        while not self._ended:
            time.sleep(chance.uniform(0.02, 0.1))
            lost = set(self._lost)
            with suppress(PublishError):  # on a busy machine, memcached may time out
                self.relay.run_once()
                self._unpublished -= lost

    def publish_the_rest(self) -> None:
        """Publish what is left when all editors have ended."""
        until = time.monotonic() + PATIENCE
        while self._backlog():
            assert time.monotonic() < until
            with suppress(PublishError):
                self.relay.run_once()

    def _backlog(self) -> int:
        with self._database.engine.connect() as connection:
            return OUTBOX.backlog(connection)

    def end(self) -> None:
        """No page is read any more."""
        with self._read:
            self._ended = True
            self._read.notify_all()

    def check(self, app: TestApp, movie_id: int) -> None:
        """Request a page: it shows a state that no write follows that was published before.

        While a write is not published, the page may also lack others of the same days: they have
        found its movie beside theirs, and not that of the page.
        """
        with self._turn:
            latest, waiting = len(self._states) - 1, set(self._unpublished)
        answer = app.get(path_of(movie_id), status="*")
        shown = shown_by(answer)
        with self._read:
            self._reads += 1
            self._read.notify_all()
        with self._turn:
            states = list(self._states)
        self.kinds[answer.headers["X-Cache"]] += 1
        at = next(
            (
                number
                for number in reversed(range(len(states)))
                if neighbours_of(states[number], movie_id) == shown
            ),
            -1,
        )
        if at >= latest:
            return
        self.behind += 1
        # A page in no state was read while another one was committed.
        is_mixed = at < 0 and len(states) - 1 > latest
        assert waiting.intersection(range(at + 1, latest + 1)) or is_mixed, (
            f"{movie_id} shows {shown} of state {at}; all after it up to {latest} is published,"
            f" but not {sorted(waiting)}; states of it:"
            f" {[neighbours_of(state, movie_id) for state in states]}"
        )


def place_of(movie: Movie) -> Place | None:
    return (movie.premieres[0].date, movie.sort_key) if movie.published else None


def loaded(session: Session, movie_id: int) -> Movie:
    parts = selectinload(Movie.premieres).selectinload(Premiere.changes)
    return session.get_one(Movie, movie_id, options=[parts])


@pytest.fixture
def strict(settings: dict[str, str], request: pytest.FixtureRequest) -> Iterator[TestApp]:
    """The site with its cache, without any grace."""
    with site(settings | deployed_with(settings, request) | STRICT) as app:
        yield app


@pytest.fixture
def plain(settings: dict[str, str]) -> Iterator[TestApp]:
    with site(settings) as app:
        yield app


def bodies(app: TestApp, movies: Iterable[int]) -> dict[int, bytes]:
    return {each: app.get(path_of(each), status="*").body for each in movies}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_no_page_keeps_a_wrong_neighbour(
    strict: TestApp, plain: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    editors, chance = Editors(strict, monkeypatch), random.Random(1)
    with ThreadPoolExecutor(3) as threads:
        relaying = threads.submit(editors.relay_late)
        editing = [threads.submit(editors.edit, first) for first in (1000, 2000)]
        try:
            while not all(each.done() for each in editing):
                for movie_id in editors.movies():
                    if chance.random() < 0.5:
                        editors.check(strict, movie_id)
        finally:
            editors.end()
        for each in (*editing, relaying):
            each.result()
    editors.publish_the_rest()
    movies = editors.movies()
    assert bodies(strict, movies) == bodies(plain, movies)
    assert editors.kinds["miss"] > 30
    assert editors.kinds["l1"] + editors.kinds["hit"] > 30
    assert editors.behind
