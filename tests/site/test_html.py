"""The Nu HTML checker finds nothing in any kind of page."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from pyramid.interfaces import IRoutesMapper
from pyramid.request import Request
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.models import CreditRole
from moziweb.site import PAGES
from moziweb.site.views import facets, search
from tests.factories import add_genres, add_people, make_movie, make_premiere
from tests.services.nu_checker import html_errors
from tests.site.cached import Movies, every_page, now, week_here, write

OTHERS = {
    "about": "/about",
    "developers": "/developers",
    "unknown filter": "/week/2026-W34?kind=opera",
    "unknown parameter": "/?gendre=drama",
    "empty watchlist": "/watchlist",
    "whole calendar": "/calendar",
    "calendar with options": "/calendar?future=60&past=60&remind=1d",
    "filtered by everything": "/?audio=subtitled&format=IMAX&genre=vigjatek&kind=cinema&rating=12",
    "empty year": "/year/1950",
    "empty month": "/month/1950-01",
    "search": "/search",
    "results": "/search?q=itt",
    "people": "/search?q=szinesz",
    "similar results": "/search?q=magg+jonn",
    "no results": "/search?q=zzzz",
    "not found": "/nincs",
    "bad request": "/jump?date=x",
}

NOT_PAGES = {
    "movie_calendar", "movie_news", "person_calendar", "calendar", "my_calendar", "news",
    "manifest", "suggest", "share_movie", "share_week",
    "today", "this_week", "this_month", "this_year", "jump",
}  # fmt: skip
"""Routes of other documents, and of redirects."""


def add_odd_movie(session: Session) -> None:
    """Insert a movie of this week with characters that HTML must escape."""
    movie = make_movie(
        session, 'Dűne: "3" & <több>\'', slug="dune", original_title="<i>", synopsis="a & b\n\n<c>"
    )
    add_genres(session, movie, "Vígjáték/Comedy")
    add_people(session, movie, CreditRole.CAST, 'Színész "<a>"')
    make_premiere(session, movie, week_here().thursday, cancelled_at=now())


def routes_of(app: TestApp, paths: Iterable[str]) -> set[str]:
    """The names of the routes of ``paths``."""
    mapper = app.app.registry.getUtility(IRoutesMapper)
    found = (mapper(Request.blank(path))["route"] for path in paths)
    return {route.name for route in found if route}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_page_is_valid_html(
    cached: TestApp, movies: Movies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets, "BLOCK", 1)
    monkeypatch.setattr(search, "PAGE_SIZE", 1)
    write(cached, add_odd_movie)
    paths = {**every_page(movies), **OTHERS}
    in_english = {f"{name} in English": f"/en{path}" for name, path in paths.items()}
    pages, next_pages = {}, {}
    for name, path in {**paths, **in_english}.items():
        response = cached.get(path, status="*")
        if response.content_type == "text/html":
            pages[name] = response.text
            for link in response.html.select("a[rel=next]:is([href*='after='], [href*='from='])"):
                next_pages[f"{name}: next"] = link["href"]
    pages |= {name: cached.get(path).text for name, path in next_pages.items()}
    pages["only to be read"] = cached.post("/about", status=405).text
    assert {"genre: next", "people in English: next"} <= next_pages.keys()
    assert routes_of(cached, paths.values()) >= {name for name, _pattern in PAGES} - NOT_PAGES
    folder = tmp_path / "pages"
    folder.mkdir()
    found = html_errors(pages, folder)
    assert found == [], "\n".join(found)


def test_checker_finds_an_error(tmp_path: Path) -> None:
    html = '<!DOCTYPE html><html lang="hu"><title>x</title><p id="a"><p id="a">'
    errors = html_errors({"a page": html}, tmp_path)
    assert any(error.startswith("a page: Duplicate ID") for error in errors)
