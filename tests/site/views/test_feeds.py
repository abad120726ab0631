"""Calendars and the feed of news."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from icalendar import Calendar
from sqlalchemy import Executable, delete, event, select, update
from sqlalchemy.orm import ORMExecuteState, Session
from webtest import TestApp

from moziweb.movies.feed_queries import News, latest_news
from moziweb.movies.models import (
    Audio,
    DatePrecision,
    Movie,
    Premiere,
    PremiereChange,
    PremiereKind,
    Rating,
    StreamingService,
)
from moziweb.services import services_of
from moziweb.site.views import feeds as views
from moziweb.site.views.feeds import MAX_EVENTS
from tests.conftest import BASE_URL, NOW, QueryCounter, running_app
from tests.factories import (
    THURSDAY,
    add_genres,
    add_poster,
    make_movie,
    make_premiere,
    move_premiere,
)
from tests.registry import page_cache_of
from tests.site.cached import (
    CACHED,
    Movies,
    cache_misses,
    feeds,
    site,
    warm,
    week_here,
    write,
)

ATOM = {"a": "http://www.w3.org/2005/Atom"}


def days(number: int) -> date:
    return THURSDAY + timedelta(days=number)


def events(app: TestApp, path: str = "/premieres.ics") -> dict[str, Any]:
    """The events of a calendar by their summary, parsed with icalendar."""
    response = app.get(path)
    assert response.content_type == "text/calendar"
    read = Calendar.from_ical(response.body)
    assert not read.errors
    return {str(event["summary"]): event for event in read.walk("VEVENT")}


def entries(app: TestApp, path: str = "/premieres.atom") -> list[dict[str, str]]:
    """The entries of a feed, each as the texts of its elements and the URL of its link."""
    response = app.get(path)
    assert response.content_type == "application/atom+xml"
    root = ET.fromstring(response.body)
    return [
        {
            **{child.tag.rpartition("}")[2]: child.text or "" for child in entry},
            "link": entry.find("a:link", ATOM).attrib["href"],  # type: ignore[union-attr]
        }
        for entry in root.findall("a:entry", ATOM)
    ]


@pytest.fixture
def movie(dbsession: Session) -> Movie:
    return make_movie(dbsession, "Dűne; 3, rész", original_title="Dune", slug="dune")


def test_premiere_is_an_all_day_event(app: TestApp, dbsession: Session, movie: Movie) -> None:
    announced = datetime(2026, 3, 1, 12, tzinfo=UTC)
    premiere = make_premiere(
        dbsession, movie, THURSDAY, formats=("2D", "IMAX"), announced_at=announced
    )
    dbsession.commit()
    (event,) = events(app).values()
    assert str(event["summary"]) == "Dűne; 3, rész"
    assert (event["dtstart"].dt, event["dtend"].dt) == (THURSDAY, days(1))
    assert event["uid"] == f"premiere-{premiere.id}@moziweb"
    assert event["url"] == f"{BASE_URL}/movie/{movie.id}-dune"
    assert event["dtstamp"].dt == event["created"].dt == announced
    assert (event["sequence"], event["status"], event["transp"]) == (0, "CONFIRMED", "TRANSPARENT")
    lines = str(event["description"]).splitlines()
    assert lines == ["Mozi", "Dune", "2D, IMAX", f"{BASE_URL}/movie/{movie.id}-dune"]
    (english,) = events(app, "/en/premieres.ics").values()
    assert str(english["summary"]) == "Dune"
    assert english["uid"] == event["uid"]


def test_uid_of_a_removed_premiere_is_not_given_again(
    app: TestApp, dbsession: Session, movie: Movie
) -> None:
    """A calendar would show the other movie's event in its place."""
    removed = make_premiere(dbsession, movie, THURSDAY)
    dbsession.commit()
    (before,) = events(app).values()
    dbsession.delete(removed)
    dbsession.commit()
    make_premiere(dbsession, make_movie(dbsession, "Más"), days(1))
    dbsession.commit()
    (after,) = events(app).values()
    assert after["uid"] != before["uid"]


def test_moved_premiere_keeps_its_uid(app: TestApp, dbsession: Session, movie: Movie) -> None:
    premiere = make_premiere(dbsession, movie, THURSDAY, announced_at=NOW)
    dbsession.commit()
    (before,) = events(app).values()
    started = datetime.now(UTC).replace(microsecond=0)
    move_premiere(dbsession, premiere, days(14))
    dbsession.commit()
    (after,) = events(app).values()
    assert after["uid"] == before["uid"]
    assert (before["sequence"], after["sequence"]) == (0, 1)
    assert after["dtstart"].dt == days(14)
    assert started <= after["last-modified"].dt == after["dtstamp"].dt <= datetime.now(UTC)
    assert after["created"].dt == NOW
    assert "korábban: 2026. augusztus 20." in str(after["description"])


def test_cancelled_premiere_is_marked(app: TestApp, dbsession: Session, movie: Movie) -> None:
    premiere = make_premiere(dbsession, movie, THURSDAY)
    move_premiere(dbsession, premiere, days(7))
    premiere.cancelled_at = NOW
    dbsession.commit()
    event = events(app)["Elmarad: Dűne; 3, rész"]
    assert (event["status"], event["sequence"]) == ("CANCELLED", 2)
    assert "Cancelled: Dune" in events(app, "/en/premieres.ics")


def _cancel(session: Session, premiere: Premiere) -> None:
    premiere.cancelled_at = NOW


def _reinstate(session: Session, premiere: Premiere) -> None:
    premiere.cancelled_at = None


def _correct_date(session: Session, premiere: Premiere) -> None:
    """As an editor does who has mistyped it: without a ``PremiereChange``."""
    premiere.date = days(7)


def _rename(session: Session, premiere: Premiere) -> None:
    session.get_one(Movie, premiere.movie_id).title = "Új cím"


def _rename_original(session: Session, premiere: Premiere) -> None:
    session.get_one(Movie, premiere.movie_id).original_title = "New title"


def _rename_service(session: Session, premiere: Premiere) -> None:
    session.get_one(StreamingService, premiere.service_id).name = "Új szolgáltató"


def _dub(session: Session, premiere: Premiere) -> None:
    premiere.audio = Audio.DUBBED


def _make_festival(session: Session, premiere: Premiere) -> None:
    premiere.kind = PremiereKind.FESTIVAL


def _change_formats(session: Session, premiere: Premiere) -> None:
    premiere.formats = ("IMAX",)


EDITS = (
    _cancel, _reinstate, _correct_date, _rename, _rename_original, _rename_service, _dub,
    _make_festival, _change_formats,
)  # fmt: skip


def test_revision_only_grows_with_every_change_of_the_event(
    app: TestApp, dbsession: Session, movie: Movie
) -> None:
    premiere = make_premiere(dbsession, movie, THURSDAY, service="MUBI", announced_at=NOW)
    other = make_premiere(dbsession, make_movie(dbsession, "Más"), days(1), announced_at=NOW)
    dbsession.commit()
    (uid, untouched), names = (f"premiere-{each.id}@moziweb" for each in (premiere, other)), []
    for edit in (None, *EDITS, None):
        if edit:
            edit(dbsession, dbsession.get_one(Premiere, premiere.id))
        dbsession.commit()
        found = {str(event["uid"]): event for event in events(app).values()}
        assert found[untouched]["sequence"] == 0
        names.append(found[uid])
        dbsession.expire_all()
    for before, after in pairwise(names):
        assert before["sequence"] <= after["sequence"]
        assert before["dtstamp"].dt <= after["dtstamp"].dt
        assert (before.to_ical() == after.to_ical()) == (before["sequence"] == after["sequence"])
    assert names[-1]["sequence"] == len(EDITS)


def test_note_is_not_in_calendars(app: TestApp, dbsession: Session, movie: Movie) -> None:
    premiere = make_premiere(dbsession, movie, THURSDAY)
    dbsession.commit()
    before = app.get("/premieres.ics").body
    premiere.note, premiere.rerelease, movie.runtime = "díszelőadás", True, 100
    dbsession.commit()
    assert app.get("/premieres.ics").body == before


def test_ids_do_not_depend_on_the_host(
    settings: dict[str, str], dbsession: Session, movie: Movie
) -> None:
    """A site that moves from www to the bare domain would double every entry."""
    premiere = make_premiere(dbsession, movie, THURSDAY)
    move_premiere(dbsession, premiere, days(14))
    dbsession.commit()

    def ids(**changes: str) -> list[str]:
        with running_app(settings | changes) as app:
            found = [str(event["uid"]) for event in events(app).values()]
            for path in ("/premieres.atom", "/en/premieres.atom"):
                root = ET.fromstring(app.get(path).body)
                found += [each.text or "" for each in root.iterfind(".//a:id", ATOM)]
            return found

    www, bare = (ids(**{"site.base_url": f"https://{host}film.hu"}) for host in ("www.", ""))
    assert www == bare
    assert not [each for each in www if "film.hu" in each]
    assert len(set(www)) == len(www) == 7  # in Atom: a feed and two entries in each language
    change_id = dbsession.scalar(select(PremiereChange.id))
    kept = ids(**{"site.id_authority": "www.film.hu"})
    assert kept[0] == f"premiere-{premiere.id}@www.film.hu"
    assert kept[2:4] == [
        f"tag:www.film.hu,2026:premiere/{premiere.id}/{name}"
        for name in ("announced", f"moved/{change_id}")
    ]


def test_calendar_has_no_method(app: TestApp) -> None:
    """RFC 5545, 3.7.2: the Content-Type would have to name the same one."""
    response = app.get("/premieres.ics")
    assert "METHOD" not in response.text
    assert "method" not in response.headers["Content-Type"]


def test_time_of_the_feed_grows_when_a_premiere_is_reinstated(
    app: TestApp, dbsession: Session, movie: Movie
) -> None:
    announced, cancelled = (datetime(2020, 1, day, tzinfo=UTC) for day in (1, 2))
    premiere = make_premiere(dbsession, movie, THURSDAY, announced_at=announced, cancelled_at=None)
    times = []
    for cancelled_at in (None, cancelled, None):
        premiere.cancelled_at = cancelled_at
        dbsession.commit()
        root = ET.fromstring(app.get("/premieres.atom").body)
        times.append(datetime.fromisoformat(root.findtext("a:updated", "", namespaces=ATOM)))
    assert announced == times[0] < times[1] <= times[2]


def test_news_state_the_dates_of_their_time(app: TestApp, dbsession: Session, movie: Movie) -> None:
    premiere = make_premiere(
        dbsession, movie, days(1), announced_at=datetime(2026, 6, 1, tzinfo=UTC)
    )
    for number, day in enumerate((days(30), days(60))):
        move_premiere(dbsession, premiere, day, at=datetime(2026, 7, 1 + number, tzinfo=UTC))
    dbsession.commit()
    assert [(each["title"], each["updated"][:10]) for each in entries(app)] == [
        ("Dűne; 3, rész: új dátum, 2026. október 19.", "2026-07-02"),
        ("Dűne; 3, rész: új dátum, 2026. szeptember 19.", "2026-07-01"),
        ("Dűne; 3, rész: 2026. augusztus 21.", "2026-06-01"),
    ]
    summaries = [each["summary"] for each in entries(app, "/en/premieres.atom")]
    assert "19 September" in summaries[0]
    assert "21 August" in summaries[1]


def test_each_calendar_has_its_kinds_and_name(
    app: TestApp, dbsession: Session, movie: Movie
) -> None:
    make_premiere(dbsession, movie, THURSDAY)
    make_premiere(dbsession, movie, days(1), kind=PremiereKind.FESTIVAL)
    make_premiere(dbsession, movie, days(90), service="MUBI")
    dbsession.commit()
    assert len(Calendar.from_ical(app.get("/premieres-cinema.ics").body).walk("VEVENT")) == 2
    assert list(events(app, "/premieres-streaming.ics")) == ["Dűne; 3, rész (MUBI)"]
    names = {
        str(Calendar.from_ical(app.get(f"/premieres{part}.ics").body)["x-wr-calname"])
        for part in ("", "-cinema", "-streaming")
    }
    assert len(names) == 3
    app.get("/premieres-.ics", status=404)
    app.get("/premieres-other.ics", status=404)


def test_calendar_has_recent_and_future_premieres(app: TestApp, dbsession: Session) -> None:
    opening = {"long ago": days(-40), "of late": days(-28), "to come": days(700)}
    for title, day in opening.items():
        make_premiere(dbsession, make_movie(dbsession, title), day)
    month = make_movie(dbsession, "a month")
    make_premiere(dbsession, month, date(2026, 12, 1), precision=DatePrecision.MONTH)
    make_premiere(dbsession, make_movie(dbsession, "hidden", published=False))
    dbsession.commit()
    assert list(events(app)) == ["of late", "to come"]


def test_calendar_has_refresh_interval(app: TestApp) -> None:
    text = app.get("/premieres.ics").text
    assert "REFRESH-INTERVAL;VALUE=DURATION:PT12H\r\n" in text
    assert "X-PUBLISHED-TTL:PT12H\r\n" in text
    assert f"URL:{BASE_URL}/premieres.ics\r\n" in text


def test_feed_has_latest_news_first(app: TestApp, dbsession: Session, movie: Movie) -> None:
    first, second, third = (
        make_premiere(
            dbsession, movie, days(number), announced_at=datetime(2026, 6, number, tzinfo=UTC)
        )
        for number in (1, 2, 3)
    )
    move_premiere(dbsession, first, days(30))  # the change is of the first of August
    second.cancelled_at = NOW
    dbsession.commit()
    found = entries(app)
    assert [(each["title"], each["updated"][:10]) for each in found] == [
        ("Dűne; 3, rész: elmarad", "2026-08-20"),
        ("Dűne; 3, rész: új dátum, 2026. szeptember 19.", "2026-08-01"),
        ("Dűne; 3, rész: 2026. augusztus 23.", "2026-06-03"),
        ("Dűne; 3, rész: 2026. augusztus 22.", "2026-06-02"),
        ("Dűne; 3, rész: 2026. augusztus 21.", "2026-06-01"),
    ]
    assert len({each["id"] for each in found}) == 5
    assert found[2]["id"] == f"tag:moziweb,2026:premiere/{third.id}/announced"
    assert {each["link"] for each in found} == {f"{BASE_URL}/movie/{movie.id}-dune"}
    assert entries(app, "/en/premieres.atom")[0]["title"] == "Dune: cancelled"


def test_news_that_disappears_between_two_queries_is_left_out(
    dbsession: Session, movie: Movie
) -> None:
    """On PostgreSQL, each query sees what others have committed before it."""
    premiere = make_premiere(dbsession, movie, days(1))
    make_premiere(dbsession, make_movie(dbsession, "Marad"), days(1))
    move_premiere(dbsession, premiere, days(8))

    def found_if_written(statement: Executable, before: int) -> tuple[News, ...]:
        number = 0

        def write_in_between(_state: ORMExecuteState) -> None:
            nonlocal number
            number += 1
            if number == before:
                dbsession.connection().execute(statement)

        event.listen(dbsession, "do_orm_execute", write_in_between)
        with dbsession.begin_nested() as savepoint:
            found = latest_news(dbsession, [], 60)
            savepoint.rollback()
        event.remove(dbsession, "do_orm_execute", write_in_between)
        assert number == 5
        return found

    withdraw = update(Movie).where(Movie.id == movie.id).values(published=False)
    for statement, least in ((withdraw, 1), (delete(PremiereChange), 2)):
        for before in range(1, 6):
            found = found_if_written(statement, before)
            assert least <= len(found) <= 3
            assert "Marad" in {each.listing.movie.title for each in found}


def test_past_premieres_are_no_news(app: TestApp, dbsession: Session, movie: Movie) -> None:
    make_premiere(dbsession, movie, date(1999, 3, 4), announced_at=NOW)
    make_premiere(dbsession, movie, date(2027, 1, 1), precision=DatePrecision.YEAR)
    make_premiere(dbsession, make_movie(dbsession, published=False))
    dbsession.commit()
    assert [each["title"] for each in entries(app)] == ["Dűne; 3, rész: 2027"]


def test_feed_links_itself_and_its_page(app: TestApp) -> None:
    """Also without any news."""
    root = ET.fromstring(app.get("/en/premieres.atom").body)
    links = {link.attrib["rel"]: link.attrib["href"] for link in root.findall("a:link", ATOM)}
    assert links == {"self": f"{BASE_URL}/en/premieres.atom", "alternate": f"{BASE_URL}/en/"}
    for name in ("id", "title", "updated", "author/a:name"):
        assert root.findtext(f"a:{name}", namespaces=ATOM), name
    assert root.findtext("a:updated", namespaces=ATOM) == "2026-08-20T00:00:00+02:00"


def test_illegal_characters_are_removed_from_feeds(app: TestApp, dbsession: Session) -> None:
    title = "<b>&amp; \x07\x1b\ufffe\n\r\nBEGIN:VALARM 𝔐"
    make_premiere(dbsession, make_movie(dbsession, title, slug="odd"))
    dbsession.commit()
    (summary,) = events(app)
    assert "\x07" not in summary
    assert "BEGIN:VALARM 𝔐" in summary
    assert entries(app)[0]["title"].startswith("<b>&amp; ")
    assert not Calendar.from_ical(app.get("/premieres.ics").body).walk("VALARM")


def test_pages_link_feeds_in_their_language(app: TestApp) -> None:
    for path, prefix in (("/", "/"), ("/en/undated", "/en/"), ("/nincs", "/")):
        html = app.get(path, status="*").html
        links = {
            link["type"]: link["href"] for link in html.find_all("link", type=True, rel="alternate")
        }
        assert links == {
            "application/atom+xml": f"{prefix}premieres.atom",
            "text/calendar": f"{prefix}premieres.ics",
        }
        for url in links.values():
            app.get(url, status=200)


@pytest.mark.parametrize("movies", [1, 30])
def test_number_of_queries_is_constant(
    app: TestApp, dbsession: Session, query_counter: QueryCounter, movies: int
) -> None:
    for number in range(movies):
        premiere = make_premiere(dbsession, make_movie(dbsession), days(number), service="MUBI")
        move_premiere(dbsession, premiere, days(number + 1))
    dbsession.commit()
    for path, count in (
        ("/premieres.ics", 6), ("/premieres.atom", 5), ("/premieres.ics?kind=streaming", 6),
        ("/premieres.ics?service=mubi", 7), ("/premieres.atom?service=mubi", 6),
    ):  # fmt: skip
        with query_counter(services_of(app.app.registry).database.engine) as statements:
            app.get(path)
        assert len(statements) == count, path


@pytest.fixture
def cached(settings: dict[str, str], movies: Movies) -> Iterator[TestApp]:
    with site(settings | CACHED) as app:
        warm(app, movies, feeds)
        assert not cache_misses(app, movies, feeds)
        yield app


def test_write_invalidates_feeds_that_show_it(cached: TestApp, movies: Movies) -> None:
    def move(session: Session) -> None:
        premiere = session.query(Premiere).filter_by(movie_id=movies.ahead).one()
        move_premiere(session, premiere, week_here().shifted(6).thursday)

    write(cached, move)
    assert cache_misses(cached, movies, feeds) >= {"ics", "news", "map_year"}
    assert not cache_misses(cached, movies, feeds)
    write(cached, lambda session: setattr(session.get_one(Movie, movies.here), "runtime", 90))
    assert "map_year" not in cache_misses(cached, movies, feeds)
    write(cached, lambda session: session.add(Movie(title="Új", original_title="Új", slug="uj")))
    of_some_movies = {"ics_mine", "ics_movie", "ics_person", "news_movie"}
    others = {"map_year", "map_pages", "map_people", "map_distributors"} | of_some_movies
    assert cache_misses(cached, movies, feeds) == set(feeds(movies)) - others


@pytest.fixture
def filled(dbsession: Session) -> None:
    cinema = make_movie(dbsession, "Mozi", rating=Rating.AGE_12)
    add_genres(dbsession, cinema, "Dráma/Drama")
    make_premiere(dbsession, cinema, audio=Audio.BOTH, formats=("IMAX",))
    home = make_movie(dbsession, "Otthon", rating=Rating.AGE_16)
    add_genres(dbsession, home, "Vígjáték/Comedy")
    make_premiere(dbsession, home, days(1), service="MUBI")
    dbsession.commit()


@pytest.mark.usefixtures("filled")
def test_calendars_and_news_are_filtered(app: TestApp) -> None:
    assert len(events(app)) == 2
    for query, title in (
        ("genre=drama", "Mozi"), ("kind=streaming", "Otthon (MUBI)"), ("rating=12", "Mozi"),
        ("service=mubi", "Otthon (MUBI)"), ("audio=subtitled", "Mozi"), ("format=IMAX", "Mozi"),
        ("genre=vigjatek&kind=streaming", "Otthon (MUBI)"),
    ):  # fmt: skip
        assert list(events(app, f"/premieres.ics?{query}")) == [title], query
        (entry,) = entries(app, f"/premieres.atom?{query}")
        assert entry["title"].startswith(title.partition(" ")[0]), query
    assert not events(app, "/premieres-cinema.ics?kind=streaming")


def test_past_premieres_do_not_displace_coming_ones(app: TestApp, dbsession: Session) -> None:
    past = make_movie(dbsession, "Volt")
    for number in range(1, MAX_EVENTS + 51):
        make_premiere(dbsession, past, days(-number))
    for number in range(1, 4):
        make_premiere(dbsession, make_movie(dbsession, f"Lesz {number}"), days(7 * number))
    dbsession.commit()
    text = app.get("/premieres.ics?past=730").text
    starts = re.findall("DTSTART.*:([0-9]{8})", text)
    assert len(starts) == MAX_EVENTS
    assert starts == sorted(starts)
    assert starts[0] == f"{days(3 - MAX_EVENTS):%Y%m%d}", "the oldest ones are left out"
    assert [f"Lesz {number}" in text for number in (1, 2, 3)] == [True] * 3


def test_far_premieres_do_not_displace_near_ones(
    app: TestApp, dbsession: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (-2, -1, 1, 2, 3):
        make_premiere(dbsession, make_movie(dbsession, f"Hét {number}"), days(7 * number))
    dbsession.commit()
    monkeypatch.setattr(views, "MAX_EVENTS", 2)
    assert list(events(app)) == ["Hét 1", "Hét 2"]
    monkeypatch.setattr(views, "MAX_EVENTS", 4)
    assert list(events(app)) == ["Hét -1", "Hét 1", "Hét 2", "Hét 3"]


@pytest.mark.usefixtures("filled")
def test_filtered_feeds_have_names_and_ids_of_their_own(app: TestApp) -> None:
    path = "/en/premieres.ics?genre=drama&rating=12"
    text = app.get(path).text
    assert "X-WR-CALNAME:Drama\\, Age rating: 12 · Film premieres in Hungary\r\n" in text
    assert f"URL:{BASE_URL}{path}\r\n" in text.replace("\r\n ", "")
    ids = set()
    for query in ("", "?genre=drama", "?genre=drama&rating=12", "?genre=vigjatek"):
        root = ET.fromstring(app.get(f"/premieres.atom{query}").body)
        ids.add(root.findtext("a:id", namespaces=ATOM))
        self_link = root.find("a:link[@rel='self']", ATOM)
        assert self_link is not None
        assert self_link.attrib["href"] == f"{BASE_URL}/premieres.atom{query}"
    assert len(ids) == 4


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("path", ["/premieres.ics", "/en/premieres-cinema.ics", "/premieres.atom"])
def test_unknown_value_of_a_filter_is_404_and_named(app: TestApp, path: str) -> None:
    for query in ("genre=nincs", "kind=Cinema", "rating=13", "service=x", "audio=both"):
        assert query.partition("=")[2] in app.get(f"{path}?{query}", status=404).text
    many = "audio=dubbed&format=2D&genre=drama&kind=cinema"
    assert "3" in app.get(f"{path}?{many}", status=404).text


def test_calendar_has_a_range_of_days(app: TestApp, dbsession: Session) -> None:
    for number in (-40, -28, -1, 0, 30, 31):
        make_premiere(dbsession, make_movie(dbsession, f"{number}"), days(number))
    dbsession.commit()
    for query, titles in (
        ("past=0", ["0", "30", "31"]), ("past=1", ["-1", "0", "30", "31"]),
        ("future=30", ["-28", "-1", "0", "30"]),
        ("future=30&past=40", ["-40", "-28", "-1", "0", "30"]),
    ):  # fmt: skip
        assert list(events(app, f"/premieres.ics?{query}")) == titles, query


def test_event_has_genres_synopsis_link_and_picture(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(
        dbsession, "Dűne", slug="dune", synopsis="Első\n\nmásodik. " + "szó " * 200,
        synopsis_en="English.",
    )  # fmt: skip
    add_genres(dbsession, movie, "Dráma/Drama", "Sci-fi, fantasy/Sci-fi")
    source = add_poster(dbsession, movie)
    make_premiere(dbsession, movie)
    dbsession.commit()
    (event,) = events(app).values()
    assert list(event["categories"].cats) == ["Dráma", "Sci-fi, fantasy"]
    lines = str(event["description"]).splitlines()
    assert lines[1].startswith("Első második. szó")
    assert lines[1].endswith("szó…")
    assert len(lines[1]) <= 300
    assert lines[-1] == str(event["url"]) == f"{BASE_URL}/movie/{movie.id}-dune"
    picture = f"{BASE_URL}/poster/{movie.id}-dune.{source.id}.thumb.jpg"
    assert event["image"] == event["attach"] == picture
    assert event["image"].params == {"VALUE": "URI", "DISPLAY": "BADGE", "FMTTYPE": "image/jpeg"}
    (english,) = events(app, "/en/premieres.ics").values()
    assert list(english["categories"].cats) == ["Drama", "Sci-fi"]
    assert "English." in str(english["description"])


def test_reminder_is_optional(app: TestApp, dbsession: Session, movie: Movie) -> None:
    make_premiere(dbsession, movie)
    make_premiere(dbsession, movie, days(3), cancelled_at=NOW)
    dbsession.commit()
    assert "VALARM" not in app.get("/premieres.ics").text
    calendar = Calendar.from_ical(app.get("/premieres.ics?remind=1d").body)
    alarms: list[Any] = calendar.walk("VALARM")
    (alarm,) = alarms  # none for what is cancelled
    assert alarm["trigger"].dt == timedelta(hours=-15)
    assert (alarm["action"], str(alarm["description"])) == ("DISPLAY", "Dűne; 3, rész")


@pytest.mark.usefixtures("filled")
def test_calendar_is_cached_for_a_day_if_it_has_a_range_of_days(
    settings: dict[str, str],
) -> None:
    with site(settings | CACHED) as app:
        routes = page_cache_of(app.app.registry).routes
        for query, longest in (
            ("past=1", 86_400),
            ("future=1", 86_400),
            ("kind=cinema", 7 * 86_400),
        ):
            location = routes.location_of(f"/premieres.ics?{query}")
            assert location is not None
            assert 0 < location.until - time.time() <= longest + 3600  # a day of 25 hours
