"""Tags of filtered lists of a transaction that changes a value and a date of one movie."""

from datetime import timedelta

from sqlalchemy.orm import Session

from moziweb.movies import tag_declarations  # noqa: F401 - declares the tags
from moziweb.movies.calendar import week_of
from moziweb.movies.filtered_tags import filtered_tag, listed_on_tag, with_filtered
from moziweb.movies.filters import Dimension
from moziweb.movies.models import DatePrecision, Rating
from moziweb.movies.tags import filtered_list_tag
from tests.factories import THURSDAY, make_movie, make_premiere


def test_a_changed_rating_is_combined_with_every_date_of_a_move(dbsession: Session) -> None:
    """As the rows are before the commit: the movie has its new rating and date."""
    moved = THURSDAY + timedelta(days=7)
    movie = make_movie(dbsession, rating=Rating.AGE_16)
    make_premiere(dbsession, movie, moved)
    dbsession.flush()
    collected = [listed_on_tag(movie.id, day, DatePrecision.DAY) for day in (THURSDAY, moved)]
    ratings = (Rating.AGE_12, Rating.AGE_16)
    collected += [filtered_tag(movie.id, Dimension.RATING, each) for each in ratings]
    found = set(with_filtered(dbsession.connection(), collected))
    for rating in ratings:
        for day in (THURSDAY, moved):
            assert filtered_list_tag(Dimension.RATING, rating, week_of(day)) in found
    assert not any("18" in each.split(":") for each in found)
