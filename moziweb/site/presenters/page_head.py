"""What every page's head holds."""

from dataclasses import replace
from typing import Final

from moziweb.i18n import LOCALES

from ..context import PageContext
from ..view_models import Link, Page

SITE_NAME: Final = "moziweb"

INDEXED: Final = "index, follow"
NOT_INDEXED: Final = "noindex"

# Each language by its own name, so that whoever needs the link can read it.
LANGUAGE_NAMES: Final = {"hu": "Magyar", "en": "English"}


def page_of(visit: PageContext, title: str, description: str, route: str, **values: str) -> Page:
    """The head of the page at ``route``; ``title`` without the site's name."""
    return Page(
        locale=visit.wording.locale,
        title=f"{title} · {SITE_NAME}",
        description=description,
        canonical_url=visit.paths.url(route, **values),
        alternates=visit.paths.alternates(route, **values),
        other_language=_other_language(visit, route, **values),
        robots=INDEXED,
    )


def not_indexed(page: Page) -> Page:
    """The head of a page that search engines are not to list."""
    return replace(page, robots=NOT_INDEXED)


def error_page_of(visit: PageContext, title: str) -> Page:
    """The head of a page that has no address of its own; the other language is the index's."""
    return Page(
        locale=visit.wording.locale,
        title=f"{title} · {SITE_NAME}",
        description="",
        canonical_url="",
        alternates=(),
        other_language=_other_language(visit, "index"),
        robots=NOT_INDEXED,
    )


def _other_language(visit: PageContext, route: str, **values: str) -> Link:
    other = next(each for each in LOCALES if each != visit.wording.locale)
    return Link(
        href=visit.paths.in_locale(other, route, **values),
        text=LANGUAGE_NAMES[other],
        iso=other,
    )
