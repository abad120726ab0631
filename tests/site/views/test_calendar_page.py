"""The page that builds the address of a calendar."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import segno
from bs4 import Tag
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.services import services_of
from tests.conftest import BASE_URL, QueryCounter
from tests.factories import THURSDAY, add_genres, make_movie, make_premiere

BORDER = 2
"""Modules of the light border of a QR code."""


@pytest.fixture
def filled(dbsession: Session) -> None:
    for title, genre, weeks in (("Dűne", "Dráma/Drama", 1), ("Móka", "Vígjáték/Comedy", 2)):
        movie = make_movie(dbsession, title, original_title=f"{title} eredeti")
        add_genres(dbsession, movie, genre)
        make_premiere(dbsession, movie, THURSDAY + timedelta(weeks=weeks))
    make_premiere(dbsession, make_movie(dbsession, "Múlt"), THURSDAY - timedelta(weeks=2))
    dbsession.commit()


@pytest.mark.usefixtures("filled")
def test_form_builds_the_address(app: TestApp) -> None:
    page = app.get("/calendar")
    form = page.forms[0]
    form["genre"], form["remind"], form["future"] = "drama", "1d", "90"
    page = form.submit().follow()
    query = "future=90&genre=drama&remind=1d"
    assert page.request.url.endswith(f"/calendar?{query}")
    links = {link["href"] for link in page.html.select(".subscribe a")}
    ics = f"{BASE_URL}/premieres.ics?{query}"
    webcal = f"webcal:{ics.partition(':')[2]}"
    assert {ics, webcal} <= links
    assert ics in page.html.select_one(".address").text
    steps = {each.dt.text: each.dd.text for each in page.html.select(".subscribe-steps div")}
    assert "Feliratkozott naptár hozzáadása" in steps["iPhone, iPad, Mac"]
    assert "URL alapján" in steps["Google Naptár, Android"]
    assert "Feliratkozás a webről" in steps["Outlook"]
    (google,) = (link for link in links if "google" in link)
    assert parse_qs(urlsplit(google).query)["cid"] == [webcal]
    (outlook,) = (link for link in links if "outlook" in link)
    assert parse_qs(urlsplit(outlook).query)["url"] == [ics]
    assert [each.text for each in page.html.select(".line a")] == ["Dűne"]
    assert app.get(ics.removeprefix(BASE_URL)).text.count("BEGIN:VALARM") == 1
    assert "/premieres.atom?genre=drama" in page.text
    assert f'href="/en/calendar?{query.replace("&", "&amp;")}"' in page.text
    assert "noindex" in page.text
    selected = {each.parent["name"]: each["value"] for each in page.html.select("[selected]")}
    assert selected["genre"] == "drama"
    assert selected["remind"] == "1d"
    assert selected["future"] == "90"


@pytest.mark.usefixtures("filled")
def test_halves_of_the_calendar_are_linked(app: TestApp) -> None:
    for prefix, query in (("", ""), ("/en", "?genre=drama&remind=1d")):
        page = app.get(f"{prefix}/calendar{query}").html
        for part, text in (
            ("cinema", "Mozipremierek Magyarországon"),
            ("streaming", "Streamingpremierek Magyarországon"),
        ):
            path = f"{prefix}/premieres-{part}.ics{query}"
            link = page.main.find("a", href=path)
            assert link.text == f"{text} (.ics)" or prefix
            app.get(path, status=200)
    page = app.get("/calendar?kind=cinema").text
    assert "/premieres-cinema.ics" not in page
    assert "/premieres-streaming.ics" not in page


@pytest.mark.usefixtures("filled")
def test_preview_has_coming_premieres(app: TestApp) -> None:
    assert [each.text for each in app.get("/calendar").html.select(".line a")] == ["Dűne", "Móka"]
    html = app.get("/en/calendar?past=0").html
    assert [each.text for each in html.select(".line a")] == ["Dűne eredeti", "Móka eredeti"]
    assert not app.get("/calendar?future=3").html.select(".line a")


@pytest.mark.usefixtures("filled")
def test_qr_code_is_of_the_page(app: TestApp) -> None:
    """Its modules are those that the library makes of the page's address."""
    for path in ("/calendar", "/en/calendar?future=90&genre=drama&remind=1d"):
        code = app.get(path).html.select_one("svg.qr")
        assert "style" not in str(code)
        shown = segno.make(f"{BASE_URL}{path}", micro=False, error="m")
        assert _dark_modules(code) == {
            (x, y) for y, row in enumerate(shown.matrix) for x, dark in enumerate(row) if dark
        }


def _dark_modules(code: Tag) -> set[tuple[int, int]]:
    """The columns and rows of the dark modules that the strokes of an SVG draw.

    ``M`` begins a row, ``m`` moves, ``h`` draws; a stroke is in the middle of its row.
    """
    found: set[tuple[int, int]] = set()
    path = code.find("path", stroke="#000")
    assert isinstance(path, Tag)
    x, y = 0, 0.0
    for command, across, down in re.findall(r"([Mmh])(-?\d+)(?: (-?[\d.]+))?", str(path["d"])):
        if command == "h":
            found |= {(x + step - BORDER, int(y) - BORDER) for step in range(int(across))}
        y = float(down) if command == "M" else y + float(down or 0)
        x = int(across) if command == "M" else x + int(across)
    return found


def test_invalid_values_are_named(app: TestApp) -> None:
    for query in ("past=-1", "past=731", "future=1.5", "remind=2", "past=007"):
        for path in ("/calendar", "/premieres.ics"):
            assert query in app.get(f"{path}?{query}", status=404).text
    assert "nincs" in app.get("/calendar?genre=nincs", status=404).text
    app.get("/calendar?past=17&remind=5d", status=200)


@pytest.mark.usefixtures("filled")
def test_filtered_page_links_its_calendar(app: TestApp) -> None:
    assert app.get("/?genre=drama").html.find("a", href="/calendar?genre=drama")
    genre = app.get("/genre/drama").html
    assert genre.find("a", href="/calendar?genre=drama")
    assert genre.find("link", href="/premieres.atom?genre=drama")


@pytest.mark.usefixtures("filled")
def test_number_of_queries(app: TestApp, query_counter: QueryCounter) -> None:
    with query_counter(services_of(app.app.registry).database.engine) as statements:
        app.get("/calendar?genre=drama")
    assert len(statements) == 4
