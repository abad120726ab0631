"""Serialises news as an Atom feed (RFC 4287)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from xml.etree import ElementTree as ET

from . import strip_illegal

ATOM_NAMESPACE: Final = "http://www.w3.org/2005/Atom"

_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"


@dataclass(frozen=True, slots=True)
class AtomEntry:
    """An entry of the feed; ``id`` is a permanent tag URI."""

    id: str
    title: str
    url: str
    updated: datetime
    summary: str


@dataclass(frozen=True, slots=True)
class Feed:
    """The metadata of a feed: a permanent id, its own URL, and that of the corresponding page."""

    id: str
    title: str
    subtitle: str
    language: str
    self_url: str
    page_url: str
    updated: datetime


def atom(feed: Feed, entries: Iterable[AtomEntry]) -> bytes:
    """The feed as an XML document."""
    root = ET.Element("feed", {"xmlns": ATOM_NAMESPACE, _LANG: feed.language})
    _add_texts(root, (("id", feed.id), ("title", feed.title), ("subtitle", feed.subtitle)))
    _add_texts(root, (("updated", _timestamp(feed.updated)),))
    ET.SubElement(root, "link", {"rel": "self", "href": feed.self_url})
    ET.SubElement(root, "link", {"rel": "alternate", "type": "text/html", "href": feed.page_url})
    _add_texts(ET.SubElement(root, "author"), (("name", "moziweb"),))
    for entry in entries:
        element = ET.SubElement(root, "entry")
        _add_texts(element, (("id", entry.id), ("title", entry.title)))
        _add_texts(element, (("updated", _timestamp(entry.updated)), ("summary", entry.summary)))
        ET.SubElement(element, "link", {"rel": "alternate", "href": entry.url})
    document: bytes = ET.tostring(root, "utf-8", xml_declaration=True)
    return document


def _add_texts(parent: ET.Element, texts: Sequence[tuple[str, str]]) -> None:
    for name, text in texts:
        ET.SubElement(parent, name).text = strip_illegal(text)


def _timestamp(value: datetime) -> str:
    return value.isoformat(timespec="seconds")
