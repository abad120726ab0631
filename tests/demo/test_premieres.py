from collections import Counter
from datetime import date, timedelta

import pytest

from moziweb.demo.catalogue import DemoMovie, demo_movies
from moziweb.demo.premieres import (
    DISTRIBUTORS,
    SERVICES,
    DemoPremiere,
    Facts,
    premieres,
    sample_rating,
)
from moziweb.movies.calendar import Week, week_of
from moziweb.movies.models import Audio, DatePrecision, PremiereKind, Rating, ScreenFormat

TODAY = date(2026, 8, 20)


@pytest.fixture(scope="module")
def movies() -> tuple[DemoMovie, ...]:
    return demo_movies(TODAY)


@pytest.fixture(scope="module")
def all_premieres(movies: tuple[DemoMovie, ...]) -> list[DemoPremiere]:
    return [premiere for movie in movies for premiere in movie.premieres]


def test_values_are_those_of_the_models(all_premieres: list[DemoPremiere]) -> None:
    assert {p.kind for p in all_premieres} == set(PremiereKind)
    assert {p.precision for p in all_premieres} == set(DatePrecision)
    assert {p.audio for p in all_premieres} == set(Audio)
    assert {form for p in all_premieres for form in p.formats} == set(ScreenFormat)


def test_ratings_are_the_hungarian_ones(movies: tuple[DemoMovie, ...]) -> None:
    assert {movie.rating for movie in movies} == {*Rating, None}


def test_special_cases_have_their_shares(
    movies: tuple[DemoMovie, ...], all_premieres: list[DemoPremiere]
) -> None:
    total = len(movies)
    kinds = Counter(p.kind for p in all_premieres)
    assert kinds["cinema"] > total * 0.7
    assert kinds["streaming"] > total * 0.15
    assert min(kinds["festival"], kinds["limited"]) > total * 0.04
    assert sum(bool(p.changes) for p in all_premieres) > total * 0.05
    assert sum(p.cancelled_on is not None for p in all_premieres) > total * 0.015
    assert sum(p.rerelease for p in all_premieres) > total * 0.02
    assert sum(len(movie.premieres) > 1 for movie in movies) > total * 0.1
    precisions = Counter(p.precision for p in all_premieres)
    assert precisions["year"] > total * 0.025
    assert precisions["month"] > total * 0.04
    assert sum(not movie.premieres for movie in movies) > total * 0.01
    assert total * 0.02 < sum(movie.poster is None for movie in movies) < total * 0.04


@pytest.mark.parametrize("day", range(7))
def test_weeks_of_the_index_have_premieres_on_every_weekday(day: int) -> None:
    today = TODAY + timedelta(days=day)
    here = week_of(today)
    shown = [p for m in demo_movies(today) for p in m.premieres if p.precision == "day"]

    def count(week: Week, *kinds: str) -> int:
        return sum(p.date in week and p.kind in kinds and not p.cancelled_on for p in shown)

    for week in (here, here.next):
        assert 8 <= count(week, "cinema", "limited", "festival") <= 20
        assert 2 <= count(week, "streaming") <= 6
    still = sum(count(here.shifted(-back), "cinema", "limited") for back in (1, 2, 3))
    assert 6 <= still <= 20
    assert all(count(here.shifted(step), *PremiereKind) for step in range(-3, 4))


def test_dates_are_the_same_from_thursday_to_wednesday() -> None:
    thursday, wednesday = demo_movies(TODAY), demo_movies(TODAY + timedelta(days=6))
    assert [movie.year for movie in thursday] == [movie.year for movie in wednesday]
    dated = [
        [p.date for m in movies for p in m.premieres if p.precision == "day" and p.date < TODAY]
        for movies in (thursday, wednesday)
    ]
    assert dated[0] == dated[1]


def test_only_future_movies_have_imprecise_dates(movies: tuple[DemoMovie, ...]) -> None:
    vague = [p for movie in movies for p in movie.premieres if p.precision != "day"]
    assert vague
    assert all(p.date.day == 1 and p.date > TODAY for p in vague)
    assert any(not movie.premieres for movie in movies)


def test_services_and_formats_match_the_kind(all_premieres: list[DemoPremiere]) -> None:
    for premiere in all_premieres:
        streamed = premiere.kind == "streaming"
        assert (premiere.service in SERVICES) == streamed
        assert bool(premiere.formats) != streamed


def test_only_streamed_movies_have_no_distributor(
    movies: tuple[DemoMovie, ...],
) -> None:
    for movie in movies:
        streamed_only = {p.kind for p in movie.premieres} == {"streaming"}
        assert (movie.distributor in DISTRIBUTORS) != streamed_only


def test_changes_are_not_after_today_or_the_date(
    all_premieres: list[DemoPremiere],
) -> None:
    for premiere in all_premieres:
        if premiere.cancelled_on:
            assert premiere.cancelled_on <= min(TODAY, premiere.date)
        for change in premiere.changes:
            assert change.old_date != premiere.date
            assert change.changed_on <= min(TODAY, change.old_date, premiere.date)
            assert change.reason.endswith("(mintaadat).")


def test_premieres_are_sorted_by_date(movies: tuple[DemoMovie, ...]) -> None:
    for movie in movies:
        dates = [premiere.date for premiere in movie.premieres]
        assert dates == sorted(dates)


def test_past_premieres_do_not_depend_on_today() -> None:
    facts = Facts("tt1392214", date(2026, 1, 8), ("Thriller",), ("English",))
    first, second = (premieres(facts, TODAY + timedelta(days=days)) for days in (0, 100))
    assert [(p.kind, p.date, p.formats) for p in first] == [
        (p.kind, p.date, p.formats) for p in second
    ]


@pytest.mark.parametrize(
    ("genres", "allowed"),
    [
        (("Animation", "Comedy"), {"KN", "6"}),
        (("Horror",), {"16", "18", "X"}),
        (("Drama",), {"12", "16"}),
    ],
)
def test_rating_suits_the_genres(genres: tuple[str, ...], allowed: set[str]) -> None:
    released = TODAY - timedelta(weeks=50)
    drawn = {sample_rating(Facts(f"tt{n}", released, genres, ()), TODAY) for n in range(300)}
    assert drawn == {*allowed, None}
