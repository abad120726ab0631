"""An editor's longer day in Chromium: from a distributor's list to a published week.

Before each change the editor sees the pages that it refreshes; exactly these are rendered again.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.site.cached import pages, week_here
from tests.threads import join_threads

from .conftest import OpenPage
from .manager_site import ManagerSite, rendered_again, running_manager_site
from .page_log import PageLog, violations_of
from .test_accessibility import is_accessible
from .test_imports import upload
from .test_names import add_twin
from .test_week_grid import cell, save, values

MONTHS: Final = (
    "január", "február", "március", "április", "május", "június", "július", "augusztus",
    "szeptember", "október", "november", "december",
)  # fmt: skip
SOON: Final = 60_000
"""Milliseconds for a job on a busy machine."""


@pytest.fixture
def manager(migrated_sqlite: Path, tmp_path: Path) -> Iterator[ManagerSite]:
    with running_manager_site(migrated_sqlite, tmp_path) as manager:
        yield manager
        join_threads("import-")
        join_threads("bulk-")


@dataclass
class Editor:
    """A signed-in editor, and the pages that visitors have open, by name."""

    page: Page
    manager: ManagerSite
    more: dict[str, str] = field(default_factory=dict)

    def go(self, path: str) -> None:
        """Cache all pages, and open a page of the manager."""
        self.manager.warm(**self.more)
        self.page.goto(f"{self.manager.url}/manager{path}", wait_until="networkidle")

    def promised(self) -> set[str]:
        """The paths that the panel of effects names."""
        expect(self.page.locator(".affected .paths a").first).to_be_attached(timeout=SOON)
        return set(self.page.locator(".affected .paths a").all_text_contents())

    def does(self, act: Callable[[], None]) -> set[str]:
        """Do something; return the names of the pages that were rendered again."""
        before = self.manager.states(**self.more)
        act()
        return rendered_again(before, self.manager.states(**self.more))

    def does_as_promised(self, act: Callable[[], None]) -> set[str]:
        """As ``does``: exactly the promised pages are rendered again, and there are some."""
        promised = self.promised()
        rendered = self.does(act)
        paths = self.paths()
        assert {paths[name] for name in rendered} == promised & set(paths.values())
        assert rendered
        return rendered

    def paths(self) -> Mapping[str, str]:
        return pages(self.manager.movies) | self.more

    def presses(self, button: str, shown: str) -> Callable[[], None]:
        """Press a button and wait for a text."""

        def press() -> None:
            self.page.get_by_role("button", name=button).first.press("Enter")
            expect(self.page.get_by_text(shown).first).to_be_visible(timeout=SOON)

        return press


def test_list_becomes_a_published_week(manager: ManagerSite, open_page: OpenPage) -> None:
    page = open_page(color_scheme="light")
    watch = PageLog.attach(page)
    manager.sign_in(page)
    twin, person = add_twin(manager), manager.movies.person
    editor = Editor(page, manager, {"person": f"/person/{person}-szinesz-itt-van"})
    week, thursday = week_here(), week_here().thursday
    day = f"{thursday.year}. {MONTHS[thursday.month - 1]} {thursday.day}."

    # A list in Windows-1250 becomes drafts, which no page shows.
    lines = ["Magyar cím;Bemutató;Forgalmazó;Megjegyzés"]
    lines += [f"{title};{day};Vertigo Média;Szép" for title in ("Ľaľa őre", "Őszi szél")]
    editor.go("/imports")
    upload(page, manager.url, "\n".join(lines).encode("cp1250"))
    expect(page.get_by_label("A betűk kódolása")).to_have_value("cp1250")
    page.get_by_label("Jelentése: Megjegyzés").select_option("Tartalom")
    page.get_by_role("button", name="A filmek előnézete").click()
    expect(page.get_by_text("választásra vár")).to_be_visible(timeout=SOON)
    expect(page.get_by_role("row", name="Ľaľa őre")).to_contain_text(thursday.isoformat())
    assert editor.does(editor.presses("Minden változás importálása", "elkészült")) == set()

    # Two rows of one person are merged.
    editor.go(f"/names/person/{twin}/merge/{person}")
    merging = editor.presses("Egyesítés, „Színész Itt van” marad", "szinesz ITT van")
    assert "other" in editor.does_as_promised(merging)

    # The week is filled in the grid; a cell of a published movie is wrong.
    editor.go(f"/week/{week.name}/grid")
    titles = values(page, "title", 5)
    assert {"Itt van", "Ľaľa őre", "Őszi szél"} <= set(titles)
    new = titles.index("")
    cell(page, new, "title").fill("Téli út")
    cell(page, new, "date").fill(day)
    cell(page, titles.index("Itt van"), "rating").fill("18")
    assert {"index", "week", "movie"} <= editor.does_as_promised(lambda: save(page))
    expect(page.get_by_role("status").first).to_contain_text("Mentve.")
    is_accessible(page)

    # The mistake is taken back.
    editor.go("/audit")
    entry = page.locator("tbody tr", has_text="Itt van").first
    entry.get_by_role("link", name="Visszavonás…").click()
    taken_back = editor.presses("Visszavonás", "A változtatás vissza van vonva.")
    assert {"index", "week", "movie"} <= editor.does_as_promised(taken_back)

    # The drafts are published at once.
    editor.go("/movies")
    for title in ("Ľaľa őre", "Őszi szél", "Téli út"):
        page.get_by_label(title).check()
    page.get_by_text("Több film módosítása").click()
    page.get_by_role("button", name="Közzététel", exact=True).click()
    expect(page.get_by_text("Ez 3 filmből 3 filmet módosít.")).to_be_visible(timeout=SOON)
    publishing = editor.presses("Közzététel", "Kész: 3 filmből 3 módosult.")
    assert {"index", "week", "month"} <= editor.does_as_promised(publishing)
    index = page.request.get(manager.url).text()
    assert all(title in index for title in ("Ľaľa őre", "Őszi szél", "Téli út"))

    # One of them is a duplicate; no, it is not.
    editor.go("/movies?q=Őszi")
    page.get_by_role("link", name="Őszi szél").first.click()
    page.get_by_role("link", name="Törlés").click()
    deletion = editor.presses("A lomtárba", "A lomtárba került: Őszi szél.")
    assert {"index", "week"} <= editor.does_as_promised(deletion)
    editor.go("/bin")
    page.get_by_role("button", name="Mit frissít?").click()
    restoring = editor.presses("Visszahozás", "Visszakerült: Őszi szél.")
    assert {"index", "week"} <= editor.does_as_promised(restoring)
    assert "Őszi szél" in page.request.get(manager.url).text()
    assert violations_of(page) == []
    assert watch.errors == []
