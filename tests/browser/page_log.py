"""Observes a page while it loads: errors, requests, layout shift."""

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page, Request

MAX_SHIFT = 0.02
"""The highest accepted cumulative layout shift."""

_OBSERVE = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
});
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


_ABORTED = "net::ERR_ABORTED"
_NO_TRANSITION = "Transition was aborted because of invalid state"
_NO_WORKER = "Service Worker registration blocked by Playwright"
"""Playwright warns of what the tests ask for."""


@dataclass
class PageLog:
    """Errors and requests of a page since ``attach`` was called."""

    errors: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    @classmethod
    def attach(cls, page: Page) -> "PageLog":
        """Start before the first navigation. The policy does not apply to Playwright's scripts."""
        log = cls()
        page.add_init_script(_OBSERVE)
        page.on("console", lambda message: log._add_console_message(message.type, message.text))
        page.on("pageerror", lambda error: log._failed(str(error)))
        page.on("requestfailed", log._request_failed)
        page.on("request", lambda request: log.requests.append(request))
        return log

    def images(self) -> list[str]:
        """The URLs of requested images."""
        return [each.url for each in self.requests if each.resource_type == "image"]

    def _request_failed(self, request: Request) -> None:
        """Record a failed request, except one that a navigation aborted."""
        if request.failure != _ABORTED:
            self.errors.append(f"failed: {request.url} {request.failure}")

    def _failed(self, text: str) -> None:
        """Record an exception of a script.

        Chromium reports a view transition as failed if the page is shown before it starts. The page
        is shown without a transition; this is no error.
        """
        if not text.startswith(_NO_TRANSITION):
            self.errors.append(text)

    def _add_console_message(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and text != _NO_WORKER:
            self.errors.append(text)


def click_link(page: Page, link: str) -> None:
    """Click the first matching link and wait for the navigation to finish."""
    with page.expect_navigation():
        page.locator(link).first.click()


def scroll_to_end(page: Page) -> None:
    """Scroll to the end, so that lazy images load, and wait for all of them."""
    page.evaluate(
        """async () => {
          for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight / 2) {
            scrollTo(0, y);
            await new Promise(requestAnimationFrame);
          }
          const images = [...document.images];
          const lazy = images.filter((image) => !image.complete);
          await Promise.all(lazy.map((image) => new Promise((done) => {
            image.addEventListener("load", done);
            image.addEventListener("error", done);
          })));
        }"""
    )


def broken_images(page: Page) -> list[str]:
    """The URLs of images that failed to load."""
    found: list[str] = page.evaluate(
        "[...document.images].filter((each) => !each.naturalWidth).map((each) => each.src)"
    )
    return found


def layout_shift_of(page: Page) -> float:
    """The cumulative layout shift so far."""
    shift: float = page.evaluate("window.shift")
    return shift


def violations_of(page: Page) -> list[str]:
    """Violations of the Content-Security-Policy."""
    found: list[str] = page.evaluate("window.violations")
    return found


def box(page: Page, selector: str) -> Any:
    """The bounding box of the first match, in CSS pixels."""
    found = page.locator(selector).first.bounding_box()
    assert found, f"{selector} is not shown"
    return found
