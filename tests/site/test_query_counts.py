"""Every page and feed takes at most the queries that its view says, however much is listed."""

from datetime import timedelta

from sqlalchemy.orm import Session

from moziweb.movies.models import CreditRole
from moziweb.services import services_of
from tests import factories
from tests.conftest import QueryCounter

from .cached import Movies, every_page, feeds, site, week_here, write

LISTED = 12
"""Movies that are added to each list: a query for each of them would exceed the numbers below."""

MOST: dict[str, int] = {
    **dict.fromkeys(("index", "english"), 7),
    **dict.fromkeys(("week", "ahead", "empty", "week_drama", "empty_filtered"), 6),
    **dict.fromkeys(("month", "month_rated", "index_service", "changes", "api"), 5),
    **dict.fromkeys(("genre", "person", "distributor", "year", "year_imax"), 6),
    **dict.fromkeys(("genres", "services", "years"), 1),
    **dict.fromkeys(("movie", "other"), 12),
    "api_movie": 6,
    "undated": 3,
    "service": 5,
    "watchlist": 4,
    "calendar_page": 4,
    **dict.fromkeys(("v1_premieres", "v1_block", "v1_filtered"), 5),
    "v1_movies": 3,
    "v1_last_movies": 3,
    "v1_movie": 6,
    "v1_people": 1,
    "v1_last_people": 1,
    "v1_person": 2,
    "v1_changes": 2,
    **dict.fromkeys(("v1_distributors", "v1_genres", "v1_services"), 1),
    "ics": 6,
    "ics_streaming": 6,
    "ics_genre": 8,
    "news": 5,
    "news_service": 7,
    "ics_mine": 7,
    "ics_movie": 7,
    "ics_person": 8,
    "news_movie": 6,
    "map": 4,
    "map_pages": 2,
    "map_year": 1,
    "map_movies": 1,
    "map_people": 1,
    "map_distributors": 1,
}
"""The number that the docstring of the view says, by the name of the page."""


def test_every_page_takes_the_queries_that_its_view_says(
    settings: dict[str, str], movies: Movies, query_counter: QueryCounter
) -> None:
    """A new page fails this test until it has its number."""
    paths = {**every_page(movies), **feeds(movies)}
    assert paths.keys() == MOST.keys()
    with site(settings) as app:
        write(app, _add_movies)
        for name, path in paths.items():
            with query_counter(services_of(app.app.registry).database.engine) as statements:
                app.get(path)
            assert len(statements) <= MOST[name], (name, statements)


def _add_movies(session: Session) -> None:
    """Add movies to the week of `Movies.here` and to its person, distributor, genre, service."""
    for number in range(LISTED):
        movie = factories.make_movie(session, f"Sok {number}", rating="12")
        factories.set_distributor(session, movie, "Forgalmazó Itt van")
        factories.add_genres(session, movie, "Vígjáték/Comedy")
        factories.add_people(session, movie, CreditRole.CAST, "Színész Itt van")
        factories.add_people(session, movie, CreditRole.DIRECTOR, "Rendező Itt van")
        factories.make_premiere(session, movie, week_here().thursday, service="Netflix")
        for weeks in (0, 5):
            day = week_here().thursday + timedelta(weeks=weeks)
            factories.make_premiere(session, movie, day, formats=("IMAX",), audio="subtitled")
