"""Layout on a phone, a tablet and a desktop: no horizontal overflow, the intended grid."""

import re

import pytest

from moziweb.movies.calendar import month_of

from .conftest import OpenPage
from .page_log import box, click_link
from .site import EMPTY_WEEK, LONG_WEEK, THIS_WEEK, Site

WIDTHS = (360, 768, 1440)

PAGES = (
    "/",
    f"/week/{THIS_WEEK.name}",
    f"/week/{EMPTY_WEEK}",
    "/undated",
    "/about",
    "/nothing-here",
)


@pytest.fixture
def open_page(open_shared: OpenPage) -> OpenPage:
    return open_shared


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_page(site: Site, open_page: OpenPage, width: int) -> None:
    page = open_page(width)
    for path in PAGES:
        page.goto(site.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") == width, path


@pytest.mark.parametrize("width", [360, 1440])
def test_long_words_do_not_widen_the_page(site: Site, open_page: OpenPage, width: int) -> None:
    page = open_page(width)
    for path in (f"/week/{LONG_WEEK.name}", f"/en/month/{month_of(LONG_WEEK.end).name}"):
        page.goto(site.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") == width, path
        click_link(page, ".movie")
        assert page.evaluate("document.documentElement.scrollWidth") == width, page.url


@pytest.mark.parametrize(("width", "columns"), [(360, 2), (768, 3), (1440, 5)])
def test_index_layout(site: Site, open_page: OpenPage, width: int, columns: int) -> None:
    page = open_page(width)
    page.goto(site.url)
    template: str = page.locator("#this-week .movie-list").evaluate(
        "list => getComputedStyle(list).gridTemplateColumns"
    )
    assert len(template.split()) == columns
    sections = ("#this-week", "#next-week", "#still-in-cinemas")
    widths = [box(page, f"{section} .film-picture")["width"] for section in sections]
    assert widths == sorted(widths, reverse=True), "what opens this week is largest"
    assert widths[0] > 2 * widths[-1]


@pytest.mark.parametrize("width", [390, 1440])
def test_day_is_a_slim_rule_above_its_first_card(
    site: Site, open_page: OpenPage, width: int
) -> None:
    page = open_page(width)
    page.goto(site.url)
    leaf, picture = box(page, "#this-week .leaf-face"), box(page, "#this-week .film-picture")
    assert leaf["height"] <= 44
    assert 0 < picture["y"] - leaf["y"] - leaf["height"] <= 16
    assert (leaf["x"], leaf["width"]) == pytest.approx((picture["x"], picture["width"]), abs=1)
    days = page.locator("#this-week .leaf")
    assert days.count() > 1
    assert "augusztus" in days.first.inner_text(), "screen readers get the whole date"


@pytest.mark.parametrize("width", [390, 1440])
def test_lines_of_a_card_have_no_gap(site: Site, open_page: OpenPage, width: int) -> None:
    """Also beside a card with more lines: the links of a card follow its text at once."""
    page = open_page(width)
    page.goto(site.url)
    gaps: list[float] = page.locator(".by-day .film").evaluate_all(
        """films => films.flatMap((film) => {
          const lines = film.querySelectorAll(".film-facts, .film-directors, .film-genres");
          const boxes = [...lines].map((line) => line.getBoundingClientRect());
          const shown = boxes.filter((box) => box.height > 0);
          return shown.slice(1).map((box, place) => box.top - shown[place].bottom);
        })"""
    )
    assert len(gaps) > 20
    assert max(gaps) <= 4


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_week_is_one_line_of_the_heading(site: Site, open_page: OpenPage, prefix: str) -> None:
    """Also one of two months and years, the longest."""
    page = open_page(1280)
    for week in (THIS_WEEK.name, "2026-W53", "2026-W40"):
        page.goto(f"{site.url}{prefix}/week/{week}")
        span = page.locator(".period-span")
        lines = span.evaluate(
            "each => each.offsetHeight / parseFloat(getComputedStyle(each).lineHeight)"
        )
        assert round(lines) == 1, span.inner_text()


def test_movies_fill_the_grid_on_a_desktop(site: Site, open_page: OpenPage) -> None:
    """Cards and their gaps take this share of all rows, weighted by height; a day takes no cell."""
    page = open_page(1440)
    weeks = (f"/week/{week.name}" for week in (THIS_WEEK, THIS_WEEK.next))
    for path, section in (("/", ""), *((week, "#cinema") for week in weeks)):
        page.goto(site.url + path)
        share = page.evaluate(
            """(section) => {
              const rows = new Map();
              for (const film of document.querySelectorAll(`${section} .film`)) {
                const { left, right, top, height } = film.getBoundingClientRect();
                const gap = parseFloat(getComputedStyle(film.parentElement).columnGap);
                // Short sections share a row, and their headings may differ by a line.
                const key = [...rows.keys()].find((y) => Math.abs(y - top) < 60) ?? top;
                const row = rows.get(key) ?? { height: 0, filled: 0 };
                row.height = Math.max(row.height, height);
                row.filled += right - left + gap;
                row.gap = gap;
                rows.set(key, row);
              }
              const head = document.querySelector(".period-head");
              const inner = head.clientWidth - parseFloat(getComputedStyle(head).paddingLeft) * 2;
              let filled = 0;
              let whole = 0;
              for (const row of rows.values()) {
                filled += row.height * row.filled;
                whole += row.height * (inner + row.gap);
              }
              return filled / whole;
            }""",
            section,
        )
        assert 0.85 <= share <= 1.01, (path, share)


def test_first_poster_is_above_the_fold_on_a_phone(site: Site, open_page: OpenPage) -> None:
    page = open_page(390, 844)
    for path in ("/", f"/week/{THIS_WEEK.name}", f"/month/{month_of(THIS_WEEK.thursday).name}"):
        page.goto(site.url + path)
        first = box(page, ".film .poster")
        assert first["y"] + first["height"] <= 844, path


def test_index_is_short_on_a_phone(site: Site, open_page: OpenPage) -> None:
    page = open_page(390, 844)
    page.goto(site.url)
    assert page.locator(".film").count() >= 50, "as many as the index of a busy week"
    assert page.evaluate("document.documentElement.scrollHeight") < 9000


LARGE_TEXT = "document.documentElement.style.fontSize = '200%'"
"""A script, because the policy forbids inline style elements."""


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("script", ["0", LARGE_TEXT], ids=["usual", "large"])
def test_jump_links_lead_to_sections_below_the_bar(
    site: Site, open_page: OpenPage, width: int, script: str
) -> None:
    page = open_page(width, 844)
    page.goto(site.url)
    page.evaluate(script)
    links = page.locator(".section-links a")
    assert links.count() == page.locator(".shelf:has(.film)").count() > 4
    for link in links.all():
        target = link.get_attribute("href") or ""
        page.evaluate("scrollTo(0, 0)")
        link.click()
        bar = box(page, ".period-bar")
        heading = box(page, f"{target}-title")
        assert bar["y"] + bar["height"] <= heading["y"] < 844, target


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_large_text_does_not_widen_the_page(site: Site, open_page: OpenPage, width: int) -> None:
    page = open_page(width)
    month = month_of(THIS_WEEK.thursday).name
    for path in (*PAGES, f"/month/{month}", f"/en/week/{THIS_WEEK.name}", "/search?q=a", ".movie"):
        if path == ".movie":
            page.goto(site.url)
            click_link(page, path)
        else:
            page.goto(site.url + path)
        page.evaluate(LARGE_TEXT)
        page.evaluate("document.querySelector('details')?.setAttribute('open', '')")
        assert page.evaluate("document.documentElement.scrollWidth") == width, path
        overflowing = page.evaluate(
            """() => [...document.querySelectorAll(".film *")]
              .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
              .map((each) => each.outerHTML.slice(0, 80))"""
        )
        assert overflowing == [], path


OVERFLOW = """() => {
  const posters = document.getElementById("poster-view");
  const found = [];
  for (const media of posters ? ["not all", "screen"] : [""]) {
    if (posters) posters.media = media;
    const width = document.documentElement.scrollWidth;
    if (width !== innerWidth) found.push(`${media}: ${width}`);
    for (const each of document.querySelectorAll(".film *")) {
      const { left, right, width } = each.getBoundingClientRect();
      if (right > innerWidth + 1 || (width && left < 0)) found.push(each.outerHTML.slice(0, 80));
    }
  }
  return found;
}"""
"""What is wider than the page, as a list and as posters. The view is set here, so that a page is
loaded once."""


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_large_text_fits_narrow_screens_in_both_views(
    site: Site, open_page: OpenPage, prefix: str
) -> None:
    page = open_page(360)
    page.goto(f"{site.url}{prefix}/")
    movie = page.locator("#this-week .movie").first.get_attribute("href") or ""
    person = page.locator(".film-directors a").first.get_attribute("href") or ""
    numbers = re.findall(r"/movie/([0-9]+)", page.content())
    listed = ".".join(sorted(set(numbers), key=int)[:12])
    year, month = THIS_WEEK.thursday.year, month_of(THIS_WEEK.thursday).name
    paths = [
        *("/", f"/week/{THIS_WEEK.name}", f"/week/{LONG_WEEK.name}", f"/month/{month}?kind=cinema"),
        *(f"/year/{year}", f"/watchlist?m={listed}", "/search?q=a", "/calendar", "/changes"),
    ]
    for path in (*(f"{prefix}{each}" for each in paths), movie, person):
        page.goto(site.url + path)
        page.evaluate(LARGE_TEXT)
        page.evaluate("document.querySelector('details')?.setAttribute('open', '')")
        for width in (320, 360, 390, 768):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate(OVERFLOW) == [], (path, width)


@pytest.mark.parametrize("width", [360, 390, 1440])
def test_dates_are_on_one_line(site: Site, open_page: OpenPage, width: int) -> None:
    page = open_page(width)
    page.goto(site.url)
    for section in ("this-week", "next-week", "still-in-cinemas"):
        for text in page.locator(f"#{section} .premier-date").all():
            lines, cut = text.evaluate(
                """(date) => {
                  const range = document.createRange();
                  range.selectNodeContents(date);
                  const right = range.getBoundingClientRect().right;
                  const card = date.closest(".film").getBoundingClientRect().right;
                  return [range.getClientRects().length, right > card + 1];
                }"""
            )
            assert (lines, cut) == (1, False), text.inner_text()


def test_long_titles_are_cut_after_three_lines(site: Site, open_page: OpenPage) -> None:
    page = open_page(390)
    page.goto(f"{site.url}/week/{LONG_WEEK.name}")
    title = page.locator(".item-title")
    line = float(title.evaluate("title => parseFloat(getComputedStyle(title).lineHeight)"))
    assert box(page, ".item-title")["height"] <= 3 * line + 1
    assert title.evaluate("title => title.scrollHeight > title.clientHeight")
    assert title.evaluate("title => getComputedStyle(title).hyphens") == "auto"
    click_link(page, ".movie")
    assert page.locator("h1").inner_text() == "W" * 300
    assert page.locator("h1").evaluate("title => title.scrollHeight <= title.clientHeight + 20")


def test_period_bar_is_sticky(site: Site, open_page: OpenPage) -> None:
    page = open_page(360, 740)
    page.goto(site.url)
    page.evaluate("scrollTo(0, 3000)")
    for relation in ("prev", "next"):
        step = box(page, f".period-bar [rel={relation}]")
        assert 0 <= step["y"] < 60
        assert step["height"] >= 24
    colour = page.locator(".period-bar").evaluate("bar => getComputedStyle(bar).backgroundColor")
    assert colour.startswith("rgb("), "text below is not seen through the bar"


def test_poster_comes_first_on_a_phone(site: Site, open_page: OpenPage) -> None:
    page = open_page(360)
    page.goto(site.url)
    click_link(page, ".movie")
    assert box(page, ".film-poster")["y"] < box(page, "h1")["y"]
    page.set_viewport_size({"width": 1440, "height": 900})
    assert box(page, ".film-poster")["x"] < box(page, "h1")["x"]


def test_bar_is_not_sticky_on_a_low_screen(site: Site, open_page: OpenPage) -> None:
    page = open_page(844, 390)
    page.goto(site.url)
    page.evaluate("scrollTo(0, 1500)")
    assert box(page, ".period-bar")["y"] < -100
