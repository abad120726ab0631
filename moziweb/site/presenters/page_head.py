"""Builds the view model of a page's head."""

from dataclasses import replace
from typing import Final

from moziweb.i18n import LOCALES

from ..context import PageContext
from ..view_models import Link, PageHead

SITE_NAME: Final = "moziweb"

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
        robots="index, follow",
    )


def not_indexed(page: PageHead) -> PageHead:
    """The same head, with ``noindex`` for search engines."""
    return replace(page, robots="noindex")


def error_page_head(context: PageContext, title: str) -> PageHead:
    """The head of an error page: it has no URL, and the other language links to the index."""
    return PageHead(
        locale=context.formatter.locale,
        title=f"{title} · {SITE_NAME}",
        other_language=_other_language(context, "index"),
    )


def _other_language(context: PageContext, route: str, **values: str) -> Link:
    other = next(each for each in LOCALES if each != context.formatter.locale)
    return Link(context.urls.in_locale(other, route, **values), LANGUAGE_NAMES[other], iso=other)
