"""Helpers for tests of cached pages: the application with a cache, data, and cache states."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.calendar import Week, budapest_today, month_of, week_of
from moziweb.movies.feed_queries import NewsKind, NewsPosition
from moziweb.movies.models import (
    Credit,
    CreditRole,
    DatePrecision,
    Distributor,
    FieldProvenance,
    Movie,
    Premiere,
    RemovedMovie,
    StreamingService,
)
from moziweb.posters.models import PosterVariant, VariantState
from moziweb.services import services_of, set_services
from moziweb.site.feeds import SITEMAP_BLOCK
from tests import factories
from tests.conftest import running_app
from tests.services.memcached import MemcachedServer

CACHED = {
    "cache.regions": "pages fragments feeds search",
    "cache.stamps.url": "memory://",
    "cache.default.backend": "moziweb.memory",
    "cache.pages.expiration_time": "3600",
    "cache.feeds.expiration_time": "3600",
    "cache.search.expiration_time": "3600",
    "cache.fragments.expiration_time": "7200",
    "cache.fragments.mode": "strict",
    "cache.pages.negative_ttl": "3600",  # longer than the audit of completeness takes
    "cache.pages.negative_slots": "100000",  # so that no two pages of a test share one
}


def deployed_with(settings: Mapping[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    """The ini keys of the cache of a usual deployment: memcached with PostgreSQL, else memory."""
    if settings["sqlalchemy.url"].startswith("sqlite"):
        return CACHED
    server: MemcachedServer = request.getfixturevalue("memcached_server")
    server.flush()
    return {
        **CACHED,
        "cache.stamps.url": f"memcached://{server.address}",
        "cache.default.backend": "dogpile.cache.pylibmc",
        "cache.default.arguments.url": server.address,
    }


def now() -> datetime:
    """The real time, because cache entries expire by it."""
    return datetime.now(UTC)


Paths = Callable[["Movies"], dict[str, str]]


@contextmanager
def site(settings: Mapping[str, str]) -> Iterator[TestApp]:
    """The application with the real clock."""
    with running_app(dict(settings)) as app:
        set_services(app.app.registry, replace(services_of(app.app.registry), clock=now))
        yield app


@dataclass(frozen=True)
class Movies:
    """The ids of three movies: one of this week, one of five weeks later, one without a date.

    ``source``, ``person`` and ``distributor`` are of the first one. ``blocks`` are paths of lists
    from a row on, by name.
    """

    here: int
    ahead: int
    undated: int
    source: int
    person: int
    distributor: int
    blocks: Mapping[str, str] = field(default_factory=dict)


def week_here() -> Week:
    """The current premiere week."""
    return week_of(budapest_today(now()))


def fill(session: Session) -> Movies:
    """Insert three movies with values in every field that pages show."""
    here = _movie(session, "Itt van", week_here().thursday)
    ahead = _movie(session, "Majd jön", week_here().shifted(5).thursday)
    undated = factories.make_movie(session, "Valamikor")
    source = factories.add_poster(session, here, width=2000, height=3000)
    factories.make_premiere(session, here, date(2031, 1, 1), precision=DatePrecision.YEAR)
    factories.make_premiere(session, here, week_here().thursday, service="Netflix")
    session.flush()
    actors = Credit.movie_id == here.id, Credit.role == CreditRole.CAST
    person = session.scalars(select(Credit.person_id).where(*actors)).one()
    assert here.distributor_id
    session.get_one(Distributor, here.distributor_id).website = "https://example.com/distributor"
    session.scalars(select(StreamingService)).one().website = "https://example.com/service"
    session.add(RemovedMovie(movie_id=1_000_000, removed_at=now()))
    ids = here.id, ahead.id, undated.id, source.id, person, here.distributor_id
    movies = Movies(*ids, _blocks(session, here, ahead, undated))
    session.commit()
    return movies


def _blocks(session: Session, here: Movie, ahead: Movie, undated: Movie) -> dict[str, str]:
    """The path of a block of each list that is read in blocks."""
    (later,) = session.scalars(select(Premiere).where(Premiere.movie_id == ahead.id))
    is_year = Premiere.precision == DatePrecision.YEAR
    year = session.scalars(select(Premiere.id).where(is_year)).one()
    news = NewsPosition(NewsKind.ANNOUNCED, later.announced_at, later.id)
    return {
        "undated_block": f"/undated?from={undated.id}",
        "genre_block": f"/genre/vigjatek?from=coming-{later.date}-{later.id}",
        "changes_block": f"/en/changes?from={news}",
        "year_block": f"/year/2031?from={year}-{quote_plus(here.sort_key)}",
    }


def _movie(session: Session, title: str, day: date) -> Movie:
    movie = factories.make_movie(
        session, title, synopsis="Valaki elindul.", synopsis_en="Somebody leaves.",
        countries=("HU",), languages=("hu",), imdb_id=f"tt{day:%y%m%d}", rating="12",
    )  # fmt: skip
    factories.set_distributor(session, movie, f"Forgalmazó {title}")
    factories.add_genres(session, movie, "Vígjáték/Comedy")
    factories.add_people(session, movie, CreditRole.CAST, f"Színész {title}/Pincér")
    factories.add_people(session, movie, CreditRole.DIRECTOR, f"Rendező {title}")
    factories.add_trailer(session, movie)
    session.add(FieldProvenance(movie_id=movie.id, field="title", source="demo"))
    for credit in session.scalars(select(Credit).where(Credit.role == CreditRole.DIRECTOR)):
        credit.position = 5  # leaves position 0 free, so that the audit can change a role
    premiere = factories.make_premiere(session, movie, day - timedelta(days=1), formats=("2D",))
    # Lately, so that lists show the old date.
    factories.move_premiere(session, premiere, day, "technikai okok", now() - timedelta(days=1))
    return movie


def ready_variant(movies: Movies, name: str = "thumb") -> PosterVariant:
    """A variant of the movie's poster, as the poster service publishes it."""
    return PosterVariant(
        source_id=movies.source, name=name, format="jpg", recipe_hash=name * 2,
        source_sha256="0" * 64, state=VariantState.READY, bucket="disk",
        key=f"poster/{name}.jpg", mime="image/jpeg", width=370, height=555, bytes=1,
    )  # fmt: skip


FILTERED = frozenset({"week_drama", "month_rated", "year_imax", "index_service", "empty_filtered"})
"""The names of filtered lists."""


def pages(movies: Movies) -> dict[str, str]:
    """The path of one page of each of the first kinds, by name."""
    week, ahead = week_here(), week_here().shifted(5)
    return {
        "index": "/",
        "english": "/en/",
        "week": f"/week/{week.name}",
        "ahead": f"/week/{ahead.name}",
        "empty": f"/week/{week.shifted(20).name}",
        "month": f"/month/{month_of(week.thursday).name}",
        "genre": "/genre/vigjatek",
        "undated": "/undated",
        "movie": f"/movie/{movies.here}-itt-van",
        "other": f"/movie/{movies.ahead}-majd-jon",
        "api": "/api/main/",
        "api_movie": f"/api/movie/{movies.here}",
    }


def documents(movies: Movies) -> dict[str, str]:
    """The path of one document of each kind of the API but the changes, by name."""
    week = week_here()
    return {
        "v1_premieres": f"/api/v1/premieres?from={week.start}&to={week.end}",
        "v1_block": "/api/v1/premieres?limit=1",
        "v1_filtered": "/api/v1/premieres?genre=vigjatek&rating=12&limit=2",
        "v1_movies": "/api/v1/movies?limit=1",
        "v1_last_movies": f"/api/v1/movies?cursor={movies.here}",
        "v1_movie": f"/api/v1/movies/{movies.here}",
        "v1_people": "/api/v1/people?limit=1",
        "v1_last_people": f"/api/v1/people?cursor={movies.person}",
        "v1_person": f"/api/v1/people/{movies.person}",
        "v1_distributors": "/api/v1/distributors",
        "v1_genres": "/api/v1/genres",
        "v1_services": "/api/v1/services",
    }


def every_page(movies: Movies) -> dict[str, str]:
    """The path of one page of each kind, by name: also of facets, years and filtered lists."""
    week = week_here()
    month = month_of(week.thursday)
    return {
        **pages(movies),
        "week_drama": f"/week/{week.name}?genre=vigjatek",
        "month_rated": f"/month/{month.name}?audio=subtitled&rating=12",
        "year_imax": f"/year/{week.thursday.year}?format=IMAX",
        "index_service": "/?service=netflix",
        "empty_filtered": f"/week/{week.shifted(20).name}?genre=vigjatek",
        "genres": "/genres",
        "person": f"/person/{movies.person}-szinesz-itt-van",
        "distributor": f"/distributor/{movies.distributor}-forgalmazo-itt-van",
        "service": "/service/netflix",
        "services": "/services",
        "year": f"/year/{week.thursday.year}",
        "years": "/years",
        "watchlist": f"/watchlist?m={_listed(movies)}",
        "calendar_page": "/calendar?genre=vigjatek",
        "changes": "/changes",
        **documents(movies),
    }


def _listed(movies: Movies) -> str:
    return ".".join(map(str, sorted({movies.here, movies.ahead, movies.undated})))


def half_of(app: TestApp, names: Iterable[str]) -> set[str]:
    """Every second page on SQLite, the others on PostgreSQL.

    Tags do not depend on the database: a test that runs on both compares each page on one.
    """
    is_sqlite = services_of(app.app.registry).database.engine.dialect.name == "sqlite"
    return set(sorted(names)[0 if is_sqlite else 1 :: 2])


def feeds(movies: Movies) -> dict[str, str]:
    """The path of one feed and site map of each kind, by name."""
    return {
        "ics": "/premieres.ics",
        "ics_streaming": "/en/premieres-streaming.ics",
        "ics_genre": "/premieres.ics?genre=vigjatek&past=60&remind=1d",
        "ics_mine": f"/my.ics?m={_listed(movies)}",
        "ics_movie": f"/movie/{movies.here}-itt-van.ics",
        "ics_person": f"/en/person/{movies.person}-szinesz-itt-van.ics",
        "news": "/premieres.atom",
        "news_service": "/en/premieres.atom?service=netflix",
        "news_movie": f"/movie/{movies.here}-itt-van.atom",
        "v1_changes": "/api/v1/changes",
        "map": "/sitemap.xml",
        "map_pages": "/sitemap-pages.xml",
        "map_year": f"/sitemap-year-{week_here().thursday.year}.xml",
        "map_movies": "/sitemap-movies-0.xml",
        "map_people": f"/sitemap-people-{_block(movies.person)}.xml",
        "map_distributors": f"/sitemap-distributors-{_block(movies.distributor)}.xml",
    }


def _block(row_id: int) -> int:
    return (row_id - 1) // SITEMAP_BLOCK


def cache_states(app: TestApp, movies: Movies, kind: Paths = pages) -> dict[str, str]:
    """Request each page and return its ``X-Cache`` (hit, l1, miss …) by name."""
    return {
        name: app.get(path, status="*").headers.get("X-Cache", "none")
        for name, path in kind(movies).items()
    }


def warm(app: TestApp, movies: Movies, kind: Paths = pages) -> None:
    """Request every page once, so that it is cached."""
    cache_states(app, movies, kind)


def cache_misses(app: TestApp, movies: Movies, kind: Paths = pages) -> set[str]:
    """The names of the pages that are cache misses."""
    return {name for name, state in cache_states(app, movies, kind).items() if state == "miss"}


def write(app: TestApp, change: Callable[[Session], Any]) -> None:
    """Run ``change`` in a transaction of the application."""
    with services_of(app.app.registry).database.write() as session:
        change(session)
