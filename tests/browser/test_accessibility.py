"""axe-core finds no violation on any kind of page, on a light desktop and on a dark phone."""

from importlib import resources
from typing import Final

import pytest
from playwright.sync_api import Page

from .conftest import OpenPage
from .page_log import click_link
from .site import EMPTY_WEEK, THIS_WEEK, Site

PATHS: Final = (
    "/",
    "/en/",
    f"/week/{THIS_WEEK.name}",
    f"/week/{EMPTY_WEEK}",
    f"/month/{THIS_WEEK.thursday:%Y-%m}",
    "/undated",
    "/about",
    "/nothing-here",
    f"/year/{THIS_WEEK.thursday.year}",
    "/years",
    "/genres",
    "/services",
    "/developers",
    "a movie with a poster",
    "a movie without one",
    "a genre",
    "a service",
    "a person",
    "a distributor",
)

LINKS: Final = {
    "a movie with a poster": (".movie:not(:has([src*=no-poster]))",),
    "a movie without one": (".movie:has([src*=no-poster])",),
    "a genre": (".movie", ".movie-category"),
    "a service": ("a[href^='/service/']",),
    "a person": (".movie", "a[href^='/person/']"),
    "a distributor": (".movie", "a[href^='/distributor/']"),
}

ALL: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# Rules whose results depend on the colour scheme or the width; the others depend on the markup.
LOOKS: Final = [
    "color-contrast",
    "link-in-text-block",
    "target-size",
    "scrollable-region-focusable",
]


AXE: Final = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


# Another colour scheme changes colours over some time. Endless animations are left out. No rule
# of these reads style sheets beforehand.
RUN: Final = """async (rules) => {
  if (!("axe" in window)) return null;
  await Promise.allSettled(
    document.getAnimations()
      .filter((each) => each instanceof CSSTransition)
      .map((each) => each.finished)
  );
  const { violations } = await axe.run({
    runOnly: rules, resultTypes: ["violations"], selectors: false, preload: { assets: ["media"] },
  });
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.html}: ${node.failureSummary}`));
}"""


def violations(page: Page, rules: list[str]) -> list[str]:
    """The violations that axe finds: a line for each element and rule."""
    found: list[str] | None = page.evaluate(RUN, rules)
    if found is None:
        page.evaluate(AXE)
        found = page.evaluate(RUN, rules)
    assert found is not None
    return found


def is_accessible(page: Page) -> None:
    """Check the page as it is and on a dark phone, without horizontal overflow; restore it."""
    assert violations(page, ALL) == []
    desktop = page.viewport_size
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 740})
    assert violations(page, LOOKS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.emulate_media(color_scheme="dark" if is_dark else "light")
    if desktop:
        page.set_viewport_size(desktop)


def visit(page: Page, site: Site, path: str) -> None:
    """Go to a path, or to the page of a description in ``LINKS``."""
    start = "/services" if path == "a service" else "/"
    page.goto(site.url + (path if path.startswith("/") else start))
    for link in LINKS.get(path, ()):
        click_link(page, link)


@pytest.fixture
def open_page(open_shared: OpenPage) -> OpenPage:
    return open_shared


@pytest.mark.parametrize("path", PATHS)
def test_page_is_accessible(site: Site, open_page: OpenPage, path: str) -> None:
    page = open_page(color_scheme="light")
    visit(page, site, path)
    assert violations(page, ALL) == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 740})
    assert violations(page, LOOKS) == []
    page.set_viewport_size({"width": 390, "height": 740})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_tables_of_the_api_fit_a_narrow_phone_in_large_text(
    site: Site, open_page: OpenPage
) -> None:
    page = open_page(360)
    page.goto(f"{site.url}/developers")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
