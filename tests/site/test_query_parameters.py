"""Unknown parameters of feeds and calendars, and the order of parameters."""

import pytest
from webtest import TestApp

from tests.conftest import BASE_URL

FEEDS = ("/premieres.ics", "/premieres-cinema.ics", "/en/premieres.atom", "/my.ics")


@pytest.mark.parametrize("path", [*FEEDS, "/movie/1-a.ics", "/movie/1-a.atom", "/person/1-a.ics"])
def test_unknown_parameter_is_404_and_named(app: TestApp, path: str) -> None:
    assert "gendre" in app.get(f"{path}?gendre=drama", status=404).text
    assert "<b>" not in app.get(f"{path}?<b>=1", status=404).text


def test_other_order_redirects(app: TestApp) -> None:
    moved = app.get("/en/premieres.ics?rating=12&kind=cinema", status=301)
    assert moved.location == f"{BASE_URL}/en/premieres.ics?kind=cinema&rating=12"
    app.get("/en/premieres.ics?kind=cinema&rating=12", status=200)
    moved = app.get("/my.ics?remind=1d&m=1", status=301)
    assert moved.location == f"{BASE_URL}/my.ics?m=1&remind=1d"


def test_repeated_and_empty_parameters_redirect(app: TestApp) -> None:
    moved = app.get("/premieres.ics?kind=&past=3&past=4", status=301)
    assert moved.location == f"{BASE_URL}/premieres.ics?past=3"
    assert app.get("/premieres.atom?kind=", status=301).location == f"{BASE_URL}/premieres.atom"
    moved = app.get("/my.ics?m=3.1.3&remind=", status=301)
    assert moved.location == f"{BASE_URL}/my.ics?m=1.3"


def test_query_that_is_not_utf8_is_400(app: TestApp) -> None:
    app.get("/premieres.ics?kind=%ff", status=400)
    app.get("/my.ics?m=%ff", status=400)


def test_pages_ignore_unknown_parameters(app: TestApp) -> None:
    for path in ("/", "/calendar", "/watchlist", "/changes"):
        app.get(f"{path}?utm_source=x", status=200)
