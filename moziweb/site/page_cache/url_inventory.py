"""Enumerates every URL that the site serves, the most important ones first.

memcached cannot list its keys, but the site knows every URL that it can be asked for, and
``moziweb.cache.http.routes`` knows the key of each URL's entry. Warming after a deploy and the
preview of what a change will invalidate use this inventory.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from itertools import chain, islice
from typing import Any, Final

from pyramid.registry import Registry

from moziweb.cache.http.page_cache import PageCache
from moziweb.db import Database
from moziweb.i18n import LOCALES
from moziweb.movies import enumeration
from moziweb.movies.calendar import Week, budapest_today, in_bounds, month_of, week_of
from moziweb.movies.facet_queries import (
    BLOCK,
    Facet,
    all_genres,
    all_services,
    long_filmographies,
)
from moziweb.movies.feed_queries import CHANGES_BLOCK, has_listed_changes, news_positions
from moziweb.movies.lead_premiere import WEEKS_IN_CINEMAS
from moziweb.movies.queries import DAYS, DAYS_AND_MONTHS, undated_movies, undated_positions
from moziweb.movies.year_queries import YEAR_BLOCK, numbers_by_year, year_only_positions
from moziweb.request import Request
from moziweb.services import services_of

from ..api.endpoints import ENDPOINTS, MOVIE_ENDPOINT, PERSON_ENDPOINT
from ..feeds import CALENDARS, PEOPLE_SITEMAPS, SITEMAP_BLOCK
from ..presenters.index import UNDATED_ON_INDEX
from ..query_parameters import FROM
from ..urls import PageUrls, segment_of
from .facet_urls import facet_urls, first_urls, following_urls

ENTRIES_PER_READ: Final = 40
"""Entries per ``get_multi``: a few megabytes."""


class Priority(IntEnum):
    """How soon a URL is warmed after a deploy."""

    FRONT = 0
    """The index."""
    WEEKS = 1
    """This week and the next."""
    SHOWN = 2
    """The movies of the weeks that the index shows."""
    AROUND = 3
    """Pages that the navigation links to: months, genres, services, feeds …; and the JSON."""
    CALENDAR = 4
    """Every week, month and year that has premieres."""
    ARCHIVE = 5
    """Every movie with its JSON and feeds, people, distributors, and further blocks of lists."""


@dataclass(frozen=True, slots=True)
class SiteUrl:
    """A path, percent-encoded as a browser sends it."""

    path: str
    priority: Priority


@dataclass(frozen=True, slots=True)
class UrlInventory:
    """The URLs of the site on ``today``. Iteration queries the database in batches."""

    database: Database
    urls: PageUrls
    today: date

    @classmethod
    def of(cls, registry: Registry) -> "UrlInventory":
        """The URLs of an application; the date is from its clock."""
        request = Request.blank("/")
        request.registry = registry
        today = budapest_today(services_of(registry).clock())
        return cls(services_of(registry).database, PageUrls.of(request), today)

    def __iter__(self) -> Iterator[SiteUrl]:
        """All URLs by priority, each once."""
        return self.through(Priority.ARCHIVE)

    def through(self, last: Priority) -> Iterator[SiteUrl]:
        """The URLs down to a priority, each once."""
        parts = (self._front, self._weeks, self._shown, self._around, self._calendar, self._archive)
        seen: set[str] = set()
        for priority, urls in zip(Priority, parts, strict=True):
            if priority > last:
                return
            for path in urls():
                if path in seen:
                    continue
                if priority is not Priority.ARCHIVE:  # no duplicates, and possibly a million
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
            dated = enumeration.movies_opening(session, start, end)
            undated = undated_movies(session, self.today, UNDATED_ON_INDEX)
            names = [*dated, *((each.movie.id, each.movie.slug) for each in undated)]
        return chain.from_iterable(self._movie(*name) for name in names)

    def _around(self) -> Iterator[str]:
        yield self.urls.path("api_main")
        for endpoint in ENDPOINTS:
            if not endpoint.has_path_id:
                yield self.urls.path(endpoint.route)
        this = month_of(week_of(self.today).thursday)
        for month in (this, this.next):
            yield from self._page("month", month=month.name)
        yield from self._undated()
        yield from self._changes()
        for name in ("genres", "services", "years", "calendar_page", "watchlist"):
            yield from self._page(name)
        with self.database.read() as session:
            facets: list[Facet] = [*all_genres(session), *all_services(session)]
        for facet in facets:
            yield from first_urls(self.urls, facet)
            yield from following_urls(self.urls, facet)
        yield from self._page("about")
        for part in CALENDARS:
            yield from self._page("calendar", part=part)
        yield from self._page("news")

    def _calendar(self) -> Iterator[str]:
        for day in enumeration.every_day(self.database, DAYS):
            if in_bounds(week_of(day)):
                yield from self._week(week_of(day))
        for day in enumeration.every_day(self.database, DAYS_AND_MONTHS):
            if in_bounds(month_of(day)):
                yield from self._page("month", month=month_of(day).name)

        with self.database.read() as session:
            years = enumeration.premiere_years(session)
            overviews = list(numbers_by_year(session))
            positions = year_only_positions(session)
        for overview in overviews:
            yield from self._page("year", year=overview.name)
            for position in positions.get(overview, ())[YEAR_BLOCK::YEAR_BLOCK]:
                yield from self._page("year", year=overview.name, _query={FROM: str(position)})
        yield self.urls.path("sitemap")
        yield self.urls.path("sitemap_pages")
        for year in years:
            yield self.urls.path("sitemap_year", year=year)

    def _archive(self) -> Iterator[str]:
        with self.database.read() as session:
            blocks = {
                "sitemap_movies": enumeration.movie_blocks(session, SITEMAP_BLOCK),
                "sitemap_people": enumeration.person_blocks(
                    session, SITEMAP_BLOCK, PEOPLE_SITEMAPS
                ),
                "sitemap_distributors": enumeration.distributor_blocks(session, SITEMAP_BLOCK),
            }
        for route, numbers in blocks.items():
            for number in numbers:
                yield self.urls.path(route, block=number)
        for movie_id, slug in enumeration.every_movie(self.database):
            yield from self._movie(movie_id, slug)
            yield self.urls.path("api_movie", movie=movie_id)
            yield self.urls.path(MOVIE_ENDPOINT.route, id=movie_id)
            yield from self._movie_feeds(movie_id, slug)
        for person in enumeration.every_person(self.database):
            yield from first_urls(self.urls, person)
            yield from following_urls(self.urls, person)
            yield self.urls.path(PERSON_ENDPOINT.route, id=person.id)
        yield from self._facet_blocks()

    def _undated(self) -> Iterator[str]:
        """The pages of the movies without a date."""
        yield from self._page("undated")
        with self.database.read() as session:
            positions = undated_positions(session, self.today)
        for position in positions[BLOCK::BLOCK]:
            yield from self._page("undated", _query={FROM: str(position)})

    def _changes(self) -> Iterator[str]:
        """The pages of the latest changes."""
        yield from self._page("changes")
        with self.database.read() as session:
            positions = news_positions(session, [has_listed_changes(self.today)])
        for position in positions[CHANGES_BLOCK::CHANGES_BLOCK]:
            yield from self._page("changes", _query={FROM: str(position)})

    def _facet_blocks(self) -> Iterator[str]:
        """The pages of distributors, and the further blocks of every facet."""
        with self.database.read() as session:
            facets: list[Facet] = [*all_genres(session), *all_services(session)]
            facets += (*enumeration.all_distributors(session), *long_filmographies(session))
        for facet in facets:
            with self.database.read() as session:
                paths = list(facet_urls(session, self.urls, facet, self.today))
            yield from paths

    def _week(self, week: Week) -> Iterator[str]:
        return self._page("week", week=week.name)

    def _movie(self, movie_id: int, slug: str) -> Iterator[str]:
        return self._page("movie", movie=segment_of(movie_id, slug))

    def _movie_feeds(self, movie_id: int, slug: str) -> Iterator[str]:
        for route in ("movie_calendar", "movie_news"):
            yield from self._page(route, movie=segment_of(movie_id, slug))

    def _page(self, route: str, **values: Any) -> Iterator[str]:
        for locale in LOCALES:
            yield self.urls.in_locale(locale, route, **values)


def pages_showing(
    pages: PageCache, tags: Collection[str], candidates: Iterable[SiteUrl]
) -> Iterator[SiteUrl]:
    """The URLs of ``candidates`` whose cached pages have any of ``tags``.

    A page that is not cached cannot be stale, so it is not among them. One ``get_multi`` for each
    batch; ``candidates`` is read lazily.
    """
    wanted = frozenset(tags)
    remaining = iter(candidates)
    while batch := list(islice(remaining, ENTRIES_PER_READ)):
        entries = pages.routes.stored([url.path for url in batch])
        for url in batch:
            entry = entries.get(url.path)
            if entry is not None and not wanted.isdisjoint(entry.tags):
                yield url
