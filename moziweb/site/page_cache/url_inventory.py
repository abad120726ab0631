"""Every address that the site serves, the ones that matter most first.

memcached cannot list its keys, but the site knows every URL that it can be asked for, and
``moziweb.cache.http.routes`` knows the key of each URL's entry. Warming after a deploy and the
preview of what a change will invalidate use this inventory.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from itertools import chain, islice
from typing import Any, Final

from pyramid.registry import Registry

from moziweb.db import Database
from moziweb.i18n import LOCALES
from moziweb.movies.calendar import Week, budapest_today, in_bounds, month_of, week_of
from moziweb.movies.enumeration import (
    every_day,
    every_movie,
    genre_slugs,
    movie_blocks,
    movies_opening,
    premiere_years,
)
from moziweb.movies.lead_premiere import WEEKS_IN_CINEMAS
from moziweb.movies.queries import DAYS, DAYS_AND_MONTHS, undated_movies
from moziweb.request import Request

from ..feeds import CALENDARS, MAP_BLOCK
from ..presenters.index import UNDATED_SHOWN
from ..urls import PageUrls, segment_of

BATCH: Final = 40
"""Entries that are fetched together: some megabytes."""


class Priority(IntEnum):
    """How soon an address is asked for after a deploy."""

    FRONT = 0
    """The index."""
    WEEKS = 1
    """This week and the next."""
    SHOWN = 2
    """The films of the weeks that the index shows."""
    AROUND = 3
    """What the navigation leads to: the months around, genres, films without a date; the JSON."""
    CALENDAR = 4
    """Every week and month that has premieres."""
    ARCHIVE = 5
    """Every film, and its JSON."""


@dataclass(frozen=True, slots=True)
class SiteUrl:
    """A path, as a browser sends it."""

    path: str
    priority: Priority


@dataclass(frozen=True, slots=True)
class UrlInventory:
    """The addresses of a site as of ``today``; iterating asks the database as it goes on."""

    database: Database
    paths: PageUrls
    today: date

    @classmethod
    def of(cls, registry: Registry) -> "UrlInventory":
        """The addresses of an application, by its clock."""
        request = Request.blank("/")
        request.registry = registry
        today = budapest_today(registry["clock"]())
        return cls(registry["database"], PageUrls.of(request), today)

    def __iter__(self) -> Iterator[SiteUrl]:
        """Each once, by priority."""
        return self.through(Priority.ARCHIVE)

    def through(self, last: Priority) -> Iterator[SiteUrl]:
        """Those down to a priority, each once."""
        parts: dict[Priority, Callable[[], Iterable[str]]] = {
            Priority.FRONT: self._front,
            Priority.WEEKS: self._weeks,
            Priority.SHOWN: self._shown,
            Priority.AROUND: self._around,
            Priority.CALENDAR: self._calendar,
            Priority.ARCHIVE: self._archive,
        }
        seen: set[str] = set()
        for priority, paths in parts.items():
            if priority > last:
                return
            for path in paths():
                if path in seen:
                    continue
                if priority is not Priority.ARCHIVE:  # has none twice, and may be a million
                    seen.add(path)
                yield SiteUrl(path, priority)

    def _front(self) -> Iterator[str]:
        return self._page("index")

    def _weeks(self) -> Iterator[str]:
        this = week_of(self.today)
        return chain.from_iterable(map(self._week, (this, this.next)))

    def _shown(self) -> Iterator[str]:
        this = week_of(self.today)
        start, end = this.shifted(-WEEKS_IN_CINEMAS).start, this.next.end
        with self.database.read() as session:
            dated = movies_opening(session, start, end)
            undated = undated_movies(session, self.today, UNDATED_SHOWN)
            names = [*dated, *((each.movie.id, each.movie.slug) for each in undated)]
        return chain.from_iterable(self._movie(*name) for name in names)

    def _around(self) -> Iterator[str]:
        yield self.paths.page("api_main")
        this = month_of(week_of(self.today).thursday)
        for month in (this, this.next):
            yield from self._page("month", month=month.name)
        yield from self._page("undated")
        with self.database.read() as session:
            slugs = genre_slugs(session)
        for slug in slugs:
            yield from self._page("genre", genre=slug)
        yield from self._page("about")
        for part in CALENDARS:
            yield from self._page("calendar", part=part)
        yield from self._page("news")

    def _calendar(self) -> Iterator[str]:
        for day in every_day(self.database, DAYS):
            if in_bounds(week_of(day)):
                yield from self._week(week_of(day))
        for day in every_day(self.database, DAYS_AND_MONTHS):
            if in_bounds(month_of(day)):
                yield from self._page("month", month=month_of(day).name)

        with self.database.read() as session:
            years = premiere_years(session)
        yield self.paths.page("sitemap")
        yield self.paths.page("sitemap_pages")
        for year in years:
            yield self.paths.page("sitemap_year", year=year)

    def _archive(self) -> Iterator[str]:
        with self.database.read() as session:
            blocks = movie_blocks(session, MAP_BLOCK)
        for block in blocks:
            yield self.paths.page("sitemap_movies", block=block)
        for movie_id, slug in every_movie(self.database):
            yield from self._movie(movie_id, slug)
            yield self.paths.page("api_movie", movie=movie_id)

    def _week(self, week: Week) -> Iterator[str]:
        return self._page("week", week=week.name)

    def _movie(self, movie_id: int, slug: str) -> Iterator[str]:
        return self._page("movie", movie=segment_of(movie_id, slug))

    def _page(self, route: str, **values: Any) -> Iterator[str]:
        for locale in LOCALES:
            yield self.paths.in_locale(locale, route, **values)


def pages_showing(
    registry: Registry, tags: Collection[str], candidates: Iterable[SiteUrl]
) -> Iterator[SiteUrl]:
    """Those of ``candidates`` whose stored entries bear any of ``tags``: what a change refreshes.

    A page that is not stored shows nobody anything outdated, so it is none of them. Entries are
    fetched with one ``get_multi`` for each batch; candidates are read as they are needed.
    """
    wanted = frozenset(tags)
    routes = registry["cache_routes"]
    remaining = iter(candidates)
    while batch := list(islice(remaining, BATCH)):
        entries = routes.stored(registry, [address.path for address in batch])
        for address in batch:
            entry = entries.get(address.path)
            if entry is not None and not wanted.isdisjoint(entry.tags):
                yield address
