"""Calendars of a movie, a person and a list of movies; the news of a movie."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from icalendar import Calendar
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.models import CreditRole, DatePrecision, Movie, Person, Premiere
from moziweb.services import services_of
from moziweb.site.movie_ids import MAX_MOVIES
from moziweb.site.views import movie_feeds
from tests import factories
from tests.conftest import BASE_URL, QueryCounter
from tests.factories import THURSDAY, add_people, make_movie, make_premiere, move_premiere
from tests.site.cached import CACHED, Movies, fill, site, week_here, write

NAMES = {"a": "http://www.w3.org/2005/Atom"}


def summaries(app: TestApp, path: str) -> list[str]:
    calendar = Calendar.from_ical(app.get(path, status=200).body)
    return [str(event["summary"]) for event in calendar.walk("VEVENT")]


@pytest.fixture
def dune(dbsession: Session) -> Movie:
    movie = make_movie(dbsession, "Dűne", original_title="Dune", slug="dune")
    add_people(dbsession, movie, CreditRole.DIRECTOR, "Denis Villeneuve")
    make_premiere(dbsession, movie, date(1999, 1, 7))
    make_premiere(dbsession, movie, THURSDAY + timedelta(weeks=5), service="MUBI")
    make_premiere(dbsession, movie, date(2027, 1, 1), precision=DatePrecision.YEAR)
    make_premiere(dbsession, make_movie(dbsession, "Más"))
    dbsession.commit()
    return movie


def test_calendar_of_a_movie_has_all_its_days(app: TestApp, dune: Movie) -> None:
    assert summaries(app, f"/movie/{dune.id}-dune.ics") == ["Dűne", "Dűne (MUBI)"]
    assert summaries(app, f"/en/movie/{dune.id}-dune.ics") == ["Dune", "Dune (MUBI)"]
    moved = app.get(f"/movie/{dune.id}.ics?remind=1d", status=301)
    assert moved.location == f"{BASE_URL}/movie/{dune.id}-dune.ics?remind=1d"
    moved = app.get(f"/movie/{dune.id}.ics", status=301)
    assert moved.location == f"{BASE_URL}/movie/{dune.id}-dune.ics"
    app.get("/movie/999999-dune.ics", status=404)
    app.get("/movie/x.ics", status=404)
    page = app.get(f"/movie/{dune.id}-dune").html
    assert page.find("a", href=f"/movie/{dune.id}-dune.ics")
    assert page.find("link", href=f"/movie/{dune.id}-dune.atom", type="application/atom+xml")


def test_calendar_of_a_person(app: TestApp, dbsession: Session, dune: Movie) -> None:
    person = dbsession.query(Person).one()
    path = f"/person/{person.id}-denis-villeneuve"
    assert summaries(app, f"{path}.ics") == ["Dűne", "Dűne (MUBI)"]
    assert app.get(f"/person/{person.id}-x.ics", status=301).location == f"{BASE_URL}{path}.ics"
    moved = app.get(f"/person/{person.id}-x.ics?remind=2d", status=301)
    assert moved.location == f"{BASE_URL}{path}.ics?remind=2d"
    assert app.get(path).html.find("a", href=f"{path}.ics")
    app.get("/person/999999-x.ics", status=404)
    dune.published = False
    dbsession.commit()
    app.get(f"/person/{person.id}-x.ics", status=404)  # the name is not shown


def test_calendar_of_a_list(app: TestApp, dbsession: Session, dune: Movie) -> None:
    other = dbsession.query(Movie).filter_by(title="Más").one()
    ids = f"{dune.id}.{other.id}.999999"
    assert summaries(app, f"/my.ics?m={ids}") == ["Dűne", "Más", "Dűne (MUBI)"]
    assert summaries(app, f"/en/my.ics?m={other.id}") == ["Más"]
    assert "m=12.45.99" in app.get("/my.ics", status=404).text
    for odd in ("x", "0", "1.", "01", "-1", "1,2", "2147483648"):
        assert f"m={odd.split('.')[-1] or ''}" in app.get(f"/my.ics?m={odd}", status=404).text
    most = ".".join(map(str, range(1, MAX_MOVIES + 1)))
    app.get(f"/my.ics?m={most}", status=200)
    assert str(MAX_MOVIES) in app.get(f"/my.ics?m={most}.{MAX_MOVIES + 1}", status=404).text


def test_long_calendar_keeps_the_latest_premieres(
    app: TestApp, dune: Movie, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(movie_feeds, "MAX_LISTED_EVENTS", 1)
    assert summaries(app, f"/movie/{dune.id}-dune.ics") == ["Dűne (MUBI)"]


def test_reminder(app: TestApp, dune: Movie) -> None:
    for path in (f"/movie/{dune.id}-dune.ics", f"/my.ics?m={dune.id}"):
        assert "VALARM" not in app.get(path).text
        for value, trigger in (("1d", "-PT15H"), ("0d", "PT9H"), ("14d", "-P13DT15H")):
            mark = "&" if "?" in path else "?"
            text = app.get(f"{path}{mark}remind={value}").text
            assert text.count(f"TRIGGER:{trigger}\r\n") == 2, value
        for value in ("1", "15d", "01d", "d", "-1d"):
            assert f"remind={value}" in app.get(f"{path}{mark}remind={value}", status=404).text


def test_news_of_a_movie_are_changes_of_its_dates(
    app: TestApp, dbsession: Session, dune: Movie
) -> None:
    premiere = dbsession.query(Premiere).filter_by(movie_id=dune.id, date=date(1999, 1, 7)).one()
    move_premiere(dbsession, premiere, THURSDAY, at=datetime(2030, 7, 1, tzinfo=UTC))
    dbsession.commit()
    root = ET.fromstring(app.get(f"/en/movie/{dune.id}-dune.atom").body)
    titles = [each.text for each in root.iterfind("a:entry/a:title", NAMES)]
    assert titles[0] == "Dune: new date, 20 August 2026"
    assert len(titles) == 4
    assert root.findtext("a:title", namespaces=NAMES) == "Dune: news"
    quiet = make_movie(dbsession, "Csendes", slug="csendes")
    dbsession.commit()
    root = ET.fromstring(app.get(f"/movie/{quiet.id}-csendes.atom").body)
    assert root.find("a:entry", NAMES) is None
    assert root.findtext("a:updated", namespaces=NAMES)


def test_number_of_queries(app: TestApp, dune: Movie, query_counter: QueryCounter) -> None:
    engine = services_of(app.app.registry).database.engine
    for path, number in (
        (f"/movie/{dune.id}-dune.ics", 7), (f"/my.ics?m={dune.id}", 7),
        (f"/movie/{dune.id}-dune.atom", 6),
    ):  # fmt: skip
        with query_counter(engine) as statements:
            app.get(path)
        assert len(statements) == number, path


@pytest.fixture
def movies(dbsession: Session) -> Movies:
    return fill(dbsession)


@pytest.fixture
def cached(settings: dict[str, str], movies: Movies) -> Iterator[TestApp]:
    with site(settings | CACHED) as app:
        yield app


def test_calendar_of_a_list_is_stale_only_by_its_movies(cached: TestApp, movies: Movies) -> None:
    missing = 987654

    def state(*ids: int) -> str:
        names = ".".join(map(str, sorted(ids)))
        found: str = cached.get(f"/my.ics?m={names}").headers["X-Cache"]
        return found

    here, ahead = (movies.here,), (movies.ahead, missing)

    def states(*expected: str) -> bool:
        return (state(*here), state(*ahead)) == expected

    def change_ahead(**values: Any) -> None:
        def change(session: Session) -> None:
            for name, value in values.items():
                setattr(session.query(Premiere).filter_by(movie_id=movies.ahead).one(), name, value)

        write(cached, change)

    assert states("miss", "miss")
    assert states("hit", "hit")
    change_ahead(date=week_here().shifted(6).thursday)
    assert states("l1", "miss")
    change_ahead(announced_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert states("l1", "miss")
    write(cached, lambda session: setattr(session.get_one(Movie, movies.ahead), "synopsis", "Más."))
    assert states("l1", "miss")
    write(cached, lambda session: factories.make_premiere(
        session, session.get_one(Movie, movies.ahead), week_here().thursday
    ))  # fmt: skip
    assert states("l1", "miss")
    write(cached, lambda session: factories.make_movie(session, id=missing))
    assert states("l1", "miss")
    write(cached, lambda session: setattr(session.get_one(Movie, movies.here), "runtime", 99))
    assert state(*ahead) in {"hit", "l1"}
    write(cached, lambda session: session.delete(session.get_one(Movie, missing)))
    assert state(*ahead) == "miss"
