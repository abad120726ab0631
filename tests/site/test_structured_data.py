"""JSON-LD of every page, by the vocabulary of schema.org."""

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.clock import utc_now
from moziweb.movies.models import CreditRole, Movie, Trailer
from tests.conftest import BASE_URL
from tests.factories import (
    THURSDAY,
    add_genres,
    add_people,
    add_poster,
    add_trailer,
    make_movie,
    make_premiere,
    move_premiere,
    set_distributor,
)

DATA = Path(__file__).parents[1] / "data" / "schema-org.json"

WEEK_TEXT = "2026. aug. 27.\u2009–\u2009szept. 2."

TEXTS = {"Text", "URL", "Date", "DateTime", "Duration", "EventStatusType", "Language", "Time"}
"""Types whose values are strings."""

STATUSES = {f"https://schema.org/Event{name}" for name in (
    "Cancelled", "MovedOnline", "Postponed", "Rescheduled", "Scheduled"
)}  # fmt: skip
"""The members of EventStatusType."""

LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
"""Tags of BCP 47."""

DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d[+-]\d\d:\d\d)?)?)?")
DURATION = re.compile(r"PT(\d+H)?(\d+M)?")


@cache
def vocabulary() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DATA.read_text())
    return found


def ancestors(name: str) -> Iterator[str]:
    yield name
    for parent in vocabulary()[name]["parents"]:
        yield from ancestors(parent)


def ranges(name: str) -> dict[str, list[str]]:
    """The properties of a type, its own and those that it inherits, with the types of values."""
    return {
        key: values
        for parent in reversed(list(ancestors(name)))
        for key, values in vocabulary()[parent]["properties"].items()
    }


def check(node: dict[str, Any]) -> None:
    """Assert that a node has only properties of its type, with values of their types."""
    known = ranges(node["@type"])
    for key, value in node.items():
        if key.startswith("@"):
            continue
        assert key in known, f"{node['@type']} has no {key}"
        for each in value if isinstance(value, list) else [value]:
            _check_value(f"{node['@type']}.{key}", each, set(known[key]))


def _check_value(name: str, value: Any, allowed: set[str]) -> None:
    if isinstance(value, dict):
        assert allowed & set(ancestors(value["@type"])), f"{name} is no {value['@type']}"
        check(value)
    elif isinstance(value, str):
        if "EventStatusType" in allowed:
            assert value in STATUSES, f"{name} is no status"
        if "Language" in allowed:
            assert LANGUAGE.fullmatch(value), f"{name} is no language"
        # A URL may stand for a thing.
        is_url = value.startswith(("https://", "http://"))
        assert allowed & TEXTS or is_url, f"{name} is no text"
        if not allowed & {"Text", "URL", "Language"}:
            assert is_url or DATE.fullmatch(value) or DURATION.fullmatch(value), f"{name}: {value}"
        if "URL" in allowed and "Text" not in allowed:
            assert is_url, f"{name}: {value}"
    else:
        assert isinstance(value, int), name
        assert allowed & {"Integer", "Number"}, f"{name} is no number"


def blocks(app: TestApp, path: str) -> dict[str, dict[str, Any]]:
    """The data blocks of a page by type, checked."""
    html = BeautifulSoup(app.get(path).text, "html.parser")
    found = [
        json.loads(element.string or "")
        for element in html.find_all("script", type="application/ld+json")
    ]
    for each in found:
        assert each["@context"] == "https://schema.org"
        check(each)
    return {each["@type"]: each for each in found}


def names(block: dict[str, Any]) -> list[str]:
    """The names of breadcrumbs; their positions are checked."""
    items = block["itemListElement"]
    assert [each["position"] for each in items] == list(range(1, len(items) + 1))
    assert all(each["item"].startswith(f"{BASE_URL}/") for each in items)
    return [each["name"] for each in items]


@pytest.fixture
def movie(dbsession: Session) -> Movie:
    movie = make_movie(
        dbsession, "Dűne", original_title="Dune", languages=("en", "fr"), runtime=155,
        countries=("US",), imdb_id="tt1160419", rating="12",
    )  # fmt: skip
    add_genres(dbsession, movie, "Kaland/Adventure")
    add_people(dbsession, movie, CreditRole.DIRECTOR, "Denis Villeneuve")
    add_people(dbsession, movie, CreditRole.CAST, "Rebecca Ferguson")
    add_trailer(dbsession, movie)
    add_poster(dbsession, movie)
    set_distributor(dbsession, movie, "Fórum")
    move_premiere(dbsession, make_premiere(dbsession, movie, THURSDAY), THURSDAY + timedelta(7))
    make_premiere(dbsession, movie, date(2026, 10, 1), service="MUBI", cancelled_at=utc_now())
    dbsession.commit()
    return movie


def test_every_page_is_valid(app: TestApp, movie: Movie) -> None:
    director, actor = movie_people(app, movie)
    expected = {
        "/": {"ItemList"},
        "/week/2026-W35": {"ItemList", "BreadcrumbList"},
        "/month/2026-08": {"ItemList", "BreadcrumbList"},
        "/year/2026": {"ItemList", "BreadcrumbList"},
        "/genre/kaland": {"ItemList", "BreadcrumbList"},
        "/service/mubi": {"ItemList", "BreadcrumbList"},
        director: {"ItemList", "BreadcrumbList"},
        actor: {"ItemList", "BreadcrumbList"},
        f"/movie/{movie.id}-dune": {"Movie", "BreadcrumbList"},
        f"/distributor/{movie.distributor_id}-forum": {"ItemList", "BreadcrumbList"},
        "/undated": {"ItemList", "BreadcrumbList"},
        "/genres": {"ItemList", "BreadcrumbList"},
        "/services": {"ItemList", "BreadcrumbList"},
        "/years": {"ItemList", "BreadcrumbList"},
        "/changes": {"ItemList", "BreadcrumbList"},
        "/calendar": {"BreadcrumbList"},
        "/about": {"BreadcrumbList"},
        "/developers": {"BreadcrumbList"},
        "/week/2026-W01": set(),
        "/watchlist": set(),
        "/search?q=dune": set(),
        "/nincs": set(),
    }
    for prefix in ("", "/en"):
        for path, types in expected.items():
            if path == "/nincs":
                assert "ld+json" not in app.get(prefix + path, status=404).text
            else:
                assert set(blocks(app, prefix + path)) == types, path


def movie_people(app: TestApp, movie: Movie) -> list[str]:
    """The paths of the director and the actor."""
    html = app.get(f"/movie/{movie.id}-dune").html
    return [link["href"] for link in html.select('a.whole[href*="/person/"]')]


def test_breadcrumbs_lead_from_the_front_page(app: TestApp, movie: Movie) -> None:
    found = {
        path: names(blocks(app, path)["BreadcrumbList"])
        for path in (
            f"/movie/{movie.id}-dune", "/week/2026-W35", "/month/2026-08", "/genre/kaland",
            "/en/year/2026", "/undated", "/en/changes", "/services",
        )
    }  # fmt: skip
    assert list(found.values()) == [
        ["Premierek", WEEK_TEXT, "Dűne"],
        ["Premierek", "2026", "2026. augusztus", WEEK_TEXT],
        ["Premierek", "2026", "2026. augusztus"],
        ["Premierek", "Minden műfaj", "Kaland"],
        ["Premieres", "All years", "2026"],
        ["Premierek", "Filmek dátum nélkül"],
        ["Premieres", "Changes of premieres"],
        ["Premierek", "Streamingszolgáltatók"],
    ]


def test_lists_have_each_movie_once_in_their_order(
    app: TestApp, dbsession: Session, movie: Movie
) -> None:
    other = make_movie(dbsession, "Alma")
    for _ in range(2):
        make_premiere(dbsession, other, THURSDAY + timedelta(7))
    dbsession.commit()
    items = blocks(app, "/week/2026-W35")["ItemList"]["itemListElement"]
    assert [(each["position"], each["url"]) for each in items] == [
        (1, f"{BASE_URL}/movie/{other.id}-alma"), (2, f"{BASE_URL}/movie/{movie.id}-dune"),
    ]  # fmt: skip
    assert blocks(app, "/en/week/2026-W35")["ItemList"]["itemListElement"][0]["url"].startswith(
        f"{BASE_URL}/en/movie/"
    )


def test_lists_of_links_have_each_link_in_their_order(
    app: TestApp, dbsession: Session, movie: Movie
) -> None:
    add_genres(dbsession, movie, "Állatos/Animals")
    dbsession.commit()
    items = blocks(app, "/genres")["ItemList"]["itemListElement"]
    assert [(each["position"], each["name"], each["url"]) for each in items] == [
        (1, "Állatos", f"{BASE_URL}/genre/allatos"), (2, "Kaland", f"{BASE_URL}/genre/kaland"),
    ]  # fmt: skip
    (year,) = blocks(app, "/en/years")["ItemList"]["itemListElement"]
    assert year == {
        "@type": "ListItem", "position": 1, "name": "2026", "url": f"{BASE_URL}/en/year/2026"
    }  # fmt: skip


def test_movie_has_its_language_trailer_and_release_events(app: TestApp, movie: Movie) -> None:
    data = blocks(app, f"/movie/{movie.id}-dune")["Movie"]
    assert data["inLanguage"] == ["en", "fr"]
    assert data["datePublished"] == "2026-08-27"
    (trailer,) = data["trailer"]
    assert trailer == {
        "@type": "VideoObject",
        "name": "Előzetes",
        "url": "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        "embedUrl": "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ",
        "thumbnailUrl": "https://i.ytimg.com/vi/dQw4w9WgXcQ/hqdefault.jpg",
        "uploadDate": "2026-05-01T12:00:00+00:00",
        "inLanguage": "hu",
    }
    # What Google asks for beyond schema.org.
    assert {"name", "thumbnailUrl", "uploadDate"} <= trailer.keys()
    moved, cancelled = data["releasedEvent"]
    assert moved == {
        "@type": "PublicationEvent",
        "name": "Dűne – Mozi",
        "startDate": "2026-08-27",
        "location": {"@type": "Country", "name": "Magyarország"},
        "eventStatus": "https://schema.org/EventRescheduled",
        "previousStartDate": "2026-08-20",
    }
    assert cancelled["name"].endswith(": MUBI")
    assert cancelled["eventStatus"] == "https://schema.org/EventCancelled"
    assert "previousStartDate" not in cancelled


def test_video_without_a_known_time_has_no_upload_date(
    app: TestApp, dbsession: Session, movie: Movie
) -> None:
    dbsession.query(Trailer).one().published_at = None
    dbsession.commit()
    (trailer,) = blocks(app, f"/movie/{movie.id}-dune")["Movie"]["trailer"]
    assert trailer["thumbnailUrl"]
    assert "uploadDate" not in trailer


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"@type": "Movie", "pages": "1"}, "Movie has no pages"),
        ({"@type": "Movie", "actor": "Somebody"}, "is no text"),
        ({"@type": "Movie", "actor": {"@type": "Country"}}, "is no Country"),
        ({"@type": "Movie", "trailer": [{"@type": "VideoObject", "year": "1"}]}, "has no year"),
        ({"@type": "Movie", "datePublished": "soon"}, "soon"),
        ({"@type": "Movie", "inLanguage": ["magyar nyelv"]}, "is no language"),
        ({"@type": "Event", "eventStatus": "https://schema.org/Moved"}, "is no status"),
        ({"@type": "Movie", "duration": "2 hours"}, "2 hours"),
        ({"@type": "VideoObject", "uploadDate": "2026-05-01T12:00:00"}, "uploadDate"),
        ({"@type": "ListItem", "url": "/movie/1"}, "/movie/1"),
        ({"@type": "ListItem", "name": 1}, "is no number"),
    ],
)
def test_faults_are_found(node: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check(node)
