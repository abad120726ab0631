"""Site maps (https://www.sitemaps.org/protocol.html), with each page's other language."""

from collections.abc import Iterable, Mapping
from typing import Final
from xml.etree import ElementTree as ET

NAMESPACE: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
XHTML: Final = "http://www.w3.org/1999/xhtml"

Alternates = Mapping[str, str]
"""The absolute addresses of one page by language, ``x-default`` among them."""


def sitemap_index(urls: Iterable[str]) -> bytes:
    """The list of a site's maps."""
    root = ET.Element("sitemapindex", {"xmlns": NAMESPACE})
    for url in urls:
        ET.SubElement(ET.SubElement(root, "sitemap"), "loc").text = url
    document: bytes = ET.tostring(root, "utf-8", xml_declaration=True)
    return document


def urlset(pages: Iterable[Alternates]) -> bytes:
    """A map: every page in every language, each naming the others."""
    root = ET.Element("urlset", {"xmlns": NAMESPACE, "xmlns:xhtml": XHTML})
    for alternates in pages:
        for address in dict.fromkeys(alternates.values()):
            url = ET.SubElement(root, "url")
            ET.SubElement(url, "loc").text = address
            for language, href in alternates.items():
                link = {"rel": "alternate", "hreflang": language, "href": href}
                ET.SubElement(url, "xhtml:link", link)
    document: bytes = ET.tostring(root, "utf-8", xml_declaration=True)
    return document
