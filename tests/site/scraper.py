"""Reads pages with the regular expressions of known scrapers of the site."""

import json
import re
from dataclasses import dataclass
from html import unescape
from typing import Any

CARD = re.compile(
    r'<a href="(?P<href>/[^"]*movie/[^"]+)" class="movie">(?P<body>.*?)</a>', re.DOTALL
)
TITLE = re.compile(r'<strong class="item-title">([^<]+)</strong>')
PICTURE = re.compile(r'<img class="poster-view-img" src="([^"]+)"')
DATE = re.compile(r'<span class="premier-date">([^<]+)</span>')
PARAGRAPH = re.compile(r"<p(?: [^>]*)?>(.*?)</p>", re.DOTALL)
JSON_LD = re.compile(r'<script type="application/ld\+json">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True)
class ScrapedCard:
    """A card of a list, as found in the markup."""

    href: str
    title: str
    picture: str
    date: str
    body: str


def cards(html: str) -> list[ScrapedCard]:
    """All cards of a page; ``AssertionError`` if a part of a card is missing."""
    found = []
    for match in CARD.finditer(html):
        title, picture, date = (
            unescape(only(pattern, match["body"])) for pattern in (TITLE, PICTURE, DATE)
        )
        found.append(ScrapedCard(match["href"], title, picture, date, unescape(match["body"])))
    return found


def only(pattern: re.Pattern[str], html: str) -> str:
    """The group of the single match; ``AssertionError`` for any other number of matches."""
    found = pattern.findall(html)
    assert len(found) == 1, f"{len(found)} matches of {pattern.pattern}"
    text: str = found[0]
    return text


def text_after(label: str, html: str) -> str:
    """The text after ``<strong>label</strong>``."""
    return unescape(only(re.compile(rf"<strong>{label}</strong>\s*([^<]+?)\s*<"), html))


def items_after(label: str, html: str) -> list[str]:
    """The items of the list after ``<strong>label</strong>``, each up to its first tag."""
    block = only(re.compile(rf"<strong>{label}</strong> <ul>(.*?)</ul>", re.DOTALL), html)
    items = re.findall(r"<li>(.*?)</li>", block, re.DOTALL)
    return [unescape(item.partition("<")[0].strip()) for item in items]


def json_ld(html: str) -> Any:
    """The JSON-LD of a movie's page: the first of its data blocks."""
    found = JSON_LD.search(html)
    assert found
    return json.loads(found[1])
