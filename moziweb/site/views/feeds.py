"""Calendars to subscribe to, and the news feed."""

from collections.abc import Collection, Mapping
from typing import Final

from pyramid.i18n import TranslationString
from pyramid.response import Response
from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.movies.calendar import week_of
from moziweb.movies.feed_queries import changes_of, latest_news, premieres_from
from moziweb.movies.models import PremiereKind
from moziweb.movies.queries import SCREENED, STREAMED
from moziweb.movies.tags import NEWS_LIST, PREMIERES_LIST, PUBLISHED_LIST
from moziweb.request import Request

from ..context import PageContext
from ..feeds import atom, ical
from ..feeds.entries import calendar_entry, news_entry
from ..page_cache.validity import midnight_of, until_week_end

WEEKS_BACK: Final = 4
"""What opened lately stays in calendars, or it would vanish from them as it opens."""

EVENTS: Final = 400
"""The premieres of a calendar: a year of them, and well below what a cache's entry holds."""

ENTRIES: Final = 60
"""The entries of the news feed."""

_PARTS: Final[Mapping[str, tuple[TranslationString, Collection[PremiereKind]]]] = {
    "": (_("Film premieres in Hungary"), SCREENED | STREAMED),
    "-cinema": (_("Film premieres in Hungarian cinemas"), SCREENED),
    "-streaming": (_("Streaming premieres in Hungary"), STREAMED),
}


@view_config(
    route_name="calendar", request_method="GET", cache="feeds", cache_moment=until_week_end
)
def calendar(request: Request) -> Response:
    """The premieres of the last weeks and of those to come. Three queries."""
    visit = PageContext.of(request)
    part = request.matchdict["part"]
    name, kinds = _PARTS[part]
    visit.depend(PREMIERES_LIST, PUBLISHED_LIST, NEWS_LIST)
    start = week_of(visit.today).shifted(-WEEKS_BACK).start
    shown = premieres_from(request.dbsession, start, kinds, EVENTS)
    changes = changes_of(request.dbsession, [premiere.id for premiere, _listing in shown])
    entries = [
        calendar_entry(visit, listing, premiere, changes.get(premiere.id, ()))
        for premiere, listing in shown
    ]
    url = visit.paths.url("calendar", part=part)
    body = ical.calendar(visit.wording.say(name), url, visit.wording.locale, entries)
    return Response(body, content_type="text/calendar", charset="utf-8")


@view_config(route_name="news", request_method="GET", cache="feeds", cache_moment=until_week_end)
def news(request: Request) -> Response:
    """What was announced, moved or cancelled lately. Four queries."""
    visit = PageContext.of(request)
    visit.depend(PREMIERES_LIST, PUBLISHED_LIST, NEWS_LIST)
    start = week_of(visit.today).start
    found = latest_news(request.dbsession, start, ENTRIES)
    url = visit.paths.url("news")
    feed = atom.Feed(
        id=url,
        title=visit.wording.say(_("Film premieres in Hungary: news")),
        subtitle=visit.wording.say(_("Premieres that were announced, moved or cancelled.")),
        language=visit.wording.locale,
        url=url,
        page_url=visit.paths.url("index"),
        updated=found[0].when if found else midnight_of(start),
    )
    body = atom.atom(feed, [news_entry(visit, each) for each in found])
    return Response(body, content_type="application/atom+xml", charset="utf-8")
