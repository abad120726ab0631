"""Redirects of URLs in another spelling."""

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from tests.conftest import BASE_URL
from tests.factories import add_genres, make_movie

SPELLINGS = {
    "/week/2026-w34/": "/week/2026-W34",
    "/week/2026-w34": "/week/2026-W34",
    "/EN/Week/2026-W34": "/en/week/2026-W34",
    "/month/2026-08//": "/month/2026-08",
    "/search/?q=A+b": "/search?q=A+b",
    "/Genre/Drama": "/genre/drama",
    "/movie/1-Film/": "/movie/1-film",
    "/undated/": "/undated",
    "/EN/": "/en/",
    "/en?genre=drama": "/en/?genre=drama",
    "/API/Main/": "/api/main/",
}


def test_other_spelling_redirects(app: TestApp, dbsession: Session) -> None:
    add_genres(dbsession, make_movie(dbsession, "Film", id=1), "Dráma")
    dbsession.commit()
    for path, canonical in SPELLINGS.items():
        assert app.get(path, status=301).location == BASE_URL + canonical
        app.get(canonical, status=200)


@pytest.mark.parametrize(
    "path", ["/nothing/", "/Nothing", "/manager/nothing/", "/genre/none", "/week/2026-W99"]
)
def test_what_has_no_page_in_any_spelling(demo_app: TestApp, path: str) -> None:
    assert demo_app.get(path, status="*").status_int in {303, 404}


@pytest.mark.parametrize(
    ("path", "present"),
    [
        ("/today", "/week/2026-W34"),
        ("/week", "/week/2026-W34"),
        ("/en/month", "/en/month/2026-08"),
        ("/year", "/year/2026"),
        ("/en/week?kind=cinema", "/en/week/2026-W34?kind=cinema"),
    ],
)
def test_names_of_the_present(demo_app: TestApp, path: str, present: str) -> None:
    assert demo_app.get(path, status=302).location == BASE_URL + present
