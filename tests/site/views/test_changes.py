"""The page of the latest changes, and how long a premiere is marked as moved."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.calendar import BUDAPEST
from moziweb.movies.models import Premiere, PremiereChange
from moziweb.services import services_of
from moziweb.site.page_cache import url_inventory
from moziweb.site.page_cache.url_inventory import UrlInventory
from moziweb.site.views import changes
from tests.conftest import BASE_URL, NOW, QueryCounter
from tests.factories import THURSDAY, make_movie, make_premiere, move_premiere
from tests.registry import page_cache_of
from tests.site.cached import CACHED, now, site, week_here

JULY = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def moved(dbsession: Session) -> Premiere:
    movie = make_movie(dbsession, "Dűne", original_title="Dune")
    premiere = make_premiere(dbsession, movie, THURSDAY, announced_at=JULY)
    move_premiere(dbsession, premiere, THURSDAY + timedelta(weeks=1), at=NOW - timedelta(days=13))
    dbsession.commit()
    return premiere


def lines(app: TestApp, path: str = "/changes") -> list[list[str]]:
    """The kind, the title and the dates of each line."""
    found = app.get(path).html.select(".line")
    return [
        [" ".join(line.select_one(each).text.split()) for each in (".flag", "a", ".line-dates")]
        for line in found
    ]


def test_changes_are_listed_by_day(app: TestApp, dbsession: Session, moved: Premiere) -> None:
    movie = make_movie(dbsession, "Elmarad")
    make_premiere(dbsession, movie, announced_at=JULY, cancelled_at=NOW)
    old = make_movie(dbsession, "Régi")
    make_premiere(dbsession, old, THURSDAY - timedelta(weeks=2), announced_at=NOW)
    dbsession.commit()
    assert lines(app) == [
        ["Elmarad", "Elmarad", "2026. augusztus 20."],
        ["Új dátum", "Dűne", "Régi dátum: 2026. augusztus 20. 2026. augusztus 27."],
        ["Új", "Elmarad", "2026. augusztus 20."],
        ["Új", "Dűne", "2026. augusztus 20."],
    ]
    days = [each.text for each in app.get("/changes").html.select(".following h2")]
    assert days == ["2026. augusztus 20.", "2026. augusztus 7.", "2026. július 1."]
    assert lines(app, "/en/changes")[1][:2] == ["New date", "Dune"]


def test_every_change_is_reached(
    app: TestApp, dbsession: Session, monkeypatch: pytest.MonkeyPatch, query_counter: QueryCounter
) -> None:
    """In blocks, also those of one time and of one premiere; the inventory has each block."""
    movies = [make_movie(dbsession, f"Film {number}") for number in range(4)]
    premieres = [make_premiere(dbsession, movie, announced_at=JULY) for movie in movies]
    for premiere in premieres[:3]:
        move_premiere(dbsession, premiere, THURSDAY + timedelta(weeks=1), at=JULY)
    premieres[0].cancelled_at = premieres[1].cancelled_at = JULY
    dbsession.commit()
    whole = lines(app, "/en/changes")
    assert len(whole) == 9
    found: list[list[str]] = []
    paths = ["/en/changes"]
    for module in (changes, url_inventory):
        monkeypatch.setattr(module, "CHANGES_BLOCK", 2)
    while True:
        with query_counter(services_of(app.app.registry).database.engine) as statements:
            html = app.get(paths[-1]).html
        assert len(statements) == 5
        assert ("noindex" in html.select_one("[name=robots]")["content"]) == (len(paths) > 1)
        assert bool(html.select(".kicker a[href='/en/changes']")) == (len(paths) > 1)
        other = paths[-1].removeprefix("/en")
        assert html.select_one("a.language")["href"] == other
        found += lines(app, paths[-1])
        if not (link := html.select_one("a[rel=next]")):
            break
        paths.append(link["href"])
    assert found == whole
    assert len(paths) == 5
    inventory = [url.path for url in UrlInventory.of(app.app.registry)]
    assert [path for path in inventory if path.startswith("/en/changes")] == paths


def test_position_of_a_change_stays_valid(app: TestApp, dbsession: Session) -> None:
    """It redirects to the next change after it, or to the first ones."""
    movies = [make_movie(dbsession, title) for title in ("Első", "Második")]
    first, second = (make_premiere(dbsession, movie, announced_at=JULY) for movie in movies)
    dbsession.commit()

    def path(premiere: Premiere) -> str:
        return f"/changes?from=announced-{int(JULY.timestamp())}000000-{premiere.id}"

    assert [title for _kind, title, _dates in lines(app, path(second))] == ["Második", "Első"]
    former = path(second)
    second.announced_at = JULY - timedelta(days=1)
    dbsession.commit()
    assert app.get(former, status=302).location == BASE_URL + path(first)
    dbsession.delete(first)
    dbsession.delete(second)
    dbsession.commit()
    assert app.get(path(first), status=302).location == f"{BASE_URL}/changes"
    for wrong in (
        "", "x", "announced-1", "removed-1-1", "moved-01-1", "moved--1-1", f"moved-{10**17}-1",
        "moved-1-0", f"moved-1-{2**31}",
    ):  # fmt: skip
        app.get("/changes", params={"from": wrong}, status=404)


def test_no_changes(app: TestApp) -> None:
    assert "Mostanában semmi sem változott" in app.get("/changes").text


def pages_of(premiere: Premiere) -> tuple[str, str]:
    return "/week/2026-W35", f"/movie/{premiere.movie_id}-dune"


def test_moved_premiere_shows_its_old_date_for_14_days(
    app: TestApp, dbsession: Session, moved: Premiere
) -> None:
    for path in pages_of(moved):
        html = app.get(path).html
        (was,) = html.select(".film-was")
        assert was.text == "(korábban: 2026. augusztus 20.)"
        assert "visually-hidden" not in str(was)
        assert html.select(".flag-moved")
    dbsession.query(PremiereChange).one().changed_at -= timedelta(days=1)
    dbsession.commit()
    for path in pages_of(moved):
        html = app.get(path).html
        assert not html.select(".film-was, .flag-moved")
    assert "Korábban: 2026. augusztus 20." in html.select_one(".history").text


@pytest.fixture
def cached(settings: dict[str, str]) -> Iterator[TestApp]:
    with site(settings | CACHED) as app:
        yield app


def test_cached_pages_lose_the_mark_in_time(cached: TestApp, dbsession: Session) -> None:
    """The cards and the page of a movie expire when the mark has to go."""
    movie = make_movie(dbsession, "Dűne", slug="dune")
    premiere = make_premiere(dbsession, movie, week_here().thursday)
    at = now() - timedelta(days=13)
    move_premiere(dbsession, premiere, week_here().next.thursday, at=at)
    dbsession.commit()
    last = at.astimezone(BUDAPEST).date() + timedelta(days=13)
    ends = datetime.combine(last + timedelta(days=1), time(), BUDAPEST).timestamp()
    for path in (f"/week/{week_here().next.name}", f"/movie/{movie.id}-dune"):
        assert "film-was" in cached.get(path).text
        assert cached.get(path).headers["X-Cache"] in {"hit", "l1"}
        entry = page_cache_of(cached.app.registry).routes.stored([path])[path]
        assert entry.expires <= ends
