"""Calendars to subscribe to, and feeds of news: of all premieres, with filters."""

from collections.abc import Collection, Mapping
from typing import Final

from pyramid.i18n import TranslationString
from pyramid.response import Response
from pyramid.view import view_config
from sqlalchemy import ColumnElement

from moziweb.i18n import _
from moziweb.movies.calendar import week_of
from moziweb.movies.feed_queries import calendar_premieres, latest_news
from moziweb.movies.filters import PremiereFilter
from moziweb.movies.models import Premiere, PremiereKind
from moziweb.movies.queries import SCREENED, STREAMED
from moziweb.movies.tags import NEWS_LIST, PREMIERES_LIST, PUBLISHED_LIST, REVISIONS_LIST
from moziweb.request import Request

from ..context import PageContext
from ..feeds.calendar_options import CALENDAR_PARAMETERS, CalendarOptions, calendar_window
from ..feeds.documents import FeedTexts, calendar_response, news_response
from ..page_cache.validity import midnight, until_week_end
from ..presenters.filter_values import PARAMETERS, feed_filter, filter_texts, given_values
from ..query_parameters import redirect_unless_canonical

MAX_EVENTS: Final = 400
"""Premieres in a calendar: about a year, and well below the size limit of a cache entry."""

MAX_FEED_ENTRIES: Final = 60
"""Entries in a feed of news."""

CALENDAR_PARTS: Final[Mapping[str, tuple[TranslationString, Collection[PremiereKind]]]] = {
    "": (_("Film premieres in Hungary"), SCREENED | STREAMED),
    "-cinema": (_("Film premieres in Hungarian cinemas"), SCREENED),
    "-streaming": (_("Streaming premieres in Hungary"), STREAMED),
}


@view_config(
    route_name="calendar",
    request_method="GET",
    cache="feeds",
    cache_moment=calendar_window,
    cache_params=CALENDAR_PARAMETERS,
)
def calendar(request: Request) -> Response:
    """The premieres of the last weeks and of the future. Six queries, at most eight with filters.

    Parameters are those of filters and of ``calendar_options``.
    """
    context = PageContext.of(request)
    part = request.matchdict["part"]
    name, kinds = CALENDAR_PARTS[part]
    context.depend(PREMIERES_LIST, PUBLISHED_LIST, NEWS_LIST, REVISIONS_LIST)
    chosen = feed_filter(request.dbsession, context, request)
    context.depend(*chosen.tags())
    options = CalendarOptions.parse(given_values(request, CALENDAR_PARAMETERS))
    parameters = dict(sorted({**chosen.parameters, **options.parameters}.items()))
    url = context.urls.url("calendar", part=part)
    redirect_unless_canonical(request, CALENDAR_PARAMETERS, parameters, url)
    where = [Premiere.kind.in_(kinds), *premieres_of(context, chosen, options)]
    start = week_of(context.today).start
    shown = calendar_premieres(request.dbsession, where, MAX_EVENTS, start)
    url = context.urls.base_url + context.urls.path("calendar", part=part, _query=parameters)
    title = _titled(context, chosen, name)
    return calendar_response(request, context, title, url, shown, options.alarm)


def premieres_of(
    context: PageContext, chosen: PremiereFilter, options: CalendarOptions
) -> list[ColumnElement[bool]]:
    """The conditions of the premieres in a calendar with these parameters."""
    last = options.last_day(context.today)
    found = [Premiere.date >= options.first_day(context.today), *chosen.conditions]
    return found if last is None else [*found, Premiere.date <= last]


@view_config(
    route_name="news",
    request_method="GET",
    cache="feeds",
    cache_moment=until_week_end,
    cache_params=PARAMETERS,
)
def news(request: Request) -> Response:
    """Premieres that were announced, moved or cancelled lately. Five queries, seven with filters.

    Only premieres of this week and later, so that importing an archive makes no news.
    """
    context = PageContext.of(request)
    context.depend(PREMIERES_LIST, PUBLISHED_LIST, NEWS_LIST, REVISIONS_LIST)
    chosen = feed_filter(request.dbsession, context, request)
    context.depend(*chosen.tags())
    parameters = chosen.parameters
    redirect_unless_canonical(request, PARAMETERS, parameters, context.urls.url("news"))
    start = week_of(context.today).start
    where = [Premiere.date >= start, *chosen.conditions]
    found = latest_news(request.dbsession, where, MAX_FEED_ENTRIES)
    translate, urls = context.formatter.translate, context.urls
    texts = FeedTexts(
        name="/".join(("news", *(f"{name}-{value}" for name, value in parameters.items()))),
        title=_titled(context, chosen, _("Film premieres in Hungary: news")),
        subtitle=translate(_("Premieres that were announced, moved or cancelled.")),
        self_url=urls.base_url + urls.path("news", _query=parameters),
        page_url=urls.base_url + urls.path("index", _query=parameters),
    )
    return news_response(context, texts, found, midnight(start))


def _titled(context: PageContext, chosen: PremiereFilter, title: TranslationString) -> str:
    names = ", ".join(text for _dimension, text in filter_texts(context, chosen))
    text = context.formatter.translate(title)
    return f"{names} · {text}" if names else text
