"""The operator's whole working day in a real browser: a week imported, mended, pictured, moved."""

import re
import urllib.request
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from moziweb.posters.recipes import RECIPES
from tests.movies.importers.tmdb_world import a_movie
from tests.posters.pictures import encoded, quarters
from tests.services.tmdb import TmdbServer, not_found, rate_limited, truncated
from tests.services.tmdb_movies import release
from tests.site.cached import pages, week_here

from .conftest import OpenPage
from .looking import Watch, broken_pictures, follow, see_whole, violations_of
from .manager_site import Desk, running_desk, served_anew
from .test_accessibility import ALL, violations

SOON = 60_000
"""Milliseconds within which films are fetched and pictures made, with both processors busy."""

DRAMA = [{"id": 18, "name": "Dráma"}]

EVERYWHERE = {"index", "english", "week", "month", "api", "drama", "mine"}
"""The pages that show the film that the day is about."""


@pytest.fixture
def tmdb() -> Iterator[TmdbServer]:
    """TMDB on a bad day: it asks for patience, breaks off, has odd fields, and misses a film."""
    day = week_here().thursday.isoformat()
    with TmdbServer() as server:
        server.add(a_movie(1, release(day), title="Hamupipőke", genres=DRAMA))
        odd = {"poster_path": None, "overview": "", "runtime": 0, "release_date": ""}
        server.add(a_movie(2, release(day), title="Furcsa film", genres=DRAMA, **odd))
        server.add(a_movie(3, release(day), title="Nincs meg"))
        server.answer_next("/3/discover/movie", rate_limited(1))
        server.answer_next("/3/movie/1001", truncated())
        server.answer_next("/3/movie/1003", not_found())
        yield server


@pytest.fixture
def desk(migrated_sqlite: Path, tmp_path: Path, tmdb: TmdbServer) -> Iterator[Desk]:
    with running_desk(migrated_sqlite, tmp_path, tmdb) as desk:
        yield desk


def test_the_whole_working_day(desk: Desk, tmdb: TmdbServer, open_page: OpenPage) -> None:
    page = open_page()
    watch = Watch.over(page)
    desk.sign_in(page)

    fill_the_week(page, desk)
    asked = [each.at for each in tmdb.requests if each.path == "/3/discover/movie"]
    assert asked[1] - asked[0] >= 1  # the second that Retry-After asked for

    movie = open_movie(page, desk, "Hamupipőke")
    more = {"mine": f"/movie/{movie}-hamupipoke", "drama": "/genre/drama"}

    # A title is mended: exactly the pages that were promised are fresh at once.
    desk.settle()
    desk.warm(**more)
    page.get_by_label("Cím", exact=True).fill("Hamupipőke, a mesebeli")
    expect(page.locator("#effects a", has_text="/movie/").first).to_be_attached()
    promised = set(page.locator("#effects .paths a").all_text_contents())
    before = desk.states(**more)
    page.get_by_role("button", name="Mentés", exact=True).last.click()
    expect(page.get_by_role("status")).to_contain_text("Mentve.")
    anew = served_anew(before, desk.states(**more))
    assert anew == EVERYWHERE
    assert {(pages(desk.movies) | more)[name] for name in anew} == promised
    assert "Hamupipőke, a mesebeli" in index(desk)

    # A poster is looked at, then saved: again those pages and no others.
    follow(page, ".tabs a:not([aria-current])")
    expect(page.locator("strong", has_text="kész")).to_be_visible(timeout=SOON)  # TMDB's picture
    page.get_by_label("Képfájl").set_input_files(
        {"name": "plakát.jpg", "mimeType": "image/jpeg", "buffer": encoded(quarters(400, 600))}
    )
    follow(page, "button[value=upload]")
    see_whole(page)
    assert page.locator(".variants img").count() == len(RECIPES)
    assert broken_pictures(page) == []
    more["mine"] = f"/movie/{movie}-hamupipoke-a-mesebeli"
    desk.warm(**more)
    before, shown = desk.states(**more), pictures_of(desk, movie)
    follow(page, "button[value=save]")
    _tmdbs, ours = desk.posters(movie)
    expect(page.locator(f"#state-{ours.id} strong")).to_have_text("kész", timeout=SOON)
    desk.settle()
    assert served_anew(before, desk.states(**more)) == EVERYWHERE
    assert pictures_of(desk, movie)
    assert not pictures_of(desk, movie) & shown

    # The premiere goes to another week: both weeks change, the others do not.
    desk.warm(**more)
    before = desk.states(**more)
    page.goto(f"{desk.url}/manager/movies/{movie}")
    page.locator("[name=premieres-0-date]").fill(week_here().shifted(20).thursday.isoformat())
    page.get_by_label("Miért változik").fill("torlódás")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status")).to_contain_text("Mentve.")
    anew = served_anew(before, desk.states(**more))
    assert {"week", "empty", "mine"} <= anew
    assert not anew & {"ahead", "movie", "other", "undated", "genre"}

    # All of it is in the audit, with the pages that it refreshed.
    page.goto(f"{desk.url}/manager/audit")
    page.locator("tbody summary").first.click()
    expect(page.locator(f"tbody a[href='{more['mine']}']").first).to_be_visible()
    assert violations(page, ALL) == []

    page.get_by_role("button", name="Kijelentkezés").click()
    expect(page.get_by_text("Kijelentkezett.")).to_be_visible()
    page.goto(f"{desk.url}/manager/movies/{movie}")
    expect(page.get_by_role("heading", name="Bejelentkezés")).to_be_visible()
    assert violations_of(page) == []
    # A page that is left lets go of what it was still loading.
    assert [each for each in watch.errors if not each.startswith("failed: ")] == []


def fill_the_week(page: Page, desk: Desk) -> None:
    """Import this week from TMDB: what is odd is told, what is missing too, the rest comes in."""
    week = week_here()
    page.goto(f"{desk.url}/manager/imports")
    ask(page, week.start, week.end)
    expect(page.get_by_text("választásra vár")).to_be_visible(timeout=SOON)
    for title in ("Hamupipőke", "Furcsa film"):
        expect(page.get_by_role("row", name=title)).to_contain_text("új")
    missing = page.get_by_role("row", name="TMDB 1003")
    expect(missing).to_contain_text("nem importálható")
    expect(missing).to_contain_text("A TMDB-n nincs ilyen film")
    page.get_by_role("button", name="Minden változás importálása").click()
    expect(page.get_by_text("elkészült")).to_be_visible(timeout=SOON)


def ask(page: Page, first: date, last: date) -> None:
    page.get_by_label("Ettől").fill(first.isoformat())
    page.get_by_label("Eddig").fill(last.isoformat())
    page.locator("button[value=premieres]").click()


def open_movie(page: Page, desk: Desk, title: str) -> int:
    """Find a film in the list and open it; its id."""
    page.goto(f"{desk.url}/manager/movies?q={title}")
    follow(page, f"tbody a:has-text('{title}')")
    return int(page.url.rpartition("/")[2])


def index(desk: Desk) -> str:
    """The public index, as a visitor gets it now."""
    with urllib.request.urlopen(desk.url, timeout=30) as answer:
        return str(answer.read().decode())


def pictures_of(desk: Desk, movie: int) -> set[str]:
    """The stored pictures of a film that the index shows."""
    return set(re.findall(rf"poster/{movie}-[^\s\"]+", index(desk)))
