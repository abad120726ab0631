"""Movies of a week in TMDB's format, and clients of the TMDB server."""

from datetime import date
from typing import Any

from moziweb.demo.catalogue import CatalogueMovie, shipped_movies
from moziweb.movies.importers.tmdb.client import TmdbClient, TmdbOptions
from moziweb.movies.importers.tmdb.rate_limiter import RateLimiter
from moziweb.movies.importers.tmdb.source import TmdbSource
from tests.services.tmdb import TOKEN, TmdbServer
from tests.services.tmdb_movies import movie_of, release

from .conftest import Clock

WEEK = (date(2026, 9, 3), date(2026, 9, 9))


def catalogue(number: int) -> CatalogueMovie:
    """A real movie of the demo catalogue."""
    return shipped_movies()[number]


def a_movie(number: int = 0, *hungary: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The movie ``1000 + number``; its Hungarian premiere is September 3rd or ``hungary``."""
    dates = hungary or (release("2026-09-03", certification="12"),)
    return movie_of(catalogue(number), 1000 + number, dates, **changes)


class Sleeps(list[float]):
    """Records sleeps instead of sleeping."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def client_of(server: TmdbServer, sleeps: Sleeps | None = None, **options: Any) -> TmdbClient:
    """A client that does not wait between attempts."""
    sleep = Sleeps() if sleeps is None else sleeps
    options = {"token": TOKEN, "seconds": 2.0, "tries": 3, **options}
    return TmdbClient(TmdbOptions(server.base_url, **options), RateLimiter(sleep=sleep), sleep)


def source_over(server: TmdbServer) -> TmdbSource:
    """A source with a fixed clock."""
    return TmdbSource(client_of(server), Clock())
