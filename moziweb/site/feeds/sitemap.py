"""Serialises site maps (https://www.sitemaps.org/protocol.html) with alternate languages."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree as ET

SITEMAP_NAMESPACE: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
XHTML: Final = "http://www.w3.org/1999/xhtml"

Alternates = Mapping[str, str]
"""The absolute URLs of one page by language, including ``x-default``."""


def sitemap_index(urls: Iterable[str]) -> bytes:
    """The index of all site maps."""
    root = ET.Element("sitemapindex", {"xmlns": SITEMAP_NAMESPACE})
    for url in urls:
        ET.SubElement(ET.SubElement(root, "sitemap"), "loc").text = url
    document: bytes = ET.tostring(root, "utf-8", xml_declaration=True)
    return document


def urlset(pages: Iterable[tuple[Alternates, datetime | None]]) -> bytes:
    """A site map: every page in every language, with links to its other languages.

    Each page comes with the time of its last change, or None (docs/clients.md says which).
    """
    root = ET.Element("urlset", {"xmlns": SITEMAP_NAMESPACE, "xmlns:xhtml": XHTML})
    for alternates, changed_at in pages:
        for location in dict.fromkeys(alternates.values()):
            url = ET.SubElement(root, "url")
            ET.SubElement(url, "loc").text = location
            if changed_at is not None:
                ET.SubElement(url, "lastmod").text = f"{changed_at.astimezone(UTC):%FT%TZ}"
            for language, href in alternates.items():
                link = {"rel": "alternate", "hreflang": language, "href": href}
                ET.SubElement(url, "xhtml:link", link)
    document: bytes = ET.tostring(root, "utf-8", xml_declaration=True)
    return document
