"""The filters of pages."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.models import Rating
from moziweb.services import services_of
from tests.conftest import BASE_URL, QueryCounter
from tests.factories import THURSDAY, add_genres, make_movie, make_premiere
from tests.site.scraper import cards

PAGES = ("/", "/en/", "/week/2026-W34", "/month/2026-08", "/year/2026")


def titles(html: str) -> list[str]:
    return [card.title for card in cards(html)]


@pytest.fixture
def filled(dbsession: Session) -> None:
    movie = make_movie(dbsession, "Mozi", rating=Rating.AGE_12)
    add_genres(dbsession, movie, "Dráma/Drama")
    make_premiere(dbsession, movie)
    movie = make_movie(dbsession, "Otthon", rating=Rating.AGE_16)
    add_genres(dbsession, movie, "Vígjáték/Comedy")
    make_premiere(dbsession, movie, service="MUBI")
    make_movie(dbsession, "Egyszer")
    dbsession.commit()


@pytest.mark.usefixtures("filled")
def test_page_is_filtered(app: TestApp) -> None:
    for page in PAGES:
        assert {"Mozi", "Otthon"} <= set(titles(app.get(page).text)), page
        for query, title in (
            ("genre=drama", "Mozi"), ("kind=streaming", "Otthon"), ("rating=12", "Mozi"),
            ("service=mubi", "Otthon"), ("genre=vigjatek&kind=streaming", "Otthon"),
        ):  # fmt: skip
            found = app.get(f"{page}?{query}")
            assert titles(found.text) == [title], (page, query)
            assert "noindex" in found.text


@pytest.mark.usefixtures("filled")
def test_form_is_filled_in_and_its_links_remove_filters(app: TestApp) -> None:
    html = app.get("/en/week/2026-W34?genre=drama&rating=12").text
    assert re.findall(r'<option value="([^"]+)" selected>', html) == ["drama", "12"]
    active = html.partition('class="filters-active"')[2].partition("</ul>")[0]
    links = [unescape(href) for href in re.findall(r'href="([^"]+)"', active)]
    path = "/en/week/2026-W34"
    assert links == [f"{path}?rating=12", f"{path}?genre=drama", path]
    for link in links:
        app.get(link)
    form = app.get("/week/2026-W34").forms[1]
    form["genre"] = "drama"
    assert titles(form.submit().follow().text) == ["Mozi"]


@pytest.mark.usefixtures("filled")
def test_links_add_each_filter(app: TestApp) -> None:
    """Until one of the property is set, or as many as are allowed; crawlers do not follow them."""
    for page in PAGES:

        def added(query: str, page: str = page) -> list[str]:
            links = app.get(f"{page}{query}").html.select(".filters-links a")
            assert all(link["rel"] == ["nofollow"] for link in links)
            return [link["href"].removeprefix(page) for link in links]

        form = app.get(page).html.select_one(".filters form")
        offered = [
            f"?{urlencode({select['name']: option['value']})}"
            for select in form.select("select")
            for option in select.select("option[value]:not([value=''])")
        ]
        assert added("") == offered
        names = {query[1:].partition("=")[0] for query in offered}
        assert names == {"kind", "genre", "service", "rating", "audio", "format"}
        kinds = [query for query in added("?genre=drama&rating=12") if "kind" in query]
        assert kinds[0] == "?genre=drama&kind=cinema&rating=12"
        assert added("?audio=dubbed") == [], "without films no filter finds any"
        further = added("?kind=cinema")
        assert further
        assert all("kind=cinema" in query for query in further)
        assert added("?genre=drama&kind=cinema&rating=12") == []
    for query in added("?rating=12"):
        app.get(f"{PAGES[-1]}{query}", status=200)


@pytest.mark.usefixtures("filled")
def test_title_names_the_filters(app: TestApp) -> None:
    page = app.get("/en/week/2026-W34?genre=drama&rating=12").html
    assert page.title.string.startswith("Drama, Age rating: 12 · ")
    empty = app.get("/week/2026-W34?audio=dubbed").text
    assert "nincs a szűrőknek megfelelő film" in empty


@pytest.mark.usefixtures("filled")
def test_links_to_other_lists_keep_the_filter(app: TestApp) -> None:
    html = app.get("/week/2026-W34?genre=drama").text
    assert 'rel="next" href="/week/2026-W35?genre=drama"' in html
    assert 'href="/month/2026-08?genre=drama"' in html
    assert 'href="/en/week/2026-W34?genre=drama"' in html
    assert f'rel="canonical" href="{BASE_URL}/week/2026-W34?genre=drama"' in html


@pytest.mark.usefixtures("filled")
def test_other_spelling_redirects(app: TestApp) -> None:
    for query, canonical in (
        ("genre=", ""),
        ("kind=&genre=drama&rating=", "?genre=drama"),
        ("genre=drama&genre=vigjatek", "?genre=drama"),
    ):
        response = app.get(f"/week/2026-W34?{query}", status=301)
        assert response.location == f"{BASE_URL}/week/2026-W34{canonical}"


@pytest.mark.usefixtures("filled")
def test_unknown_value_is_404_and_named(app: TestApp) -> None:
    for page in PAGES:
        for query in (
            "genre=nincs", "kind=Cinema", "rating=13", "service=x", "audio=both", "format=4D",
        ):  # fmt: skip
            value = query.partition("=")[2]
            assert value in app.get(f"{page}?{query}", status=404).text, page
        many = app.get(f"{page}?audio=dubbed&format=2D&genre=drama&kind=cinema", status=404)
        assert "3" in many.text


@pytest.mark.usefixtures("filled")
def test_empty_result_leads_to_the_next_match(app: TestApp, dbsession: Session) -> None:
    later = make_movie(dbsession, "Később")
    add_genres(dbsession, later, "Dráma/Drama")
    make_premiere(dbsession, later, THURSDAY + timedelta(weeks=5))
    dbsession.commit()
    html = app.get("/week/2026-W35?genre=drama").text
    assert 'href="/week/2026-W39?genre=drama"' in html
    assert 'href="/week/2026-W34?genre=drama"' in html


@pytest.mark.usefixtures("filled")
def test_filter_costs_no_query_more(app: TestApp, query_counter: QueryCounter) -> None:
    engine = services_of(app.app.registry).database.engine
    for path, number in (("/?genre=drama", 5), ("/week/2026-W34?genre=drama", 5)):
        with query_counter(engine) as statements:
            app.get(path)
        assert len(statements) == number, statements
