"""Filters of lists of premieres."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.movies.calendar import Month, Week
from moziweb.movies.filters import NO_FILTER, PremiereFilter
from moziweb.movies.models import (
    Audio,
    Genre,
    PremiereKind,
    Rating,
    ScreenFormat,
    StreamingService,
)
from moziweb.movies.queries import premieres_between
from moziweb.movies.tags import purged_with
from tests.factories import THURSDAY, add_genres, make_movie, make_premiere


@pytest.fixture
def filled(dbsession: Session) -> None:
    movie = make_movie(dbsession, "Dubbed drama", rating=Rating.AGE_12)
    add_genres(dbsession, movie, "Dráma")
    make_premiere(dbsession, movie, audio=Audio.DUBBED, formats=("2D", "IMAX"))
    movie = make_movie(dbsession, "Both", rating=Rating.AGE_16)
    make_premiere(dbsession, movie, audio=Audio.BOTH, formats=("3D",), kind=PremiereKind.FESTIVAL)
    movie = make_movie(dbsession, "Streamed drama", rating=Rating.AGE_16)
    add_genres(dbsession, movie, "Vígjáték", "Dráma")
    make_premiere(dbsession, movie, service="MUBI", audio=Audio.SUBTITLED)


def found(session: Session, chosen: PremiereFilter) -> set[str]:
    listings = premieres_between(session, THURSDAY, THURSDAY, where=chosen.conditions)
    return {listing.movie.title for listing in listings}


@pytest.mark.usefixtures("filled")
def test_each_filter_finds_its_premieres(dbsession: Session) -> None:
    drama = dbsession.scalars(select(Genre).where(Genre.slug == "drama")).one()
    mubi = dbsession.scalars(select(StreamingService)).one()
    first, both, streamed = "Dubbed drama", "Both", "Streamed drama"
    assert found(dbsession, NO_FILTER) == {first, both, streamed}
    for chosen, titles in (
        (PremiereFilter(audio=Audio.DUBBED), {first, both}),
        (PremiereFilter(audio=Audio.SUBTITLED), {both, streamed}),
        (PremiereFilter(audio=Audio.ORIGINAL), set()),
        (PremiereFilter(format=ScreenFormat.IMAX), {first}),
        (PremiereFilter(format=ScreenFormat.FORMAT_3D), {both}),
        (PremiereFilter(genre=drama), {first, streamed}),
        (PremiereFilter(kind=PremiereKind.FESTIVAL), {both}),
        (PremiereFilter(rating=Rating.AGE_16), {both, streamed}),
        (PremiereFilter(service=mubi), {streamed}),
        (PremiereFilter(genre=drama, rating=Rating.AGE_12), {first}),
        (PremiereFilter(genre=drama, kind=PremiereKind.FESTIVAL), set()),
    ):
        assert found(dbsession, chosen) == titles, chosen


def test_parameters_are_in_canonical_order() -> None:
    genre = Genre(id=3, slug="drama", name="Dráma", name_en="Drama")
    chosen = PremiereFilter(genre=genre, kind=PremiereKind.CINEMA, audio=Audio.DUBBED)
    assert list(chosen.parameters.items()) == [
        ("audio", "dubbed"), ("genre", "drama"), ("kind", "cinema"),
    ]  # fmt: skip
    assert NO_FILTER.parameters == {}


def test_tags_name_value_and_period() -> None:
    genre = Genre(id=3, slug="drama", name="Dráma", name_en="Drama")
    chosen = PremiereFilter(genre=genre, kind=PremiereKind.CINEMA)
    periods = Week.parse("2026-W34"), Month.parse("2026-08")
    assert list(chosen.tags(*periods)) == ["filter:genre:3:2026-W34", "filter:genre:3:2026-08"]
    assert list(chosen.tags()) == ["filter:genre:3"]
    assert list(NO_FILTER.tags(*periods)) == []


def test_filtered_lists_of_a_period_share_a_tag_for_purges() -> None:
    week = Week.parse("2026-W34")
    for chosen, values in (
        (PremiereFilter(kind=PremiereKind.CINEMA), ["filtered-list:kind:cinema:2026-W34"]),
        (
            PremiereFilter(rating=Rating.AGE_16),
            ["filtered-list:rating:16:2026-W34", "filter:rating:16:2026-W34"],
        ),
    ):
        assert sorted(chosen.list_tags(week)) == sorted([*values, "week:2026-W34:filtered"])
        assert list(purged_with("week:2026-W34")) == ["week:2026-W34:filtered"]
        assert not any("2026-W34" in each for each in chosen.list_tags(week, is_empty=True))
    assert list(NO_FILTER.list_tags(week)) == ["week:2026-W34"]
    for name in ("year:2026:number", "movie:42", "week:2026-W34:filtered"):
        assert list(purged_with(name)) == []
