"""Warnings about a movie, which is saved all the same."""

from datetime import date

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.manager.movies.values import MovieValues, PremiereLine
from moziweb.manager.movies.warnings import WarningKind, warnings_of
from moziweb.movies.models import DatePrecision
from tests import factories
from tests.manager.movie_forms import make_movie, movie_form, movie_of, press

TODAY = date(2026, 8, 20)


@pytest.mark.parametrize(
    ("title", "count"),
    [("Dűne", 1), ("DŰNE", 1), ("„Dűne”", 1), ("Düne", 0), ("Dűne 2", 0), ("", 0)],
)
def test_second_movie_of_a_title(dbsession: Session, title: str, count: int) -> None:
    other = factories.make_movie(dbsession, "Dűne")
    found = warnings_of(dbsession, None, MovieValues(title=title), MovieValues(), TODAY)
    assert [(each.kind, each.movie_id) for each in found] == [(WarningKind.TITLE, other.id)] * count


def test_own_and_unchanged_titles_are_no_warning(dbsession: Session) -> None:
    movie, _other = (factories.make_movie(dbsession, "Dűne") for _ in range(2))
    values = MovieValues(title="Dűne")
    assert len(warnings_of(dbsession, movie.id, values, MovieValues(), TODAY)) == 1
    assert warnings_of(dbsession, movie.id, values, values, TODAY) == ()


@pytest.mark.parametrize(
    ("day", "is_far"),
    [
        (date(2026, 12, 24), False), (date(2028, 8, 1), False), (date(2062, 8, 27), True),
        (date(2006, 8, 27), True), (date(2025, 1, 1), False),
    ],
)  # fmt: skip
def test_year_far_away(dbsession: Session, day: date, is_far: bool) -> None:
    values = MovieValues(premieres=(PremiereLine(day),))
    found = warnings_of(dbsession, None, values, MovieValues(), TODAY)
    assert [each.kind for each in found] == [WarningKind.YEAR] * is_far
    assert warnings_of(dbsession, None, values, values, TODAY) == ()


def test_month_far_away_is_named_as_a_month(dbsession: Session) -> None:
    line = PremiereLine(date(2099, 3, 1), precision=DatePrecision.MONTH)
    (found,) = warnings_of(dbsession, None, MovieValues(premieres=(line,)), MovieValues(), TODAY)
    assert found.text.mapping == {"day": "2099-03"}


def test_movie_with_warnings_is_saved(site: TestApp, editor: TestApp) -> None:
    other = make_movie(site, "Dűne")
    form = movie_form(editor, "new")
    form["title"], form["premieres-0-date"] = "Dűne", "2062-08-27"
    previewed = press(form, "preview", status=200)
    saved = press(form, status=303).follow()
    for page in (previewed, saved):
        (warnings,) = page.html.select(".warnings")
        assert "Van már film ezzel a címmel: „Dűne”" in warnings.get_text()
        assert warnings.find("a")["href"] == f"/manager/movies/{other}"
        assert "A(z) 2062-08-27 dátumú bemutató távoli." in warnings.get_text()
    # Later saves that do not touch these fields warn of nothing.
    number = int(saved.request.path.rpartition("/")[2])
    form = movie_form(editor, number)
    form["runtime"] = "99"
    assert press(form, status=303).follow().html.select(".warnings") == []
    assert movie_of(site, number).runtime == 99
