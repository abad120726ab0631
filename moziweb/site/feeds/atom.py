"""News as an Atom feed (RFC 4287)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from xml.etree import ElementTree as ET

from . import legal

NAMESPACE: Final = "http://www.w3.org/2005/Atom"

_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"


@dataclass(frozen=True, slots=True)
class AtomEntry:
    """One piece of news; ``id`` is a tag URI and stays the same for ever."""

    id: str
    title: str
    url: str
    updated: datetime
    summary: str


@dataclass(frozen=True, slots=True)
class Feed:
    """The head of a feed: ``url`` is where it is to be had, ``page_url`` what it tells of."""

    id: str
    title: str
    subtitle: str
    language: str
    url: str
    page_url: str
    updated: datetime


def atom(feed: Feed, entries: Iterable[AtomEntry]) -> bytes:
    """The document."""
    root = ET.Element("feed", {"xmlns": NAMESPACE, _LANG: feed.language})
    _texts(root, (("id", feed.id), ("title", feed.title), ("subtitle", feed.subtitle)))
    _texts(root, (("updated", _moment(feed.updated)),))
    ET.SubElement(root, "link", {"rel": "self", "href": feed.url})
    ET.SubElement(root, "link", {"rel": "alternate", "type": "text/html", "href": feed.page_url})
    _texts(ET.SubElement(root, "author"), (("name", "moziweb"),))
    for entry in entries:
        element = ET.SubElement(root, "entry")
        _texts(element, (("id", entry.id), ("title", entry.title)))
        _texts(element, (("updated", _moment(entry.updated)), ("summary", entry.summary)))
        ET.SubElement(element, "link", {"rel": "alternate", "href": entry.url})
    document: bytes = ET.tostring(root, "utf-8", xml_declaration=True)
    return document


def _texts(parent: ET.Element, texts: Sequence[tuple[str, str]]) -> None:
    for name, text in texts:
        ET.SubElement(parent, name).text = legal(text)


def _moment(when: datetime) -> str:
    return when.isoformat(timespec="seconds")
