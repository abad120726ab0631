"""Computes the cached pages that a change invalidates.

The change is written and flushed in a transaction, which a preview rolls back afterwards. Its
pending tags are those that a commit publishes. The affected pages are the site's URLs whose cache
entries have one of these tags. After a commit, the outbox shows how long publishing took.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import Final

from pyramid.registry import Registry
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.cache import REASON, kind_of, pending_tags
from moziweb.caching import DECLARATIONS, OUTBOX
from moziweb.i18n import LOCALES
from moziweb.movies.calendar import (
    Month,
    Period,
    Week,
    Year,
    in_bounds,
    month_of,
    week_of,
    year_of,
)
from moziweb.movies.facet_queries import Facet
from moziweb.movies.models import Movie, Person
from moziweb.movies.related_queries import movies_listing, premiere_days_of
from moziweb.movies.search_tags import MISSPELT, PART
from moziweb.movies.tags import person_list_tag
from moziweb.services import services_of
from moziweb.site.api.endpoints import MOVIE_ENDPOINT, PERSON_ENDPOINT
from moziweb.site.page_cache.facet_urls import (
    facet_urls,
    facets_of_movies,
    facets_of_tags,
    following_urls,
)
from moziweb.site.page_cache.filtered_urls import filtered_urls
from moziweb.site.page_cache.url_inventory import Priority, SiteUrl, UrlInventory, pages_showing
from moziweb.site.urls import segment_of

from ..audit.models import AuditEntry

TIME_LIMIT: Final = 1.0
"""Seconds spent on looking up URLs, in the order of their priority."""

_PERSON: Final = person_list_tag(0).removesuffix("0")

_OF_LISTS: Final = frozenset({
    "beside", "dated", "filter", "filtered-list", "genre-month", "list", "month", "movie", "place",
    "premiere", "span", "variant", "week", "year", MISSPELT, PART,
})  # fmt: skip
"""Kinds of tags that are on lists, on a movie's own pages and on those that `_facet_urls` and
`_related_urls` have. Those of the last two are only on the results of searches, which have no page
in the cache."""


_PERIODS: Final[Mapping[str, type[Week | Month | Year]]] = {
    "week": Week,
    "month": Month,
    "year": Year,
}
"""The periods that have pages, by the kinds of the tags of their lists."""


@dataclass(frozen=True, slots=True)
class AffectedPages:
    """Paths of the pages. Not ``complete`` if the time limit was reached.

    ``has_tags`` if the change publishes tags: pages that nothing enumerates may have them, too.
    """

    pages: tuple[str, ...]
    complete: bool = True
    has_tags: bool = True


def affected_pages(
    registry: Registry,
    session: Session,
    movie_id: int,
    slug: str,
    now: Callable[[], float] = time.monotonic,
    *,
    later: Iterable[str] = (),
    last: Priority | None = None,
) -> AffectedPages | None:
    """Returns the pages that committing ``session`` invalidates, None if the site has no cache.

    ``later`` are tags that another transaction will publish as a consequence. ``last`` limits the
    pages that are neither the movie's nor those of its periods and facets.
    """
    return pages_of_change(registry, session, {movie_id: slug}, now, later=later, last=last)


def pages_of_change(
    registry: Registry,
    session: Session,
    movies: Mapping[int, str],
    now: Callable[[], float] = time.monotonic,
    *,
    later: Iterable[str] = (),
    last: Priority | None = None,
    former: Iterable[str] = (),
) -> AffectedPages | None:
    """As `affected_pages`, for a change of several movies, given by id with their slugs.

    ``former`` are paths of pages that the change removes, which are not in the database any more.
    """
    cache = services_of(registry).page_cache
    if cache is None:
        return None
    # Some tags are replaced by others by queries, which must see this transaction's changes.
    connection = session.connection()
    gathered = DECLARATIONS.resolved(connection, pending_tags(session)).union(later)
    tags = DECLARATIONS.expansions.expanded(connection, gathered)
    if not tags:
        return AffectedPages((), has_tags=False)
    addresses = UrlInventory.of(registry)
    related: Iterable[SiteUrl] = ()
    filtered: Iterable[SiteUrl] = ()
    if last is None:
        related = _related_urls(addresses, session, tags, movies)
        if len(movies) == 1:  # for more, the time would not suffice
            filtered = _filtered_urls(addresses, session, tags, movies)
        elsewhere = any(kind_of(tag) not in _OF_LISTS for tag in tags)
        last = Priority.ARCHIVE if elsewhere else Priority.CALENDAR
    deadline = now() + TIME_LIMIT
    late: list[bool] = []

    def in_time(_address: SiteUrl) -> bool:
        if now() >= deadline:
            late.append(True)
        return not late

    candidates = chain(
        (SiteUrl(path, Priority.FRONT) for path in former),
        *(_movie_urls(addresses, movie_id, slug) for movie_id, slug in movies.items()),
        _period_urls(addresses, tags),
        _facet_urls(addresses, session, tags, movies),
        related,
        filtered,
        addresses.through(last),
    )
    found = pages_showing(cache, tags, takewhile(in_time, candidates))
    pages = tuple(dict.fromkeys(address.path for address in found))
    return AffectedPages(pages, complete=not late)


def note_pages(
    registry: Registry,
    session: Session,
    entry: AuditEntry,
    movies: Mapping[int, str],
    former: Iterable[str] = (),
) -> None:
    """Stores the affected pages in an audit entry, and its id as the outbox row's reason."""
    session.flush()
    found = pages_of_change(registry, session, movies, former=former)
    entry.pages = list(found.pages) if found else []
    session.info[REASON] = reason_of(entry)


def paths_of_facet(registry: Registry, session: Session, facet: Facet) -> tuple[str, ...]:
    """Returns the paths of all pages and feeds of a facet, before a change removes them."""
    return tuple(_paths_of(UrlInventory.of(registry), session, facet))


def reason_of(entry: AuditEntry) -> str:
    """The reason of the outbox row of an entry's change."""
    return f"manager: {entry.action} #{entry.id}"


def pages_of_import(registry: Registry, session: Session, movie: Movie) -> tuple[str, ...]:
    """Returns the paths of the pages that an imported movie invalidates.

    An import writes thousands of movies, so it looks at the pages of the movie, its periods and its
    facets, and at the first pages of the site; not at those of other movies.
    """
    session.flush()
    found = affected_pages(registry, session, movie.id, movie.slug, last=Priority.WEEKS)
    return found.pages if found else ()


def seconds_until_fresh(session: Session, reason: str) -> float | None:
    """Returns the seconds from the outbox row to its publishing, None if unknown."""
    table = OUTBOX.table
    row = session.execute(
        select(table.c.created, table.c.published).where(
            table.c.reason == reason, table.c.published.is_not(None)
        )
    ).first()
    return None if row is None else max(0.0, row.published - row.created)


def _period_urls(addresses: UrlInventory, tags: Iterable[str]) -> Iterator[SiteUrl]:
    """The periods among ``tags``: an empty one is not in the URL inventory."""
    for tag in sorted(tags):
        kind, _mark, name = tag.partition(":")
        for locale in LOCALES if kind in {"week", "month", "year"} else ():
            path = addresses.urls.in_locale(locale, kind, **{kind: name})
            yield SiteUrl(path, Priority.FRONT)


def _facet_urls(
    addresses: UrlInventory, session: Session, tags: Iterable[str], movies: Collection[int]
) -> Iterator[SiteUrl]:
    """The pages and calendars of the facets whose lists are among ``tags``, and of ``movies``."""
    facets = chain(facets_of_tags(session, tags), facets_of_movies(session, movies))
    for facet in dict.fromkeys(facets):
        for path in _paths_of(addresses, session, facet):
            yield SiteUrl(path, Priority.FRONT)


def _paths_of(addresses: UrlInventory, session: Session, facet: Facet) -> Iterator[str]:
    urls = addresses.urls
    yield from facet_urls(session, urls, facet, addresses.today)
    yield from following_urls(urls, facet)
    if isinstance(facet, Person):
        yield urls.path(PERSON_ENDPOINT.route, id=facet.id)


def _related_urls(
    addresses: UrlInventory, session: Session, tags: Iterable[str], movies: Collection[int]
) -> Iterator[SiteUrl]:
    """The pages of movies of the same week, of the same genre in the month, of the same director.

    They list each other.
    """
    months: set[Period] = {month_of(day) for day in premiere_days_of(session, movies)}
    periods = months.union(*map(_periods_of, tags))
    people = {int(tag.removeprefix(_PERSON)) for tag in tags if tag.startswith(_PERSON)}
    for movie_id, slug in movies_listing(session, movies, periods, people):
        for locale in LOCALES:
            movie = segment_of(movie_id, slug)
            path = addresses.urls.in_locale(locale, "movie", movie=movie)
            yield SiteUrl(path, Priority.FRONT)


def _filtered_urls(
    addresses: UrlInventory, session: Session, tags: Iterable[str], movies: Collection[int]
) -> Iterator[SiteUrl]:
    """The pages with one filter of the index and of the periods that list the movies.

    The former periods are among ``tags``.
    """
    days = premiere_days_of(session, movies)
    periods: set[Period] = {each for day in days for each in (week_of(day), month_of(day))}
    periods |= {year_of(day) for day in days}
    for tag in tags:
        kind, _mark, name = tag.partition(":")
        if kind in _PERIODS:
            with suppress(ValueError):  # the number of a year's premieres
                periods.add(_PERIODS[kind].parse(name))
    listed = sorted(filter(in_bounds, periods), key=lambda period: period.name)
    for path in filtered_urls(session, addresses.urls, listed):
        yield SiteUrl(path, Priority.FRONT)


def _periods_of(tag: str) -> Iterator[Period]:
    """The week of the tag of its list, or the month of that of a genre in it."""
    name = tag.rpartition(":")[2]
    for kind, parse in (("week", Week.parse), ("genre-month", Month.parse)):
        if kind_of(tag) == kind:
            with suppress(ValueError):  # a week outside the calendar, or another filter
                yield parse(name)


def _movie_urls(addresses: UrlInventory, movie_id: int, slug: str) -> Iterator[SiteUrl]:
    paths = addresses.urls
    for locale in LOCALES:
        movie = segment_of(movie_id, slug)
        for route in ("movie", "movie_calendar", "movie_news"):
            yield SiteUrl(paths.in_locale(locale, route, movie=movie), Priority.FRONT)
    yield SiteUrl(paths.path("api_movie", movie=movie_id), Priority.FRONT)
    yield SiteUrl(paths.path(MOVIE_ENDPOINT.route, id=movie_id), Priority.FRONT)
