"""Visitors share a week: its address, and the picture and texts that other sites show for it."""

from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from .conftest import OpenPage
from .page_log import PageLog
from .site import THIS_WEEK, Site
from .test_accessibility import ALL, violations
from .visitors import VISITORS, Visitor

PREVIEW = """Object.fromEntries(
  [...document.querySelectorAll("meta[property^='og:'], meta[name^='twitter:']")].reverse()
    .map((each) => [each.getAttribute("property") ?? each.name, each.content])
)"""


def preview(page: Page) -> dict[str, str]:
    """What other sites show for a link to the page; the first value of each name."""
    found: dict[str, str] = page.evaluate(PREVIEW)
    return found


def titles(page: Page) -> list[str]:
    return page.locator("main .item-title").all_inner_texts()


@pytest.mark.parametrize("visitor", VISITORS, ids=str)
def test_share_a_week(site: Site, open_page: OpenPage, visitor: Visitor) -> None:
    page = visitor.open(open_page)
    log = PageLog.attach(page)
    page.goto(f"{site.url}{visitor.prefix}/")
    page.locator(".period-bar [rel=next]").click()
    address = f"{site.url}{visitor.prefix}/week/{THIS_WEEK.next.name}"
    expect(page).to_have_url(address)
    shown = preview(page)
    assert (shown["og:url"], shown["og:title"]) == (address, page.title())
    assert shown["og:site_name"] == "moziweb"
    assert shown["og:locale"] == ("en_GB" if visitor.prefix else "hu_HU")
    assert shown["og:description"]
    assert shown["og:image:alt"]
    assert shown["twitter:card"] == "summary_large_image"
    answer = page.request.get(shown["og:image"])
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(BytesIO(answer.body())) as image:
        assert image.size == (1200, 630)
        assert (shown["og:image:width"], shown["og:image:height"]) == ("1200", "630")
    assert violations(page, ALL) == []
    friend = open_page(1440 if visitor.width == 390 else 390)
    friend.goto(shown["og:url"])
    assert titles(friend) == titles(page)
    assert log.errors == []


def test_shared_filters_are_those_of_the_address(site: Site, open_page: OpenPage) -> None:
    page, friend = open_page(), open_page(390, 844)
    page.goto(f"{site.url}/week/{THIS_WEEK.name}?kind=cinema")
    friend.goto(f"{preview(page)['og:url']}&fbclid=x&utm_source=y")
    assert titles(friend) == titles(page) != []
    other_language = friend.locator(".language")
    expect(other_language).to_have_attribute("href", f"/en/week/{THIS_WEEK.name}?kind=cinema")
