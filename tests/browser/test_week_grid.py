"""A week's grid in Chromium: keys of a sheet, pasted cells, posters by the names of files."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Dialog, FilePayload, Locator, Page, expect
from sqlalchemy import select

from moziweb.movies.models import Movie
from moziweb.posters.models import PosterSource
from moziweb.services import services_of
from tests.posters.pictures import encoded, quarters
from tests.site.cached import week_here

from .conftest import OpenPage
from .manager_site import NAME, PASSWORD, ManagerSite, running_manager_site
from .page_log import PageLog, violations_of
from .test_accessibility import ALL, violations
from .test_movie_form import questions

WEEK: Final = week_here().shifted(10)
GRID: Final = f"/manager/week/{WEEK.name}/grid"

GOOD: Final[FilePayload] = {
    "name": "jó.jpg", "mimeType": "image/jpeg", "buffer": encoded(quarters(40, 60)),
}  # fmt: skip

MOST_LOADS: Final = 20
"""Page loads for twelve movies with posters; movie by movie it took 83 loads and 2,284 keys."""

TITLES: Final = (
    "Hamupipőke", "Csillagközi", "A per", "Éjféli járat", "Otthon, édes", "Tűzgyújtók",
    "Kis herceg", "Az utolsó", "Nyári eső", "Vadon", "Délibáb", "Hó alatt",
)  # fmt: skip
FILES: Final = (
    "hamupipoke_plakat.jpg", "CSILLAGKÖZI B1.jpg", "a-per.jpg", "ejfeli jarat (2).jpg",
    "Otthon, édes.jpg", "tuzgyujtok-hu.jpg", "KIS_HERCEG.jpg", "az utolsó.jpg", "nyari-eso.jpg",
    "vadon.jpg", "delibab_final.jpg", "ho alatt.jpg",
)  # fmt: skip


@pytest.fixture(scope="module")
def manager(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ManagerSite]:
    with running_manager_site(migrated_sqlite, tmp_path_factory.mktemp("grid")) as manager:
        yield manager


@pytest.fixture
def own(migrated_sqlite: Path, tmp_path: Path) -> Iterator[ManagerSite]:
    """A site of the test's own."""
    with running_manager_site(migrated_sqlite, tmp_path) as manager:
        yield manager


def opened(manager: ManagerSite, open_page: OpenPage, *size: int, path: str = GRID) -> Page:
    page = open_page(*size, color_scheme="light", permissions=["clipboard-read", "clipboard-write"])
    manager.enter(page)
    page.goto(manager.url + path)
    return page


def cell(page: Page, row: int, name: str) -> Locator:
    return page.locator(f"#rows-{row}-{name}")


def values(page: Page, name: str, rows: int) -> list[str]:
    return [cell(page, row, name).input_value() for row in range(rows)]


def paste(page: Page, at: Locator, text: str) -> None:
    """Pastes a text by the keyboard, as it was copied from a spreadsheet."""
    page.evaluate("(text) => navigator.clipboard.writeText(text)", text)
    at.focus()
    page.keyboard.press("Control+V")


def save(page: Page) -> None:
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")


def stored(manager: ManagerSite, model: Any) -> list[Any]:
    with services_of(manager.registry).database.read() as session:
        return list(session.scalars(select(model).order_by(model.id)))


def drop(page: Page, names: tuple[str, ...]) -> None:
    """Drops pictures with these names on the form of the posters."""
    files = [
        [name, base64.b64encode(encoded(quarters(40 + number, 60))).decode()]
        for number, name in enumerate(names)
    ]
    transfer = page.evaluate_handle(
        """(files) => {
          const transfer = new DataTransfer();
          for (const [name, text] of files) {
            const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
            transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
          }
          return transfer;
        }""",
        files,
    )
    page.locator("form[data-posters]").dispatch_event("drop", {"dataTransfer": transfer})


class Keyboard:
    """Counts the keys that an editor presses."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.keys = 0

    def type(self, text: str) -> None:
        self.keys += len(text)
        self._page.keyboard.type(text)

    def press(self, key: str) -> None:
        self.keys += 1
        self._page.keyboard.press(key)


def test_twelve_movies_with_posters_take_few_page_loads(
    own: ManagerSite, open_page: OpenPage, capsys: pytest.CaptureFixture[str]
) -> None:
    page = open_page(color_scheme="light")
    loads: list[str] = []
    page.on("load", lambda loaded: loads.append(loaded.url))
    watch, keyboard = PageLog.attach(page), Keyboard(page)
    page.goto(f"{own.url}/manager/sign-in")
    page.get_by_label("Név").fill(NAME)
    page.get_by_label("Jelszó").fill(PASSWORD)
    with page.expect_navigation(wait_until="networkidle"):
        keyboard.press("Enter")
    keyboard.keys += len(NAME + PASSWORD)
    page.goto(own.url + GRID, wait_until="networkidle")

    # Column by column, as in a sheet.
    cell(page, 0, "title").focus()
    for title in TITLES:
        keyboard.type(title)
        keyboard.press("Enter")
    cell(page, 0, "distributor").focus()
    for _title in TITLES:
        keyboard.type("Fórum")
        keyboard.press("Enter")
    with page.expect_navigation(wait_until="networkidle"):
        keyboard.press("Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("Mentve.")

    drop(page, FILES)
    chosen = page.locator("[name^=picture-]")
    assert chosen.evaluate_all("(all) => all.filter((each) => each.files.length).length") == 12
    with page.expect_navigation(wait_until="networkidle"):
        page.get_by_role("button", name="A plakátok mentése").click()
    expect(page.get_by_role("status").first).to_contain_text("A plakátokat elmentettük")

    made = {movie.title: movie.id for movie in stored(own, Movie) if movie.title in TITLES}
    assert len(made) == 12
    posters = {each.movie_id: each.file_name for each in stored(own, PosterSource) if each.chosen}
    assert [posters[made[title]] for title in TITLES] == list(FILES)
    assert len(loads) <= MOST_LOADS
    with capsys.disabled():
        print(f"\n12 movies with posters: {len(loads)} loads, {keyboard.keys} keys")  # noqa: T201
    assert violations_of(page) == []
    assert watch.errors == []


def test_cells_of_a_spreadsheet_fill_rows_and_columns(
    own: ManagerSite, open_page: OpenPage
) -> None:
    page = opened(own, open_page)
    first, second = f"{WEEK.start:%Y.%m.%d.}", WEEK.end.isoformat()
    rows = [
        ["Első", first, "Mozi", "Fórum"],
        ["Második", second, "Streaming", "", "Netflix"],
        ['"Idézett ""szó""\nkét sorban"', "", "Fesztivál", "Vertigo"],
        *([f"Film {number}", "", "", "Fórum"] for number in range(4, 21)),
    ]
    paste(page, cell(page, 0, "title"), "\r\n".join("\t".join(row) for row in rows) + "\r\n")
    expect(page.locator("[data-sheet-status]")).to_have_text("Beillesztve: 20 sor.")
    assert values(page, "title", 4) == ["Első", "Második", 'Idézett "szó" két sorban', "Film 4"]
    assert values(page, "date", 3) == [first, second, ""]
    assert cell(page, 1, "service").input_value() == "Netflix"
    assert cell(page, 19, "distributor").input_value() == "Fórum"  # rows were added
    # A single text is pasted as usual, into the middle of a text, too.
    cell(page, 0, "runtime").fill("1")
    paste(page, cell(page, 0, "runtime"), "20")
    expect(cell(page, 0, "runtime")).to_have_value("120")
    expect(page.locator("#affected")).to_contain_text("Ez a forgalmazó új")
    save(page)
    expect(page.get_by_role("status").first).to_contain_text("Mentve.")
    titles = [movie.title for movie in stored(own, Movie)]
    assert len(titles) == 23
    assert 'Idézett "szó" két sorban' in titles
    page.keyboard.press("Control+Home")
    # A column is pasted over what is there; the rows are those of the database now.
    paste(page, cell(page, 0, "rating"), "12\n16\n")
    assert values(page, "rating", 3) == ["12", "16", ""]
    save(page)
    assert [movie.rating for movie in stored(own, Movie)].count("16") == 1


def test_quotes_of_pasted_cells_are_kept(manager: ManagerSite, open_page: OpenPage) -> None:
    page = opened(manager, open_page)
    rows = [
        ['"Hamlet', "Fórum"], ['"Szerelem" és más', "Vertigo"], ['"Csend"', ""],
        ['"Két\nsor"', '"egy\tkettő"'], ['"""Nagy"" film"', 'vége"'], ["Utolsó", ""],
    ]  # fmt: skip
    paste(page, cell(page, 0, "original_title"), "\r\n".join("\t".join(row) for row in rows))
    assert values(page, "original_title", 7) == [
        '"Hamlet', '"Szerelem" és más', '"Csend"', "Két sor", '"Nagy" film', "Utolsó", "",
    ]  # fmt: skip
    assert values(page, "rating", 6) == ["Fórum", "Vertigo", "", "egy kettő", 'vége"', ""]


def test_paste_is_undone_by_a_key_and_by_a_button(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    page = opened(manager, open_page)
    button = page.get_by_role("button", name="Beillesztés visszavonása")
    expect(button).to_be_hidden()
    cell(page, 0, "title").fill("Megvolt")
    paste(page, cell(page, 0, "title"), "Rossz\tFórum\nhely\t")
    assert values(page, "title", 2) == ["Rossz", "hely"]
    page.keyboard.press("Control+Z")
    assert values(page, "title", 2) == ["Megvolt", ""]
    expect(page.locator("[data-sheet-status]")).to_have_text(
        "A cellák olyanok, mint a beillesztés előtt."
    )
    expect(button).to_be_hidden()
    # What was typed since stays; the key undoes it, as in any other field.
    paste(page, cell(page, 0, "title"), "Rossz\tFórum\nhely\t")
    cell(page, 1, "title").press_sequentially("!")
    page.keyboard.press("Control+Z")
    assert values(page, "title", 2) == ["Rossz", "hely"]
    cell(page, 1, "title").fill("Kézzel")
    button.click()
    assert values(page, "title", 2) == ["Megvolt", "Kézzel"]
    assert cell(page, 0, "date").input_value() == ""
    expect(cell(page, 0, "title")).to_be_focused()


def test_rows_that_do_not_fit_are_announced(manager: ManagerSite, open_page: OpenPage) -> None:
    page = opened(manager, open_page)
    paste(page, cell(page, 0, "title"), "\n".join(f"Film {number}" for number in range(203)))
    expect(page.locator("[data-sheet-status]")).to_have_text(
        "Beillesztve: 200 sor. Nem fért el és kimaradt: 3 sor."
    )
    expect(page.locator("[data-sheet-rows] tr")).to_have_count(200)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("", "Beillesztve: 2 sor. Nem fért el és kimaradt: 3 cella."),
        ("/en", "Pasted: 2 rows. Cells that do not fit and are left out: 3."),
    ],
)
def test_cells_beyond_the_last_column_are_announced(
    manager: ManagerSite, open_page: OpenPage, language: str, text: str
) -> None:
    page = opened(manager, open_page, path=language + GRID)
    rows = ["IMAX", "", "", "", "túl", "", "messze"], ["2D", "", "", "", "", "itt is", " "]
    paste(page, cell(page, 0, "formats"), "\n".join("\t".join(row) for row in rows))
    expect(page.locator("[data-sheet-status]")).to_have_text(text)
    assert values(page, "formats", 3) == ["IMAX", "2D", ""]


def test_keys_move_as_in_a_sheet(manager: ManagerSite, open_page: OpenPage) -> None:
    page = opened(manager, open_page)
    keys = page.keyboard
    cell(page, 0, "title").focus()
    keys.type("Egy")
    keys.press("Enter")
    expect(cell(page, 1, "title")).to_be_focused()
    keys.press("ArrowDown")
    expect(cell(page, 2, "title")).to_be_focused()
    keys.press("ArrowUp")
    keys.press("Shift+Enter")
    expect(cell(page, 0, "title")).to_be_focused()
    assert page.evaluate("getSelection().toString()") == "Egy"  # typing replaces it
    keys.press("Tab")
    expect(cell(page, 0, "date")).to_be_focused()
    keys.press("Shift+Tab")
    keys.press("ArrowUp")
    expect(cell(page, 0, "title")).to_be_focused()
    # Beyond the last row there is another one.
    cell(page, 11, "distributor").focus()
    keys.press("ArrowDown")
    expect(cell(page, 12, "distributor")).to_be_focused()
    expect(cell(page, 12, "distributor")).to_have_value("")
    assert (
        page.get_by_role("textbox", name="Forgalmazó 13")
        .or_(page.get_by_role("combobox", name="Forgalmazó 13"))
        .is_visible()
    )
    # While suggestions are shown, the arrow keys are theirs.
    keys.type("F")
    keys.press("ArrowDown")
    expect(cell(page, 12, "distributor")).to_be_focused()


def test_more_rows_are_added_without_a_request(manager: ManagerSite, open_page: OpenPage) -> None:
    page = opened(manager, open_page)
    cell(page, 0, "title").fill("Megmarad")
    before = page.url
    page.get_by_role("button", name="Több üres sor").click()
    expect(page.locator("[data-sheet-rows] tr")).to_have_count(24)
    expect(cell(page, 12, "title")).to_be_focused()
    assert cell(page, 12, "title").input_value() == ""
    assert (page.url, cell(page, 0, "title").input_value()) == (before, "Megmarad")
    ids = page.locator("[id]").evaluate_all("(all) => all.map((each) => each.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("language", ["", "/en"])
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_grid_is_accessible_empty_refused_and_saved(
    manager: ManagerSite, open_page: OpenPage, language: str, width: int, height: int
) -> None:
    empty = WEEK.shifted(1 + width % 7 + 10 * len(language))  # a week for each case
    path = f"{language}/manager/week/{empty.name}/grid"
    page = opened(manager, open_page, width, height, path=path)
    assert violations(page, ALL) == []
    cell(page, 0, "title").fill("Új film")
    cell(page, 1, "date").fill("holnap")
    save(page)
    expect(page.locator("#error-summary")).to_be_focused()
    assert violations(page, ALL) == []
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(cell(page, 1, "title")).to_be_focused()
    assert cell(page, 1, "date").input_value() == "holnap"
    cell(page, 1, "date").fill("")
    save(page)
    expect(page.locator(".saved-films a")).to_have_text("Új film")
    assert violations(page, ALL) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, ["color-contrast"]) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("language", ["", "/en"])
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_preview_of_a_draft_is_accessible(
    manager: ManagerSite, open_page: OpenPage, language: str, width: int, height: int
) -> None:
    with services_of(manager.registry).database.write() as session:
        session.get_one(Movie, manager.movies.ahead).published = False
    page = opened(manager, open_page, width, height, path=language + GRID)
    watch = PageLog.attach(page)
    page.goto(f"{manager.url}{language}/manager/movies/{manager.movies.ahead}")
    page.get_by_role("link", name="Preview" if language else "Előnézet").click()
    expect(page.locator(".preview-bar")).to_be_visible()
    expect(page.locator("h1")).to_have_text("Majd jön")
    assert violations(page, ALL) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, ["color-contrast"]) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations_of(page) == []
    assert watch.errors == []


def test_grid_works_without_scripts(own: ManagerSite, open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    own.sign_in(page)
    page.goto(own.url + GRID)
    cell(page, 0, "title").fill("Szkript nélkül")
    page.get_by_role("button", name="Mit frissít?", exact=True).click()
    expect(page.locator("#affected")).to_contain_text("mentés semmit sem frissít")
    page.get_by_role("button", name="Több üres sor").click()
    expect(page.locator("[data-sheet-rows] tr")).to_have_count(24)
    cell(page, 0, "title").press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Mentve.")
    page.get_by_label("Szkript nélkül").first.set_input_files(
        {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": encoded(quarters(40, 60))}
    )
    page.get_by_role("button", name="A plakátok mentése").click()
    expect(page.get_by_role("status").first).to_contain_text("A plakátokat elmentettük")


def test_files_without_a_film_and_wrong_files_are_named(
    own: ManagerSite, open_page: OpenPage
) -> None:
    page = opened(own, open_page)
    cell(page, 0, "title").fill("Vadon")
    cell(page, 1, "title").fill("A vadon szava")
    save(page)
    drop(page, ("a-vadon-szava.jpg", "vadon.jpg", "valami más.jpg"))
    expect(page.locator("[data-posters-status]")).to_contain_text("valami más.jpg")
    chosen = page.locator("[name^=picture-]").evaluate_all(
        "(all) => Object.fromEntries(all.map((each) => [each.dataset.titles, each.files[0]?.name]))"
    )
    assert chosen == {
        "Vadon|Vadon": "vadon.jpg",
        "A vadon szava|A vadon szava": "a-vadon-szava.jpg",
    }
    page.locator("[name^=picture-]").first.set_input_files(
        {"name": "rossz.jpg", "mimeType": "image/jpeg", "buffer": b"<html>"}
    )
    page.get_by_role("button", name="A plakátok mentése").click()
    wrong, right = page.locator("[name^=picture-]").first, page.locator("[name^=picture-]").last
    expect(wrong).to_be_focused()
    expect(wrong).to_have_attribute("aria-invalid", "true")
    error = page.locator(f"#{wrong.get_attribute('id')}-errors")
    expect(error).to_contain_text("rossz.jpg: ")
    assert violations(page, ALL) == []
    # The other one is saved; the wrong one can be replaced, but not by one that is too large.
    assert right.evaluate("(field) => field.files.length") == 0
    files = [each.file_name for each in stored(own, PosterSource) if each.file_name]
    assert len(files) == 1
    page.evaluate("document.querySelector('[data-posters]').dataset.most = 5")
    wrong.set_input_files({"name": "nagy.jpg", "mimeType": "image/jpeg", "buffer": b"x" * 9})
    expect(error).to_contain_text("nagy.jpg: A fájl túl nagy")
    page.evaluate("document.querySelector('[data-posters]').dataset.most = 15000000")
    wrong.set_input_files(GOOD)
    expect(error).to_be_hidden()
    with page.expect_navigation():
        page.get_by_role("button", name="A plakátok mentése").click()
    expect(page.get_by_role("status").first).to_contain_text("A plakátokat elmentettük")
    files = [each.file_name for each in stored(own, PosterSource) if each.file_name]
    assert len(files) == 2


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("", "A filmje már kapott egyet ezek közül a képek közül"),
        ("/en", "Its film has another of these pictures"),
    ],
)
def test_second_file_of_a_film_is_named(
    manager: ManagerSite, open_page: OpenPage, language: str, text: str
) -> None:
    week = WEEK.shifted(3 + len(language))
    page = opened(manager, open_page, path=f"{language}/manager/week/{week.name}/grid")
    cell(page, 0, "title").fill("Kettős")
    save(page)
    drop(page, ("kettos-1.jpg", "valami más.jpg", "kettos-2.jpg", "kettos-3.jpg"))
    report = page.locator("[data-posters-status]")
    expect(report).to_contain_text("valami más.jpg. ")
    expect(report).to_contain_text(text)
    expect(report).to_contain_text(": kettos-2.jpg, kettos-3.jpg.")
    field = page.locator("[name^=picture-]")
    assert field.evaluate("(field) => field.files[0].name") == "kettos-1.jpg"
    assert violations(page, ALL) == []
    # A later drop replaces it.
    drop(page, ("kettos-2.jpg",))
    expect(report).to_be_empty()
    assert field.evaluate("(field) => field.files[0].name") == "kettos-2.jpg"


def test_poster_of_a_film_deleted_since_then_is_an_error_at_its_row(
    own: ManagerSite, open_page: OpenPage
) -> None:
    page = opened(own, open_page)
    cell(page, 0, "title").fill("Elvész")
    cell(page, 1, "title").fill("Marad")
    save(page)
    lost, kept = page.locator("[name^=picture-]").first, page.locator("[name^=picture-]").last
    lost.set_input_files(GOOD)
    kept.set_input_files(GOOD)
    with services_of(own.registry).database.write() as session:
        session.delete(session.scalars(select(Movie).where(Movie.title == "Elvész")).one())
    page.get_by_role("button", name="A plakátok mentése").click()
    expect(lost).to_be_focused()
    error = page.locator(f"#{lost.get_attribute('id')}-errors")
    expect(error).to_have_text("jó.jpg: Ezt a filmet közben törölték.")
    assert lost.evaluate("(field) => field.files.length") == 1  # kept
    assert kept.evaluate("(field) => field.files.length") == 0  # saved
    assert len([each for each in stored(own, PosterSource) if each.file_name]) == 1


def test_wrong_file_is_named_without_scripts(own: ManagerSite, open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    own.sign_in(page)
    page.goto(own.url + GRID)
    cell(page, 0, "title").fill("Jó plakát")
    cell(page, 1, "title").fill("Rossz plakát")
    cell(page, 0, "title").press("Enter")
    page.get_by_label("Jó plakát").first.set_input_files(GOOD)
    page.get_by_label("Rossz plakát").first.set_input_files(
        {"name": "rossz.jpg", "mimeType": "image/jpeg", "buffer": b"<html>"}
    )
    page.get_by_role("button", name="A plakátok mentése").click()
    expect(page.get_by_role("alert")).to_contain_text("A többit elmentettük: 1.")
    expect(page.locator(".week-poster .errors:visible")).to_contain_text("rossz.jpg: ")
    assert len([each for each in stored(own, PosterSource) if each.file_name]) == 1


def test_typed_cells_are_left_after_a_question(manager: ManagerSite, open_page: OpenPage) -> None:
    page = opened(manager, open_page)
    asked = questions(page)
    page.get_by_role("button", name="Több üres sor").click()  # which are nothing typed
    with page.expect_navigation():
        page.locator(".week-nav a").first.click()
    assert asked == []
    cell(page, 0, "title").click()
    cell(page, 0, "title").fill("Elhagyva")
    with page.expect_navigation():
        page.locator(".week-nav a").first.click()
    assert asked == ["beforeunload"]


def test_chosen_files_are_saved_with_the_table_or_left_after_a_question(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    week = WEEK.shifted(30)
    page = opened(manager, open_page, path=f"/manager/week/{week.name}/grid")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    cell(page, 0, "title").fill("Fájllal")
    save(page)
    picture = page.locator("[name^=picture-]").first
    picture.set_input_files(GOOD)
    page.locator(".week-nav a").first.click()
    page.wait_for_function("document.querySelector('[name^=picture-]').files.length === 1")
    assert asked == ["beforeunload"]
    # Saving the table saves them first.
    cell(page, 1, "title").fill("Második")
    save(page)
    expect(page.get_by_role("status").first).to_contain_text("Mentve.")
    names = [each.file_name for each in stored(manager, PosterSource) if each.file_name]
    assert names == ["jó.jpg"]
    # Saving the files leaves the cells.
    page.locator("[name^=picture-]").last.set_input_files({**GOOD, "name": "másik.jpg"})
    cell(page, 2, "title").fill("Félkész")
    page.get_by_role("button", name="A plakátok mentése").click()
    expect(page.locator("[data-posters-status]")).to_have_text(
        "A plakátokat elmentettük, a képeik most készülnek."
    )
    assert cell(page, 2, "title").input_value() == "Félkész"
    names = [each.file_name for each in stored(manager, PosterSource) if each.file_name]
    assert names == ["jó.jpg", "másik.jpg"]
    assert asked == ["beforeunload"]


def test_typed_table_outlives_a_site_that_does_not_answer(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    week = WEEK.shifted(31)
    path = f"/manager/week/{week.name}/grid"
    page = opened(manager, open_page, path=path)
    asked = questions(page)
    lines = [f"Film {number}\t\tMozi\tCég" for number in range(20)]
    paste(page, cell(page, 0, "title"), "\n".join(lines))
    page.route(manager.url + path, lambda route: route.fulfill(status=502, body="502"))
    save(page)
    page.unroute(manager.url + path)
    page.go_back()
    expect(cell(page, 19, "title")).to_have_value("Film 19")
    assert {cell(page, row, "distributor").input_value() for row in range(20)} == {"Cég"}
    save(page)
    expect(page.locator(".saved-films a")).to_have_count(20)
    # What was saved is shown as it is now, and typed on with a new token.
    page.go_back()
    expect(page.locator("[name^=rows-][name$=-movie]")).to_have_count(20)
    cell(page, 20, "title").fill("Még egy")
    save(page)
    expect(page.locator(".saved-films a")).to_have_text(["Még egy"])
    assert asked == []
