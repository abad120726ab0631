"""A film's posters in a real browser: dropped, chosen, fetched, looked at, focused, made anew."""

import base64
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from moziweb.posters.models import PosterSource
from moziweb.posters.recipes import RECIPES
from moziweb.services import services_of
from tests.factories import make_movie
from tests.posters.pictures import encoded, photograph, quarters
from tests.services.tmdb import TmdbServer, html_as_jpeg

from .conftest import OpenPage
from .looking import Watch, broken_pictures, follow, see_whole, violations_of
from .manager_site import Desk, running_desk
from .test_accessibility import ALL, LOOKS, is_accessible, violations
from .test_keyboard import tab_to

READY = 30_000
"""Milliseconds within which pictures are made, with both processors busy."""


@pytest.fixture(scope="module")
def pictures() -> Iterator[TmdbServer]:
    """A host of pictures on loopback."""
    with TmdbServer() as server:
        yield server


@pytest.fixture(scope="module")
def desk(
    migrated_sqlite: Path, pictures: TmdbServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """A desk behind which posters are made in the background, of that host's pictures, too."""
    with running_desk(migrated_sqlite, tmp_path_factory.mktemp("posters"), pictures) as desk:
        yield desk


@pytest.fixture
def movie(desk: Desk) -> int:
    """Another film, without a picture; its page is stored."""
    with services_of(desk.registry).database.write() as session:
        movie = make_movie(session, "Kép nélkül")
    address = f"{desk.url}/movie/{movie.id}-{movie.slug}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        assert answer.status == 200
    return movie.id


def posters_of(desk: Desk, movie: int) -> str:
    return f"{desk.url}/manager/movies/{movie}/posters"


def at_posters(desk: Desk, page: Page, movie: int) -> Watch:
    """Sign in and go to a film's posters."""
    desk.sign_in(page)
    watch = Watch.over(page)
    # Choosers are caught from now on: a listener that comes with the key press may come too late.
    page.on("filechooser", lambda _chooser: None)
    page.goto(posters_of(desk, movie))
    return watch


def drop(page: Page, name: str, data: bytes) -> None:
    """Drag a file over the form and let it go there."""
    transfer = page.evaluate_handle(
        """([name, text]) => {
          const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
          return transfer;
        }""",
        [name, base64.b64encode(data).decode()],
    )
    form = page.locator("form[data-drop]")
    form.dispatch_event("dragover", {"dataTransfer": transfer})
    expect(form).to_have_class("form dropping")
    form.dispatch_event("drop", {"dataTransfer": transfer})


def press(page: Page, do: str, within: str = "main") -> None:
    """Press a button of a form, and wait for where it leads."""
    follow(page, f"{within} button[value={do}]")


def upload(page: Page, desk: Desk, movie: int, data: bytes, do: str) -> None:
    """Choose a file, look at it, and save it one way or another."""
    page.goto(posters_of(desk, movie))
    page.get_by_label("Képfájl").set_input_files(
        {"name": "plakát.jpg", "mimeType": "image/jpeg", "buffer": data}
    )
    press(page, "upload")
    press(page, do)


def state_of(source: PosterSource) -> str:
    return f"#state-{source.id} strong"


def quiet(page: Page, watch: Watch) -> None:
    """Nothing went wrong in it; a page that is left lets go of what it was still loading."""
    assert violations_of(page) == []
    assert [each for each in watch.errors if not each.startswith("failed: ")] == []


def test_a_dropped_picture_is_seen_whole_before_it_is_saved(
    desk: Desk, open_page: OpenPage
) -> None:
    movie = desk.movies.ahead
    page = open_page(color_scheme="light")
    watch = at_posters(desk, page, movie)
    expect(page.locator("[data-drop-hint]")).to_be_visible()
    with page.expect_navigation():
        drop(page, "ejtve.jpg", encoded(quarters(800, 1200)))
    expect(page.get_by_text("ejtve.jpg")).to_be_visible()

    # Every variant is there to be seen, and nothing is saved.
    see_whole(page)
    assert page.locator(".variants img").count() == len(RECIPES)
    assert broken_pictures(page) == []
    assert desk.posters(movie) == []
    is_accessible(page)

    # The focal point by a click: the square that is shown follows.
    expect(page.get_by_text("Fókuszpont: 50 %, 50 %")).to_be_visible()
    square = page.locator(".square img").get_attribute("src")
    with page.expect_navigation():
        page.locator(".spot").click(position={"x": 148, "y": 14})  # of 185×278
    expect(page.get_by_text("Fókuszpont: 80 %, 5 %")).to_be_visible()
    assert page.locator(".square img").get_attribute("src") != square

    press(page, "save")
    (source,) = desk.posters(movie)
    assert (source.focal_x, source.focal_y) == (0.8, 0.05)
    # Its state is told as it changes, without the page being loaded again.
    page.evaluate("window.still = true")
    expect(page.locator(state_of(source))).to_have_text("kész", timeout=READY)
    expect(page.locator(f"#pictures-{source.id} img")).to_have_count(len(RECIPES))
    expect(page.locator(f"#spot-{source.id} .spot")).to_be_attached()
    assert page.evaluate("window.still")
    quiet(page, watch)


def test_a_file_that_is_no_use_is_told_of_at_once(desk: Desk, open_page: OpenPage) -> None:
    page = open_page()
    watch = at_posters(desk, page, desk.movies.undated)
    field = page.get_by_label("Képfájl")
    limit = int(field.get_attribute("data-most") or 0)
    with page.expect_file_chooser() as chooser:
        field.click()
    chooser.value.set_files({"name": "nagy.jpg", "mimeType": "image/jpeg", "buffer": b"x" * 9})
    assert field.evaluate("(field) => field.checkValidity()")
    # Nothing is sent of a file that is too large; to carry one through the browser is not needed.
    field.evaluate("(field) => { field.dataset.most = 8; }")
    before = len(watch.requests)
    with page.expect_file_chooser() as chooser:
        field.click()
    chooser.value.set_files({"name": "nagy.jpg", "mimeType": "image/jpeg", "buffer": b"x" * 10})
    told = field.evaluate("(field) => field.validationMessage")
    assert told == f"A fájl túl nagy. Legfeljebb {limit // 1_000_000} MB."
    page.locator("button[value=upload]").click()
    assert len(watch.requests) == before

    field.set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"<html>"})
    press(page, "upload")
    expect(page.get_by_role("alert")).to_contain_text("nem kép")
    assert violations_of(page) == []


def test_a_picture_of_another_site_is_looked_at_and_chosen(
    desk: Desk, pictures: TmdbServer, open_page: OpenPage, movie: int
) -> None:
    page = open_page()
    watch = at_posters(desk, page, movie)
    upload(page, desk, movie, encoded(quarters(400, 600)), "save")
    page.get_by_label("A kép címe").fill(f"{pictures.address}/t/p/original/masik.jpg")
    press(page, "url")
    see_whole(page)
    assert page.locator(".variants img").count() == len(RECIPES)
    assert broken_pictures(page) == []
    press(page, "add")  # beside the present poster
    first, second = desk.posters(movie)
    for source in (first, second):
        expect(page.locator(state_of(source))).to_have_text("kész", timeout=READY)
    assert (first.chosen, second.chosen) == (True, False)
    assert pictures.paths().count("/t/p/original/masik.jpg") == 1  # to be looked at

    # What choosing it would do is told before it is done.
    other = f"section[aria-labelledby=source-{second.id}]"
    press(page, "effects", other)
    expect(page.locator(f"{other} .effects")).to_contain_text("/movie/")
    assert [each.chosen for each in desk.posters(movie)] == [True, False]
    press(page, "choose", other)
    expect(page.locator(f"#source-{second.id}")).to_contain_text("a plakát")
    assert [each.chosen for each in desk.posters(movie)] == [False, True]

    # One is made anew, then all: both show it live, and nothing that is ticked is lost by it.
    press(page, "again", f"section[aria-labelledby=source-{first.id}]")
    page.locator(f"{other} input[type=checkbox]").check()
    expect(page.locator(state_of(first))).to_have_text("kész", timeout=READY)
    expect(page.locator(f"{other} input[type=checkbox]")).to_be_checked()
    press(page, "all-again")
    for source in (first, second):
        expect(page.locator(state_of(source))).to_have_text("kész", timeout=READY)
    quiet(page, watch)


def test_an_address_without_a_picture_is_refused_in_plain_words(
    desk: Desk, pictures: TmdbServer, open_page: OpenPage
) -> None:
    pictures.answer_next("/t/p/oldal.jpg", html_as_jpeg())
    page = open_page()
    at_posters(desk, page, desk.movies.undated)
    for name, words in (("missing.jpg", "A megadott címen nincs kép."), ("oldal.jpg", "nem kép")):
        page.get_by_label("A kép címe").fill(f"{pictures.address}/t/p/{name}")
        press(page, "url")
        expect(page.get_by_role("alert")).to_contain_text(words)
        assert page.get_by_label("A kép címe").input_value().endswith(name)
    assert violations(page, ALL) == []


def test_a_poster_is_uploaded_by_keyboard_alone(
    desk: Desk, open_page: OpenPage, movie: int
) -> None:
    page = open_page()
    watch = at_posters(desk, page, movie)
    tab_to(page, "input[type=file]")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    data = encoded(photograph(200, 300))
    chooser.value.set_files({"name": "kézzel.jpg", "mimeType": "image/jpeg", "buffer": data})
    by_key(page, "button[value=upload]")
    tab_to(page, "[name=x]")
    page.keyboard.type("25")
    tab_to(page, "[name=y]")
    page.keyboard.type("75")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_text("Fókuszpont: 25 %, 75 %")).to_be_visible()
    by_key(page, "button[value=save]")
    (source,) = desk.posters(movie)
    assert (source.focal_x, source.focal_y) == (0.25, 0.75)
    expect(page.locator(state_of(source))).to_have_text("kész", timeout=READY)
    quiet(page, watch)


def test_why_a_picture_failed_is_told_to_every_eye(desk: Desk, open_page: OpenPage) -> None:
    page = open_page(color_scheme="light")
    at_posters(desk, page, desk.movies.here)
    (source,) = desk.posters(desk.movies.here)
    expect(page.locator(state_of(source))).to_contain_text("nem sikerült", timeout=READY)
    expect(page.locator(f"#state-{source.id}")).to_contain_text("A megadott címen nincs kép.")
    assert violations(page, ALL) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, LOOKS) == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert violations(page, LOOKS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def by_key(page: Page, selector: str) -> None:
    """Go to a button by the tab key and press it."""
    tab_to(page, selector)
    with page.expect_navigation():
        page.keyboard.press("Enter")
