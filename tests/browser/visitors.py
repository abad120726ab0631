"""The visitors that each way through the site is tested for."""

from dataclasses import dataclass
from typing import Final, Literal

from playwright.sync_api import Page

from .conftest import OpenPage


@dataclass(frozen=True)
class Visitor:
    """A language, as the prefix of paths; a screen, and a colour scheme."""

    prefix: str
    width: int
    height: int
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        return f"{'English' if self.prefix else 'Hungarian'} {self.width} {self.scheme}"

    def open(self, open_page: OpenPage) -> Page:
        """A page in a new browser context."""
        locale = "en-GB" if self.prefix else "hu-HU"
        return open_page(self.width, self.height, color_scheme=self.scheme, locale=locale)


VISITORS: Final = (
    Visitor("", 390, 844, "light"),
    Visitor("", 1440, 900, "dark"),
    Visitor("/en", 390, 844, "dark"),
    Visitor("/en", 1440, 900, "light"),
)
