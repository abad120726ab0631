"""The largest contentful paint on a slow phone with a sharp screen.

390x844 pixels at a device pixel ratio of 3, 1.6 Mbit/s, a round trip of 150 ms and a processor that
is four times slower, emulated by Chromium. Each page is loaded without anything in the browser's
cache; the site has its pages in its own. The figures are medians of some rounds; a busy machine
makes them larger.

The largest paint may be a text, so the time at which the page's first poster has arrived is printed
beside it. That is before the poster is painted, and has no bound.

Run it from the repository's root: ``python -m benchmarks.slow_phone [--rounds 5]``.
"""

import argparse
import sys
from collections.abc import Sequence
from statistics import median
from typing import Any, Final

from playwright.sync_api import Browser, sync_playwright

from benchmarks.report import Bound, Cell, finish, print_table
from benchmarks.shown_site import shown_site
from tests.browser.conftest import CHROMIUM_OPTIONS
from tests.services.process import find_program

SMALLEST: Final = ("--rounds", "1", "--pages", "movie", "--posters", "2")
"""The arguments of the smallest run, which the tests do."""

MOST_SECONDS: Final = 2.5
PAGES: Final = ("index", "week", "month", "movie")
POSTERS: Final = 200

NETWORK: Final = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_600_000 / 8,
    "uploadThroughput": 750_000 / 8,
}
SLOWDOWN: Final = 4

PAINTS: Final = """
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    window.largest = { time: entry.startTime, url: entry.url, size: entry.size };
  }
}).observe({ type: "largest-contentful-paint", buffered: true });
"""

TRANSFERRED: Final = """
["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type))
  .reduce((sum, each) => sum + each.transferSize, 0)
"""


FIRST_POSTER: Final = """
() => {
  const poster = document.querySelector("img.poster-view-img");
  const [timing] = poster ? performance.getEntriesByName(poster.currentSrc) : [];
  return timing ? timing.responseEnd : null;
}
"""
"""The end of the response with the first poster of a page, in milliseconds."""


def largest_paint(browser: Browser, url: str) -> dict[str, Any]:
    """Time in milliseconds and URL of the largest paint, and the bytes that were transferred.

    ``poster`` is when the first poster has arrived, None for a page without one.
    """
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=3, is_mobile=True,
        has_touch=True, locale="hu-HU",
    )  # fmt: skip
    page = context.new_page()
    page.add_init_script(PAINTS)
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.send("Network.emulateNetworkConditions", NETWORK)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    page.goto(url, wait_until="networkidle", timeout=60_000)
    found: dict[str, Any] = page.evaluate("window.largest")
    found["bytes"] = page.evaluate(TRANSFERRED)
    found["poster"] = page.evaluate(FIRST_POSTER)
    context.close()
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description="Largest contentful paint on a slow phone.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pages", nargs="+", choices=PAGES, default=list(PAGES))
    parser.add_argument("--posters", type=int, default=POSTERS, help="posters that are made first")
    options = parser.parse_args(arguments)
    rows: list[list[Cell]] = []
    bounds: list[Bound] = []
    posters: dict[str, int] = {}
    with shown_site(options.posters) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_program("chromium"), args=CHROMIUM_OPTIONS
        )
        for page in options.pages:
            url = site.url + site.paths[page]
            warm_up = options.rounds > 1
            rounds = [largest_paint(browser, url) for _ in range(options.rounds + warm_up)]
            rounds = rounds[warm_up:]
            seconds = median(each["time"] for each in rounds) / 1000
            last = rounds[-1]
            shown = last["url"].rpartition("/")[2] or "text"
            if times := [each["poster"] for each in rounds if each["poster"] is not None]:
                posters[page] = round(median(times))
            poster = posters.get(page, "none")
            rows.append([page, round(seconds * 1000), poster, round(last["bytes"] / 1024), shown])
            bounds.append(Bound(f"{page}: seconds", round(seconds, 2), at_most=MOST_SECONDS))
        browser.close()
    header = ["", "ms", "first poster, ms", "KiB in all", "what"]
    print_table("Largest contentful paint", header, rows)
    return finish({"rounds": options.rounds, "posters": posters}, bounds)


if __name__ == "__main__":
    sys.exit(main())
