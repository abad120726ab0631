"""A movie's posters in Chromium: drop, choose, fetch, preview, focus, regenerate."""

import base64
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Position, expect

from moziweb.posters.models import PosterSource
from moziweb.posters.recipes import RECIPES
from moziweb.services import services_of
from tests.factories import make_movie
from tests.posters.pictures import encoded, photograph, quarters
from tests.services.tmdb import TmdbServer, html_as_jpeg

from .conftest import OpenPage
from .manager_site import ManagerSite, running_manager_site
from .page_log import PageLog, box, broken_images, click_link, scroll_to_end, violations_of
from .test_accessibility import ALL, LOOKS, is_accessible, violations
from .test_keyboard import tab_to

READY = 30_000
"""Milliseconds for generating pictures on a busy machine."""


@pytest.fixture(scope="module")
def pictures() -> Iterator[TmdbServer]:
    """A server of pictures on loopback."""
    with TmdbServer() as server:
        yield server


@pytest.fixture(scope="module")
def manager(
    migrated_sqlite: Path, pictures: TmdbServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ManagerSite]:
    """A site that generates posters in the background, also of that server's pictures."""
    with running_manager_site(
        migrated_sqlite, tmp_path_factory.mktemp("posters"), pictures
    ) as manager:
        yield manager


@pytest.fixture
def movie(manager: ManagerSite) -> int:
    """Another movie without a poster, whose page is cached."""
    with services_of(manager.registry).database.write() as session:
        movie = make_movie(session, "Kép nélkül")
    address = f"{manager.url}/movie/{movie.id}-{movie.slug}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        assert answer.status == 200
    return movie.id


def posters_of(manager: ManagerSite, movie: int) -> str:
    return f"{manager.url}/manager/movies/{movie}/posters"


def at_posters(manager: ManagerSite, page: Page, movie: int) -> PageLog:
    """Signs in and opens a movie's posters."""
    manager.enter(page)
    watch = PageLog.attach(page)
    # Intercept file choosers from now on: a listener added at the key press may be too late.
    page.on("filechooser", lambda _chooser: None)
    page.goto(posters_of(manager, movie))
    return watch


def drop(page: Page, name: str, data: bytes) -> None:
    """Drops a file on the form."""
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
    """Presses a button of a form and waits for the navigation."""
    click_link(page, f"{within} button[value={do}]")


def upload(page: Page, manager: ManagerSite, movie: int, data: bytes, do: str) -> None:
    """Chooses a file, previews and saves it."""
    page.goto(posters_of(manager, movie))
    page.get_by_label("Képfájl").set_input_files(
        {"name": "plakát.jpg", "mimeType": "image/jpeg", "buffer": data}
    )
    press(page, "upload")
    press(page, do)


def state_of(source: PosterSource) -> str:
    return f"#state-{source.id} strong"


def quiet(page: Page, watch: PageLog) -> None:
    """Asserts that the page had no errors, except for requests that navigation aborted."""
    assert violations_of(page) == []
    assert watch.errors == []


def test_dropped_picture_is_previewed_before_saving(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    movie = manager.movies.ahead
    page = open_page(color_scheme="light")
    watch = at_posters(manager, page, movie)
    expect(page.locator("[data-drop-hint]")).to_be_visible()
    with page.expect_navigation():
        drop(page, "ejtve.jpg", encoded(quarters(800, 1200)))
    expect(page.get_by_text("ejtve.jpg")).to_be_visible()

    # All variants are shown, and nothing is saved.
    scroll_to_end(page)
    assert page.locator(".variants img").count() == len(RECIPES)
    assert broken_images(page) == []
    assert manager.posters(movie) == []
    is_accessible(page)

    # A click sets the focal point, and the square variant follows.
    expect(page.get_by_text("Fókuszpont: 50 %, 50 %")).to_be_visible()
    square = page.locator(".square img").get_attribute("src")
    with page.expect_navigation():
        page.locator(".spot").click(position={"x": 148, "y": 14})  # of 185×278
    expect(page.get_by_text("Fókuszpont: 80 %, 5 %")).to_be_visible()
    assert page.locator(".square img").get_attribute("src") != square

    press(page, "save")
    (source,) = manager.posters(movie)
    assert (source.focal_x, source.focal_y) == (0.8, 0.05)
    # The state updates without a reload.
    page.evaluate("window.still = true")
    expect(page.locator(state_of(source))).to_have_text("kész", timeout=READY)
    expect(page.locator(f"#pictures-{source.id} img")).to_have_count(len(RECIPES))
    expect(page.locator(f"#spot-{source.id} .spot")).to_be_attached()
    assert page.evaluate("window.still")
    quiet(page, watch)


def test_small_square_picture_is_saved_with_its_warnings_and_has_a_thumbnail(
    manager: ManagerSite, open_page: OpenPage, movie: int
) -> None:
    page = open_page(390, 844, color_scheme="light")
    watch = at_posters(manager, page, movie)
    data = encoded(quarters(300, 300))
    page.get_by_label("Képfájl").set_input_files(
        {"name": "négyzet (2).jpg", "mimeType": "image/jpeg", "buffer": data}
    )
    press(page, "upload")
    warnings = [
        "A kép 300 képpont széles. 780 alatt nagy kijelzőn életlennek látszik.",
        "A kép nem plakát alakú (2:3): 300×300.",
    ]
    expect(page.locator(".warnings li")).to_have_text(warnings)
    press(page, "save")
    (source,) = manager.posters(movie)
    expect(page.locator(f"#warnings-{source.id} li")).to_have_text(warnings)
    panel = page.locator(f"section[aria-labelledby=source-{source.id}]")
    expect(panel.get_by_text("négyzet (2).jpg")).to_be_visible()
    expect(page.locator(state_of(source))).to_have_text("kész", timeout=READY)
    thumbnail = page.locator(f"#thumbnail-{source.id} img")
    expect(thumbnail).to_be_visible()
    page.wait_for_function("(image) => image.naturalWidth > 0", arg=thumbnail.element_handle())
    assert violations(page, ALL) == []
    quiet(page, watch)


def test_unusable_file_is_reported_at_once(manager: ManagerSite, open_page: OpenPage) -> None:
    page = open_page()
    watch = at_posters(manager, page, manager.movies.undated)
    field = page.get_by_label("Képfájl")
    limit = int(field.get_attribute("data-most") or 0)
    with page.expect_file_chooser() as chooser:
        field.click()
    chooser.value.set_files({"name": "nagy.jpg", "mimeType": "image/jpeg", "buffer": b"x" * 9})
    assert field.evaluate("(field) => field.checkValidity()")
    # A file that is too large is not sent, so a small limit is enough for the test.
    field.evaluate("(field) => { field.dataset.most = 8; }")
    before = len(watch.requests)
    with page.expect_file_chooser() as chooser:
        field.click()
    chooser.value.set_files({"name": "nagy.jpg", "mimeType": "image/jpeg", "buffer": b"x" * 10})
    message = field.evaluate("(field) => field.validationMessage")
    assert message == f"A fájl túl nagy. Legfeljebb {limit // 1_000_000} MB."
    page.locator("button[value=upload]").click()
    assert len(watch.requests) == before

    field.set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"<html>"})
    press(page, "upload")
    expect(page.get_by_role("alert")).to_contain_text("nem kép")
    assert violations_of(page) == []


def test_fetched_picture_is_previewed_and_chosen(
    manager: ManagerSite, pictures: TmdbServer, open_page: OpenPage, movie: int
) -> None:
    page = open_page()
    watch = at_posters(manager, page, movie)
    upload(page, manager, movie, encoded(quarters(400, 600)), "save")
    page.get_by_label("A kép címe").fill(f"{pictures.address}/t/p/original/masik.jpg")
    press(page, "url")
    scroll_to_end(page)
    assert page.locator(".variants img").count() == len(RECIPES)
    assert broken_images(page) == []
    press(page, "add")  # keeps the current poster
    first, second = manager.posters(movie)
    for source in (first, second):
        expect(page.locator(state_of(source))).to_have_text("kész", timeout=READY)
    assert (first.chosen, second.chosen) == (True, False)
    assert pictures.paths().count("/t/p/original/masik.jpg") == 1  # for the preview

    # The affected pages are shown before choosing.
    other = f"section[aria-labelledby=source-{second.id}]"
    press(page, "effects", other)
    expect(page.locator(f"{other} .affected")).to_contain_text("/movie/")
    assert [each.chosen for each in manager.posters(movie)] == [True, False]
    press(page, "choose", other)
    expect(page.locator(f"#source-{second.id}")).to_contain_text("a plakát")
    assert [each.chosen for each in manager.posters(movie)] == [False, True]

    # Regenerate one source, then all: the page updates live, and ticked boxes stay ticked.
    press(page, "again", f"section[aria-labelledby=source-{first.id}]")
    page.locator(f"{other} input[type=checkbox]").check()
    expect(page.locator(state_of(first))).to_have_text("kész", timeout=READY)
    expect(page.locator(f"{other} input[type=checkbox]")).to_be_checked()
    press(page, "all-again")
    for source in (first, second):
        expect(page.locator(state_of(source))).to_have_text("kész", timeout=READY)
    quiet(page, watch)


def test_url_without_a_picture_is_explained(
    manager: ManagerSite, pictures: TmdbServer, open_page: OpenPage
) -> None:
    pictures.answer_next("/t/p/oldal.jpg", html_as_jpeg())
    page = open_page()
    at_posters(manager, page, manager.movies.undated)
    for name, words in (("missing.jpg", "A megadott címen nincs kép."), ("oldal.jpg", "nem kép")):
        page.get_by_label("A kép címe").fill(f"{pictures.address}/t/p/{name}")
        press(page, "url")
        expect(page.get_by_role("alert")).to_contain_text(words)
        assert page.get_by_label("A kép címe").input_value().endswith(name)
    assert violations(page, ALL) == []


def test_a_poster_is_uploaded_by_keyboard_alone(
    manager: ManagerSite, open_page: OpenPage, movie: int
) -> None:
    page = open_page()
    watch = at_posters(manager, page, movie)
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
    (source,) = manager.posters(movie)
    assert (source.focal_x, source.focal_y) == (0.25, 0.75)
    expect(page.locator(state_of(source))).to_have_text("kész", timeout=READY)
    quiet(page, watch)


def test_failure_message_is_accessible(manager: ManagerSite, open_page: OpenPage) -> None:
    page = open_page(color_scheme="light")
    at_posters(manager, page, manager.movies.here)
    (source,) = manager.posters(manager.movies.here)
    expect(page.locator(state_of(source))).to_contain_text("nem sikerült", timeout=READY)
    expect(page.locator(f"#state-{source.id}")).to_contain_text("A megadott címen nincs kép.")
    assert violations(page, ALL) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, LOOKS) == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert violations(page, LOOKS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def by_key(page: Page, selector: str) -> None:
    """Focuses a button with Tab and presses it."""
    tab_to(page, selector)
    with page.expect_navigation():
        page.keyboard.press("Enter")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_focal_point_is_exact_by_mouse_and_by_keys(
    manager: ManagerSite, open_page: OpenPage, movie: int, width: int, height: int
) -> None:
    page = open_page(width, height)
    watch = at_posters(manager, page, movie)
    page.get_by_label("Képfájl").set_input_files(
        {"name": "plakát.jpg", "mimeType": "image/jpeg", "buffer": encoded(quarters(800, 1200))}
    )
    press(page, "upload")
    for x, y in ((50, 50), (97, 3), (2, 98), (31, 64)):
        click_at(page, x, y)
        expect(page.get_by_text(f"Fókuszpont: {x} %, {y} %")).to_be_visible()
        assert marker_of(page) == pytest.approx((x, y), abs=0.5)

    # Arrow keys move the marker and the numbers; Enter saves.
    spot = page.locator(".spot")
    spot.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowLeft"):
        spot.press(key)
    assert (number(page, "x"), number(page, "y")) == (23, 63)
    assert marker_of(page) == pytest.approx((23, 63), abs=0.5)
    page.locator("[name=y]").fill("20")
    assert marker_of(page) == pytest.approx((23, 20), abs=0.5)
    spot.focus()
    with page.expect_navigation():
        spot.press("Enter")
    expect(page.get_by_text("Fókuszpont: 23 %, 20 %")).to_be_visible()
    assert violations(page, ALL) == []
    press(page, "discard")
    quiet(page, watch)


def test_click_without_scripts_is_as_exact(
    manager: ManagerSite, open_page: OpenPage, movie: int
) -> None:
    page = open_page(390, 844, java_script_enabled=False)
    at_posters(manager, page, movie)
    page.get_by_label("Képfájl").set_input_files(
        {"name": "plakát.jpg", "mimeType": "image/jpeg", "buffer": encoded(quarters(800, 1200))}
    )
    press(page, "upload")
    for x, y in ((50, 50), (97, 3)):
        click_at(page, x, y)
        shown = page.locator(".focal").locator("xpath=../summary").text_content() or ""
        found = [int(each) for each in re.findall(r"\d+", shown)]
        assert found == pytest.approx([x, y], abs=1)


def click_at(page: Page, x: float, y: float) -> None:
    """Clicks the picture at a share of its width and height, in per cent."""
    frame = box(page, ".spot")
    place: Position = {"x": frame["width"] * x / 100, "y": frame["height"] * y / 100}
    with page.expect_navigation():
        page.locator(".spot").click(position=place)


def marker_of(page: Page) -> tuple[float, float]:
    """The centre of the marker on the picture, in per cent."""
    mark, frame = box(page, ".focal-mark circle"), box(page, ".spot")
    centre = mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2
    x, y = centre[0] - frame["x"], centre[1] - frame["y"]
    return 100 * x / frame["width"], 100 * y / frame["height"]


def number(page: Page, name: str) -> int:
    return int(page.locator(f"[name={name}]").input_value())
