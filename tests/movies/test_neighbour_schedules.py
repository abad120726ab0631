"""Random schedules of writers and a late relay: no movie's page keeps a wrong neighbour.

The functions of ``related_tags.py`` are the real ones. Their queries read the movies of a schedule,
which is passed as the connection.
"""

import random
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest

from moziweb.cache import kind_of, tag
from moziweb.movies import related_tags
from moziweb.movies.calendar import Week, week_of
from moziweb.movies.models import DatePrecision
from moziweb.movies.related_tags import ORDER_OF, date_tags, with_related
from moziweb.movies.tags import beside_tag, movie_names_tag, movie_page_tag, place_tag
from tests.factories import THURSDAY

SCHEDULES = 5000

DAYS = [THURSDAY + timedelta(days=each) for each in (0, 0, 0, 1, 9)]
"""Mostly the same one; the last one is in the next week."""

TITLES = "ABCDE"

PLACES = "beside-place"
"""The kind of the tags that are expanded after the commit."""

Neighbours = tuple[int | None, int | None]


@dataclass(frozen=True)
class Listed:
    """A movie; its title is its sort key."""

    title: str
    days: Sequence[date]
    published: bool


class Schedule:
    """Movies of two weeks, their stored pages, and tags that are not published yet."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.movies = {number: self._movie() for number in range(1, self.chance.randint(5, 6))}
        self.changing = sorted(self.movies)
        if seed % 2:  # movies come and go between two that stay
            self.movies = {each: Listed("C", DAYS[:1], False) for each in self.movies}
            self.movies |= {1: Listed("A", DAYS[:1], True), 2: Listed("E", DAYS[:1], True)}
            self.changing = self.changing[2:]
        self.pages: dict[int, tuple[Neighbours, frozenset[str]]] = {}
        self.committed: list[frozenset[str]] = []
        self.expanded: list[frozenset[str]] = []

    def run(self) -> None:
        """Some steps in random order, then all that is left to do."""
        for movie_id in self.movies:
            self.render(movie_id)
        steps = self.write, self.expand, self.publish, self.render
        for step in self.chance.choices(steps, (5, 3, 2, 2), k=self.chance.randint(4, 16)):
            step()
        while self.committed or self.expanded:
            self.chance.choice((self.expand, self.publish))()

    def stale(self) -> list[int]:
        """The movies whose stored pages have other neighbours than the movies."""
        return [each for each, (shown, _) in self.pages.items() if shown != self.neighbours(each)]

    def write(self) -> None:
        """Commit a transaction of one or two changes."""
        tags, appearing = set[str](), set[int]()
        for movie_id in self.chance.sample(self.changing, self.chance.choice((1, 1, 1, 2))):
            before, after = self.movies[movie_id], self._changed(self.movies[movie_id])
            self.movies[movie_id] = after
            tags.add(movie_page_tag(movie_id))
            if before.published or after.published:
                tags.update(written(movie_id, before, after))
            if before.published != after.published:
                appearing.add(movie_id)
        connection: Any = self
        self.committed.append(frozenset(with_related(connection, tags, appearing)))

    def expand(self) -> None:
        """Look up the movies beside the places of a transaction: its writer, or a late relay."""
        if self.committed:
            tags = self.committed.pop(self.chance.randrange(len(self.committed)))
            connection: Any = self
            places = {each for each in tags if kind_of(each) == PLACES}
            found = related_tags._beside(connection, places)
            self.expanded.append(tags - places | frozenset(found))

    def publish(self) -> None:
        if self.expanded:
            tags = self.expanded.pop(self.chance.randrange(len(self.expanded)))
            self.pages = {key: page for key, page in self.pages.items() if not page[1] & tags}

    def render(self, movie_id: int = 0) -> None:
        """Request the page of a movie, which is rendered if it is not stored."""
        movie_id = movie_id or self.chance.choice(sorted(self.movies))
        shown = self.neighbours(movie_id)
        if movie_id not in self.pages and shown is not None:
            week = week_of(self.movies[movie_id].days[0])
            tags = {movie_page_tag(movie_id), beside_tag(movie_id)}
            for other in shown:
                if other is not None:
                    tags |= {movie_names_tag(other), place_tag(other, week)}
            self.pages[movie_id] = shown, frozenset(tags)

    def neighbours(self, movie_id: int) -> Neighbours | None:
        """What ``week_neighbours`` finds for the first premiere; None if there is no such page."""
        movie = self.movies[movie_id]
        if not movie.published or not movie.days:
            return None
        here = movie.days[0], movie.title, movie_id
        others = [each for each in self.order(week_of(here[0])) if each[2] != movie_id]
        at = bisect(others, here)
        return others[at - 1][2] if at else None, others[at][2] if at < len(others) else None

    def order(self, week: Week) -> list[tuple[date, str, int]]:
        return sorted(
            (day, movie.title, movie_id)
            for movie_id, movie in self.movies.items()
            for day in movie.days
            if movie.published and week_of(day) == week
        )

    def _movie(self) -> Listed:
        days = self.chance.choices(DAYS, k=self.chance.choice((1, 1, 1, 1, 2)))
        return Listed(self.chance.choice(TITLES), tuple(days), self.chance.random() < 0.6)

    def _changed(self, movie: Listed) -> Listed:
        """Another title, a premiere moved, deleted or announced, or published or withdrawn."""
        chance = self.chance.random()
        if chance < 0.25:
            return replace(movie, title=self.chance.choice(TITLES))
        if chance < 0.8:
            return replace(movie, published=not movie.published)
        days = list(movie.days)
        if days and self.chance.random() < 0.8:
            days[self.chance.randrange(len(days))] = self.chance.choice(DAYS)
        elif len(days) > 1:
            days.pop(self.chance.randrange(len(days)))
        else:
            days.append(self.chance.choice(DAYS))
        return replace(movie, days=tuple(days))


def written(movie_id: int, before: Listed, after: Listed) -> Iterator[str]:
    """The tags of names, order and dates that ``tag_declarations.py`` collects for a change."""
    if before.title != after.title:
        yield from (movie_names_tag(movie_id), tag(ORDER_OF, movie_id))
    old, new = Counter(before.days), Counter(after.days)
    for day in (old - new) + (new - old):
        yield from date_tags(movie_id, day, DatePrecision.DAY)


def listed(schedule: Any, movie_ids: Iterable[int]) -> dict[int, related_tags._Listed]:
    found = defaultdict(lambda: related_tags._Listed(None))
    for movie_id in movie_ids:
        movie: Listed = schedule.movies[movie_id]
        if movie.days:
            key = movie.title if movie.published else None
            found[movie_id] = related_tags._Listed(key, set(movie.days))
    return found


@pytest.fixture(autouse=True)
def queries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries of a schedule instead of a database."""
    monkeypatch.setattr(related_tags, "_listed", listed)
    monkeypatch.setattr(related_tags, "_genres", lambda *_: defaultdict(set))
    orders = lambda schedule, weeks: ((week, schedule.order(week)) for week in weeks)  # noqa: E731
    monkeypatch.setattr(related_tags, "_orders", orders)


def first_stale(seeds: Iterable[int]) -> int | None:
    """The first seed whose schedule leaves a page stale."""
    for seed in seeds:
        schedule = Schedule(seed)
        schedule.run()
        if schedule.stale():
            return seed
    return None


def test_no_schedule_leaves_a_wrong_neighbour() -> None:
    assert first_stale(range(SCHEDULES)) is None


def no_place_that_is_left(patch: pytest.MonkeyPatch) -> None:
    """A movie that leaves its place does not invalidate the pages that link it."""
    patch.setattr(related_tags, "_related_lists", lambda *_: ())


def no_place_that_is_taken(patch: pytest.MonkeyPatch) -> None:
    """A movie that comes to a place does not invalidate the pages beside it."""
    patch.setattr(related_tags, "_new_places", lambda *_: ())


def looked_up_in_an_old_snapshot(patch: pytest.MonkeyPatch) -> None:
    """The writer does not see what the transaction before has committed."""
    write = Schedule.write
    snapshots: dict[Schedule, dict[int, Listed]] = {}

    def early(self: Schedule) -> None:
        before, waiting = dict(self.movies), self.committed
        self.committed = []
        write(self)
        after = self.movies
        changed = {each: movie for each, movie in after.items() if movie != before[each]}
        self.movies = snapshots.get(self, before) | changed
        self.expand()
        self.movies, self.committed, snapshots[self] = after, waiting, before

    patch.setattr(Schedule, "write", early)


Sides = Callable[[Any, int, date, str], Collection[int]]


def with_sides(patch: pytest.MonkeyPatch, sides: Callable[[Sides], Sides]) -> None:
    original: Any = related_tags._both_sides
    patch.setattr(related_tags, "_both_sides", sides(original))


def no_week_of_a_lost_place(patch: pytest.MonkeyPatch) -> None:
    """A place that is not found any more invalidates nothing."""

    def sides(original: Sides) -> Sides:
        def found(order: Any, movie_id: int, day: date, digest: str) -> Collection[int]:
            places = {(each[0], each[2], related_tags._digest(each[1])) for each in order}
            here = (day, movie_id, digest) in places
            return original(order, movie_id, day, digest) if here else ()

        return found

    with_sides(patch, sides)


def title_of_a_place_is_not_compared(patch: pytest.MonkeyPatch) -> None:
    """A movie with another title by now counts as found at its place."""
    patch.setattr(related_tags, "_digest", lambda _: "any")


def one_side_alone(patch: pytest.MonkeyPatch) -> None:
    """Only the movie that follows the place is invalidated."""

    def sides(original: Sides) -> Sides:
        def following(order: Any, movie_id: int, day: date, digest: str) -> Collection[int]:
            both = original(order, movie_id, day, digest)
            rank = {each[2]: at for at, each in enumerate(order)}
            return sorted(both, key=lambda each: rank[each])[-1:] if len(both) == 2 else both

        return following

    with_sides(patch, sides)


@pytest.mark.parametrize(
    "mutant",
    [
        no_place_that_is_left,
        no_place_that_is_taken,
        looked_up_in_an_old_snapshot,
        no_week_of_a_lost_place,
        title_of_a_place_is_not_compared,
        one_side_alone,
    ],
)
def test_schedules_find_mutant(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    assert first_stale(range(SCHEDULES)) is not None
