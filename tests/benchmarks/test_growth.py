"""The catalogue of the benchmark: pages of the present list as many movies with many movies."""

from datetime import UTC, datetime

from benchmarks.growth import copies, movie_of_every_year
from moziweb.demo.catalogue import demo_movies
from moziweb.movies.calendar import FIRST_YEAR, budapest_today


def test_no_copy_has_premieres_in_the_years_of_the_demo() -> None:
    days = sorted(
        premiere.date
        for movie in demo_movies(budapest_today(datetime.now(UTC)))
        for premiere in movie.premieres
    )
    moves = [days_moved for _number, days_moved in copies(1_000_000, 800)]
    assert len(moves) == 1_249
    nearest, farthest = max(moves), min(moves)
    assert days[-1].toordinal() + nearest < days[0].toordinal()
    assert days[0].toordinal() + farthest >= datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).toordinal()


def test_years_are_listed_without_copies() -> None:
    years = {premiere.date.year for premiere in movie_of_every_year(datetime.now(UTC)).premieres}
    assert min(years) == FIRST_YEAR
    assert len(years) == max(years) - FIRST_YEAR + 1
