import re
from datetime import date, timedelta

import pytest

from moziweb.demo.catalogue import (
    CATALOGUE_COLUMNS,
    WEEKS_AHEAD,
    demo_movies,
    read_movies,
    shipped_movies,
    straddling,
    whole_names,
)
from moziweb.demo.errors import InvalidCatalogue
from moziweb.demo.spec import MAX_SPEC_URL_LENGTH
from moziweb.movies.calendar import week_of

TODAY = date(2026, 8, 20)
HEADER = ",".join(CATALOGUE_COLUMNS)
ROW = "tt1,Pieces,2012-03-08,99,Drama|Crime,Ann Lee|Jr.,Bo|Cy,Hungary,Hungarian|English"
DAYS = [date(2026, 8, 17) + timedelta(days=days) for days in (*range(7), 200, 9000)]


def test_row_is_read_and_its_names_are_corrected() -> None:
    (movie,) = read_movies(f"{HEADER}\n{ROW}\n")
    assert (movie.imdb_id, movie.title, movie.runtime) == ("tt1", "Pieces", 99)
    assert movie.released == date(2012, 3, 8)
    assert movie.genres == ("Drama", "Crime")
    assert movie.directors == ("Ann Lee Jr.",)
    assert movie.cast == ("Bo", "Cy")


def test_missing_column_is_in_the_error() -> None:
    with pytest.raises(InvalidCatalogue, match="cast"):
        read_movies("imdb_id,title,released,runtime_min,genres,directors,countries,languages\n")


@pytest.mark.parametrize(
    "row",
    [
        ROW.replace("2012-03-08", "8 March"),
        ROW.replace("99", "long"),
        "tt1,Pieces",
    ],
)
def test_line_of_a_bad_row_is_in_the_error(row: str) -> None:
    with pytest.raises(InvalidCatalogue, match="line 3"):
        read_movies(f"{HEADER}\n{ROW}\n{row}\n")


@pytest.mark.parametrize(
    ("entries", "names"),
    [
        (("George Tillman", "Jr."), ("George Tillman Jr.",)),
        (("A B", "C D", "Jr.", "E F"), ("A B", "C D Jr.", "E F")),
        (("Jr.",), ("Jr.",)),
        (("Jo Li", "Al Ba", "Al Ba and Jo Li"), ("Jo Li", "Al Ba")),
        (("Al Ba and Jo Li",), ("Al Ba and Jo Li",)),
    ],
)
def test_split_names_are_joined_and_pairs_omitted(
    entries: tuple[str, ...], names: tuple[str, ...]
) -> None:
    assert whole_names(entries) == names


def test_shipped_file_has_no_suffix_as_a_name() -> None:
    movies = shipped_movies()
    assert len(movies) == 796
    people = {name for movie in movies for name in movie.directors + movie.cast}
    assert people.isdisjoint({"Jr.", "Sr."})
    assert "George Tillman Jr." in people


@pytest.mark.parametrize("today", DAYS)
def test_dates_are_shifted_by_whole_weeks_to_be_around_today(today: date) -> None:
    before = sorted(shipped_movies(), key=lambda movie: (movie.released, movie.imdb_id))
    after = straddling(before, today)
    shifts = {new.released - old.released for old, new in zip(before, after, strict=True)}
    assert len(shifts) == 1
    assert shifts.pop().days % 7 == 0
    assert week_of(after[-1].released) == week_of(today).shifted(WEEKS_AHEAD)
    assert after[0].released < today - timedelta(weeks=100)


def test_titles_have_no_article_suffix() -> None:
    titles = {movie.title for movie in shipped_movies()}
    assert {"Faust", "Post Mortem", "(500) Days of Summer"} <= titles


def test_empty_catalogue_stays_empty() -> None:
    assert straddling((), TODAY) == ()


def test_invented_data_is_reproducible() -> None:
    assert demo_movies(TODAY) == demo_movies(TODAY)


def test_only_dates_differ_a_week_later() -> None:
    now, later = demo_movies(TODAY), demo_movies(TODAY + timedelta(weeks=1))
    assert [movie.synopsis for movie in now] == [movie.synopsis for movie in later]
    assert [movie.trailers for movie in now] == [movie.trailers for movie in later]


def test_invented_texts_are_marked_as_samples() -> None:
    for movie in demo_movies(TODAY):
        assert movie.synopsis.startswith("Mintaszöveg: ")
        assert movie.synopsis_en.startswith("Sample text: ")
        assert "Minta" in (movie.distributor or "Minta")
        assert movie.title == movie.original_title


def test_trailer_ids_are_well_formed_and_not_real() -> None:
    ids = [trailer.video_id for movie in demo_movies(TODAY) for trailer in movie.trailers]
    assert 300 < len(ids) < 800
    assert all(re.fullmatch(r"demo[A-Za-z0-9_-]{7}", video_id) for video_id in ids)


def test_nearly_every_movie_has_a_poster_with_a_short_url() -> None:
    posters = [movie.poster for movie in demo_movies(TODAY)]
    drawn = [poster for poster in posters if poster is not None]
    assert 0 < len(posters) - len(drawn) < len(posters) * 0.05
    assert max(len(poster.to_url()) for poster in drawn) < MAX_SPEC_URL_LENGTH / 2
    assert all(poster.tagline for poster in drawn)
