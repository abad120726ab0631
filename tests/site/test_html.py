"""The Nu HTML checker finds nothing in any kind of page."""

from pathlib import Path

import pytest
from webtest import TestApp

from tests.services.nu_checker import html_errors
from tests.site.cached import Movies, every_page

OTHERS = {
    "about": "/about",
    "developers": "/developers",
    "developers in English": "/en/developers",
    "unknown filter": "/week/2026-W34?kind=opera",
    "unknown parameter": "/en/?gendre=drama",
    "empty watchlist": "/watchlist",
    "watchlist in English": "/en/watchlist?m=1",
    "whole calendar": "/en/calendar",
    "changes in English": "/en/changes",
    "search": "/search",
    "results": "/search?q=itt",
    "no results": "/en/search?q=zzzz",
    "not found": "/nincs",
    "bad request": "/jump?date=x",
    "movie in English": "/en/movie/{}",
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_page_is_valid_html(cached: TestApp, movies: Movies, tmp_path: Path) -> None:
    paths = {**every_page(movies), **OTHERS}
    pages = {}
    for name, path in paths.items():
        response = cached.get(path.format(f"{movies.here}-itt-van"), status="*")
        if response.content_type == "text/html":
            pages[name] = response.text
    assert len(pages) > 25
    folder = tmp_path / "pages"
    folder.mkdir()
    found = html_errors(pages, folder)
    assert found == [], "\n".join(found)


def test_checker_finds_an_error(tmp_path: Path) -> None:
    html = '<!DOCTYPE html><html lang="hu"><title>x</title><p id="a"><p id="a">'
    errors = html_errors({"a page": html}, tmp_path)
    assert any(error.startswith("a page: Duplicate ID") for error in errors)
