"""An editor's day in Chromium: import a week, correct a title, add a poster, move a premiere."""

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
from .manager_site import ManagerSite, rendered_again, running_manager_site
from .page_log import PageLog, broken_images, click_link, scroll_to_end, violations_of
from .test_accessibility import ALL, violations

SOON = 60_000
"""Milliseconds for fetching movies and generating pictures on a busy machine."""

DRAMA = [{"id": 18, "name": "Dráma"}]

EVERYWHERE = {"index", "english", "week", "month", "api", "drama", "mine"}
"""The pages that show the movie under test."""

NAMED = EVERYWHERE | {"movie"}
"""And that of its neighbour in the week, which links it."""


@pytest.fixture
def tmdb() -> Iterator[TmdbServer]:
    """A TMDB server that throttles, breaks off, sends odd fields and lacks a movie."""
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
def manager(migrated_sqlite: Path, tmp_path: Path, tmdb: TmdbServer) -> Iterator[ManagerSite]:
    with running_manager_site(migrated_sqlite, tmp_path, tmdb) as manager:
        yield manager


def test_the_whole_working_day(manager: ManagerSite, tmdb: TmdbServer, open_page: OpenPage) -> None:
    page = open_page()
    watch = PageLog.attach(page)
    manager.sign_in(page)

    fill_the_week(page, manager)
    asked = [each.at for each in tmdb.requests if each.path == "/3/discover/movie"]
    assert asked[1] - asked[0] >= 1  # as Retry-After demanded

    movie = open_movie(page, manager, "Hamupipőke")
    more = {"mine": f"/movie/{movie}-hamupipoke", "drama": "/genre/drama"}

    # Correct a title: exactly the previewed pages are rendered again.
    manager.settle()
    manager.warm(**more)
    page.get_by_label("Cím", exact=True).fill("Hamupipőke, a mesebeli")
    expect(page.locator("#affected a", has_text="/movie/").first).to_be_attached()
    promised = set(page.locator("#affected .paths a").all_text_contents())
    before = manager.states(**more)
    page.get_by_role("button", name="Mentés", exact=True).last.click()
    expect(page.get_by_role("status")).to_contain_text("Mentve.")
    rendered = rendered_again(before, manager.states(**more))
    assert rendered == NAMED
    assert {(pages(manager.movies) | more)[name] for name in rendered} == promised
    assert "Hamupipőke, a mesebeli" in index(manager)

    # Preview and save a poster: again exactly those pages.
    click_link(page, ".tabs a:not([aria-current])")
    expect(page.locator("strong", has_text="kész")).to_be_visible(timeout=SOON)  # from TMDB
    page.get_by_label("Képfájl").set_input_files(
        {"name": "plakát.jpg", "mimeType": "image/jpeg", "buffer": encoded(quarters(400, 600))}
    )
    click_link(page, "button[value=upload]")
    scroll_to_end(page)
    assert page.locator(".variants img").count() == len(RECIPES)
    assert broken_images(page) == []
    more["mine"] = f"/movie/{movie}-hamupipoke-a-mesebeli"
    manager.warm(**more)
    before, shown = manager.states(**more), pictures_of(manager, movie)
    click_link(page, "button[value=save]")
    _tmdbs, ours = manager.posters(movie)
    expect(page.locator(f"#state-{ours.id} strong")).to_have_text("kész", timeout=SOON)
    manager.settle()
    assert rendered_again(before, manager.states(**more)) == EVERYWHERE
    assert pictures_of(manager, movie)
    assert not pictures_of(manager, movie) & shown

    # Move the premiere to another week: both weeks change, the others do not.
    manager.warm(**more)
    before = manager.states(**more)
    page.goto(f"{manager.url}/manager/movies/{movie}")
    page.locator("[name=premieres-0-date]").fill(week_here().shifted(20).thursday.isoformat())
    page.get_by_label("Miért változik").fill("torlódás")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status")).to_contain_text("Mentve.")
    rendered = rendered_again(before, manager.states(**more))
    assert {"week", "empty", "mine", "movie"} <= rendered
    assert not rendered & {"ahead", "other", "undated", "genre"}

    # The audit log has all changes, with the refreshed pages.
    page.goto(f"{manager.url}/manager/audit")
    page.locator("tbody summary").first.click()
    expect(page.locator(f"tbody a[href='{more['mine']}']").first).to_be_visible()
    assert violations(page, ALL) == []

    page.get_by_role("button", name="Kijelentkezés").click()
    expect(page.get_by_text("Kijelentkezett.")).to_be_visible()
    page.goto(f"{manager.url}/manager/movies/{movie}")
    expect(page.get_by_role("heading", name="Bejelentkezés")).to_be_visible()
    assert violations_of(page) == []
    # Navigation aborts requests that are still open.
    assert watch.errors == []


def fill_the_week(page: Page, manager: ManagerSite) -> None:
    """Imports this week from TMDB, with warnings for odd fields and the missing movie."""
    week = week_here()
    page.goto(f"{manager.url}/manager/imports")
    ask(page, week.start, week.end)
    expect(page.get_by_text("választásra vár")).to_be_visible(timeout=SOON)
    for title in ("Hamupipőke", "Furcsa film"):
        expect(page.get_by_role("row", name=title)).to_contain_text("új")
    missing = page.get_by_role("row", name="TMDB 1003")
    expect(missing).to_contain_text("nem importálható")
    expect(missing).to_contain_text("A TMDB-n nincs ilyen film")
    page.get_by_label("Az új filmek kerüljenek ki azonnal").check()
    page.get_by_role("button", name="Minden változás importálása").click()
    expect(page.get_by_text("elkészült")).to_be_visible(timeout=SOON)


def ask(page: Page, first: date, last: date) -> None:
    page.get_by_label("Ettől").fill(first.isoformat())
    page.get_by_label("Eddig").fill(last.isoformat())
    page.locator("button[value=premieres]").click()


def open_movie(page: Page, manager: ManagerSite, title: str) -> int:
    """Searches a movie in the list and opens it; returns its id."""
    page.goto(f"{manager.url}/manager/movies?q={title}")
    click_link(page, f"tbody a:has-text('{title}')")
    return int(page.url.rpartition("/")[2])


def index(manager: ManagerSite) -> str:
    """The public index as served now."""
    with urllib.request.urlopen(manager.url, timeout=30) as answer:
        return str(answer.read().decode())


def pictures_of(manager: ManagerSite, movie: int) -> set[str]:
    """The stored pictures of a movie on the index."""
    return set(re.findall(rf"poster/{movie}-[^\s\"]+", index(manager)))
