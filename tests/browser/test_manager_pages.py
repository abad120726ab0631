"""axe finds nothing on any page of the manager: both languages, a light desktop, a dark phone.

Pages are read from the routes of the application, so a new page is checked, too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import APIResponse, Browser, Page
from pyramid.interfaces import IRoutesMapper

from tests.manager.test_access import VALUES
from tests.movies.importers.test_row_accounting import LISTS
from tests.posters.pictures import encoded, quarters
from tests.threads import join_threads

from .manager_site import PASSWORD, ManagerSite, running_manager_site
from .page_log import PageLog, violations_of
from .test_accessibility import ALL, violations
from .test_names import add_twin

NO_PAGES: Final = {
    "manager.name_suggestions": "JSON",
    "manager.movie_poster_preview": "a picture",
    "manager.sign_in": "needs no session; in test_pages_are_accessible_in_both_languages",
}
"""Routes for GET that are not checked here."""

STATES: Final = (
    "/manager/movies?q=nincs+ilyen",
    "/manager/movies/new?copy={movie}",
    "/manager/names?kind=service",
    "/manager/names/genre/1",
    "/manager/names/service/1",
    "/manager/delete/person/{other}",
    "/manager/bulk/1",
    "/manager/set-password?{link}",
    "/manager/settings?show=set",
    "/manager/nothing",
)
"""Pages that are another state of a route, or of none."""

SIZES: Final[tuple[tuple[Literal["light", "dark"], int, int], ...]] = (
    ("light", 1280, 900),
    ("dark", 390, 844),
)

PHONES: Final = ((390, 844), (360, 640))

COVERED: Final = """(place) => {
  // The rows of the screen that the header and what stays while the page moves cover.
  const everything = [...document.querySelectorAll("body *")];
  const tops = () => everything.map((each) => each.getBoundingClientRect().top);
  const at = document.documentElement.scrollHeight * place;
  scrollTo(0, at + 40);
  const moved = [scrollY, tops()];
  scrollTo(0, at);
  const still = tops();
  const stays = (each, number) => scrollY === moved[0]
    ? getComputedStyle(each).position === "fixed"
    : still[number] === moved[1][number];
  const parts = [...everything.filter(stays), ...document.querySelectorAll(".masthead")];
  const rows = new Set();
  for (const part of parts) {
    const box = part.getBoundingClientRect();
    if (!box.width || !part.checkVisibility()) continue;
    const last = Math.min(innerHeight, box.bottom);
    for (let row = Math.max(0, Math.round(box.top)); row < last; row++) rows.add(row);
  }
  return rows.size;
}"""


@dataclass(frozen=True)
class Walk:
    """A page of a user who is signed in, and the values of the paths of what there is."""

    page: Page
    manager: ManagerSite
    log: PageLog
    values: dict[str, dict[str, str]]
    """By route; those of "" are for all other routes."""

    def paths(self) -> Iterator[str]:
        """A path of each page of the manager, in Hungarian."""
        registry = self.manager.registry
        mapper = registry.getUtility(IRoutesMapper)
        for each in registry.introspector.get_category("views") or ():
            view = each["introspectable"]
            name = view["route_name"] or ""
            is_get = name.startswith("manager.") and "GET" in view["request_methods"]
            if is_get and name not in NO_PAGES:
                values = self.values[""] | self.values.get(name, {})
                yield mapper.get_route(name).generate({**values, "locale": ""})
        for state in STATES:
            yield state.format_map(self.values[""])


@pytest.fixture(scope="module")
def walk(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, browser: Browser
) -> Iterator[Walk]:
    """A site with a row for each page that has one, and one browser context for all pages."""
    folder = tmp_path_factory.mktemp("pages")
    with running_manager_site(migrated_sqlite, folder) as manager:
        context = browser.new_context(
            locale="hu-HU", service_workers="block", reduced_motion="reduce"
        )
        page = context.new_page()
        log = PageLog.attach(page)
        manager.sign_in(page)
        yield Walk(page, manager, log, filled(page, manager))
        context.close()


def filled(page: Page, manager: ManagerSite) -> dict[str, dict[str, str]]:
    """Makes an import, a list, jobs, a picture, a change and a link; the values of their paths."""
    token = page.locator("[name=csrf_token]").first.get_attribute("value")

    def post(path: str, **fields: Any) -> APIResponse:
        form: dict[str, Any] = {"csrf_token": token, **fields}
        url = f"{manager.url}/manager{path}"
        return page.request.post(url, multipart=form, max_redirects=0)

    def made(path: str, **fields: Any) -> str:
        answer = post(path, **fields)
        assert answer.status == 303, answer.text()
        join_threads("import-")
        join_threads("bulk-")
        return urlsplit(answer.headers["location"]).path.rpartition("/")[2]

    def file(name: str, data: bytes) -> dict[str, Any]:
        return {"name": name, "mimeType": "application/octet-stream", "buffer": data}

    movie, draft = str(manager.movies.here), str(manager.movies.undated)
    known = file("known.csv", (LISTS / "nfd_distributor.csv").read_bytes())
    unknown = file("unknown.csv", (LISTS / "cp1250.csv").read_bytes())
    picture = file("picture.jpg", encoded(quarters()))
    twin = str(add_twin(manager))
    assert made("/bulk", do="rating", movie=movie) == "1"  # it asks for the rating
    values = {
        "": {
            **VALUES, "movie": movie, "user": "2", "kind": "person", "other": twin,
            "row": str(manager.movies.person),
            "unsaved": made(f"/movies/{movie}/posters", do="upload", file=picture),
        },
        "manager.import": {"job": made("/imports", do="file", file=known)},
        "manager.import_list": {"upload": made("/imports", do="file", file=unknown)},
        "manager.bulk_job": {"job": made("/bulk", do="unpublish", movie=movie)},
        "manager.delete": {"kind": "film", "row": movie},
    }  # fmt: skip
    made("/account/confirm", password=PASSWORD)
    added = post("/users", name="clara", role="editor")
    (values[""]["link"],) = re.findall(r"link=[\w-]+", added.text())
    made(f"/movies/{draft}/publish", do="unpublish")
    made(f"/delete/distributor/{manager.movies.distributor}", do="delete")
    page.goto(f"{manager.url}/manager/audit")
    found = page.locator("a[href$='/undo']").first.get_attribute("href")
    assert found
    values["manager.undo"] = {"entry": found.split("/")[-2]}
    return values


@pytest.mark.parametrize("language", ["hu", "en"])
def test_every_page_of_the_manager_is_accessible(walk: Walk, language: str) -> None:
    found = [
        f"{path}: {fault}"
        for path in dict.fromkeys(walk.paths())
        for fault in faults(walk, path if language == "hu" else f"/en{path}", language)
    ]
    assert found == [], "\n".join(found)


def faults(walk: Walk, path: str, language: str) -> Iterator[str]:
    """What is wrong with a page, which is loaded once and shown in all sizes."""
    page, errors = walk.page, walk.log.errors
    errors.clear()
    answer = page.goto(walk.manager.url + path)
    assert answer
    is_missing = path.endswith(("/nothing", "/set-password"))  # without a link
    if answer.status != (404 if is_missing else 200):
        yield f"status {answer.status}"
    if page.locator("html").get_attribute("lang") != language:
        yield "is in the other language"
    for colours, width, height in SIZES:
        page.emulate_media(color_scheme=colours, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": height})
        for fault in violations(page, ALL):
            yield f"{colours}: {fault}"
        for narrow in (width - 30, width):  # a phone of 360 pixels, and one of 390
            page.set_viewport_size({"width": narrow, "height": height})
            if page.evaluate("document.documentElement.scrollWidth") > narrow:
                yield f"is wider than {narrow} px"
        if width < 400:
            yield from covered(page)
    yield from violations_of(page)
    yield from (each for each in errors if "404" not in each)


def covered(page: Page) -> Iterator[str]:
    """Whether header and bars leave less than two thirds of a phone, at the top and below."""
    for width, height in PHONES:
        page.set_viewport_size({"width": width, "height": height})
        for place in (0, 0.5):
            rows = page.evaluate(COVERED, place)
            if rows > height / 3:
                yield f"header and bars cover {rows} of {height} px at {width} px"
