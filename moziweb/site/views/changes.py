"""The page of the latest changes: premieres that were announced, moved or cancelled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.movies.calendar import BUDAPEST
from moziweb.movies.feed_queries import (
    CHANGES_BLOCK,
    News,
    NewsKind,
    NewsPosition,
    has_listed_changes,
    latest_news,
)
from moziweb.movies.tags import NEWS_LIST, PREMIERES_LIST, PUBLISHED_LIST
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.validity import until_week_end
from ..presenters.jsonld import movies_json_ld, top_page_json_ld
from ..presenters.movie_list import localized_titles
from ..presenters.page_head import not_indexed, page_head
from ..presenters.premiere import depend_on_line
from ..query_parameters import FROM, at_position, block_path, given_position, redirect_unless_at
from ..view_models import Link

_KINDS: Final = {
    NewsKind.ANNOUNCED: _("New"),
    NewsKind.MOVED: _("New date"),
    NewsKind.CANCELLED: _("Cancelled"),
}


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A change: ``old_date_text`` is "" unless a date was moved."""

    kind: str
    kind_text: str
    href: str
    title: str
    premiere_text: str
    date_text: str
    date_iso: str
    old_date_text: str


@view_config(
    route_name="changes",
    renderer="changes.jinja2",
    request_method="GET",
    cache="pages",
    cache_moment=until_week_end,
    cache_params=(FROM,),
)
def changes(request: Request) -> dict[str, Any]:
    """The latest changes of premieres of this week and later, by day, in blocks. Five queries."""
    context = PageContext.of(request)
    context.depend(PREMIERES_LIST, PUBLISHED_LIST, NEWS_LIST)
    position = given_position(request, NewsPosition.parse)
    where = [has_listed_changes(context.today)]
    found = latest_news(request.dbsession, where, CHANGES_BLOCK + 1, position)
    path = context.urls.path("changes")
    first = found[0].position if found else None
    redirect_unless_at(position, first, context.urls.absolute(path))
    shown = found[:CHANGES_BLOCK]
    translate = context.formatter.translate
    title, text = (
        translate(_("Changes of premieres")),
        _("Premieres announced, moved and cancelled."),
    )
    here = at_position(context, position, "changes")
    page = page_head(here, title, translate(text), "changes")
    listed = movies_json_ld(context, (each.listing.movie for each in shown))
    page = replace(page, json_ld=(top_page_json_ld(context, "changes", title), listed))
    more = None
    if len(found) > CHANGES_BLOCK:
        href = block_path(path, found[CHANGES_BLOCK].position)
        more = Link(href, translate(_("Older changes")))
    return {
        "page": not_indexed(page) if position else page,
        "up": Link(path, title) if position else None,
        "days": _by_day(context, shown),
        "more": more,
    }


def _by_day(context: PageContext, found: Sequence[News]) -> list[tuple[str, list[ChangeLine]]]:
    """The text of each day and its changes, the latest day first."""
    days = groupby(found, lambda news: news.occurred_at.astimezone(BUDAPEST).date())
    return [
        (context.formatter.date_text(day), [_line(context, news) for news in part])
        for day, part in days
    ]


def _line(context: PageContext, news: News) -> ChangeLine:
    premiere, movie, formatter = news.premiere, news.listing.movie, context.formatter
    depend_on_line(context, movie, premiere)
    kind, service, change = formatter.kind_text(premiere.kind), news.listing.service, news.change
    return ChangeLine(
        kind=news.kind,
        kind_text=formatter.translate(_KINDS[news.kind]),
        href=context.urls.movie(movie),
        title=localized_titles(context, movie)[0],
        premiere_text=f"{kind}: {service}" if service else kind,
        date_text=formatter.date_text(news.date, news.precision),
        date_iso=news.precision.iso_text(news.date),
        old_date_text=(
            formatter.date_text(change.old_date, change.old_precision) if change else ""
        ),
    )
