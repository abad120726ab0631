"""Builds the view model of a page's head."""

from dataclasses import replace
from typing import Final

from moziweb.i18n import LOCALES

from ..context import PageContext
from ..view_models import Link, PageHead

SITE_NAME: Final = "moziweb"

INDEXED: Final = "index, follow"
NOT_INDEXED: Final = "noindex"

# Each name is in its own language, so that readers of that language understand the link.
LANGUAGE_NAMES: Final = {"hu": "Magyar", "en": "English"}


def page_head(
    context: PageContext, title: str, description: str, route: str, **values: str
) -> PageHead:
    """The head of the page at ``route``. ``title`` is without the name of the site."""
    return PageHead(
        locale=context.formatter.locale,
        title=f"{title} · {SITE_NAME}",
        description=description,
        canonical_url=context.urls.url(route, **values),
        alternates=context.urls.alternates(route, **values),
        other_language=_other_language(context, route, **values),
        robots=INDEXED,
    )


def not_indexed(page: PageHead) -> PageHead:
    """The same head, with ``noindex`` for search engines."""
    return replace(page, robots=NOT_INDEXED)


def error_page_head(context: PageContext, title: str) -> PageHead:
    """The head of an error page: it has no URL, and the other language links to the index."""
    return PageHead(
        locale=context.formatter.locale,
        title=f"{title} · {SITE_NAME}",
        description="",
        canonical_url="",
        alternates=(),
        other_language=_other_language(context, "index"),
        robots=NOT_INDEXED,
    )


def _other_language(context: PageContext, route: str, **values: str) -> Link:
    other = next(each for each in LOCALES if each != context.formatter.locale)
    return Link(
        href=context.urls.in_locale(other, route, **values),
        text=LANGUAGE_NAMES[other],
        iso=other,
    )
