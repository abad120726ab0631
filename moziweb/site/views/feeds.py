"""Calendars to subscribe to, and the feed of news."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from pyramid.i18n import TranslationString
from pyramid.response import Response
from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.movies.calendar import week_of
from moziweb.movies.feed_queries import News, changes_of, latest_news, premieres_from
from moziweb.movies.models import PremiereKind
from moziweb.movies.queries import SCREENED, STREAMED
from moziweb.movies.tags import NEWS_LIST, PREMIERES_LIST, PUBLISHED_LIST
from moziweb.request import Request

from ..context import PageContext
from ..feeds import atom, ical
from ..feeds.entries import calendar_entry, news_entry, permanent_id
from ..page_cache.validity import midnight, until_week_end

WEEKS_BACK: Final = 4
"""Past weeks in a calendar, so that a premiere does not disappear on the day that it opens."""

MAX_EVENTS: Final = 400
"""Premieres in a calendar: about a year, and well below the size limit of a cache entry."""

MAX_FEED_ENTRIES: Final = 60
"""Entries in the feed of news."""

_PARTS: Final[Mapping[str, tuple[TranslationString, Collection[PremiereKind]]]] = {
    "": (_("Film premieres in Hungary"), SCREENED | STREAMED),
    "-cinema": (_("Film premieres in Hungarian cinemas"), SCREENED),
    "-streaming": (_("Streaming premieres in Hungary"), STREAMED),
}


@view_config(
    route_name="calendar", request_method="GET", cache="feeds", cache_moment=until_week_end
)
def calendar(request: Request) -> Response:
    """The premieres of the last weeks and of the future. Three queries."""
    context = PageContext.of(request)
    part = request.matchdict["part"]
    name, kinds = _PARTS[part]
    context.depend(PREMIERES_LIST, PUBLISHED_LIST, NEWS_LIST)
    start = week_of(context.today).shifted(-WEEKS_BACK).start
    shown = premieres_from(request.dbsession, start, kinds, MAX_EVENTS)
    changes = changes_of(request.dbsession, [premiere.id for premiere, _listing in shown])
    entries = [
        calendar_entry(context, listing, premiere, changes.get(premiere.id, ()))
        for premiere, listing in shown
    ]
    url = context.urls.url("calendar", part=part)
    body = ical.calendar_document(
        context.formatter.translate(name), url, context.formatter.locale, entries
    )
    return Response(body, content_type="text/calendar", charset="utf-8")


@view_config(route_name="news", request_method="GET", cache="feeds", cache_moment=until_week_end)
def news(request: Request) -> Response:
    """Premieres that were announced, moved or cancelled lately. Five queries."""
    context = PageContext.of(request)
    context.depend(PREMIERES_LIST, PUBLISHED_LIST, NEWS_LIST)
    start = week_of(context.today).start
    found = latest_news(request.dbsession, start, MAX_FEED_ENTRIES)
    translate, url = context.formatter.translate, context.urls.url("news")
    feed = atom.Feed(
        id=permanent_id(context, "news"),
        title=translate(_("Film premieres in Hungary: news")),
        subtitle=translate(_("Premieres that were announced, moved or cancelled.")),
        language=context.formatter.locale,
        self_url=url,
        page_url=context.urls.url("index"),
        updated=max(_times(found), default=midnight(start)),
    )
    body = atom.atom(feed, [news_entry(context, each) for each in found])
    return Response(body, content_type="application/atom+xml", charset="utf-8")


def _times(found: Iterable[News]) -> Iterator[datetime]:
    """The times of news and of later changes: the feed's time grows also if news are withdrawn."""
    for news_of_premiere in found:
        yield news_of_premiere.occurred_at
        if news_of_premiere.premiere.revised_at:
            yield news_of_premiere.premiere.revised_at
